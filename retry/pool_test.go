package retry_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
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
	"github.com/ftpretry/ftpretry/transient"
)

// crowd runs n operations at once and returns their errors and the times of
// their ends.
func crowd(n int, op func(i int) error) (errs []error, ends []time.Time) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			err := op(i)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			ends = append(ends, time.Now())
		}()
	}
	wg.Wait()
	return errs, ends
}

// counted has dials of the control connection counted.
func counted(cfg *retry.Config) *atomic.Int64 {
	n := new(atomic.Int64)
	dial := cfg.Dial
	cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == cfg.Addr {
			n.Add(1)
		}
		return dial(ctx, network, addr)
	}
	return n
}

func TestWhileTheServerIsAwayOneTriesForAll(t *testing.T) {
	const away = 60 * time.Second
	for _, c := range []struct {
		name   string
		before bool // sessions are open when the server goes away
		jitter float64
		down   func(*retrytest.Server)
		up     func(*retrytest.Server) error
	}{
		{"from the start", false, 0, (*retrytest.Server).Down, (*retrytest.Server).Up},
		{"from the start, without jitter", false, -1, (*retrytest.Server).Down, (*retrytest.Server).Up},
		{"after sessions were open", true, 0, (*retrytest.Server).Down, (*retrytest.Server).Up},
		{"refusing with 421", false, 0, func(s *retrytest.Server) {
			s.Inject(retrytest.Fault{On: retrytest.Connect, Reply: "421 Service not available.", Control: retrytest.FIN, Times: -1})
		}, func(s *retrytest.Server) error { s.ClearFaults(); return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 5 { // jitter is random
				synctest.Test(t, func(t *testing.T) {
					srv := memory(t, retrytest.Config{})
					require.NoError(t, srv.WriteFile("/f", []byte("content")))
					var dials *atomic.Int64
					var downs, ups atomic.Int64
					var rose retry.Up
					cl := client(t, srv, func(cfg *retry.Config) {
						cfg.Policy = policy.Policy{Attempts: -1, Jitter: c.jitter, Classes: map[transient.Class]policy.Policy{transient.Overload: {Initial: time.Second}}}
						dials = counted(cfg)
						cfg.Hooks.Down = func(context.Context, retry.Down) { downs.Add(1) }
						cfg.Hooks.Up = func(_ context.Context, u retry.Up) { ups.Add(1); rose = u }
					})
					size := func(int) error { _, err := cl.FileSize(t.Context(), "/f"); return err }
					if c.before {
						crowd(8, func(int) error { return stor(t.Context(), cl) })
					}
					dials.Store(0)
					began := time.Now()
					c.down(srv)
					time.AfterFunc(away, func() { assert.NoError(t, c.up(srv)) })
					errs, ends := crowd(64, size)
					for _, err := range errs {
						assert.NoError(t, err)
					}
					assert.LessOrEqual(t, dials.Load(), int64(12))
					first, last := slices.MinFunc(ends, time.Time.Compare), slices.MaxFunc(ends, time.Time.Compare)
					assert.GreaterOrEqual(t, first.Sub(began), away)
					assert.LessOrEqual(t, last.Sub(first), 2*time.Second)
					assert.EqualValues(t, 1, downs.Load())
					assert.EqualValues(t, 1, ups.Load())
					assert.GreaterOrEqual(t, rose.Away, 55*time.Second)
					assert.Positive(t, rose.Dials)
					_ = cl.Close()
				})
			}
		})
	}
}

func TestAServerThatStaysAwayEndsEveryoneAfterHisOwnAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		srv.Down()
		var dials *atomic.Int64
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Policy = policy.Policy{Attempts: 4, Jitter: -1}
			dials = counted(cfg)
		})
		began := time.Now()
		errs, ends := crowd(64, func(int) error { return cl.Delete(t.Context(), "/f") })
		for _, err := range errs {
			var e *retry.Error
			require.ErrorAs(t, err, &e)
			assert.ErrorIs(t, err, retry.ErrAttempts)
			assert.Equal(t, 4, e.Attempts)
			assert.Equal(t, transient.Network, e.Verdict.Class)
		}
		assert.LessOrEqual(t, slices.MaxFunc(ends, time.Time.Compare).Sub(began), 15*time.Second)
		assert.LessOrEqual(t, dials.Load(), int64(8))
		_ = cl.Close()
	})
}

func TestAnOperationWhoseTimeEndsBeforeTheNextTryDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		srv.Down()
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Policy = policy.Policy{Initial: 30 * time.Second, Jitter: -1, Attempts: 2}
		})
		for range 2 { // one may be an accident
			go func() { _ = cl.Delete(t.Context(), "/f") }()
			synctest.Wait()
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := cl.Delete(ctx, "/f")
		require.ErrorIs(t, err, retry.ErrDeadline)
		assert.Zero(t, time.Since(start))
		hurried := cl.WithPolicy(policy.Policy{Elapsed: 5 * time.Second})
		require.ErrorIs(t, hurried.Delete(t.Context(), "/f"), retry.ErrElapsed)
		assert.Zero(t, time.Since(start))
		_ = cl.Close()
	})
}

func TestAWrongPasswordIsSentOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{Users: map[string]string{"u": "another"}})
		var logins atomic.Int64
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.MaxConns = 16
			cfg.Hooks.Login = func(_ context.Context, l retry.Login) {
				logins.Add(1)
				assert.Error(t, l.Err)
				assert.NotContains(t, fmt.Sprintf("%+v", l), "secret")
			}
		})
		errs, _ := crowd(64, func(int) error { return cl.Delete(t.Context(), "/f") })
		for _, err := range errs {
			var reply *textproto.Error
			require.ErrorAs(t, err, &reply)
			assert.Equal(t, 530, reply.Code)
			assert.ErrorIs(t, err, retry.ErrPermanent)
		}
		assert.EqualValues(t, 1, logins.Load())
		_ = cl.Close()
	})
}

// between is a context whose holder is kept, as it takes its place in the queue,
// from first to then.
type between struct {
	context.Context
	first, then chan struct{}
}

func (b between) Value(key any) any {
	if fmt.Sprintf("%T", key) == "retry.insideKey" {
		close(b.first)
		<-b.then
	}
	return b.Context.Value(key)
}

func TestARefusalThatComesWhileAnAttemptTakesItsPlaceIsItsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{Users: map[string]string{"u": "another"}})
		var dials *atomic.Int64
		second := between{t.Context(), make(chan struct{}), make(chan struct{})}
		cl := client(t, srv, func(cfg *retry.Config) {
			dial := cfg.Dial
			cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				<-second.first
				return dial(ctx, network, addr)
			}
			dials = counted(cfg)
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			assert.ErrorIs(t, cl.Delete(t.Context(), "/f"), retry.ErrPermanent)
			close(second.then)
		})
		synctest.Wait()
		assert.ErrorIs(t, cl.Delete(second, "/f"), retry.ErrPermanent)
		wg.Wait()
		assert.EqualValues(t, 1, dials.Load())
		_ = cl.Close()
	})
}

// refusals are the ways in which servers say that there are too many sessions.
var refusals = []struct{ name, reply string }{
	{"in words", "421 Too many users, sorry."},
	{"with its number", "530 Sorry, the maximum number of clients (3) for this host are already connected."},
	{"in words that say nothing", "500 Access denied"},
}

// bounded is a server that bears n sessions and says so by reply, in place of
// the greeting.
func bounded(t *testing.T, n int64, reply string) (srv *retrytest.Server, bears *atomic.Int64, dial func(context.Context, string, string) (net.Conn, error)) {
	t.Helper()
	srv = memory(t, retrytest.Config{})
	refusing := memory(t, retrytest.Config{}, retrytest.Fault{On: retrytest.Connect, Reply: reply, Control: retrytest.FIN, Times: -1})
	bears = new(atomic.Int64)
	bears.Store(n)
	var open atomic.Int64
	dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != srv.Addr() {
			return srv.Dial(ctx, network, addr)
		}
		if open.Add(1) > bears.Load() {
			open.Add(-1)
			return refusing.Dial(ctx, network, refusing.Addr())
		}
		conn, err := srv.Dial(ctx, network, addr)
		if err != nil {
			open.Add(-1)
			return nil, err
		}
		return &placed{Conn: conn, leave: sync.OnceFunc(func() { open.Add(-1) })}, nil
	}
	return srv, bears, dial
}

// placed is a connection that has one of the places of a server.
type placed struct {
	net.Conn
	leave func()
}

func (p *placed) Close() error {
	defer p.leave()
	return p.Conn.Close()
}

func TestTheServersLimitIsLearnedAndNoOperationFailsOfIt(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, _, dial := bounded(t, 3, c.reply)
				var mu sync.Mutex
				var limits []int
				var failed, most int
				cl := client(t, srv, func(cfg *retry.Config) {
					cfg.Dial, cfg.MaxConns = dial, 16
					cfg.Policy = policy.Policy{}
					cfg.Hooks.Limit = func(_ context.Context, l retry.Limit) {
						mu.Lock()
						defer mu.Unlock()
						limits = append(limits, l.To)
						assert.Error(t, l.Err)
					}
					cfg.Hooks.Done = func(_ context.Context, d retry.Done) {
						mu.Lock()
						defer mu.Unlock()
						if d.Attempts != 1 {
							failed++
						}
						most = max(most, srv.Sessions())
					}
				})
				slow := func(i int) error {
					return cl.Stor(t.Context(), fmt.Sprintf("/f%d", i), retry.Reader(&drip{left: 3, every: 50 * time.Millisecond}))
				}
				errs, _ := crowd(500, slow)
				for _, err := range errs {
					require.NoError(t, err)
				}
				s := cl.Stats()
				assert.LessOrEqual(t, s.Refused, int64(20))
				assert.Equal(t, 3, s.Limit)
				assert.True(t, slices.IsSortedFunc(limits, func(a, b int) int { return b - a }), "it was raised: %v", limits)
				assert.Zero(t, failed, "to be refused a session is no attempt")
				assert.Equal(t, 3, most, "fewer sessions were used than the server bears")
				assert.Len(t, srv.Names(), 500)
				_ = cl.Close()
			})
		})
	}
}

func TestTheLimitIsTriedAgainOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, bears, dial := bounded(t, 2, "421 Too many users (2)")
		var raised []time.Duration
		began := time.Now()
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Dial, cfg.MaxConns = dial, 8
			cfg.LimitInterval = time.Minute
			cfg.Hooks.Limit = func(_ context.Context, l retry.Limit) {
				if l.To > l.From {
					raised = append(raised, time.Since(began).Round(time.Second))
					assert.Equal(t, l.From+1, l.To)
					assert.NoError(t, l.Err)
				}
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		time.AfterFunc(5*time.Minute+30*time.Second, func() { bears.Store(4) })
		crowd(8, func(i int) error {
			for ctx.Err() == nil {
				_ = cl.Stor(ctx, fmt.Sprintf("/f%d", i), retry.Reader(&drip{left: 10, every: 100 * time.Millisecond}))
			}
			return nil
		})
		assert.Equal(t, []time.Duration{6 * time.Minute, 7 * time.Minute}, raised)
		assert.Equal(t, 4, cl.Stats().Limit)
		assert.LessOrEqual(t, cl.Stats().Refused, int64(1+5+4), "one a minute, and the first")
		_ = cl.Close()
	})
}

func TestARefusalThatDoesNotComeAgainIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: retrytest.Connect, Nth: 3, Reply: "421 Service not available.", Control: retrytest.FIN})
		cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns, cfg.Policy = 8, policy.Policy{Jitter: -1} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		crowd(8, func(i int) error {
			for ctx.Err() == nil {
				_ = cl.Stor(ctx, fmt.Sprintf("/f%d", i), retry.Reader(&drip{left: 10, every: 100 * time.Millisecond}))
			}
			return nil
		})
		assert.Equal(t, 8, cl.Stats().Limit)
		_ = cl.Close()
	})
}

func TestWantOfDataConnectionsMakesFewerSessions(t *testing.T) {
	for _, reply := range []string{"425 Too many connections. Can't open data channel.", "500 OOPS: vsf_sysutil_bind", "421 Could not listen for passive connection: could not find any port to listen to"} {
		t.Run(reply, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fault := retrytest.Fault{On: "PASV", Nth: 9, Times: 4, Reply: reply}
				if reply[0] == '5' {
					fault.Control = retrytest.FIN
				}
				srv := memory(t, retrytest.Config{Without: []string{"EPSV"}}, fault)
				cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns, cfg.Policy = 8, policy.Policy{Jitter: -1} })
				errs, _ := crowd(40, func(i int) error {
					return cl.Stor(t.Context(), fmt.Sprintf("/f%d", i), retry.Seeker(&slowSeeker{drip{left: 10, every: 100 * time.Millisecond}}))
				})
				for _, err := range errs {
					assert.NoError(t, err)
				}
				limit := cl.Stats().Limit
				assert.Less(t, limit, 8)
				assert.GreaterOrEqual(t, limit, 4, "four refusals in one moment are one")
				_ = cl.Close()
			})
		})
	}
}

// slowSeeker is a drip that can be read again.
type slowSeeker struct{ drip }

func (s *slowSeeker) Seek(offset int64, whence int) (int64, error) {
	const length = 10
	switch whence {
	case 1:
		offset += length - int64(s.left)
	case 2:
		offset += length
	}
	s.left = length - int(offset)
	return offset, nil
}

func TestPlacesAreGivenInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile("/f", []byte("content")))
		cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns = 1 })
		open, err := cl.Open(t.Context(), "/f")
		require.NoError(t, err)
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		cancelled, cancel := context.WithCancel(t.Context())
		for i := range 20 {
			wg.Add(1)
			ctx := t.Context()
			if i%5 == 2 {
				ctx = cancelled
			}
			go func() {
				defer wg.Done()
				err := cl.Do(ctx, func(context.Context, *ftp.ServerConn) error {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, i)
					return nil
				})
				if err != nil {
					assert.ErrorIs(t, err, context.Canceled)
				}
			}()
			synctest.Wait()
		}
		assert.Equal(t, 20, cl.Stats().Waiting)
		cancel()
		synctest.Wait()
		assert.Equal(t, 16, cl.Stats().Waiting)
		_ = open.Close()
		wg.Wait()
		assert.True(t, slices.IsSorted(order), order)
		assert.Len(t, order, 16)
		_ = cl.Close()
	})
}

func TestCloseEndsThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile("/f", []byte("content")))
		cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns = 1 })
		open, err := cl.Open(t.Context(), "/f")
		require.NoError(t, err)
		done := make(chan error)
		go func() { _, err := cl.FileSize(t.Context(), "/f"); done <- err }()
		synctest.Wait()
		start := time.Now()
		_ = cl.Close()
		require.ErrorIs(t, <-done, retry.ErrClosed)
		assert.Less(t, time.Since(start), 5*time.Second)
		_ = open.Close()
		synctest.Wait()
		assert.Zero(t, srv.Sessions())
		assert.Zero(t, cl.Stats().Busy)
	})
}

func TestTheBudgetEndsReplaysBeforeTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "MKD", Reply: "450 busy", Times: -1})
		budget, err := policy.NewBudget(0.1, 3)
		require.NoError(t, err)
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Budget, cfg.Policy = budget, policy.Policy{Attempts: 3, Jitter: -1}
		})
		require.ErrorIs(t, cl.MakeDir(t.Context(), "/a"), retry.ErrAttempts)
		assert.InDelta(t, 1, cl.Stats().Budget, 0.001)
		err = cl.MakeDir(t.Context(), "/b")
		require.ErrorIs(t, err, retry.ErrBudget)
		var reply *textproto.Error
		require.ErrorAs(t, err, &reply, "the refusal of the budget hides what failed")
		start := time.Now()
		other := cl.WithPolicy(policy.Policy{})
		require.ErrorIs(t, other.MakeDir(t.Context(), "/c"), retry.ErrBudget, "it is shared")
		assert.Zero(t, time.Since(start), "it waited for an attempt that it may not make")
		var e *retry.Error
		require.True(t, errors.As(err, &e))
		assert.Equal(t, 2, e.Attempts)
		_ = cl.Close()
	})
}

func TestStatsTellWhatTheClientIsDoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "MKD", Reply: "450 busy"}, retrytest.Fault{On: "DELE", Reply: "550 no"})
		cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns, cfg.Policy = 2, policy.Policy{Jitter: -1} })
		require.NoError(t, cl.MakeDir(t.Context(), "/a"))
		require.Error(t, cl.Delete(t.Context(), "/a"))
		s := cl.Stats()
		assert.Equal(t, 0, s.Busy)
		assert.Equal(t, 1, s.Idle)
		assert.Equal(t, 2, s.Limit)
		assert.EqualValues(t, 1, s.Waits)
		assert.Equal(t, time.Second, s.Waited)
		assert.Equal(t, map[transient.Class]int64{transient.Busy: 1, transient.Permanent: 1}, s.Failed)
		assert.Equal(t, map[transient.Class]int64{transient.Busy: 1}, s.Replays)
		_ = cl.Close()
		assert.Zero(t, cl.Stats().Idle)
	})
}
