package retry

import (
	"context"
	"time"
)

// tellEvery is the least time between two calls of Hooks.Progress.
const tellEvery = 100 * time.Millisecond

// teller tells Hooks.Progress of one attempt's bytes.
type teller struct {
	transaction *transaction
	ctx         context.Context
	session     *session
	began, last time.Time
	told        int64
}

// moved is called after each chunk.
func (p *teller) moved() {
	if now := time.Now(); now.Sub(p.last) >= tellEvery {
		p.last = now
		p.tell()
	}
}

// tell reports how far the transfer is, if it has moved since it was last told.
func (p *teller) tell() {
	t := p.transaction
	m := p.session.moved()
	n := m.In + m.Out
	if n == p.told {
		return
	}
	p.told = n
	total := t.op.total
	if total <= 0 {
		total = -1
	}
	rate := 0.0
	if took := time.Since(p.began).Seconds(); took > 0 {
		rate = float64(n) / took
	}
	t.hooks.Progress(p.ctx, Progress{Attempt: t.describe(), Bytes: t.op.base + n, Total: total, Rate: rate})
}
