package retry

import (
	"errors"
	"io"
	"regexp"
	"syscall"
	"time"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

// limit is how many sessions a pool may have: what Config allows, and what the
// server was found to bear. It is learned as a TCP sender learns its window:
// lowered at once, raised by one after a while.
//
// A refusal that comes once may be an accident. It is believed at once, too, but
// tried again as soon as waits allow, and forgotten when it does not come again.
type limit struct {
	most  int           // Config.MaxConns
	every time.Duration // Config.LimitInterval

	now    int
	before int       // what it was before a refusal that is not confirmed; 0 = all are
	next   time.Time // when one more is tried
	trying bool      // it is being tried
	until  time.Time // no session is opened before,
	borne  int       // but for one of so many, which the server had borne
	pace   *pace     // between refusals; nil = none since a session was opened
	ended  time.Time // when a session was ended last: the server may be slow to free its place

	refused time.Time // when it was refused last
	heard   time.Time // when a session did well last, since then: before, the server may as well be away

	tightened time.Time // when it was lowered for want of data connections
}

// set lowers the limit for good, until it is tried again.
func (l *limit) set(n int, now time.Time, err error) *Limit {
	change := &Limit{From: l.now, To: n, Err: err}
	l.now, l.before, l.next = n, 0, now.Add(l.every)
	if change.From == change.To {
		return nil
	}
	return change
}

// tries reports whether one session more than the limit will be tried some time.
// A refusal that may be an accident is not what was learned.
func (l *limit) tries() bool {
	return l.now < l.most && (l.every > 0 || l.before > 0)
}

// firm reports whether the limit is sure: refused once may be an accident, but not
// so often that the waits have become their longest.
func (l *limit) firm() bool {
	return l.before == 0 || l.pace != nil && l.pace.least >= policy.DefaultMax
}

// due reports whether it may be tried now.
func (l *limit) due(now time.Time) bool {
	return l.tries() && !l.trying && !now.Before(l.next)
}

// tried notes that the trial of one session more has ended without an answer to
// the question: it failed of something else.
func (l *limit) tried(now time.Time) {
	l.trying = false
	if !l.next.After(now) {
		l.next = now.Add(again)
	}
}

// again is when a trial that has told nothing is made again.
const again = 2 * time.Second

// opened notes that the server bears live sessions; trial says that the last of
// them was tried beyond the limit.
func (l *limit) opened(live int, trial bool, now time.Time) *Limit {
	l.until, l.pace = time.Time{}, nil
	if live <= l.now {
		return nil
	}
	change := &Limit{From: l.now, To: live}
	if trial {
		change.To = max(live, l.before)
		l.before, l.next = 0, now.Add(l.every)
	}
	l.now = change.To
	return change
}

// crowd notes that the server refused one more session than it has. The caller
// holds mu, which crowd gives up for a while.
func (p *pool) crowd(now time.Time, t *turn, f failure) *Limit {
	l := &p.limit
	if t.trial && (f.command != "" || l.before == 0 || l.heard.After(l.refused)) {
		l.before, l.next = 0, now.Add(l.every) // it was one more than the limit, which so is confirmed
		return nil
	}
	// Not as long as for a server that is full: sessions that are lost meanwhile
	// have to be replaced.
	if wait, ok := p.pause(&l.pace, now, transient.Busy); ok {
		l.until = now.Add(max(wait, l.pace.least, f.verdict.Wait))
	}
	l.refused, l.borne = now, max(p.live, 1)
	if t.trial {
		l.next = l.until
	}
	number := told(f)
	bears := max(p.live+p.opening-1, 1) // others are being opened, which may get in
	if number >= p.live && number < bears {
		bears = number
	}
	if bears >= l.now {
		bears = max(p.live, 1)
	}
	switch {
	case bears >= l.now, now.Sub(l.ended) < freed:
		return nil // or it may not have noticed yet that one has gone
	case number > 0:
		return l.set(bears, now, f.err)
	}
	before := max(l.now, l.before)
	change := l.set(bears, now, f.err)
	l.before, l.next = before, l.until
	return change
}

// tight notes that a session could not get a data connection for want of ports or
// of connections that the server has for all: those that are left must do, if
// this was not just learned. The caller holds mu.
func (p *pool) tight(now time.Time, err error) *Limit {
	l := &p.limit
	bears := max(1, p.live)
	if bears >= l.now || now.Sub(l.tightened) < settles {
		return nil
	}
	l.tightened = now
	return l.set(bears, now, err)
}

// settles is how long a lower limit is given to show whether it is low enough.
const settles = 5 * time.Second

// freed is how long a server may take to free the place of a session that was
// ended.
const freed = 2 * time.Second

// atLimit reports whether the refusal of one more session, while others are
// open, speaks of their number: in words, or by hanging up without any (ProFTPD's
// MaxInstances and MaxConnectionRate; IIS); or is a login refused with which
// others are logged in (some servers have no other words for it).
func atLimit(s *session, f failure) bool {
	if r := f.verdict.Reply; r != nil {
		// A password that has changed meanwhile is not sent again and again.
		wrong := f.verdict.Class == transient.Permanent && wrongPassword.MatchString(r.Msg)
		return f.command == "" || f.atLogin() && !wrong
	}
	return f.command == "" && s.wire.Reached() && (errors.Is(f.err, io.EOF) || errors.Is(f.err, syscall.ECONNRESET))
}

var wrongPassword = regexp.MustCompile(`(?i)incorrect|invalid|password|authenticat`)
