package policy

import (
	"fmt"
	"math"
	"strconv"
	"sync"
)

// The defaults of a budget.
const (
	DefaultRatio = 0.1
	DefaultBurst = 10
)

// Budget bounds what replays may add to the traffic of all transactions that
// share it: over any time there are at most burst replays plus ratio for each
// transaction begun, so an outage that fails everything multiplies the traffic
// by no more than 1+ratio, however many attempts the policy allows. Each
// transaction earns ratio tokens when it begins, a replay spends one, and no
// more than burst are kept.
//
// A nil Budget allows everything, which is the default of a client; the zero
// Budget has the default ratio and burst. It starts full. Safe for concurrent
// use; not to be copied after its first use.
type Budget struct {
	mu sync.Mutex
	// In parts of a token, because ten times 0.1 is less than 1 in floating
	// point. spent counts down from full, so that the zero value is full.
	ratio, burst, spent int64
}

const unit = 1_000_000_000

// NewBudget returns a full budget. ratio is how many replays each transaction
// pays for, 0 meaning 0.1; burst is how many can be saved up, 0 meaning 10. The
// error is an [*Error].
func NewBudget(ratio float64, burst int) (*Budget, error) {
	const most = 1_000_000_000
	if !(ratio >= 0 && ratio <= most) { // as what is allowed, for NaN fails every comparison
		return nil, refuse("budget ratio", number(ratio), "a number of replays for each transaction, such as 0.1")
	}
	if burst < 0 || burst > most {
		return nil, refuse("budget burst", strconv.Itoa(burst), fmt.Sprintf("a number of replays from 1 to %d, or 0 for the default", most))
	}
	b := &Budget{ratio: int64(math.Round(ratio * unit)), burst: int64(burst) * unit}
	if ratio > 0 && b.ratio == 0 {
		b.ratio = 1 // 0 would be the default, a hundred million times as much
	}
	return b, nil
}

// Earn is called once for each transaction, when its first attempt begins.
func (b *Budget) Earn() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	ratio := b.ratio
	if ratio == 0 {
		ratio = DefaultRatio * unit
	}
	b.spent = max(b.spent-ratio, 0)
}

// Spend takes the token of one replay and reports whether there was one. It is
// called before the wait, so that nobody waits for a replay that is not
// allowed; without a token the transaction ends with the error it has.
func (b *Budget) Spend() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent+unit > b.full() {
		return false
	}
	b.spent += unit
	return true
}

// Left is how many replays are paid for now, with fractions; +Inf if b is nil.
func (b *Budget) Left() float64 {
	if b == nil {
		return math.Inf(1)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return float64(b.full()-b.spent) / unit
}

func (b *Budget) full() int64 {
	if b.burst == 0 {
		return DefaultBurst * unit
	}
	return b.burst
}
