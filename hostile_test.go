package ftpretry_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
	"github.com/ftpretry/ftpretry/transient"
)

// repeat gives the same bytes for ever.
func repeat(w io.Writer, s string) {
	for {
		if _, err := io.WriteString(w, s); err != nil {
			return
		}
	}
}

// ready greets and then reads a command.
func ready(c net.Conn) string {
	_, _ = io.WriteString(c, "220 ready\r\n")
	line, _ := bufio.NewReaderSize(c, 16).ReadString('\n')
	return line
}

// TestWhatIsNoFTPServerEndsInAClearError talks to other servers, and to none:
// the operation ends within the timeouts, and nothing secret is sent.
func TestWhatIsNoFTPServerEndsInAClearError(t *testing.T) {
	for _, c := range []struct {
		name   string
		serve  func(net.Conn)
		want   string
		class  transient.Class
		within time.Duration
	}{
		{"an SSH server", func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") },
			`not an FTP reply: "SSH-2.0-OpenSSH_9.2p1 Debian-2`, transient.Permanent, 0},
		{"an HTTP server", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n") },
			`not an FTP reply: "HTTP/1.1 400 Bad Request`, transient.Permanent, 0},
		{"a server that waits to be spoken to", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
			"no end of a greeting within 30s", transient.Network, 30 * time.Second},
		{"binary noise", func(c net.Conn) { _, _ = c.Write([]byte{0x16, 3, 1, 0, 0xff, 0x80, 10}) },
			"not an FTP reply", transient.Permanent, 0},
		{"noise that begins like a code", func(c net.Conn) { _, _ = io.WriteString(c, "22\x00\xff\xfe") },
			"not an FTP reply", transient.Permanent, 0},
		{"a line without end", func(c net.Conn) { _, _ = io.WriteString(c, "220 "); repeat(c, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") },
			"reply longer than 64 KiB", transient.Permanent, 0},
		{"lines without end", func(c net.Conn) { repeat(c, "220-welcome to this server\r\n") },
			"reply longer than 64 KiB", transient.Permanent, 0},
		{"a byte a second", func(c net.Conn) {
			for _, b := range "220 ready, " + strings.Repeat("very ", 100) {
				time.Sleep(time.Second)
				if _, err := c.Write([]byte(string(b))); err != nil {
					return
				}
			}
		}, "no end of a greeting within 30s", transient.Network, 30 * time.Second},
		{"a hang-up", func(c net.Conn) {}, "EOF", transient.Network, 0},
		{"a hang-up within a line", func(c net.Conn) { _, _ = io.WriteString(c, "220 rea") }, "unexpected EOF", transient.Network, 0},
		{"noise in place of a reply", func(c net.Conn) { ready(c); _, _ = io.WriteString(c, "what?\r\n") },
			`not an FTP reply: "what?`, transient.Network, 0},
		{"silence in place of a reply", func(c net.Conn) { ready(c); _, _ = io.Copy(io.Discard, c) },
			"no end of a reply to USER within", transient.Network, 130 * time.Second},
		{"a byte every minute in place of a reply", func(c net.Conn) {
			ready(c)
			for {
				if _, err := c.Write([]byte("3")); err != nil {
					return
				}
				time.Sleep(time.Minute)
			}
		}, "", transient.Network, 130 * time.Second},
		{"a line every minute in place of a reply", func(c net.Conn) {
			ready(c)
			for {
				if _, err := io.WriteString(c, "331-please wait\r\n"); err != nil {
					return
				}
				time.Sleep(time.Minute)
			}
		}, "no end of a reply to USER within 1h0m0s", transient.Network, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var class transient.Class
				cfg := retry.Config{
					Addr: "h", User: "u", Password: "secret", Policy: policy.Policy{Attempts: 1},
					Dial: func(context.Context, string, string) (net.Conn, error) {
						ours, theirs := net.Pipe()
						go func() { defer theirs.Close(); c.serve(theirs) }()
						return ours, nil
					},
					Hooks: retry.Hooks{Failed: func(_ context.Context, f retry.Failed) { class = f.Verdict.Class }},
				}
				client, err := retry.New(cfg)
				require.NoError(t, err)
				start := time.Now()
				_, err = client.FileSize(t.Context(), "x")
				require.Error(t, err)
				assert.Contains(t, err.Error(), c.want)
				assert.Less(t, len(err.Error()), 300)
				assert.LessOrEqual(t, time.Since(start), c.within+5*time.Second)
				assert.Equal(t, c.class, class, "%v", err)
				require.NoError(t, client.Close())
				time.Sleep(2 * time.Minute) // virtual: the server's last write fails
			})
		})
	}
}

// TestALineNowAndThenKeepsAReplyAlive: a server may take its time with a reply,
// as z/OS does while a data set is busy, as long as it says something.
func TestALineNowAndThenKeepsAReplyAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		serve := func(c net.Conn) {
			defer c.Close()
			_, _ = io.WriteString(c, "220 ready\r\n")
			for lines := bufio.NewScanner(c); lines.Scan(); {
				verb, _, _ := strings.Cut(lines.Text(), " ")
				switch verb {
				case "USER":
					_, _ = io.WriteString(c, "230 in\r\n")
				case "FEAT":
					_, _ = io.WriteString(c, "500 none\r\n")
				case "DELE":
					for range 20 {
						_, _ = io.WriteString(c, "250-data set is busy, trying again in 1 minute\r\n")
						time.Sleep(115 * time.Second)
					}
					_, _ = io.WriteString(c, "250 deleted\r\n")
				default:
					_, _ = io.WriteString(c, "200 ok\r\n")
				}
			}
		}
		client, err := retry.New(retry.Config{Addr: "h", Policy: policy.Policy{Attempts: 1}, Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go serve(theirs)
			return ours, nil
		}})
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, client.Delete(t.Context(), "x"))
		assert.Equal(t, 20*115*time.Second, time.Since(start))
		require.NoError(t, client.Close())
	})
}

// TestTheReplyTimeoutHoldsForEachReply makes the server silent at each command
// of an upload and of a download.
func TestTheReplyTimeoutHoldsForEachReply(t *testing.T) {
	for _, verb := range []string{"USER", "EPSV", "STOR", "RETR", "SIZE"} {
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, false)
				plant(t, srv, before())
				srv.Inject(retrytest.Fault{On: verb, After: after, Stall: true, Times: -1})
				cfg.Policy.Attempts, cfg.ReplyTimeout = 1, 16*time.Second
				client, err := retry.New(cfg)
				require.NoError(t, err)
				start := time.Now()
				if verb == "RETR" {
					_, err = client.Retr(t.Context(), "/file", io.Discard)
				} else {
					err = client.Stor(t.Context(), "/new", retry.Bytes([]byte(body)))
				}
				require.ErrorIs(t, err, retry.ErrAttempts)
				took := time.Since(start)
				assert.GreaterOrEqual(t, took, 16*time.Second, verb)
				assert.LessOrEqual(t, took, 19*time.Second, verb)
				var timeout net.Error
				require.ErrorAs(t, err, &timeout)
				assert.True(t, timeout.Timeout())
				require.NoError(t, client.Close())
			})
		}
	}
}

// TestATransferMayTakeLongButNotStall moves a byte now and then for hours, and
// then none.
func TestATransferMayTakeLongButNotStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := bed(t, false)
		cfg.Policy.Attempts = 1
		client, err := retry.New(cfg)
		require.NoError(t, err)
		defer client.Close()
		start := time.Now()
		require.NoError(t, client.Stor(t.Context(), "/slow", retry.Reader(&drip{n: 100, every: 50 * time.Second})))
		assert.Equal(t, 5000*time.Second, time.Since(start))

		plant(t, srv, before())
		for name, run := range map[string]func() error{
			"download": func() error { _, err := client.Retr(t.Context(), "/file", io.Discard); return err },
			"upload": func() error {
				return client.Stor(t.Context(), "/new", retry.Reader(endless{}))
			},
			"listing": func() error { _, err := client.List(t.Context(), "/dir"); return err },
		} {
			srv.ClearFaults()
			for _, verb := range []string{"RETR", "STOR", "MLSD"} {
				srv.Inject(retrytest.Fault{On: verb, StallData: true, At: 10})
			}
			start := time.Now()
			err := run()
			require.Error(t, err, name)
			assert.Contains(t, err.Error(), "stalled", name)
			// A write that was taken in part by the network waits once more.
			assert.LessOrEqual(t, time.Since(start), 2*time.Minute+15*time.Second, name)
		}
	})
}

// drip gives a byte at a time.
type drip struct {
	n     int
	every time.Duration
}

func (d *drip) Read(p []byte) (int, error) {
	if d.n == 0 {
		return 0, io.EOF
	}
	time.Sleep(d.every) // virtual
	d.n--
	p[0] = 'x'
	return 1, nil
}

// errBroken is a reader's or a writer's own.
var errBroken = errors.New("disk is broken")

// TestTheCallersOwnFailureEndsTheOperation: nothing is replayed, and nothing
// half-written is left that looks whole.
func TestTheCallersOwnFailureEndsTheOperation(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for name, run := range map[string]func(context.Context, *retry.Client) error{
			"Stor": func(ctx context.Context, c *retry.Client) error {
				return c.Stor(ctx, "/new", retry.Reader(io.MultiReader(strings.NewReader(body), brokenReader{})))
			},
			"Stor Atomic": func(ctx context.Context, c *retry.Client) error {
				return c.WithUpload(retry.Atomic).Stor(ctx, "/new", retry.Reader(io.MultiReader(strings.NewReader(body), brokenReader{})))
			},
			"Stor that fails at once": func(ctx context.Context, c *retry.Client) error { return c.Stor(ctx, "/new", brokenSource{}) },
			"Do": func(ctx context.Context, c *retry.Client) error {
				return c.Do(ctx, func(_ context.Context, conn *serverConn) error {
					return conn.Stor("/do", io.MultiReader(strings.NewReader(body), brokenReader{}))
				})
			},
			"Retr": func(ctx context.Context, c *retry.Client) error {
				_, err := c.Retr(ctx, "/file", brokenWriter{})
				return err
			},
		} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, cfg := bed(t, secure)
					plant(t, srv, before())
					client, err := retry.New(cfg)
					require.NoError(t, err)
					start := time.Now()
					err = run(t.Context(), client)
					require.ErrorIs(t, err, errBroken)
					require.ErrorIs(t, err, retry.ErrPermanent)
					var e *retry.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, 1, e.Attempts)
					assert.Zero(t, time.Since(start))
					for _, ev := range srv.Log() {
						if ev.Command == "STOR" {
							assert.NotEqual(t, "226", ev.Reply[:min(3, len(ev.Reply))], "the server took a part for the whole")
						}
					}
					if name != "Do" {
						assert.Empty(t, differences(before(), harvest(t, srv)))
					}
					require.NoError(t, client.Close())
				})
			})
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

type brokenSource struct{}

func (brokenSource) Open(int64) (io.ReadCloser, error) { return nil, errBroken }
