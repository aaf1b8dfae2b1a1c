package retry_test

import (
	"context"
	"net"
	"sync"
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

// order is in which order operations had their sessions.
type order struct {
	mu   sync.Mutex
	had  []int
	errs []error
}

// start starts operation i, which keeps its session for a second.
func (o *order) start(t *testing.T, cl *retry.Client, i int) {
	go func() {
		err := cl.Do(t.Context(), func(_ context.Context, conn *ftp.ServerConn) error {
			if err := conn.NoOp(); err != nil {
				return err
			}
			o.mu.Lock()
			o.had = append(o.had, i)
			o.mu.Unlock()
			time.Sleep(time.Second)
			return nil
		})
		o.mu.Lock()
		defer o.mu.Unlock()
		o.errs = append(o.errs, err)
	}()
	synctest.Wait()
}

// An attempt that is made again at once, because there was no room for its
// session or the one it got was dead, has waited for its turn already.
func TestAnAttemptThatDoesNotCountKeepsItsPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		most int // Config.MaxConns
		run  func(t *testing.T, srv *retrytest.Server, start func(int))
	}{
		{"refused one more session", 4, func(t *testing.T, srv *retrytest.Server, start func(int)) {
			srv.Inject(retrytest.Fault{On: retrytest.Connect, Reply: "421 Too many users (1)", Control: retrytest.FIN, Times: -1, Delay: 500 * time.Millisecond})
			for i := range 6 {
				start(i) // the first asks for one more session, the others come while it does
			}
		}},
		{"given a dead session", 1, func(t *testing.T, srv *retrytest.Server, start func(int)) {
			srv.Inject(retrytest.Fault{On: "NOOP", Nth: 2, Control: retrytest.RST, Delay: 500 * time.Millisecond})
			for i := range 6 {
				start(i)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memory(t, retrytest.Config{})
				cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns, cfg.Policy = c.most, policy.Policy{Jitter: -1} })
				var o order
				o.start(t, cl, -1)
				if c.most == 1 {
					time.Sleep(time.Minute / 2) // its session is idle
				}
				c.run(t, srv, func(i int) { o.start(t, cl, i) })
				time.Sleep(time.Minute)
				o.mu.Lock()
				defer o.mu.Unlock()
				assert.Equal(t, []int{-1, 0, 1, 2, 3, 4, 5}, o.had)
				for _, err := range o.errs {
					assert.NoError(t, err)
				}
				_ = cl.Close()
			})
		})
	}
}

// A session that is found dead before it is used was a place of the server's a
// moment ago: a refusal of the one in its place says nothing of the limit.
func TestARefusalInPlaceOfADeadSessionLowersNothing(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/f", []byte("content")))
	var control []*net.TCPConn
	cl := client(t, srv, func(cfg *retry.Config) {
		cfg.MaxConns = 2
		cfg.Hooks.Limit = func(_ context.Context, l retry.Limit) {
			t.Errorf("the limit goes from %d to %d: %v", l.From, l.To, l.Err)
		}
		dial := cfg.Dial
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if tcp, ok := conn.(*net.TCPConn); ok && addr == cfg.Addr {
				control = append(control, tcp)
			}
			return conn, err
		}
	})
	err := cl.Do(t.Context(), func(context.Context, *ftp.ServerConn) error {
		if err := cl.MakeDir(t.Context(), "/d"); err != nil {
			return err
		}
		if err := control[1].CloseRead(); err != nil {
			return err
		}
		srv.Inject(retrytest.Fault{On: retrytest.Connect, Reply: "421 Too many users", Control: retrytest.FIN})
		return cl.RemoveDir(t.Context(), "/d") // looks at its session first
	})
	require.NoError(t, err)
	require.Len(t, control, 4, "the first, the one found dead, the one refused, the one after it")
	assert.Equal(t, 2, cl.Stats().Limit)
}

func TestASessionIsUsedByWhoHasWaitedForItLongerThanForAnyReply(t *testing.T) {
	for name, op := range map[string]func(ctx context.Context, c *retry.Client) error{
		"FileSize": func(ctx context.Context, c *retry.Client) error { _, err := c.FileSize(ctx, "/f"); return err },
		"Stor":     func(ctx context.Context, c *retry.Client) error { return c.Stor(ctx, "/g", retry.Bytes([]byte("x"))) },
		"Delete":   func(ctx context.Context, c *retry.Client) error { return c.Delete(ctx, "/f") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memory(t, retrytest.Config{})
				require.NoError(t, srv.WriteFile("/f", []byte("content")))
				c := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns, cfg.ReplyTimeout = 1, time.Minute })
				taken, left := make(chan struct{}), make(chan error, 1)
				go func() {
					left <- c.Do(t.Context(), func(context.Context, *ftp.ServerConn) error {
						close(taken)
						time.Sleep(time.Hour)
						return nil
					})
				}()
				<-taken

				require.NoError(t, op(t.Context(), c))

				require.NoError(t, <-left)
				assert.EqualValues(t, 1, c.Stats().Dials, "a session that was well was thrown away")
				require.NoError(t, c.Close())
			})
		})
	}
}
