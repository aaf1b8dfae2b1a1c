package retry

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// probeAfter is how long a session must have been idle to be looked at before
// it is used: within less, a server has no cause to hang up, and the look would
// be one more system call for each operation.
const probeAfter = 100 * time.Millisecond

// pool keeps the sessions of a Client: at most MaxConns at once, callers served
// in the order of their arrival, the session used last reused first.
type pool struct {
	endpoint *endpoint
	places   chan struct{} // an element for each session in use or being made

	mu       sync.Mutex
	idle     []*session // longest idle first
	timer    *time.Timer
	watching bool        // expire will run
	shut     atomic.Bool // closed is
	closed   chan struct{}
	closing  sync.WaitGroup // of expire
}

func newPool(e *endpoint) *pool {
	return &pool{endpoint: e, places: make(chan struct{}, e.cfg.MaxConns), closed: make(chan struct{})}
}

// addr is the server's address; "" for no pool.
func (p *pool) addr() string {
	if p == nil {
		return ""
	}
	return p.endpoint.cfg.Addr
}

// take implements keeper.
func (p *pool) take(ctx context.Context, r request) (*session, error) {
	for !r.fresh {
		s := p.pop(0)
		if s == nil {
			break
		}
		if s.alive(r) && s.wire.Bind(ctx, r.now) {
			return s, nil
		}
		s.wire.Close()
	}
	// A new session must not be one more than MaxConns: an idle one makes room.
	for s := p.pop(cap(p.places) - len(p.places)); s != nil; s = p.pop(cap(p.places) - len(p.places)) {
		s.end(ctx)
	}
	return p.endpoint.open(ctx, p.endpoint.cfg.User, p.endpoint.cfg.Password)
}

// admit implements keeper: it waits for a place.
func (p *pool) admit(ctx context.Context) error {
	if p.shut.Load() {
		return &final{reason: ErrPermanent, err: ErrClosed}
	}
	select {
	case p.places <- struct{}{}:
		return nil
	default:
	}
	select {
	case p.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-p.closed:
		return &final{reason: ErrPermanent, err: ErrClosed}
	}
}

// pop returns the idle session that was used last, nil if no more than spare
// are idle.
func (p *pool) pop(spare int) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n <= spare {
		return nil
	}
	s := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return s
}

// give implements keeper.
func (p *pool) give(ctx context.Context, s *session, keep bool) {
	if !keep || !s.reusable() || !p.shelve(s) {
		s.end(ctx)
	}
}

// leave implements keeper.
func (p *pool) leave() { <-p.places }

// shelve makes s an idle session, unless the pool is closed.
func (p *pool) shelve(s *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut.Load() {
		return false
	}
	p.idle = append(p.idle, s)
	if !p.watching {
		p.watch(p.endpoint.cfg.IdleTimeout)
	}
	return true
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
	select {
	case <-p.closed:
		p.mu.Unlock()
		return
	default:
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
	}
	p.closing.Add(1)
	p.mu.Unlock()
	defer p.closing.Done()
	for _, s := range old {
		// A session that is being ended still counts. Where there is no place
		// for it, somebody waits for one: no time for a goodbye.
		select {
		case p.places <- struct{}{}:
			s.end(context.Background())
			<-p.places
		default:
			s.wire.Close()
		}
	}
}

// close ends the idle sessions; those in use are ended as they come back.
func (p *pool) close() {
	p.mu.Lock()
	select {
	case <-p.closed:
		p.mu.Unlock()
		return
	default:
	}
	p.shut.Store(true)
	close(p.closed)
	if p.timer != nil {
		p.timer.Stop()
	}
	old := p.idle
	p.idle = nil
	p.mu.Unlock()
	endAll(old)
	p.closing.Wait()
}

// endAll ends sessions side by side, so that it takes no longer than one.
func endAll(old []*session) {
	var wg sync.WaitGroup
	for _, s := range old {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s.end(context.Background())
		}()
	}
	wg.Wait()
}
