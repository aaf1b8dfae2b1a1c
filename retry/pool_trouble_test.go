package retry_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"runtime"
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
	"github.com/ftpretry/ftpretry/transient"
)

func TestAnotherOnesAttemptTimeoutIsNotMine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: retrytest.Connect, Delay: time.Second, Times: -1})
		require.NoError(t, srv.WriteFile("/f", []byte("content")))
		cl := client(t, srv)
		hurried := cl.WithPolicy(policy.Policy{Attempts: 1, AttemptTimeout: 100 * time.Millisecond})
		patient := cl.WithPolicy(policy.Policy{Attempts: 1})
		go func() {
			for range 2 { // one may be an accident
				_, _ = hurried.FileSize(t.Context(), "/f")
			}
		}()
		synctest.Wait()
		_, err := patient.FileSize(t.Context(), "/f")
		assert.NoError(t, err)
		_ = cl.Close()
	})
}

func TestASessionGrantedTooLateIsNotLeftOpenAfterClose(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range 40 {
		synctest.Test(t, func(t *testing.T) {
			srv := memory(t, retrytest.Config{})
			cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns = 1 })
			ctx, cancel := context.WithCancel(t.Context())
			release := make(chan struct{})
			go func() {
				_ = cl.WithHooks(retry.Hooks{Done: func(context.Context, retry.Done) { _ = cl.Close() }}).Do(t.Context(), func(context.Context, *ftp.ServerConn) error { <-release; cancel(); return nil })
			}()
			synctest.Wait()
			go func() { _ = cl.Do(ctx, func(context.Context, *ftp.ServerConn) error { return nil }) }()
			synctest.Wait()
			close(release)
			synctest.Wait()
			time.Sleep(5 * time.Second)
			synctest.Wait()
			require.Zero(t, srv.Sessions())
			require.Zero(t, cl.Stats().Idle)
			require.Zero(t, cl.Stats().Busy)
		})
	}
}

func TestASessionThatIsBeingEndedDoesNotMakeAHotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _, dial := bounded(t, 4, "421 Too many users")
		srv.Inject(retrytest.Fault{On: "QUIT", Stall: true, Times: -1})
		var dials *atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.MaxConns, cfg.IdleTimeout = 4, 10*time.Second
			cfg.Dial = func(c context.Context, n, a string) (net.Conn, error) {
				if dials != nil && dials.Load() > 500 {
					cancel()
				}
				return dial(c, n, a)
			}
			dials = counted(cfg)
		})
		crowd(4, func(int) error {
			return cl.Do(ctx, func(context.Context, *ftp.ServerConn) error { time.Sleep(time.Second); return nil })
		})
		require.Equal(t, 4, cl.Stats().Idle)
		dials.Store(0)
		for cl.Stats().Idle == 4 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		_ = cl.Do(ctx, func(context.Context, *ftp.ServerConn) error { return nil })
		assert.Less(t, dials.Load(), int64(10))
		cancel()
		_ = cl.Close()
	})
}

func TestCloseDoesNotWaitForTheGoodbyesOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "QUIT", Stall: true, Times: -1})
		cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns, cfg.IdleTimeout = 16, 10*time.Second })
		crowd(16, func(int) error {
			return cl.Do(t.Context(), func(context.Context, *ftp.ServerConn) error { time.Sleep(5 * time.Second); return nil })
		})
		for cl.Stats().Idle == 16 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		start := time.Now()
		_ = cl.Close()
		assert.LessOrEqual(t, time.Since(start), 5*time.Second)
	})
}

func TestARefusalLongAgoIsNotSharedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "DELE", Lose: true, Control: retrytest.RST})
		var bad atomic.Bool
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Policy = policy.Policy{}
			dial := cfg.Dial
			cfg.Dial = func(c context.Context, n, a string) (net.Conn, error) {
				if bad.Load() {
					return nil, x509.UnknownAuthorityError{}
				}
				return dial(c, n, a)
			}
		})
		done := make(chan error)
		go func() {
			done <- cl.Do(t.Context(), func(_ context.Context, c *ftp.ServerConn) error {
				time.Sleep(time.Hour)
				return c.NoOp()
			})
		}()
		synctest.Wait()
		bad.Store(true)
		require.ErrorIs(t, cl.MakeDir(t.Context(), "/d"), retry.ErrPermanent)
		bad.Store(false)
		srv.Kick(retrytest.RST)
		assert.NoError(t, <-done)
		_ = cl.Close()
	})
}

func TestThePaceOfAnOutageDoesNotEndWithAClassesAttempts(t *testing.T) {
	for _, own := range []policy.Policy{{}, {Attempts: 3}, {Elapsed: 10 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			srv := memory(t, retrytest.Config{})
			srv.Down()
			var dials *atomic.Int64
			cl := client(t, srv, func(cfg *retry.Config) {
				cfg.Policy = policy.Policy{Attempts: 3, Jitter: -1, Classes: map[transient.Class]policy.Policy{transient.Network: own}}
				dials = counted(cfg)
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			crowd(64, func(i int) error {
				time.Sleep(time.Duration(i) * 37 * time.Millisecond)
				for ctx.Err() == nil {
					_ = cl.Delete(t.Context(), "/f")
					time.Sleep(10 * time.Millisecond)
				}
				return nil
			})
			assert.LessOrEqual(t, dials.Load(), int64(60), "%+v", own)
			_ = cl.Close()
		})
	}
}

func TestAPanicInTheHookOfAReaderKeepsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile("/f", pattern(1<<20)))
		cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns = 1 })
		r, err := cl.WithHooks(retry.Hooks{Progress: func(context.Context, retry.Progress) { panic("mine") }}).Open(t.Context(), "/f")
		require.NoError(t, err)
		func() {
			defer func() { _ = recover() }()
			time.Sleep(time.Second)
			_, _ = io.Copy(io.Discard, r)
		}()
		_ = r.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = cl.FileSize(ctx, "/f")
		assert.NoError(t, err)
		assert.Zero(t, cl.Stats().Busy)
		_ = cl.Close()
	})
}

func TestAShortOutageBesideAPausedReaderIsNotTakenForALimit(t *testing.T) {
	for _, reply := range []string{"", "421 Service not available."} {
		synctest.Test(t, func(t *testing.T) {
			srv := memory(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("/f", pattern(1<<20)))
			cl := client(t, srv, func(cfg *retry.Config) { cfg.Policy = policy.Policy{Jitter: -1} })
			r, err := cl.Open(t.Context(), "/f")
			require.NoError(t, err)
			srv.Kick(retrytest.RST)
			srv.Inject(retrytest.Fault{On: retrytest.Connect, Reply: reply, Control: retrytest.FIN, Times: -1})
			time.AfterFunc(20*time.Second, srv.ClearFaults)
			start := time.Now()
			_, err = cl.FileSize(t.Context(), "/f")
			require.NoError(t, err)
			assert.Less(t, time.Since(start), time.Minute, reply)
			_ = r.Close()
			_ = cl.Close()
		})
	}
}

func TestASharedFailureCostsTheBudgetNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile("/f", []byte("content")))
		srv.Down()
		b, _ := policy.NewBudget(0.1, 10)
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Policy = policy.Policy{Jitter: -1}
			cfg.Budget = b
			dial := cfg.Dial
			cfg.Dial = func(c context.Context, n, a string) (net.Conn, error) {
				time.Sleep(10 * time.Millisecond)
				return dial(c, n, a)
			}
		})
		time.AfterFunc(500*time.Millisecond, func() { _ = srv.Up() })
		errs, _ := crowd(64, func(int) error { _, err := cl.FileSize(t.Context(), "/f"); return err })
		failed := 0
		for _, err := range errs {
			if err != nil {
				failed++
			}
		}
		assert.Zero(t, failed)
		_ = cl.Close()
	})
}

func TestAPasswordThatWasChangedWhileASessionLivesIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile("/f", pattern(1<<20)))
		var logins atomic.Int64
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Policy = policy.Policy{}
			cfg.Hooks.Login = func(_ context.Context, l retry.Login) {
				if l.Err != nil {
					logins.Add(1)
				}
			}
		})
		r, err := cl.Open(t.Context(), "/f")
		require.NoError(t, err)
		srv.Inject(retrytest.Fault{On: "PASS", Reply: "530 Login incorrect.", Times: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		start := time.Now()
		_, err = cl.FileSize(ctx, "/f")
		require.ErrorIs(t, err, retry.ErrPermanent)
		assert.Zero(t, time.Since(start))
		assert.EqualValues(t, 1, logins.Load())
		_ = r.Close()
		_ = cl.Close()
	})
}

// FileZilla Server answers PASS so, beyond a user's limit, and stays connected.
func TestA421AtPassThatDoesNotCloseIsALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "PASS", Nth: 3, Reply: "421 Too many active connections, try again later", Times: -1})
		cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns, cfg.Policy = 8, policy.Policy{} })
		errs, _ := crowd(40, func(i int) error {
			return cl.Stor(t.Context(), fmt.Sprintf("/f%d", i), retry.Reader(&drip{left: 5, every: 100 * time.Millisecond}))
		})
		for _, err := range errs {
			assert.NoError(t, err)
		}
		s := cl.Stats()
		assert.Equal(t, 2, s.Limit)
		assert.LessOrEqual(t, s.Refused, int64(5))
		_ = cl.Close()
	})
}

// judging is a classifier of the caller's that calls everything the same.
type judging transient.Class

func (j judging) Classify(transient.Failure) transient.Verdict {
	return transient.Verdict{Class: transient.Class(j)}
}

// A classifier may call a lost connection, which has no reply, whatever it likes.
func TestAVerdictOfTheCallersNeedsNoReply(t *testing.T) {
	for _, class := range []transient.Class{transient.Busy, transient.Overload, transient.Network, transient.DataChannel, transient.Storage, transient.Security} {
		for _, on := range []string{retrytest.Connect, "USER", "PASS", "EPSV", "STOR"} {
			synctest.Test(t, func(t *testing.T) {
				srv := memory(t, retrytest.Config{}, retrytest.Fault{On: on, Control: retrytest.FIN})
				cl := client(t, srv, func(cfg *retry.Config) { cfg.Classifier = judging(class) })
				err := stor(t.Context(), cl)
				assert.NoError(t, err, "%v at %s", class, on)
				_ = cl.Close()
			})
		}
	}
}
