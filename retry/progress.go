package retry

import (
	"context"
	"time"
)

// tellEvery is the least time between two calls of Hooks.Progress.
const tellEvery = 100 * time.Millisecond

// teller tells Hooks.Progress of one attempt's bytes.
type teller struct {
	tell        func(context.Context, Progress)
	ctx         context.Context
	session     *session
	of          Attempt
	began, last time.Time
	told        int64
}

// moved is called after each chunk.
func (p *teller) moved() {
	if now := time.Now(); now.Sub(p.last) >= tellEvery {
		p.last = now
		p.report()
	}
}

// report tells how far the transfer is, if it has moved since it was last told.
func (p *teller) report() {
	m := p.session.moved()
	n := m.In + m.Out
	if n == p.told {
		return
	}
	p.told = n
	rate := 0.0
	if took := time.Since(p.began).Seconds(); took > 0 {
		rate = float64(n) / took
	}
	p.tell(p.ctx, Progress{Attempt: p.of, Bytes: p.session.base + n, Total: p.session.total, Rate: rate})
}
