package ftpretry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

var errNightIsOver = errors.New("night is over")

// endless is content without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// phases are the moments at which a cancellation can find an operation.
var phases = []struct {
	name   string
	faults []retrytest.Fault
	secure bool
	change func(*retry.Config)
	run    func(context.Context, *retry.Client) error
	code   int // of the reply that must be in the error; 0 = any or none
}{
	{name: "while dialling", change: func(c *retry.Config) {
		c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	}},
	{name: "before the greeting", faults: []retrytest.Fault{{On: retrytest.Connect, Stall: true}}},
	{name: "before the greeting, with TLS to come", secure: true, faults: []retrytest.Fault{{On: retrytest.Connect, Stall: true}}},
	{name: "before the reply to AUTH", secure: true, faults: []retrytest.Fault{{On: "AUTH", Stall: true}}},
	{name: "in the TLS handshake", secure: true, change: func(c *retry.Config) {
		c.ImplicitTLS = true
		c.Dial = func(context.Context, string, string) (net.Conn, error) { conn, _ := net.Pipe(); return conn, nil }
	}},
	{name: "before the reply to USER", faults: []retrytest.Fault{{On: "USER", Stall: true}}},
	{name: "before the reply to PASS", faults: []retrytest.Fault{{On: "PASS", Stall: true}}},
	{name: "before the reply to FEAT", faults: []retrytest.Fault{{On: "FEAT", Stall: true}}},
	{name: "before the reply to EPSV", faults: []retrytest.Fault{{On: "EPSV", Stall: true}}},
	{name: "before the reply to STOR", faults: []retrytest.Fault{{On: "STOR", Stall: true}}},
	{name: "in an upload that stalls", faults: []retrytest.Fault{{On: "STOR", StallData: true, At: 1000}},
		run: func(ctx context.Context, c *retry.Client) error { return c.Stor(ctx, "/new", retry.Reader(endless{})) }},
	{name: "in an upload over TLS that stalls", secure: true, faults: []retrytest.Fault{{On: "STOR", StallData: true, At: 1000}},
		run: func(ctx context.Context, c *retry.Client) error { return c.Stor(ctx, "/new", retry.Reader(endless{})) }},
	{name: "in an atomic upload that stalls", faults: []retrytest.Fault{{On: "STOR", StallData: true, At: 1000}},
		run: func(ctx context.Context, c *retry.Client) error {
			return c.WithUpload(retry.Atomic).Stor(ctx, "/new", retry.Reader(endless{}))
		}},
	{name: "before the final reply to STOR", faults: []retrytest.Fault{{On: "STOR", After: true, Stall: true}}},
	{name: "before the reply to SIZE", faults: []retrytest.Fault{{On: "SIZE", Stall: true}}},
	{name: "in a download that stalls", faults: []retrytest.Fault{{On: "RETR", StallData: true, At: 1000}},
		run: func(ctx context.Context, c *retry.Client) error {
			_, err := c.Retr(ctx, "/file", io.Discard)
			return err
		}},
	{name: "in a download over TLS that stalls", secure: true, faults: []retrytest.Fault{{On: "RETR", StallData: true, At: 1000}},
		run: func(ctx context.Context, c *retry.Client) error {
			_, err := c.Retr(ctx, "/file", io.Discard)
			return err
		}},
	{name: "in a Read that stalls", faults: []retrytest.Fault{{On: "RETR", StallData: true, At: 1000}},
		run: func(ctx context.Context, c *retry.Client) error {
			r, err := c.Open(ctx, "/file")
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		}},
	{name: "before the final reply to RETR", faults: []retrytest.Fault{{On: "RETR", After: true, Stall: true}},
		run: func(ctx context.Context, c *retry.Client) error {
			_, err := c.Retr(ctx, "/file", io.Discard)
			return err
		}},
	{name: "in a listing that stalls", faults: []retrytest.Fault{{On: "MLSD", StallData: true, At: 10}},
		run: func(ctx context.Context, c *retry.Client) error {
			_, err := c.List(ctx, "/dir")
			return err
		}},
	{name: "in the wait after a 450", code: 450, faults: []retrytest.Fault{{On: "STOR", Reply: "450 busy"}},
		change: func(c *retry.Config) { c.Policy.Initial, c.Policy.Max = time.Hour, time.Hour }},
	{name: "while the server is asked to let a session go", faults: []retrytest.Fault{{On: "STOR", Reply: "450 busy"}, {On: "QUIT", Stall: true}},
		change: func(c *retry.Config) { c.Policy.Initial, c.Policy.Max = time.Hour, time.Hour }},
	{name: "while the caller's own function waits", run: func(ctx context.Context, c *retry.Client) error {
		return c.Do(ctx, func(ctx context.Context, _ *serverConn) error { <-ctx.Done(); return ctx.Err() })
	}},
}

// TestCancellationReturnsAtOnceInEveryPhase cancels an operation where it
// hangs: it returns with the cause of the cancellation and with what it was
// doing, and leaves no goroutine (which synctest would tell).
func TestCancellationReturnsAtOnceInEveryPhase(t *testing.T) {
	for _, phase := range phases {
		t.Run(phase.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, phase.secure)
				plant(t, srv, before())
				srv.Inject(phase.faults...)
				cfg.StallTimeout, cfg.ReplyTimeout, cfg.ConnectTimeout = 10*time.Minute, 10*time.Minute, 10*time.Minute
				if phase.change != nil {
					phase.change(&cfg)
				}
				run := phase.run
				if run == nil {
					run = func(ctx context.Context, c *retry.Client) error {
						return c.Stor(ctx, "/new", retry.Seeker(strings.NewReader(body)))
					}
				}
				client, err := retry.New(cfg)
				require.NoError(t, err)
				defer client.Close()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				done := make(chan error, 1)
				go func() { done <- run(ctx, client) }()
				time.Sleep(500 * time.Millisecond) // virtual
				synctest.Wait()
				select {
				case err := <-done:
					t.Fatalf("ended before it was cancelled: %v", err)
				default:
				}
				cancelled := time.Now()
				cancel(errNightIsOver)
				err = <-done
				assert.LessOrEqual(t, time.Since(cancelled), 100*time.Millisecond)
				require.ErrorIs(t, err, errNightIsOver)
				var e *retry.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, errNightIsOver, e.Reason)
				require.Error(t, e.Err, "what it was doing")
				if phase.code != 0 {
					var r *textproto.Error
					require.ErrorAs(t, err, &r)
					assert.Equal(t, phase.code, r.Code)
				}
				// The client is none the worse for it.
				if phase.name != "while dialling" && phase.name != "in the TLS handshake" {
					var b bytes.Buffer
					_, err = client.Retr(t.Context(), "/file", &b)
					require.NoError(t, err)
					require.NoError(t, equal("content", body, b.String()))
				}
			})
		})
	}
}

func TestCancellationWhileWaitingForASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := bed(t, false)
		cfg.MaxConns = 1
		client, err := retry.New(cfg)
		require.NoError(t, err)
		defer client.Close()
		release := make(chan struct{})
		go func() {
			_ = client.Do(t.Context(), func(context.Context, *serverConn) error { <-release; return nil })
		}()
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { _, err := client.FileSize(ctx, "/file"); done <- err }()
		synctest.Wait()
		cancel(errNightIsOver)
		require.ErrorIs(t, <-done, errNightIsOver)
		close(release)
		synctest.Wait()
		assert.Equal(t, 1, dials(srv))
	})
}

// TestCancellationOnARealSocket is the same with the kernel's clock: blocked in
// a read, in a write and in sendfile.
func TestCancellationOnARealSocket(t *testing.T) {
	local := t.TempDir() + "/big"
	require.NoError(t, writeFile(local, 64<<20))
	for _, c := range []struct {
		name  string
		fault retrytest.Fault
		run   func(context.Context, *retry.Client) error
	}{
		{"reading", retrytest.Fault{On: "RETR", StallData: true, At: 1000}, func(ctx context.Context, c *retry.Client) error {
			return c.RetrFile(ctx, "/file", t.TempDir()+"/x")
		}},
		{"writing", retrytest.Fault{On: "STOR", StallData: true, At: 1000}, func(ctx context.Context, c *retry.Client) error {
			return c.Stor(ctx, "/new", retry.Reader(endless{}))
		}},
		{"sending a file", retrytest.Fault{On: "STOR", StallData: true, At: 1000}, func(ctx context.Context, c *retry.Client) error {
			return c.StorFile(ctx, "/new", local)
		}},
		{"awaiting a reply", retrytest.Fault{On: "SIZE", Stall: true}, func(ctx context.Context, c *retry.Client) error {
			_, err := c.FileSize(ctx, "/file")
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			met := make(chan struct{})
			c.fault.Run = func() { close(met) }
			srv := retrytest.NewServer(t, retrytest.Config{Faults: []retrytest.Fault{c.fault}})
			plant(t, srv, before())
			client, err := retry.New(retry.Config{Addr: srv.Addr(), User: "user", Password: "secret"})
			require.NoError(t, err)
			defer client.Close()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- c.run(ctx, client) }()
			clock, stop := pulse()
			defer stop()
			<-met
			cancelled := clock()
			cancel()
			require.ErrorIs(t, <-done, context.Canceled)
			assert.Less(t, clock()-cancelled, 100*time.Millisecond)
		})
	}
}
