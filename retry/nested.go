package retry

import (
	"context"
	"slices"
	"sync/atomic"
)

// inside is a function given to Do while it runs: it holds a session, also while
// it waits for an operation that it has begun itself.
type inside struct {
	runs  atomic.Bool
	outer *inside // the function that has begun this Do; nil = none
}

// insideKey is where the context given to such a function keeps it.
type insideKey struct{ pool *pool }

func (p *pool) insideOf(ctx context.Context) *inside {
	in, _ := ctx.Value(insideKey{p}).(*inside)
	return in
}

// enter is the beginning of such a function; what it returns is called at its end.
func (p *pool) enter(ctx context.Context) (context.Context, func()) {
	in := &inside{outer: p.insideOf(ctx)}
	in.runs.Store(true)
	return context.WithValue(ctx, insideKey{p}, in), func() { in.runs.Store(false) }
}

// untie ends a waiting that nothing could end: each session is held by a function
// that waits for an operation of its own, and that for a session. The last of
// them to come is refused. A limit that may yet turn out to be none is no reason
// for that. The caller holds mu.
func (p *pool) untie() {
	if !p.nests || p.inUse < p.limit.now || !p.limit.firm() {
		return
	}
	waiting, last := make(map[*inside]bool), -1
	for i, w := range p.queue {
		if w.inside == nil || !w.inside.runs.Load() {
			continue
		}
		last = i
		for in := w.inside; in != nil; in = in.outer {
			if in.runs.Load() {
				waiting[in] = true
			}
		}
	}
	if last < 0 || len(waiting) < p.inUse {
		return
	}
	p.queue[last].ready <- &final{reason: ErrPermanent, err: ErrNested}
	p.queue = slices.Delete(p.queue, last, last+1)
}
