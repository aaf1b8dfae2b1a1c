package retry

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// probeAfter is how long a session must have been idle to be looked at before
// it is used: within less, a server has no cause to hang up, and the look would
// be one more system call for each operation.
const probeAfter = 100 * time.Millisecond

// pool keeps the sessions of a Client: at most MaxConns at once, and no more
// than the server bears (limit.go); callers are served in the order of their
// arrival (queue.go), the session used last is reused first, and while the
// server is away one of them tries for all (outage.go).
type pool struct {
	endpoint *endpoint

	mu       sync.Mutex
	queue    []*waiter  // first come first
	arrivals uint64     // attempts that have come
	nests    bool       // one of them was begun in a function of Do
	idle     []*session // longest idle first
	inUse    int        // attempts that have their turn
	opening  int        // of them, those that may be opening a session
	live     int        // sessions that are open, idle ones too
	doubtful bool       // a session ended by itself, and none was opened since
	limit    limit
	outage   outage

	waker    *time.Timer // of the queue
	waking   time.Time   // when; zero = it is not set
	timer    *time.Timer // of idle sessions
	watching bool        // expire will run
	shut     atomic.Bool
	ended    chan struct{}  // closed when shut
	closing  sync.WaitGroup // of expire
}

func newPool(e *endpoint) *pool {
	most := e.cfg.MaxConns
	return &pool{endpoint: e, ended: make(chan struct{}), limit: limit{most: most, now: most, every: e.cfg.LimitInterval}}
}

// addr is the server's address; "" for no pool.
func (p *pool) addr() string {
	if p == nil {
		return ""
	}
	return p.endpoint.cfg.Addr
}

// describe adds to a snapshot what the pool is like now.
func (p *pool) describe(s *Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Busy, s.Idle, s.Limit, s.Waiting = p.inUse, len(p.idle), p.limit.now, len(p.queue)
}

// errAllEnded is an attempt whose session the server had ended while it was idle,
// at a time when another one must not be opened at once.
var errAllEnded = errors.New("server had ended the idle session")

func errClosed() error { return &final{reason: ErrPermanent, err: ErrClosed} }

// closed implements keeper.
func (p *pool) closed() <-chan struct{} { return p.ended }

// take implements keeper.
func (p *pool) take(ctx context.Context, r request, t *turn) (*session, error) {
	for !t.opens {
		if s := t.idle; s != nil {
			t.idle = nil
			if s.wire.Bind(ctx, r.now) && s.alive(r) {
				return s, nil
			}
			s.wire.Close()
			p.gone()
		}
		if !p.instead(t) {
			return nil, &crowded{errAllEnded}
		}
	}
	for _, s := range t.room {
		s.end(ctx)
		p.gone()
	}
	t.room = nil
	s, err := p.endpoint.open(ctx, p.endpoint.cfg.User, p.endpoint.cfg.Password)
	if err != nil {
		return s, p.failed(ctx, s, t, err)
	}
	s.pooled = true
	p.opened(t)
	return s, nil
}

// instead looks for something in the place of an idle session that has turned
// out to be none: another one, or the right to open one.
func (p *pool) instead(t *turn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inUse--
	found := p.grant(t, time.Now())
	if !found {
		p.inUse++
	}
	return found
}

// opened takes note of a new session.
func (p *pool) opened(t *turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	t.opens = false
	p.opening--
	p.live++
	p.doubtful = false
	t.news.up = p.outage.rose(now)
	t.news.limit = p.limit.opened(p.live, t.trial, now)
	if t.trial {
		t.trial = false
		p.limit.tried(now) // the session may be in use for long
	}
	p.dispatch(now)
}

// gone takes note that a session has ended.
func (p *pool) gone() {
	p.mu.Lock()
	p.live--
	p.limit.ended = time.Now()
	p.mu.Unlock()
}

// give implements keeper. A session that is kept becomes idle with the end of the
// turn: who comes in between must not find the place taken and the session idle
// (test: TestASessionThatWasGivenBackIsUsedBeforeOneMoreIsTried).
func (p *pool) give(ctx context.Context, s *session, keep bool, t *turn) {
	if keep && s.reusable() && !p.shut.Load() {
		t.given = s
		return
	}
	s.end(ctx)
	p.gone()
}

// rest adds an idle session. The caller holds mu.
func (p *pool) rest(s *session) {
	p.idle = append(p.idle, s)
	if !p.watching {
		p.watch(p.endpoint.cfg.IdleTimeout)
	}
}

// watch has expire run after d. The caller holds mu.
func (p *pool) watch(d time.Duration) {
	p.watching = true
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.expire)
		return
	}
	p.timer.Reset(d)
}

// expire closes the sessions that were idle for long enough. It runs in the
// timer's goroutine; close waits for it.
func (p *pool) expire() {
	p.mu.Lock()
	if p.shut.Load() {
		p.mu.Unlock()
		return
	}
	p.watching = false
	var old []*session
	for len(p.idle) > 0 {
		left := p.endpoint.cfg.IdleTimeout - time.Since(p.idle[0].wire.Spoke())
		if left > 0 {
			p.watch(left)
			break
		}
		old = append(old, p.idle[0])
		p.idle = p.idle[1:]
		p.inUse++ // until it is closed there is no place for another one
	}
	p.closing.Add(1)
	p.mu.Unlock()
	defer p.closing.Done()
	sideBySide(old, p.retire)
}

// retire ends an idle session, which has a place as if it were in use. Where
// somebody waits for that, there is no time for a goodbye.
func (p *pool) retire(s *session) {
	p.mu.Lock()
	wanted := p.inUse > p.limit.now || len(p.queue) > 0
	p.mu.Unlock()
	if wanted {
		s.wire.Close()
	} else {
		s.end(context.Background())
	}
	p.gone()
	p.leave(&turn{}, outcome{})
}

// close ends the idle sessions; those in use are ended as they come back.
func (p *pool) close() {
	p.mu.Lock()
	if p.shut.Load() {
		p.mu.Unlock()
		return
	}
	p.shut.Store(true)
	close(p.ended)
	for _, timer := range []*time.Timer{p.timer, p.waker} {
		if timer != nil {
			timer.Stop()
		}
	}
	p.refuse(errClosed(), 0)
	old := p.idle
	p.idle = nil
	p.live -= len(old)
	p.mu.Unlock()
	sideBySide(old, func(s *session) { s.end(context.Background()) })
	p.closing.Wait()
}

// sideBySide ends sessions in no more time than one takes: a server that is gone
// answers none of them.
func sideBySide(old []*session, end func(*session)) {
	var wg sync.WaitGroup
	for _, s := range old {
		wg.Go(func() { end(s) })
	}
	wg.Wait()
}
