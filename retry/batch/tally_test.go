package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/transient"
)

var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ended is a job of a tally that began at a second of the run and took one.
func ended(i int, change func(*Result)) Result {
	r := Result{
		Job: Job{Kind: Upload, Remote: fmt.Sprintf("/f%d", i), Local: "f"}, State: Done, Attempts: 1, Bytes: 10,
		Worker: i % 4, Began: midnight.Add(time.Duration(i/4) * time.Second), Took: time.Second,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestATallyCountsEachJobByHowItEnded(t *testing.T) {
	t.Parallel()
	books := newTally(4, midnight, "h:21")
	for i, change := range []func(*Result){
		nil,
		func(r *Result) { r.Kind, r.MovedTwice, r.Attempts = Download, 3, 2 },
		func(r *Result) { r.State, r.Worker, r.Began = Skipped, -1, time.Time{} },
		func(r *Result) { r.State, r.Err, r.Bytes = Failed, errors.New("x"), 0 },
		func(r *Result) { r.State, r.Err, r.Bytes = Unknown, errors.New("y"), 0 },
		func(r *Result) { r.State, r.Worker, r.Began, r.Bytes = NotRun, -1, time.Time{}, 0 },
		func(r *Result) { r.Kind, r.Note, r.Bytes = Delete, "a note", 0 },
		func(r *Result) { r.State, r.Kind, r.Err, r.Worker, r.Bytes = Failed, 99, errors.New("no kind"), -1, 0 },
	} {
		books.add(ended(i, change))
	}
	books.attempt()
	books.replay(transient.Busy)
	books.replay(transient.Busy)
	books.waited(Span{Lane: 1, From: time.Second, To: 3 * time.Second, Why: "busy"})

	r := books.whole(7, time.Minute)

	assert.Equal(t, Counts{Total: 8, Done: 3, Skipped: 1, Failed: 2, Unknown: 1, NotRun: 1}, r.Jobs)
	assert.EqualValues(t, []int64{20, 10, 3, 1, 7}, []int64{r.Uploaded, r.Downloaded, r.MovedTwice, r.Attempts, r.Dials})
	assert.Equal(t, map[string]int64{"busy": 2}, r.Replays)
	assert.Equal(t, map[string]int64{"a note": 1}, r.Notes)
	assert.Equal(t, 2*time.Second, r.Waited)
	assert.Equal(t, time.Minute, r.Took)
	require.Len(t, r.Problems, 3)
	assert.Equal(t, Entry{Kind: Upload, Remote: "/f3", Local: "f", State: Failed, Error: "x", Next: ended(3, func(r *Result) { r.State, r.Err = Failed, errors.New("x") }).Next(), Attempts: 1, Took: time.Second}, r.Problems[0])
	assert.Equal(t, Kind(0), r.Problems[2].Kind, "which its JSON form could not name")
	assert.Len(t, r.Bars, 5, "of jobs that a worker had")
	assert.Len(t, r.Slowest, 5)
	assert.Len(t, r.Replayed, 1)
}

func TestTheListsOfATallyKeepWhatMattersMost(t *testing.T) {
	t.Parallel()
	books := newTally(4, midnight, "h:21")
	const jobs = 3000
	for i := range jobs {
		books.add(ended(i, func(r *Result) {
			r.Took, r.Attempts = time.Duration(i*7%jobs), 1+i*11%jobs
			r.State, r.Err, r.Note = Failed, errors.New(strings.Repeat("long ", 1000)), fmt.Sprint("note ", i%100)
		}))
	}
	r := books.whole(0, time.Hour)
	assert.Len(t, r.Problems, mostProblems)
	assert.Equal(t, "/f0", r.Problems[0].Remote, "the first")
	assert.Less(t, len(r.Problems[0].Error), mostText+10)
	assert.Len(t, r.Notes, mostNotes)
	assert.EqualValues(t, jobs/100, r.Notes["note 1"], "of one that is known each is counted")
	require.Len(t, r.Slowest, mostRanked)
	require.Len(t, r.Replayed, mostRanked)
	for i := range mostRanked {
		assert.Equal(t, time.Duration(jobs-1-i), r.Slowest[i].Took)
		assert.Equal(t, jobs-i, r.Replayed[i].Attempts)
	}
}

func TestWaitsBeyondTheLimitAreCountedAndNotListed(t *testing.T) {
	t.Parallel()
	books := newTally(1, midnight, "h:21")
	for i := range mostSpans + 5 {
		books.waited(Span{From: time.Duration(i), To: time.Duration(i + 1)})
	}
	r := books.whole(0, time.Hour)
	assert.Len(t, r.Waits, mostSpans)
	assert.Equal(t, time.Duration(mostSpans+5), r.Waited)
}

// A report that somebody holds must not change while the run goes on.
func TestAReportOfARunThatGoesOnIsACopy(t *testing.T) {
	t.Parallel()
	books := newTally(4, midnight, "h:21")
	for i := range 20 {
		books.add(ended(i, func(r *Result) { r.State, r.Err, r.Note, r.Attempts = Failed, errors.New("x"), "n", 2 }))
	}
	before := books.whole(0, time.Second)
	text, err := json.Marshal(before)
	require.NoError(t, err)
	for i := range 20 {
		books.add(ended(i+20, func(r *Result) {
			r.State, r.Err, r.Note, r.Attempts, r.Took = Failed, errors.New("x"), "n", 9, time.Hour
		}))
	}
	after, err := json.Marshal(before)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(after))
}

func TestAReportOfAMillionJobsStaysSmall(t *testing.T) {
	t.Parallel()
	books, long := newTally(16, midnight, "h:21"), "/"+strings.Repeat("long/", 100)
	for i := range reported {
		books.add(ended(i, func(r *Result) {
			r.Worker, r.Began = i%16, midnight.Add(time.Duration(i/16)*time.Second)
			r.Remote = long + fmt.Sprint(i)
			if i%1000 == 0 {
				r.State, r.Err = Failed, errors.New("x")
			}
		}))
	}
	r := books.whole(0, 20*time.Hour)
	jobs, failed := 0, 0
	for _, b := range r.Bars {
		jobs += b.Jobs
		if b.State == Failed {
			failed++
		}
	}
	assert.Equal(t, reported, jobs, "each is in one of the bars")
	assert.Equal(t, reported/1000, failed, "and each with trouble still has its own")
	assert.LessOrEqual(t, len(r.Bars), mostBars)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Less(t, len(text), 12<<20)
	var page strings.Builder
	require.NoError(t, r.WriteHTML(&page))
	assert.Less(t, page.Len(), 12<<20)
}

func TestNamesThatAreNoTextAreSpeltOutSoThatTheyAreReadBackAsWritten(t *testing.T) {
	t.Parallel()
	e := ended(0, func(r *Result) {
		r.Remote, r.Local, r.To = "/caf\xe9", "\xff", strings.Repeat("\xe9", 1000)
		r.State, r.Err = Failed, errors.New("550 caf\xe9")
	}).entry(midnight)
	assert.Equal(t, `/caf\xe9`, e.Remote)
	assert.Equal(t, `550 caf\xe9`, e.Error)
	for _, s := range []string{e.Remote, e.Local, e.To, e.Error} {
		assert.True(t, utf8.ValidString(s))
		assert.Less(t, len(s), mostText+10)
	}
}
