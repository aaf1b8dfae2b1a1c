package retry_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"strings"
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

// timeless is a connection without deadlines, as a channel of an SSH connection
// is one.
type timeless struct{ net.Conn }

var errTimeless = errors.New("deadline not supported")

func (timeless) SetDeadline(time.Time) error      { return errTimeless }
func (timeless) SetReadDeadline(time.Time) error  { return errTimeless }
func (timeless) SetWriteDeadline(time.Time) error { return errTimeless }

func withoutDeadlines(c *retry.Config) {
	dial := c.Dial
	c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return timeless{conn}, nil
	}
}

func TestNothingWaitsForEverOnConnectionsWithoutDeadlines(t *testing.T) {
	const minute = time.Minute
	size := func(ctx context.Context, c *retry.Client) error { _, err := c.FileSize(ctx, "/f"); return err }
	for _, c := range []struct {
		name   string
		fault  retrytest.Fault
		run    func(context.Context, *retry.Client) error
		cancel time.Duration // after which the context is cancelled; 0 = never
		took   time.Duration
	}{
		{"a reply that does not come", retrytest.Fault{On: "SIZE", Stall: true, Times: -1}, size, 0, 10 * time.Second},
		{"a reply that is waited for when the context ends", retrytest.Fault{On: "SIZE", Stall: true, Times: -1}, size, 3 * time.Second, 3 * time.Second},
		{"a greeting that does not come", retrytest.Fault{On: retrytest.Connect, Stall: true, Times: -1}, size, 0, 10 * time.Second},
		{"a download that stalls", retrytest.Fault{On: "RETR", StallData: true, At: 1000, Times: -1}, func(ctx context.Context, c *retry.Client) error {
			_, err := c.Retr(ctx, "/f", io.Discard)
			return err
		}, 0, 5 * time.Second},
		{"a download that stalls when the context ends", retrytest.Fault{On: "RETR", StallData: true, At: 1000, Times: -1}, func(ctx context.Context, c *retry.Client) error {
			_, err := c.Retr(ctx, "/f", io.Discard)
			return err
		}, time.Second, time.Second},
		{"an upload that stalls when the context ends", retrytest.Fault{On: "STOR", StallData: true, At: 1000, Times: -1}, func(ctx context.Context, c *retry.Client) error {
			return c.Stor(ctx, "/g", retry.Bytes(make([]byte, 8<<20)))
		}, time.Second, time.Second},
		{"an open download that is closed", retrytest.Fault{On: "RETR", StallData: true, At: 1000, Times: -1}, func(ctx context.Context, c *retry.Client) error {
			r, err := c.Open(ctx, "/f")
			if err != nil {
				return err
			}
			stop := time.AfterFunc(2*time.Second, func() { _ = r.Close() })
			defer stop.Stop()
			_, err = io.Copy(io.Discard, r)
			return err
		}, 0, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memory(t, retrytest.Config{}, c.fault)
				srv.WriteFile("/f", make([]byte, 100_000))
				cl := client(t, srv, withoutDeadlines, func(cfg *retry.Config) {
					cfg.ConnectTimeout, cfg.ReplyTimeout, cfg.StallTimeout = 20*time.Second, 10*time.Second, 5*time.Second
					cfg.Policy = policy.Policy{Attempts: 1}
				})
				ctx, cancel := context.WithTimeout(t.Context(), minute)
				defer cancel()
				if c.cancel > 0 {
					time.AfterFunc(c.cancel, cancel)
				}
				start := time.Now()
				require.Error(t, c.run(ctx, cl))
				assert.InDelta(t, c.took.Seconds(), time.Since(start).Seconds(), c.took.Seconds()/8+1.2)
				if c.cancel > 0 {
					assert.Less(t, time.Since(start)-c.cancel, 100*time.Millisecond)
				}
				srv.Kick(retrytest.RST)
				start = time.Now()
				require.NoError(t, cl.Close())
				assert.Less(t, time.Since(start), 2*time.Second)
			})
		})
	}
}

func TestATransferMayTakeLongerThanAReply(t *testing.T) {
	for name, change := range map[string]func(*retry.Config){"with deadlines": func(*retry.Config) {}, "without deadlines": withoutDeadlines} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memory(t, retrytest.Config{})
				cl := client(t, srv, change, func(cfg *retry.Config) { cfg.ReplyTimeout, cfg.StallTimeout = 10*time.Second, 5*time.Second })
				require.NoError(t, cl.Stor(t.Context(), "/g", retry.Reader(&drip{left: 30, every: time.Second})))
				srv.WriteFile("/f", pattern(200_000))
				open, err := cl.Open(t.Context(), "/f")
				require.NoError(t, err)
				time.Sleep(30 * time.Second) // a consumer who takes his time
				_, err = io.Copy(io.Discard, open)
				require.NoError(t, err)
				require.NoError(t, open.Close())
				time.Sleep(30 * time.Second) // idle, for less than IdleTimeout
				_, err = cl.FileSize(t.Context(), "/f")
				require.NoError(t, err)
				assert.EqualValues(t, 1, cl.Stats().Dials, "a deadline ended a connection that nobody waited for")
				_ = cl.Close()
			})
		})
	}
}

func TestWhatIsTidiedUpEndsSoonAfterTheCallersContext(t *testing.T) {
	for _, c := range []struct {
		name   string
		upload retry.UploadMode
		src    retry.Source
		faults []retrytest.Fault
	}{
		{"the temporary file of an atomic upload", retry.Atomic, retry.Bytes([]byte("x")), []retrytest.Fault{{On: "RNTO", Reply: "553 no"}}},
		{"what a source that failed has left", retry.Direct, retry.Reader(io.MultiReader(strings.NewReader("x"), broken{})), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var cancelled time.Time
				srv := memory(t, retrytest.Config{}, append(c.faults, retrytest.Fault{On: "DELE", Stall: true, Times: -1, Run: func() {
					if cancelled.IsZero() {
						cancelled = time.Now()
						cancel()
					}
				}})...)
				cl := client(t, srv, func(cfg *retry.Config) { cfg.Upload = c.upload })
				require.Error(t, cl.Stor(ctx, "/f", c.src))
				require.False(t, cancelled.IsZero(), "nothing was tidied up")
				assert.Less(t, time.Since(cancelled), 100*time.Millisecond)
				_ = cl.Close()
			})
		})
	}
}

func TestCloseIsQuickOnAConnectionThatTakesNothing(t *testing.T) {
	// Without a buffer, as net.Pipe or a full SSH window, the goodbye itself
	// blocks once the server hangs.
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		dial := func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				say := func(s string) { _, _ = theirs.Write([]byte(s + "\r\n")) }
				say("220 Ready.")
				for buf := make([]byte, 4096); ; {
					if _, err := theirs.Read(buf); err != nil {
						return
					}
					switch string(buf[:3]) {
					case "USE":
						say("230 In.")
					case "FEA":
						say("500 No.")
					case "MKD":
						say(`257 "x"`)
						<-hung
						return
					default:
						say("200 Fine.")
					}
				}
			}()
			return ours, nil
		}
		c, err := retry.New(retry.Config{Addr: "x:21", Dial: dial})
		require.NoError(t, err)
		require.NoError(t, c.MakeDir(t.Context(), "x"))
		start := time.Now()
		require.NoError(t, c.Close())
		assert.LessOrEqual(t, time.Since(start), 1100*time.Millisecond)
		close(hung)
	})
}

// empty gives nothing, for ever.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, nil }

func TestASourceThatGivesNothingForEverIsGivenUp(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	err := client(t, srv).Stor(t.Context(), "/f", retry.Reader(empty{}))
	require.ErrorIs(t, err, io.ErrNoProgress)
	assert.False(t, srv.Exists("/f"), "a file of nothing is left")
}

func TestTheWaitForAPlaceIsNoPartOfAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		srv.WriteFile("/f", []byte("content"))
		var r tape
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.MaxConns = 1
			cfg.Policy = policy.Policy{AttemptTimeout: 10 * time.Second, Jitter: -1}
			cfg.Hooks = r.hooks()
		})
		open, err := cl.Open(t.Context(), "/f")
		require.NoError(t, err)
		time.AfterFunc(time.Minute, func() { open.Close() })
		_, err = cl.FileSize(t.Context(), "/f")
		require.NoError(t, err)
		require.Len(t, r.done, 2)
		assert.Equal(t, 1, r.done[1].Attempts)
		assert.Equal(t, time.Minute, r.done[1].Elapsed.Round(time.Second))
		_ = cl.Close()
	})
}

func TestAFunctionThatReturnsTheEndOfItsAttemptIsRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Policy = policy.Policy{Attempts: 3, AttemptTimeout: time.Second, Jitter: -1}
		})
		runs := 0
		err := cl.Do(t.Context(), func(ctx context.Context, _ *ftp.ServerConn) error {
			runs++
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorIs(t, err, retry.ErrAttempts)
		assert.Equal(t, 3, runs)
		assert.NotErrorIs(t, err, context.DeadlineExceeded, "it would be taken for the caller's own")
		_ = cl.Close()
	})
}

func TestElapsedBoundsARunningAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "MKD", Stall: true, Times: -1})
		cl := client(t, srv, func(cfg *retry.Config) { cfg.Policy = policy.Policy{Elapsed: 5 * time.Second} })
		start := time.Now()
		err := cl.MakeDir(t.Context(), "/b")
		require.ErrorIs(t, err, retry.ErrElapsed)
		assert.Equal(t, 5*time.Second, time.Since(start).Round(10*time.Millisecond))
		_ = cl.Close()
	})
}

func TestTimeoutsThatMeanNeverAreNotOver(t *testing.T) {
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 / 2, math.MaxInt64 / 25, 20 * 365 * 24 * time.Hour} {
		srv := memory(t, retrytest.Config{})
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.ConnectTimeout, cfg.ReplyTimeout, cfg.StallTimeout, cfg.IdleTimeout = d, d, d, d
			cfg.Policy.Attempts = 1
		})
		assert.NoError(t, cl.Stor(t.Context(), "/x", retry.Bytes([]byte("x"))), "%d", d)
	}
}
