package retry_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
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

// panics is a classifier that does.
type panics struct{ on *bool }

func (p panics) Classify(f transient.Failure) transient.Verdict {
	if *p.on {
		panic("classifier")
	}
	return transient.Classify(f)
}

func TestAPanicInAFunctionOfTheCallersKeepsNoPlace(t *testing.T) {
	on := true
	scare := func() {
		if on {
			panic("caller's own")
		}
	}
	for _, c := range []struct {
		name   string
		change func(*retry.Config)
	}{
		{"in Config.Dial", func(c *retry.Config) {
			dial := c.Dial
			c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				scare()
				return dial(ctx, network, addr)
			}
		}},
		{"in Config.Dial of a data connection", func(c *retry.Config) {
			dial, n := c.Dial, 0
			c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if n++; n == 2 {
					scare()
				}
				return dial(ctx, network, addr)
			}
		}},
		{"in the hook Attempt", func(c *retry.Config) { c.Hooks.Attempt = func(context.Context, retry.Attempt) { scare() } }},
		{"in the hook Connect", func(c *retry.Config) { c.Hooks.Connect = func(context.Context, retry.Connect) { scare() } }},
		{"in the hook Progress", func(c *retry.Config) { c.Hooks.Progress = func(context.Context, retry.Progress) { scare() } }},
		{"in the hook Failed", func(c *retry.Config) { c.Hooks.Failed = func(context.Context, retry.Failed) { scare() } }},
		{"in the hook Wait", func(c *retry.Config) { c.Hooks.Wait = func(context.Context, retry.Wait) { scare() } }},
		{"in the hook Done", func(c *retry.Config) { c.Hooks.Done = func(context.Context, retry.Done) { scare() } }},
		{"in the hook Login", func(c *retry.Config) { c.Hooks.Login = func(context.Context, retry.Login) { scare() } }},
		{"in the classifier", func(c *retry.Config) { c.Classifier = panics{&on} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				on = true
				srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "SIZE", Reply: "450 busy"})
				cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns = 1 }, c.change)
				assert.Panics(t, func() { _ = stor(t.Context(), cl) })
				on = false
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				require.NoError(t, stor(ctx, cl), "the place was not given back")
				_ = cl.Close()
			})
		})
	}
}

func TestAPanicInDoKeepsNoPlace(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns = 1 })
	assert.Panics(t, func() {
		_ = cl.Do(t.Context(), func(context.Context, *ftp.ServerConn) error { panic("function") })
	})
	require.NoError(t, stor(t.Context(), cl))
}

func TestASecondReplyThatComesLateIsNotTakenForTheNextCommands(t *testing.T) {
	srv := script(t, func(s *scriptedSession, verb, arg string) bool {
		switch {
		case verb == "DELE" && arg == "a":
			s.say("250 Deleted.")
		case verb == "DELE":
			s.say("550 Permission denied.")
		default:
			return false
		}
		return true
	})
	c := srv.client(t)
	require.NoError(t, c.Delete(t.Context(), "a"))
	srv.push("250 Really.")
	require.Error(t, c.Delete(t.Context(), "b"), "the server has refused it")
}

// proxied is a connection that a proxy at another address relays.
type proxied struct{ net.Conn }

func (proxied) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 1080} }

func TestDataConnectionsAreAskedForAtTheServerNotAtTheProxy(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", []byte("content"))
	var mu sync.Mutex
	var asked []string
	cl := client(t, srv, func(cfg *retry.Config) {
		dial := cfg.Dial
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			mu.Lock()
			asked = append(asked, addr)
			mu.Unlock()
			conn, err := dial(ctx, network, addr)
			return proxied{conn}, err
		}
	})
	var buf bytes.Buffer
	_, err := cl.Retr(t.Context(), "/f", &buf)
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, asked, 2)
	host, _, _ := net.SplitHostPort(srv.Addr())
	got, _, err := net.SplitHostPort(asked[1])
	require.NoError(t, err)
	assert.Equal(t, host, got)
}

func TestACallWithAnEndedContextCostsNoSession(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", nil)
	cl := client(t, srv)
	size := func(ctx context.Context) error { _, err := cl.FileSize(ctx, "/f"); return err }
	require.NoError(t, size(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, size(ctx), context.Canceled)
	require.NoError(t, size(t.Context()))
	assert.EqualValues(t, 1, cl.Stats().Dials)
}

func TestASessionThatIsBeingEndedStillCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{MaxSessions: 1}, retrytest.Fault{On: "QUIT", Delay: 900 * time.Millisecond})
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.MaxConns, cfg.IdleTimeout, cfg.Policy = 1, time.Second, policy.Policy{Jitter: -1}
		})
		require.NoError(t, cl.MakeDir(t.Context(), "/a"))
		time.Sleep(1100 * time.Millisecond) // the idle session is saying its goodbye
		start := time.Now()
		require.NoError(t, cl.MakeDir(t.Context(), "/b"))
		assert.LessOrEqual(t, time.Since(start), time.Second, "it met 421 and had to wait")
		assert.EqualValues(t, 2, cl.Stats().Attempts)
		_ = cl.Close()
	})
}

func TestAServerThatRepeatsThePasswordDoesNotGetItIntoAnError(t *testing.T) {
	const (
		odd   = `s3"cre\t`
		alien = "geh\u00e4im"
	)
	for _, c := range []struct{ name, password, reply string }{
		{"in a refusal", "s3cret", "530 Bad password s3cret."},
		{"in what is no reply", "s3cret", "no s3cret, go away"},
		{"in what is no reply, with a quote and a backslash", odd, "sorry " + odd + " is wrong"},
		{"in what is no reply, with a letter beyond ASCII", alien, "nein " + alien},
		{"of two letters", "xy", "530 Bad password xy."},
		{"of one letter", "q", "530 Bad password q."},
		{"before it hangs up", "s3cret", "421 Go away s3cret."},
		{"in a reply of many lines that does not end", "s3cret", "230-hello s3cret\r\n 999\r\n junk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := script(t, func(s *scriptedSession, verb, _ string) bool {
				if verb != "PASS" {
					return false
				}
				s.say("%s", c.reply)
				_ = s.Close()
				return true
			})
			var told []string
			cl := srv.client(t, func(cfg *retry.Config) {
				cfg.Password, cfg.Policy.Attempts = c.password, 1
				cfg.Hooks.Failed = func(_ context.Context, f retry.Failed) {
					told = append(told, fmt.Sprintf("%v %+v %v", f.Err, f.Verdict, f.Verdict.Reply))
				}
			})
			err := cl.MakeDir(t.Context(), "z")
			require.Error(t, err)
			require.Len(t, told, 1)
			shown := err.Error() + " " + told[0]
			if len(c.password) <= 2 {
				assert.False(t, strings.Contains(shown, "Bad"), "what stands around it tells where it stood")
				return
			}
			escaped := strings.Trim(fmt.Sprintf("%+q", c.password), `"`)
			assert.False(t, strings.Contains(shown, c.password) || strings.Contains(shown, escaped), "it is shown")
		})
	}
}

func TestACommandWithNULIsNotSent(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	err := client(t, srv).Do(t.Context(), func(_ context.Context, conn *ftp.ServerConn) error { return conn.Delete("a\x00b") })
	require.ErrorIs(t, err, retry.ErrPermanent)
	assert.Zero(t, count(srv.Commands(), "DELE"))
}

// An operation may come at the very moment at which an idle session has become
// too old: as long as that is not closed, there is no place for another one.
func TestASessionThatHasBecomeTooOldKeepsItsPlaceUntilItIsClosed(t *testing.T) {
	const idle = time.Second
	for range 300 { // who comes first is different each time
		synctest.Test(t, func(t *testing.T) {
			srv, _, dial := bounded(t, 9, "421 Too many users")
			var open, most atomic.Int64
			cl := client(t, srv, func(cfg *retry.Config) {
				cfg.MaxConns, cfg.IdleTimeout = 1, idle
				cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := dial(ctx, network, addr)
					if err != nil || addr != cfg.Addr {
						return conn, err
					}
					most.Store(max(most.Load(), open.Add(1)))
					return &placed{conn, sync.OnceFunc(func() { open.Add(-1) })}, nil
				}
			})
			require.NoError(t, cl.MakeDir(t.Context(), "/a"))
			time.Sleep(idle)
			require.NoError(t, cl.MakeDir(t.Context(), "/b"))
			require.EqualValues(t, 1, most.Load(), "more sessions were open than MaxConns")
			_ = cl.Close()
		})
	}
}
