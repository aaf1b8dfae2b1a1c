package retry_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAFunctionDoesNotWaitForTheSessionThatItHolds(t *testing.T) {
	for _, c := range []struct {
		name      string
		most      int
		bears     int64
		functions int // that run at the same time
		deep      int // functions within functions
		refused   int
	}{
		{"one session, one function", 1, 9, 1, 1, 1},
		{"one more session than functions", 2, 9, 1, 1, 0},
		{"as many sessions as functions", 3, 9, 3, 1, 1},
		{"more functions than sessions", 3, 9, 6, 1, 4},
		{"a function in a function", 2, 9, 1, 2, 1},
		{"a server that bears but one", 4, 1, 1, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, _, dial := bounded(t, c.bears, "421 Too many users")
				require.NoError(t, srv.WriteFile("/f", []byte("content")))
				cl := client(t, srv, func(cfg *retry.Config) { cfg.Dial, cfg.MaxConns, cfg.Policy = dial, c.most, policy.Policy{Jitter: -1} })
				var refused atomic.Int64
				var inner func(ctx context.Context, deep int) error
				inner = func(ctx context.Context, deep int) error {
					if deep == 0 {
						_, err := cl.FileSize(ctx, "/f")
						if err != nil {
							assert.ErrorIs(t, err, retry.ErrNested)
							assert.ErrorIs(t, err, retry.ErrPermanent)
							refused.Add(1)
						}
						return err
					}
					return cl.Do(ctx, func(ctx context.Context, conn *ftp.ServerConn) error {
						time.Sleep(time.Second) // until each has its session
						if err := inner(ctx, deep-1); err != nil {
							return err
						}
						return conn.NoOp()
					})
				}
				start := time.Now()
				errs, _ := crowd(c.functions, func(int) error { return inner(t.Context(), c.deep) })
				failed := 0
				for _, err := range errs {
					if err != nil {
						failed++
					}
				}
				assert.EqualValues(t, c.refused, refused.Load())
				assert.Equal(t, c.refused, failed)
				assert.Less(t, time.Since(start), 10*time.Minute)
				assert.Zero(t, cl.Stats().Busy)
				_ = cl.Close()
			})
		})
	}
}

// Who waits while somebody else holds a session that he will give back is not
// refused; nor is what a function has left running.
func TestAFunctionWaitsForASessionThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile("/f", []byte("content")))
		cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns = 2 })
		size := func(ctx context.Context) { _, err := cl.FileSize(ctx, "/f"); assert.NoError(t, err) }
		var all sync.WaitGroup
		all.Go(func() {
			_ = cl.Do(t.Context(), func(context.Context, *ftp.ServerConn) error { time.Sleep(time.Hour); return nil })
		})
		synctest.Wait()
		assert.NoError(t, cl.Do(t.Context(), func(ctx context.Context, _ *ftp.ServerConn) error { size(ctx); return nil }))
		hold := make(chan struct{})
		all.Go(func() {
			_ = cl.Do(t.Context(), func(context.Context, *ftp.ServerConn) error { <-hold; return nil })
		})
		synctest.Wait()
		assert.NoError(t, cl.Do(t.Context(), func(ctx context.Context, _ *ftp.ServerConn) error {
			all.Go(func() {
				time.Sleep(time.Second)
				size(ctx)
			})
			close(hold)
			return nil
		}))
		all.Wait()
		_ = cl.Close()
	})
}
