package retry

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

// failure is what the opening of a session failed of.
type failure struct {
	verdict transient.Verdict
	command string // that was refused; "" = none was sent
	err     error
}

// atLogin reports whether the server was asked for a login and has answered.
func (f failure) atLogin() bool {
	return f.verdict.Reply != nil && (f.command == "USER" || f.command == "PASS")
}

// outage is what a pool knows of a server that lets nobody in. While it lasts,
// one attempt at a time tries to open a session; when it fails, it has failed for
// all that are waiting, and nobody tries again for a while: see hold. With none
// that tries again it is no more than a memory: the next attempt tries at once.
type outage struct {
	since time.Time // zero = the server is not away
	last  failure
	at    time.Time // of the last
	first time.Time // of one that was taken for an accident; zero = none was
	dials int
	until time.Time     // nobody tries before
	over  chan struct{} // closed when the server is there again
	pace  *pace         // between tries; nil = none has failed yet
	final bool          // the last was a refusal for good
	lost  time.Time     // when the last session was lost; zero = none was, since one was opened
}

func (o *outage) on() bool { return !o.since.IsZero() }

// note takes note of a failure.
func (o *outage) note(now time.Time, f failure) {
	o.last, o.at, o.final = f, now, !f.verdict.Transient()
	o.dials++
}

// fell notes that the server lets nobody in. It returns what to tell the hooks,
// nil if they know.
func (o *outage) fell() *Down {
	if o.on() {
		return nil
	}
	o.since, o.over = o.at, make(chan struct{})
	switch {
	case !o.lost.IsZero():
		o.since = o.lost
	case !o.first.IsZero():
		o.since = o.first
	}
	return &Down{Since: o.since, Verdict: o.last.verdict, Err: o.last.err}
}

// rose notes that the server is there.
func (o *outage) rose(now time.Time) (up *Up) {
	if o.on() {
		up = &Up{Away: now.Sub(o.since), Dials: o.dials + 1}
		close(o.over)
	}
	*o = outage{}
	return up
}

// away implements keeper.
func (p *pool) away() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outage.over
}

// failed takes note of an opening that failed, and returns the error of the
// attempt that made it. What the caller's own context ended says nothing of the
// server.
func (p *pool) failed(ctx context.Context, s *session, t *turn, err error) error {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errAttemptTimeout) {
		return err
	}
	var patience time.Duration
	if ctx.Err() != nil {
		patience = t.patience // no more is known than that it takes longer
	}
	x := s.wire.Exchange()
	err = s.wire.Recover(err)
	f := failure{verdict: classify(p.endpoint.cfg.Classifier, x, err), command: x.Command, err: err}
	full := atLimit(s, f)
	now := time.Now()
	p.endpoint.stats.refused.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live > 0 && full {
		t.news.limit = p.crowd(now, t, f)
		return &crowded{err}
	}
	p.outage.note(now, f)
	t.missed = f.verdict.Transient()
	if p.live > 0 { // the others go on with the sessions that there are
		p.outage.final = f.atLogin() && !t.missed
		if p.outage.final {
			p.refuse(&together{err, f}, patience)
		}
		return err
	}
	if t.missed && !p.outage.on() && p.outage.dials == 1 {
		// It may be an accident: another one tries at once.
		t.missed, p.outage.first = false, now
		return err
	}
	if t.missed {
		t.down = true
		t.news.down = p.outage.fell()
		if n := told(f); n > 0 && n < p.limit.now {
			t.news.limit = p.limit.set(n, now, f.err)
		}
	}
	// A refusal for good is that of all, too: a wrong password that each of
	// them sends locks the account.
	p.refuse(&together{err, f}, patience)
	return err
}

// hold has nobody try before the shortest time that the pool's own policy would
// wait, whoever it was that found the server away: among many attempts there is
// always one that has waited little yet, and one that has to wait long. An attempt
// that is not made again holds up nobody. The caller holds mu, which hold gives up
// for a while.
func (p *pool) hold(back time.Time) {
	o := &p.outage
	wait, ok := p.pause(&o.pace, o.at, o.last.verdict.Class)
	if !ok {
		return
	}
	if back.IsZero() {
		o.until = back
		return
	}
	jitter := min(max(cmp.Or(p.endpoint.cfg.Policy.Jitter, policy.DefaultJitter), 0), policy.DefaultJitter)
	wait = time.Duration(float64(wait) * (1 - jitter))
	o.until = o.at.Add(max(wait, o.last.verdict.Wait))
}

// known is the failure of an attempt of which the answer is known already: hardly
// a moment ago, while it waited, another one has found the server away; or was
// refused for good, when its transaction had begun. nil = it is not. The caller
// holds mu.
func (p *pool) known(t *turn) error {
	o := &p.outage
	switch now := time.Now(); {
	case o.final && !t.began.After(o.at):
		if p.live > 0 && p.usable(t) >= 0 {
			return nil
		}
	case p.live > 0 || !o.on() && !o.final:
		return nil
	case t.failed.IsZero() || !o.at.After(t.failed) || now.Sub(o.at) > now.Sub(t.failed)/recent:
		return nil
	}
	return &together{o.last.err, o.last}
}

// recent is the part of an attempt's wait within which another one's failure is
// as good as its own.
const recent = 8

// vain is why it is in vain to wait for a server that is away: the wait ends at
// end, zero = never, before anybody tries again. nil = it is not. The caller holds
// mu.
func (p *pool) vain(end time.Time) error {
	if !p.outage.on() || p.live > 0 || p.outage.until.IsZero() {
		return nil
	}
	if !end.IsZero() && !p.outage.until.Before(end) {
		return &tooLate{p.outage.last.err, p.outage.until}
	}
	return nil
}

// tooLate is why an attempt does not wait for a server that is away.
type tooLate struct {
	err   error     // how it was found to be away
	until time.Time // when somebody tries again
}

func (t *tooLate) Error() string { return "server is away: " + t.err.Error() }
func (t *tooLate) Unwrap() error { return t.err }
