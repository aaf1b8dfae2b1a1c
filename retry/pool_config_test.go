package retry_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAfterLimitIntervalOneMoreIsTried(t *testing.T) {
	for _, c := range []struct {
		name     string
		interval time.Duration
		tried    time.Duration // after the refusal; 0 = never
	}{
		{"by default", 0, 5 * time.Minute},
		{"as set", 40 * time.Second, 40 * time.Second},
		{"never where it is negative", -1, 0},
		{"never where it is very negative", math.MinInt64, 0},
		{"never where it is for ever", math.MaxInt64, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, bears, dial := bounded(t, 2, "421 Too many users (2)")
				var lowered, raised time.Time
				cl := client(t, srv, func(cfg *retry.Config) {
					cfg.Dial, cfg.MaxConns, cfg.LimitInterval = dial, 3, c.interval
					cfg.Hooks.Limit = func(_ context.Context, l retry.Limit) {
						if l.To < l.From {
							lowered = time.Now()
						} else {
							raised = time.Now()
						}
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				busy := func(int) error {
					for ctx.Err() == nil {
						_ = cl.Do(ctx, func(context.Context, *ftp.ServerConn) error { time.Sleep(time.Second); return nil })
					}
					return nil
				}
				time.AfterFunc(20*time.Second, func() { bears.Store(3) })
				crowd(3, busy)
				require.False(t, lowered.IsZero())
				if c.tried == 0 {
					assert.True(t, raised.IsZero())
					assert.Equal(t, 2, cl.Stats().Limit)
				} else {
					assert.InDelta(t, c.tried, raised.Sub(lowered), float64(2*time.Second))
					assert.Equal(t, 3, cl.Stats().Limit)
				}
				_ = cl.Close()
			})
		})
	}
}

// To be refused one more session is no attempt, so that nothing but the pool
// bounds how often one is asked for, however short the policy's waits are.
func TestAFullServerIsNotAskedAgainAndAgainForAnHour(t *testing.T) {
	for _, p := range []policy.Policy{
		{Initial: time.Millisecond, Max: 2 * time.Millisecond},
		{BackOff: func() backoff.BackOff { return &backoff.ZeroBackOff{} }},
		{BackOff: func() backoff.BackOff { return &backoff.StopBackOff{} }},
		{},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv, _, dial := bounded(t, 1, "421 Too many users")
			require.NoError(t, srv.WriteFile("/f", pattern(1<<20)))
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var dials *atomic.Int64
			cl := client(t, srv, func(cfg *retry.Config) {
				cfg.MaxConns, cfg.StallTimeout, cfg.Policy = 4, 24*time.Hour, p
				cfg.Dial = func(c context.Context, network, addr string) (net.Conn, error) {
					if dials != nil && dials.Load() > 1000 {
						cancel()
					}
					return dial(c, network, addr)
				}
				dials = counted(cfg)
			})
			r, err := cl.Open(t.Context(), "/f")
			require.NoError(t, err)
			dials.Store(0)
			errs, _ := crowd(8, func(int) error { return stor(ctx, cl) })
			for _, err := range errs {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			assert.LessOrEqual(t, dials.Load(), int64(75))
			_ = r.Close()
			require.NoError(t, stor(t.Context(), cl))
			_ = cl.Close()
		})
	}
}

// What the server has borne it will bear again: the wait after a refusal is only
// for one more than that.
func TestThePlaceOfASessionThatHasEndedIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _, dial := bounded(t, 1, "421 Too many users")
		require.NoError(t, srv.WriteFile("/f", pattern(1<<20)))
		cl := client(t, srv, func(cfg *retry.Config) { cfg.Dial, cfg.StallTimeout, cfg.Policy = dial, time.Hour, policy.Policy{} })
		r, err := cl.Open(t.Context(), "/f")
		require.NoError(t, err)
		var ended time.Time
		go func() {
			time.Sleep(10 * time.Minute) // refusals are a minute apart by then
			ended = time.Now()
			_ = r.Close()
		}()
		require.NoError(t, stor(t.Context(), cl))
		assert.Less(t, time.Since(ended), time.Second)
		_ = cl.Close()
	})
}

// A reader has its session for long after it was opened, which is when the trial
// is over.
func TestATrialByAReaderIsNotTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, bears, dial := bounded(t, 2, "421 Too many users (2)")
		require.NoError(t, srv.WriteFile("/f", pattern(1<<20)))
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Dial, cfg.MaxConns, cfg.LimitInterval, cfg.StallTimeout = dial, 6, time.Minute, 24*time.Hour
		})
		for i := range 6 {
			go func() {
				r, err := cl.Open(t.Context(), "/f")
				if assert.NoError(t, err, i) {
					defer r.Close()
					time.Sleep(time.Hour)
				}
			}()
			synctest.Wait()
		}
		assert.Equal(t, 2, cl.Stats().Limit)
		bears.Store(6)
		time.Sleep(10 * time.Minute)
		assert.Equal(t, 6, cl.Stats().Limit)
		time.Sleep(3 * time.Hour)
		_ = cl.Close()
	})
}

// What may be an accident was not learned: it is tried again also where nothing
// that was learned is to be.
func TestARefusalThatDoesNotComeAgainIsForgottenWhateverTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: retrytest.Connect, Nth: 3, Reply: "421 Service not available.", Control: retrytest.FIN})
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.LimitInterval, cfg.Policy = -1, policy.Policy{Jitter: -1}
		})
		errs, _ := crowd(40, func(i int) error {
			return cl.Stor(t.Context(), fmt.Sprintf("/f%d", i), retry.Reader(&drip{left: 10, every: 100 * time.Millisecond}))
		})
		for _, err := range errs {
			assert.NoError(t, err)
		}
		assert.Equal(t, 4, cl.Stats().Limit)
		_ = cl.Close()
	})
}

func TestTheDefaultsOfAPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		cl := client(t, srv)
		s := cl.Stats()
		assert.Equal(t, 4, s.Limit)
		assert.True(t, math.IsInf(s.Budget, 1), "there is no budget")
		crowd(9, func(int) error {
			return cl.Do(t.Context(), func(context.Context, *ftp.ServerConn) error {
				time.Sleep(time.Second)
				assert.LessOrEqual(t, srv.Sessions(), 4)
				return nil
			})
		})
		assert.Equal(t, 4, srv.Sessions())
		time.Sleep(time.Minute - 4*time.Second)
		synctest.Wait()
		assert.Equal(t, 4, srv.Sessions(), "closed before IdleTimeout")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		assert.Zero(t, srv.Sessions(), "idle for longer than IdleTimeout")
		assert.Zero(t, cl.Stats().Idle)
		_ = cl.Close()

		cl = client(t, srv, func(cfg *retry.Config) { cfg.Budget, cfg.IdleTimeout = &policy.Budget{}, math.MaxInt64 })
		require.NoError(t, stor(t.Context(), cl))
		assert.InDelta(t, policy.DefaultBurst, cl.Stats().Budget, 0.001, "the zero Budget is the default one")
		time.Sleep(1000 * time.Hour)
		synctest.Wait()
		assert.Equal(t, 1, cl.Stats().Idle)
		_ = cl.Close()
	})
}

// With one session at most there is one, however many ask, and each has it.
func TestOneSessionServesAll(t *testing.T) {
	for _, c := range []struct {
		name  string
		most  int
		bears int64
	}{{"by Config", 1, 9}, {"by the server's limit", 8, 1}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, _, dial := bounded(t, c.bears, "421 Too many users")
				cl := client(t, srv, func(cfg *retry.Config) { cfg.Dial, cfg.MaxConns, cfg.Policy = dial, c.most, policy.Policy{Jitter: -1} })
				errs, _ := crowd(64, func(i int) error {
					return cl.Stor(t.Context(), fmt.Sprintf("/f%d", i), retry.Reader(&drip{left: 2, every: 50 * time.Millisecond}))
				})
				for _, err := range errs {
					assert.NoError(t, err)
				}
				assert.Len(t, srv.Names(), 64)
				assert.Equal(t, 1, srv.Sessions())
				assert.LessOrEqual(t, cl.Stats().Refused, int64(3))
				_ = cl.Close()
			})
		})
	}
}
