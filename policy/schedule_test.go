package policy_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

// step is one failed attempt and what the schedule must say of it.
type step struct {
	after      time.Duration // how long the attempt took
	class      transient.Class
	progressed bool
	hint       time.Duration
	wait       time.Duration
	stop       policy.Stop
}

// busy is a row of attempts that fail at once with Busy, with these waits.
func busy(waits ...time.Duration) []step {
	var steps []step
	for _, wait := range waits {
		steps = append(steps, step{class: transient.Busy, wait: wait})
	}
	return steps
}

func seconds(n ...float64) []time.Duration {
	var all []time.Duration
	for _, s := range n {
		all = append(all, time.Duration(s*float64(time.Second)))
	}
	return all
}

func TestScheduleWaitsAsThePolicySays(t *testing.T) {
	const s = time.Second
	storage := func(own policy.Policy) map[transient.Class]policy.Policy {
		return map[transient.Class]policy.Policy{transient.Storage: own}
	}
	attemptsUp := step{class: transient.Busy, stop: policy.StopAttempts}
	for name, test := range map[string]struct {
		policy policy.Policy
		steps  []step
	}{
		"the default doubles from one second and gives up after the seventh attempt": {
			policy.Policy{Jitter: -1},
			append(busy(seconds(1, 2, 4, 8, 16, 32)...), attemptsUp),
		},
		"a maximum below the default first wait bounds that too": {
			policy.Policy{Jitter: -1, Attempts: -1, Max: s / 2},
			busy(seconds(0.5, 0.5, 0.5)...),
		},
		"a first wait above the default maximum is its own maximum": {
			policy.Policy{Jitter: -1, Attempts: -1, Initial: 90 * s},
			busy(seconds(90, 90, 90)...),
		},
		"no wait is longer than the default maximum": {
			policy.Policy{Jitter: -1, Attempts: -1},
			busy(seconds(1, 2, 4, 8, 16, 32, 60, 60, 60, 60)...),
		},
		"one attempt means no replay": {
			policy.Policy{Attempts: 1},
			[]step{attemptsUp},
		},
		"one attempt means no replay after progress either": {
			policy.Policy{Attempts: 1},
			[]step{{class: transient.Busy, progressed: true, stop: policy.StopAttempts}},
		},
		"its own figures replace the defaults": {
			policy.Policy{Attempts: 5, Initial: 100 * time.Millisecond, Max: time.Second, Multiplier: 3, Jitter: -1},
			append(busy(seconds(.1, .3, .9, 1)...), attemptsUp),
		},
		"a multiplier of one keeps the wait": {
			policy.Policy{Multiplier: 1, Jitter: -1},
			busy(seconds(1, 1, 1, 1)...),
		},
		"each class has its own factor and its own growth": {
			policy.Policy{Jitter: -1, Attempts: -1},
			[]step{
				{class: transient.Busy, wait: s},
				{class: transient.Overload, wait: 5 * s},
				{class: transient.Storage, wait: 30 * s},
				{class: transient.DataChannel, wait: s / 4},
				{class: transient.Security, wait: s},
				{class: transient.Network, wait: s},
				{class: transient.Overload, wait: 10 * s},
				{class: transient.DataChannel, wait: s / 2},
				{class: transient.Storage, wait: 60 * s},
				{class: transient.Busy, wait: 2 * s},
			},
		},
		"a factor does not carry a wait beyond the maximum": {
			policy.Policy{Initial: 4 * s, Max: 15 * s, Jitter: -1},
			[]step{{class: transient.Overload, wait: 15 * s}, {class: transient.Storage, wait: 15 * s}},
		},
		"a factor of the longest durations does not overflow": {
			policy.Policy{Initial: math.MaxInt64 / 2, Max: math.MaxInt64, Jitter: -1},
			[]step{{class: transient.Storage, wait: 1 << 61}},
		},
		"a class that sets its first wait has no factor": {
			policy.Policy{Jitter: -1, Classes: storage(policy.Policy{Initial: 3 * s})},
			[]step{{class: transient.Storage, wait: 3 * s}, {class: transient.Storage, wait: 6 * s}, {class: transient.Overload, wait: 5 * s}},
		},
		"a class that sets something else keeps its factor and inherits the rest": {
			policy.Policy{Initial: 100 * time.Millisecond, Multiplier: 3, Jitter: -1, Classes: storage(policy.Policy{Attempts: 3})},
			[]step{
				{class: transient.Storage, wait: 3 * s}, {class: transient.Storage, wait: 9 * s},
				{class: transient.Storage, stop: policy.StopAttempts},
			},
		},
		"a class that sets everything inherits nothing": {
			policy.Policy{
				Initial: 9 * s, Max: 9 * s, Multiplier: 9, Jitter: 1, Attempts: 9, Elapsed: 1,
				Classes: storage(policy.Policy{Initial: s, Max: 3 * s, Multiplier: 2, Jitter: -1, Attempts: 4, Elapsed: time.Hour}),
			},
			[]step{
				{class: transient.Storage, wait: s}, {class: transient.Storage, wait: 2 * s},
				{class: transient.Storage, wait: 3 * s}, {class: transient.Storage, stop: policy.StopAttempts},
			},
		},
		"a factor leaves a wait that can grow": {
			policy.Policy{Initial: 3, Max: 5, Jitter: -1},
			[]step{{class: transient.DataChannel, wait: 1}, {class: transient.DataChannel, wait: 2}, {class: transient.DataChannel, wait: 4}},
		},
		"the first wait of a class may exceed the policy's maximum": {
			policy.Policy{Max: 30 * s, Jitter: -1, Classes: storage(policy.Policy{Initial: time.Minute})},
			[]step{{class: transient.Storage, wait: time.Minute}, {class: transient.Storage, wait: time.Minute}},
		},
		"the maximum of a class bounds the first wait it inherits": {
			policy.Policy{Initial: 10 * s, Jitter: -1, Classes: storage(policy.Policy{Max: 2 * s})},
			[]step{{class: transient.Storage, wait: 2 * s}, {class: transient.Busy, wait: 10 * s}},
		},
		"a class may allow fewer attempts than the policy": {
			policy.Policy{Jitter: -1, Classes: storage(policy.Policy{Attempts: 2})},
			[]step{{class: transient.Busy, wait: s}, {class: transient.Storage, stop: policy.StopAttempts}},
		},
		"a class may allow more attempts than the policy": {
			policy.Policy{Attempts: 2, Jitter: -1, Classes: storage(policy.Policy{Attempts: -1, Initial: s})},
			[]step{
				{class: transient.Storage, wait: s}, {class: transient.Storage, wait: 2 * s},
				{class: transient.Storage, wait: 4 * s}, attemptsUp,
			},
		},
		"progress starts the count and the waits of all classes anew": {
			policy.Policy{Attempts: 3, Jitter: -1},
			[]step{
				{class: transient.Busy, wait: s},
				{class: transient.Overload, wait: 5 * s},
				{class: transient.Busy, progressed: true, wait: s},
				{class: transient.Overload, wait: 5 * s},
				{class: transient.Busy, stop: policy.StopAttempts},
			},
		},
		"no wait begins that would end after elapsed": {
			policy.Policy{Elapsed: 10 * s, Jitter: -1},
			[]step{
				{class: transient.Busy, wait: s},                                    // 0s, then 1s
				{class: transient.Busy, after: 2 * s, wait: 2 * s},                  // 3s, then 5s
				{class: transient.Busy, after: s, wait: 4 * s},                      // 6s, then 10s: just in time
				{class: transient.DataChannel, stop: policy.StopElapsed},            // 10s
				{class: transient.Busy, progressed: true, stop: policy.StopElapsed}, // progress does not extend it
			},
		},
		"elapsed of a class bounds the failures of that class": {
			policy.Policy{Elapsed: 10 * s, Jitter: -1, Classes: storage(policy.Policy{Elapsed: time.Minute, Initial: 20 * s})},
			[]step{
				{class: transient.Storage, wait: 20 * s},
				{class: transient.Busy, stop: policy.StopElapsed},
				{class: transient.Storage, wait: 40 * s},
				{class: transient.Storage, stop: policy.StopElapsed},
			},
		},
		"the longest elapsed does not overflow": {
			policy.Policy{Elapsed: math.MaxInt64, Jitter: -1},
			[]step{{class: transient.Busy, hint: math.MaxInt64 - 1, wait: math.MaxInt64 - 1}},
		},
		"a clock set back does not give more time than elapsed": {
			policy.Policy{Elapsed: 2 * s, Jitter: -1},
			[]step{{class: transient.Busy, after: -time.Hour, wait: s}, {class: transient.Busy, hint: 3 * s, stop: policy.StopElapsed}},
		},
		"the attempts decide before the time does": {
			policy.Policy{Attempts: 1, Elapsed: 1},
			[]step{attemptsUp},
		},
		"a hint is a floor and may exceed the maximum": {
			policy.Policy{Max: 4 * s, Jitter: -1},
			[]step{
				{class: transient.Overload, hint: 5 * time.Minute, wait: 5 * time.Minute},
				{class: transient.Overload, hint: s, wait: 4 * s},
			},
		},
		"a hint beyond elapsed ends the transaction": {
			policy.Policy{Elapsed: time.Minute, Jitter: -1},
			[]step{{class: transient.Overload, hint: 5 * time.Minute, stop: policy.StopElapsed}},
		},
		"a negative hint is none": {
			policy.Policy{Jitter: -1},
			[]step{{class: transient.Busy, hint: -time.Hour, wait: s}},
		},
		"a class nobody knows waits as the policy says": {
			policy.Policy{Jitter: -1},
			[]step{{class: -1, wait: s}, {class: 99, wait: s}, {class: 99, wait: 2 * s}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, test.policy.Validate())
			now := time.Now()
			schedule := test.policy.Start(now)
			for i, step := range test.steps {
				now = now.Add(step.after)
				wait, stop := schedule.Next(now, step.class, step.progressed, step.hint)
				require.Equal(t, step.stop, stop, "attempt %d", i+1)
				require.Equal(t, step.wait, wait, "wait after attempt %d", i+1)
				now = now.Add(wait)
			}
		})
	}
}

func TestJitterSpreadsWaitsWithoutCrowdingAtTheMaximum(t *testing.T) {
	const s = time.Second
	for name, test := range map[string]struct {
		policy         policy.Policy
		lowest, middle time.Duration
		highest        time.Duration
	}{
		"the default is half of the wait either way": {policy.Policy{}, s / 2, s, 3 * s / 2},
		"a tenth":                         {policy.Policy{Jitter: 0.1}, 9 * s / 10, s, 11 * s / 10},
		"the whole wait":                  {policy.Policy{Jitter: 1}, 0, s, 2 * s},
		"at the maximum it only shortens": {policy.Policy{Initial: 2 * s, Max: 2 * s}, s, 3 * s / 2, 2 * s},
		"full jitter at the maximum":      {policy.Policy{Initial: 2 * s, Max: 2 * s, Jitter: 1}, 0, s, 2 * s},
		"the longest durations there are": {
			policy.Policy{Initial: math.MaxInt64, Max: math.MaxInt64, Jitter: 1}, 0, 1 << 60, 1 << 61,
		},
	} {
		t.Run(name, func(t *testing.T) {
			const draws = 4000
			below, seen := 0, make(map[time.Duration]int)
			for range draws {
				wait, stop := test.policy.Start(time.Now()).Next(time.Now(), transient.Busy, false, 0)
				require.Equal(t, policy.Continue, stop)
				require.GreaterOrEqual(t, wait, test.lowest)
				require.LessOrEqual(t, wait, test.highest)
				seen[wait]++
				if wait < test.middle {
					below++
				}
			}
			for wait, n := range seen {
				require.Less(t, n, draws/100, "crowded at %v", wait)
			}
			// Ten standard deviations: fails by chance less than once in 10^22 runs.
			assert.InDelta(t, draws/2, below, 10*math.Sqrt(draws)/2, "waits below the middle")
		})
	}
}

// countdown is a caller's BackOff: it waits n seconds, n-1 ..., then stops.
type countdown struct{ from, left int }

func (c *countdown) Reset() { c.left = c.from }

func (c *countdown) NextBackOff() time.Duration {
	if c.left == 0 {
		return backoff.Stop
	}
	c.left--
	return time.Duration(c.left+1) * time.Second
}

func TestOwnBackOffMakesTheWaits(t *testing.T) {
	const s = time.Second
	from := func(n int) func() backoff.BackOff {
		return func() backoff.BackOff { return &countdown{from: n} } // not reset: the schedule does it
	}
	for name, test := range map[string]struct {
		policy policy.Policy
		steps  []step
	}{
		"until it says stop, for all classes together and without factor or maximum": {
			policy.Policy{BackOff: from(3), Max: s, Jitter: 1},
			[]step{
				{class: transient.Storage, wait: 3 * s}, {class: transient.Busy, wait: 2 * s},
				{class: transient.Overload, wait: s}, {class: transient.Busy, stop: policy.StopBackOff},
			},
		},
		"again from the start after progress": {
			policy.Policy{BackOff: from(2)},
			[]step{
				{class: transient.Busy, wait: 2 * s}, {class: transient.Busy, wait: s},
				{class: transient.Busy, progressed: true, wait: 2 * s},
			},
		},
		"within attempts, elapsed and the server's hint": {
			policy.Policy{BackOff: from(9), Attempts: 4, Elapsed: 30 * s},
			[]step{
				{class: transient.Busy, wait: 9 * s}, {class: transient.Busy, hint: 20 * s, wait: 20 * s},
				{class: transient.Busy, stop: policy.StopElapsed}, {class: transient.Busy, stop: policy.StopAttempts},
			},
		},
		"of the classes that set neither waits nor a BackOff": {
			policy.Policy{BackOff: from(5), Classes: map[transient.Class]policy.Policy{
				transient.Storage:  {BackOff: from(2)},
				transient.Overload: {Initial: 10 * s, Jitter: -1},
				transient.Network:  {Attempts: 20},
			}},
			[]step{
				{class: transient.Busy, wait: 5 * s}, {class: transient.Network, wait: 4 * s},
				{class: transient.Storage, wait: 2 * s}, {class: transient.Overload, wait: 10 * s},
				{class: transient.Storage, wait: s}, {class: transient.Storage, stop: policy.StopBackOff},
				{class: transient.Network, wait: 3 * s},
			},
		},
		"but not of a class that sets any figure of its own": {
			policy.Policy{BackOff: from(50), Jitter: -1, Classes: map[transient.Class]policy.Policy{
				transient.Busy:     {Initial: 2 * s},
				transient.Security: {Max: 10 * s},
				transient.Overload: {Multiplier: 3},
				transient.Network:  {Jitter: -0.5},
			}},
			[]step{
				{class: transient.Busy, wait: 2 * s}, {class: transient.Security, wait: s},
				{class: transient.Overload, wait: 5 * s}, {class: transient.Network, wait: s},
			},
		},
		"and ends the transaction if there is none": {
			policy.Policy{BackOff: func() backoff.BackOff { return nil }},
			[]step{{class: transient.Busy, stop: policy.StopBackOff}},
		},
		"and a negative wait other than stop is no wait": {
			policy.Policy{BackOff: func() backoff.BackOff { return backoff.NewConstantBackOff(-5 * s) }},
			[]step{{class: transient.Busy, wait: 0}, {class: transient.Busy, hint: -s, wait: 0}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, test.policy.Validate())
			now := time.Now()
			schedule := test.policy.Start(now)
			for i, step := range test.steps {
				wait, stop := schedule.Next(now, step.class, step.progressed, step.hint)
				require.Equal(t, step.stop, stop, "attempt %d", i+1)
				require.Equal(t, step.wait, wait, "wait after attempt %d", i+1)
				now = now.Add(wait)
			}
		})
	}
}

func TestBackOffIsMadeOnceForATransactionThatFails(t *testing.T) {
	made := 0
	p := policy.Policy{BackOff: func() backoff.BackOff { made++; return backoff.NewConstantBackOff(time.Second) }}
	for range 3 {
		p.Start(time.Now())
	}
	require.Zero(t, made, "nothing failed yet")
	one, other := p.Start(time.Now()), p.Start(time.Now())
	one.Next(time.Now(), transient.Busy, false, 0)
	one.Next(time.Now(), transient.Storage, true, 0)
	require.Equal(t, 1, made)
	other.Next(time.Now(), transient.Busy, false, 0)
	require.Equal(t, 2, made)
}

func TestSchedulesOfOnePolicyShareNothing(t *testing.T) {
	p := policy.Policy{Jitter: -1, Attempts: 3}
	one, other := p.Start(time.Now()), p.Start(time.Now())
	for range 2 {
		one.Next(time.Now(), transient.Busy, false, 0)
	}
	wait, stop := other.Next(time.Now(), transient.Busy, false, 0)
	require.Equal(t, policy.Continue, stop)
	require.Equal(t, time.Second, wait)
}

func TestScheduleCountsAttempts(t *testing.T) {
	schedule := policy.Policy{}.Start(time.Now())
	require.Zero(t, schedule.Attempts())
	require.Zero(t, schedule.Total())
	for i, progressed := range []bool{false, false, true, false} {
		schedule.Next(time.Now(), transient.Busy, progressed, 0)
		assert.Equal(t, []int{1, 2, 1, 2}[i], schedule.Attempts())
		assert.Equal(t, i+1, schedule.Total())
	}
}

func TestDeadlineIsTheLatestBeginOfAnAttempt(t *testing.T) {
	start := time.Now()
	patient := map[transient.Class]policy.Policy{transient.Storage: {Elapsed: time.Hour}}
	for name, test := range map[string]struct {
		policy policy.Policy
		after  time.Duration // 0 = none
	}{
		"none by default":                             {policy.Policy{}, 0},
		"elapsed after the start":                     {policy.Policy{Elapsed: time.Minute}, time.Minute},
		"later if a class allows more":                {policy.Policy{Elapsed: time.Minute, Classes: patient}, time.Hour},
		"not earlier if a class allows less":          {policy.Policy{Elapsed: 2 * time.Hour, Classes: patient}, 2 * time.Hour},
		"none if only a class sets one: others go on": {policy.Policy{Classes: patient}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			deadline, ok := test.policy.Start(start).Deadline()
			require.Equal(t, test.after != 0, ok)
			if ok {
				require.Equal(t, start.Add(test.after), deadline)
			}
		})
	}
}

func TestALoopThatWaitsAsToldEndsWithinElapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		schedule := policy.Policy{Attempts: -1, Elapsed: 10 * time.Minute}.Start(start)
		for {
			time.Sleep(time.Second) // the attempt
			wait, stop := schedule.Next(time.Now(), transient.Network, false, 0)
			if stop != policy.Continue {
				require.Equal(t, policy.StopElapsed, stop)
				break
			}
			time.Sleep(wait)
		}
		assert.LessOrEqual(t, time.Since(start), 10*time.Minute+time.Second, "one attempt may end later")
		assert.Greater(t, time.Since(start), 8*time.Minute, "gave up early")
		assert.Greater(t, schedule.Total(), 10)
	})
}

func TestStopsHaveNames(t *testing.T) {
	for stop, name := range map[policy.Stop]string{
		policy.Continue: "continue", policy.StopAttempts: "attempts", policy.StopElapsed: "elapsed",
		policy.StopBackOff: "backoff", -1: "invalid", 99: "invalid",
	} {
		assert.Equal(t, name, stop.String())
	}
}

func TestStartCostsOneSmallAllocationAtMost(t *testing.T) {
	p := policy.Policy{Classes: map[transient.Class]policy.Policy{transient.Storage: {Attempts: 3}}}
	now := time.Now()
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { kept = p.Start(now) }), 1.0)
}

var kept *policy.Schedule

func BenchmarkStart(b *testing.B) {
	var p policy.Policy
	now := time.Now()
	b.Run("undisturbed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p.Start(now).Attempts() != 0 {
				b.Fatal("attempts before the first failure")
			}
		}
	})
	b.Run("kept on the heap", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			kept = p.Start(now)
		}
	})
	b.Run("one failure", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Start(now).Next(now, transient.Busy, false, 0)
		}
	})
}
