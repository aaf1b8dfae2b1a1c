package batch

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fill puts so many jobs into lanes of a timeline; trouble says which have some.
func fill(jobs, lanes int, trouble func(i int) bool) *timeline {
	l := &timeline{lanes: make([][]Bar, lanes)}
	for i := range jobs {
		r := Result{State: Done, Attempts: 1, Worker: i % lanes, Began: midnight.Add(time.Duration(i/lanes) * time.Second), Took: 900 * time.Millisecond, Bytes: 1}
		if trouble(i) {
			r.Attempts = 2
		}
		l.add(r, midnight)
	}
	return l
}

func never(int) bool  { return false }
func always(int) bool { return true }

func TestTheBarsOfATimeline(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		jobs, lanes int
		trouble     func(int) bool
		least, most int
	}{
		"of few jobs each has its own":       {1000, 8, never, 1000, 1000},
		"are as many as are allowed":         {mostBars, 8, never, mostBars, mostBars},
		"of more are joined":                 {mostBars + 1, 8, never, mostBars / 10, mostBars},
		"of very many too":                   {300_000, 8, never, mostBars / 10, mostBars},
		"of one worker":                      {100_000, 1, never, mostBars / 10, mostBars},
		"of many workers":                    {100_000, 500, never, mostBars / 10, mostBars},
		"of trouble are joined if need be":   {100_000, 8, always, mostBars / 10, mostBars},
		"of more workers than bars, no help": {10_000, 10_000, always, 10_000, 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bars := fill(test.jobs, test.lanes, test.trouble).all()
			assert.GreaterOrEqual(t, len(bars), test.least)
			assert.LessOrEqual(t, len(bars), test.most)
			jobs, attempts, bytes := 0, 0, int64(0)
			for i, b := range bars {
				jobs, attempts, bytes = jobs+b.Jobs, attempts+b.Attempts, bytes+b.Bytes
				if i > 0 && bars[i-1].Lane == b.Lane {
					require.LessOrEqual(t, bars[i-1].To, b.From, "one after the other")
				}
				require.True(t, i == 0 || bars[i-1].Lane <= b.Lane, "lane by lane")
			}
			assert.Equal(t, test.jobs, jobs)
			assert.EqualValues(t, test.jobs, bytes)
			if test.trouble(0) {
				assert.Equal(t, 2*test.jobs, attempts)
			}
		})
	}
}

func TestJobsWithTroubleKeepTheirBarsWhileThereIsRoom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	bad := make(map[int]bool)
	for range 2000 {
		bad[r.IntN(200_000)] = true
	}
	alone := 0
	for _, b := range fill(200_000, 8, func(i int) bool { return bad[i] }).all() {
		if b.Attempts > b.Jobs {
			assert.Equal(t, 1, b.Jobs)
			alone++
		}
	}
	assert.Equal(t, len(bad), alone)
}

func TestABarOfSeveralJobsHasTheWorstStateOfThem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ a, b, want State }{
		{Done, Done, Done}, {Done, Failed, Failed}, {Failed, Done, Failed}, {Unknown, Failed, Failed},
		{Unknown, NotRun, Unknown}, {Skipped, Done, Skipped}, {NotRun, Skipped, NotRun},
	} {
		got := join(Bar{From: 1, To: 2, Jobs: 1, Attempts: 2, Bytes: 3, State: test.a, Name: "a"}, Bar{From: 3, To: 4, Jobs: 5, Attempts: 6, Bytes: 7, State: test.b, Name: "b"})
		assert.Equal(t, Bar{From: 1, To: 4, Jobs: 6, Attempts: 8, Bytes: 10, State: test.want, Name: "a"}, got)
	}
}

func TestMoreLanesThanBarsComeToAnEnd(t *testing.T) {
	l := timeline{lanes: make([][]Bar, mostBars+1)}
	ended := make(chan bool)
	go func() {
		for i := range mostBars + 1 {
			l.add(Result{Worker: i, Began: time.Unix(1, 0), Took: time.Second, State: Done, Attempts: 1}, time.Unix(0, 0))
		}
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("it hangs")
	}
}
