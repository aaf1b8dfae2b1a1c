package policy_test

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
)

// outage runs n transactions that fail every attempt and returns how many
// replays the budget let through.
func outage(b *policy.Budget, n int) (replays int) {
	for range n {
		b.Earn()
		for range 6 {
			if !b.Spend() {
				break
			}
			replays++
		}
	}
	return replays
}

func TestAnOutageMultipliesTrafficByNoMoreThanTheRatio(t *testing.T) {
	budget := func(ratio float64, burst int) *policy.Budget {
		b, err := policy.NewBudget(ratio, burst)
		require.NoError(t, err)
		return b
	}
	for name, test := range map[string]struct {
		budget  *policy.Budget
		replays int // of 1000 transactions
	}{
		// The first earns nothing, because the budget is full when it begins.
		"a tenth":                          {budget(0.1, 5), 5 + 99},
		"zero arguments are the defaults":  {budget(0, 0), 10 + 99},
		"the zero budget has the defaults": {new(policy.Budget), 10 + 99},
		"one for one":                      {budget(1, 1), 1 + 999},
		"hardly any":                       {budget(1e-12, 3), 3},
		"more than a burst keeps":          {budget(100, 4), 4 * 1000},
		"nil is no limit":                  {nil, 6 * 1000},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.replays, outage(test.budget, 1000))
		})
	}
}

func TestBudgetShowsWhatIsLeft(t *testing.T) {
	b, err := policy.NewBudget(0.1, 2)
	require.NoError(t, err)
	left := []float64{b.Left()}
	for range 2 {
		require.True(t, b.Spend())
		left = append(left, b.Left())
	}
	require.False(t, b.Spend())
	for range 10 {
		require.False(t, b.Spend(), "a tenth of a token is none")
		b.Earn()
	}
	left = append(left, b.Left())
	assert.Equal(t, []float64{2, 1, 0, 1}, left)
	for range 1000 {
		b.Earn()
	}
	assert.Equal(t, 2.0, b.Left(), "no more than the burst is kept")

	var none *policy.Budget
	assert.True(t, math.IsInf(none.Left(), 1))
	assert.Equal(t, 10.0, new(policy.Budget).Left())
}

func TestBudgetIsSharedByManyGoroutines(t *testing.T) {
	b, err := policy.NewBudget(0.5, 10)
	require.NoError(t, err)
	var replays atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { replays.Add(int64(outage(b, 100))) })
	}
	all.Wait()
	assert.LessOrEqual(t, replays.Load(), int64(10+800/2))
	assert.GreaterOrEqual(t, replays.Load(), int64(10+800/2-8), "tokens were lost")
}

func TestNewBudgetSaysWhatIsAllowed(t *testing.T) {
	for name, test := range map[string]struct {
		ratio float64
		burst int
		want  string
	}{
		"a negative ratio":           {-0.1, 1, `policy: budget ratio "-0.1": want a number of replays for each transaction, such as 0.1`},
		"a ratio that is no number":  {math.NaN(), 1, `policy: budget ratio "NaN": want a number of replays for each transaction, such as 0.1`},
		"an infinite ratio":          {math.Inf(1), 1, `policy: budget ratio "+Inf": want a number of replays for each transaction, such as 0.1`},
		"a negative burst":           {0.1, -1, `policy: budget burst "-1": want a number of replays from 1 to 1000000000, or 0 for the default`},
		"a burst beyond all numbers": {0.1, 1_000_000_001, `policy: budget burst "1000000001": want a number of replays from 1 to 1000000000, or 0 for the default`},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := policy.NewBudget(test.ratio, test.burst)
			require.EqualError(t, err, test.want)
			require.Nil(t, b)
		})
	}
}
