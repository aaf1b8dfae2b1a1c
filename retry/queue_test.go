package retry

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWhoWaitsIsServedOrWoken puts a pool into thousands of states, consistent
// ones, with times around the present one to the nanosecond. Who is not served
// now, and would be later although nothing else happens, must be woken by then:
// nobody else may come to do it.
func TestWhoWaitsIsServedOrWoken(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 2))
	waited := 0
	for range 10_000 {
		now := time.Now()
		times := []time.Time{{}, now.Add(-time.Second), now.Add(-1), now, now.Add(1), now.Add(2), now.Add(time.Second), now.Add(time.Hour)}
		at := func() time.Time { return times[rng.IntN(len(times))] }
		p := newPool(&endpoint{cfg: &Config{MaxConns: 1 + rng.IntN(4), LimitInterval: []time.Duration{-1, time.Minute}[rng.IntN(2)]}})
		p.limit.now = 1 + rng.IntN(p.limit.most)
		p.limit.before = rng.IntN(2) * p.limit.most
		p.limit.next, p.limit.until, p.outage.until = at(), at(), at()
		p.limit.trying = rng.IntN(4) == 0
		p.inUse = rng.IntN(p.limit.now + 1)
		p.opening = rng.IntN(p.inUse + 1)
		p.live = p.inUse - p.opening
		p.limit.borne = rng.IntN(4)
		p.doubtful = rng.IntN(4) == 0
		for range rng.IntN(p.limit.most - p.inUse + 1) {
			p.idle = append(p.idle, &session{born: now.Add(-time.Minute)})
			p.live++
		}
		for range 1 + rng.IntN(3) {
			fresh := []time.Time{{}, now.Add(-time.Second)}[rng.IntN(2)]
			p.queue = append(p.queue, &waiter{turn: &turn{fresh: fresh}, ready: make(chan error, 1)})
		}
		if rng.IntN(4) == 0 {
			p.waking = now.Add(time.Minute) // set before
			p.waker = time.AfterFunc(time.Minute, p.wake)
		}
		p.mu.Lock() // as dispatch demands; the timer waits for it, too
		p.dispatch(now)
		left := len(p.queue)
		for _, later := range times {
			if then := after(p, later); !later.Before(now) && len(then.queue) < left {
				waited++
				require.True(t, later.After(now), "who could be served was not: %+v", p)
				require.False(t, p.waking.IsZero(), "nobody wakes who could be served %v later: %+v", later.Sub(now), p)
				require.False(t, p.waking.After(later), "who could be served %v later is woken %v later: %+v", later.Sub(now), p.waking.Sub(now), p)
				break
			}
		}
		still(p)
		p.mu.Unlock()
	}
	require.Greater(t, waited, 1000, "hardly a state was worth the test")
}

// after is p when it has been served once more at now.
func after(p *pool, now time.Time) *pool {
	q := &pool{
		endpoint: p.endpoint, idle: slices.Clone(p.idle), inUse: p.inUse, opening: p.opening, live: p.live,
		doubtful: p.doubtful, limit: p.limit, outage: p.outage,
	}
	for _, w := range p.queue {
		turn := *w.turn
		q.queue = append(q.queue, &waiter{turn: &turn, ready: make(chan error, 1)})
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dispatch(now)
	still(q)
	return q
}

// still has the timer do nothing any more.
func still(p *pool) {
	p.shut.Store(true)
	if p.waker != nil {
		p.waker.Stop()
	}
}

// Between the return of a session and the end of its attempt's turn somebody else
// may come, and try one more than the limit: the session is not ended to make room
// for that, and is there for the next one.
func TestASessionThatWasGivenBackIsUsedBeforeOneMoreIsTried(t *testing.T) {
	p := newPool(&endpoint{cfg: &Config{MaxConns: 3, LimitInterval: time.Minute, IdleTimeout: time.Hour}})
	p.limit.now, p.inUse, p.live = 1, 1, 1 // one more may be tried at any time
	grant := func(t *turn) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.grant(t, time.Now())
	}
	given := &session{born: time.Now()}
	var other, next turn
	require.True(t, grant(&other))
	require.True(t, other.trial)
	require.Empty(t, other.room)
	p.leave(&turn{given: given}, outcome{})
	defer p.timer.Stop()
	p.leave(&other, outcome{}) // it has failed
	require.True(t, grant(&next))
	require.False(t, next.trial)
	require.Same(t, given, next.idle)
}
