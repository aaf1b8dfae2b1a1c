package retry

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// waiter is an attempt that waits for its turn.
type waiter struct {
	turn   *turn
	ready  chan error // of capacity 1
	inside *inside    // the function in which it was begun; nil = none
}

// admit implements keeper: it waits for a session, or for the right to open one,
// in the order of arrival.
func (p *pool) admit(ctx context.Context, t *turn) error {
	end, _ := ctx.Deadline()
	p.mu.Lock()
	if err := p.hopeless(t, end); err != nil {
		p.mu.Unlock()
		return err
	}
	if t.place == 0 {
		p.arrivals++
		t.place = p.arrivals
	}
	if len(p.queue) == 0 && p.grant(t, t.now) {
		p.mu.Unlock()
		return nil
	}
	p.mu.Unlock()
	w := &waiter{turn: t, ready: make(chan error, 1), inside: p.insideOf(ctx)}
	p.mu.Lock()
	if err := p.hopeless(t, end); err != nil { // what it would wait for has come meanwhile
		p.mu.Unlock()
		return err
	}
	p.nests = p.nests || w.inside != nil
	p.queue = slices.Insert(p.queue, p.behind(t.place), w)
	start := time.Now()
	p.dispatch(start)
	p.mu.Unlock()
	defer func() { p.endpoint.stats.queued.Add(int64(time.Since(start))) }()
	select {
	case err := <-w.ready:
		t.now = time.Now() // the reply to the first command is awaited from here on
		return err
	case <-ctx.Done():
		if !p.withdraw(w) && <-w.ready == nil {
			p.leave(t, outcome{}) // it came too late
		}
		return context.Cause(ctx)
	}
}

// hopeless is why an attempt whose time ends at end, zero = never, has nothing to
// wait for; nil = it may. The caller holds mu.
func (p *pool) hopeless(t *turn, end time.Time) error {
	if p.shut.Load() {
		return errClosed()
	}
	if p.outage.dials == 0 {
		return nil
	}
	return cmp.Or(p.known(t), p.vain(end))
}

// behind is where in the queue an attempt belongs that has arrived as the
// place-th: nearly always at its end. The caller holds mu.
func (p *pool) behind(place uint64) int {
	i := len(p.queue)
	for i > 0 && p.queue[i-1].turn.place > place {
		i--
	}
	return i
}

// withdraw takes w out of the queue; false where it was served meanwhile.
func (p *pool) withdraw(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.queue, w)
	if i < 0 {
		return false
	}
	p.queue = slices.Delete(p.queue, i, i+1)
	p.dispatch(time.Now()) // it may have stood in the way of others
	return true
}

// leave implements keeper.
func (p *pool) leave(t *turn, o outcome) {
	var late []*session // the pool was closed meanwhile
	defer func() {
		for _, s := range late {
			s.wire.Close()
		}
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.missed {
		t.missed = false
		p.hold(o.back) // first: a BackOff of the caller's may panic in it
	}
	p.inUse--
	if t.opens {
		t.opens = false
		p.opening--
	}
	if t.trial {
		t.trial = false
		p.limit.tried(time.Now())
	}
	unused := t.room
	if t.idle != nil { // granted and not used
		unused = append(unused, t.idle)
	}
	given := t.given
	t.idle, t.room, t.given = nil, nil, nil
	if p.shut.Load() {
		if late, unused = unused, nil; given != nil {
			late, given = append(late, given), nil
		}
		p.live -= len(late)
	}
	for _, s := range unused {
		p.rest(s)
	}
	if given != nil {
		p.rest(given)
		if !p.limit.refused.IsZero() {
			p.limit.heard = time.Now()
		}
	}
	if o.lost {
		p.doubtful = true
		if p.live == 0 && p.outage.lost.IsZero() {
			p.outage.lost = time.Now()
		}
	}
	if o.full != nil {
		t.news.limit = p.tight(time.Now(), o.full)
	}
	if len(p.queue) > 0 { // or the look at the clock would be for nothing
		p.dispatch(time.Now())
	}
}

// grant gives t what it asks for, if it is to be had now. The caller holds mu.
func (p *pool) grant(t *turn, now time.Time) bool {
	trial := p.inUse >= p.limit.now
	if trial && (p.inUse > p.limit.now || !p.limit.due(now)) {
		return false
	}
	if i := p.usable(t); i >= 0 && !trial {
		t.idle = p.idle[i]
		p.idle = slices.Delete(p.idle, i, i+1)
		p.inUse++
		return true
	}
	if !p.mayOpen(now) {
		return false
	}
	if trial {
		p.limit.trying = true
	}
	p.inUse++
	p.opening++
	t.opens, t.trial = true, trial
	// It must not be one session too many: idle ones make room.
	for len(p.idle) > 0 && p.inUse+len(p.idle) > max(p.limit.now, p.inUse) {
		t.room = append(t.room, p.idle[0])
		p.idle = p.idle[1:]
	}
	return true
}

// usable is the idle session that was used last of those that t can use; -1 =
// there is none. The caller holds mu.
func (p *pool) usable(t *turn) int {
	for i := len(p.idle) - 1; i >= 0; i-- {
		if t.fresh.IsZero() || !p.idle[i].born.Before(t.fresh) {
			return i
		}
	}
	return -1
}

// mayOpen reports whether one more session may be opened now. Where it is not
// known that the server lets anybody in, one is tried alone, and the others wait
// for what comes of it; then as many more at a time as there are. The caller
// holds mu.
func (p *pool) mayOpen(now time.Time) bool {
	if p.opening > 0 && (p.doubtful || p.opening >= p.live) || p.outage.pace.busy() || p.limit.pace.busy() {
		return false
	}
	return !now.Before(p.outage.until) && (!now.Before(p.limit.until) || p.live+p.opening < p.limit.borne)
}

// dispatch serves those who wait, as far as can be done now. It looks at no other
// clock: what is not over yet at its time is waited for (test:
// TestWhoWaitsIsServedOrWoken). The caller holds mu.
func (p *pool) dispatch(now time.Time) {
	for i := 0; i < len(p.queue); {
		w := p.queue[i]
		switch {
		case p.grant(w.turn, now):
			p.queue = slices.Delete(p.queue, i, i+1)
			w.ready <- nil
		case !w.turn.fresh.IsZero() && len(p.idle) > 0:
			i++ // somebody behind may be served by what is idle
		default:
			i = len(p.queue)
		}
	}
	p.untie()
	p.wakeLater(now)
}

// refuse ends the waiting of all with err; where it is the end of an
// AttemptTimeout, patience, of those only that would not have waited longer. The
// caller holds mu.
func (p *pool) refuse(err error, patience time.Duration) {
	p.queue = slices.DeleteFunc(p.queue, func(w *waiter) bool {
		if patience > 0 && (w.turn.patience <= 0 || w.turn.patience > patience) {
			return false
		}
		w.ready <- err
		return true
	})
}

// wakeLater has the queue served again when something that it waits for is over
// by then. The caller holds mu.
func (p *pool) wakeLater(now time.Time) {
	if len(p.queue) == 0 {
		return
	}
	var at time.Time
	soonest := func(t time.Time) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	soonest(p.outage.until)
	soonest(p.limit.until)
	if p.limit.tries() {
		soonest(p.limit.next)
	}
	if at.IsZero() || !p.waking.IsZero() && !p.waking.Before(now) && !at.Before(p.waking) {
		return
	}
	p.waking = at
	if p.waker == nil {
		p.waker = time.AfterFunc(at.Sub(now), p.wake)
		return
	}
	p.waker.Reset(at.Sub(now))
}

// wake runs in the timer's goroutine and waits for nothing.
func (p *pool) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waking = time.Time{}
	if !p.shut.Load() {
		p.dispatch(time.Now())
	}
}
