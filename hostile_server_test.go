package ftpretry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// mostMemory is what a client may take, whatever the server does.
const mostMemory = 32 << 20

// always is a fault that never ends.
func always(f retrytest.Fault) retrytest.Fault { f.Times = -1; return f }

// TestReplyThatNamesNoDataConnection has the server name a port or an address
// that is none, or is somebody else's: nobody else is ever connected to, and the
// end is an error that shows what was said.
func TestReplyThatNamesNoDataConnection(t *testing.T) {
	for _, c := range []struct{ name, epsv, pasv, want string }{
		{"EPSV names port 0", "229 Entering Extended Passive Mode (|||0|)", "", "port 0"},
		{"EPSV names port 65536", "229 Entering Extended Passive Mode (|||65536|)", "", "port 65536"},
		{"EPSV names a negative port", "229 Entering Extended Passive Mode (|||-21|)", "", "port -21"},
		{"EPSV names no number, PASV port 0", "229 Entering Extended Passive Mode (|||x|)", "227 Entering Passive Mode (192,0,2,1,0,0).", "port 0"},
		{"EPSV names a number without end, PASV port 65536", "229 (|||" + strings.Repeat("9", 5000) + "|)", "227 Entering Passive Mode (192,0,2,1,256,0).", "port 65536"},
		{"PASV names a negative port", "500 No.", "227 Entering Passive Mode (192,0,2,1,-1,-1).", "port -257"},
		{"PASV names half an address", "500 No.", "227 Entering Passive Mode (192,0,2).", "invalid PASV response format"},
		{"PASV names none", "500 No.", "227 Entering Passive Mode.", "invalid PASV response format"},
		{"PASV has its brackets the wrong way round", "500 No.", "227 )(", "invalid PASV response format"},
		{"PASV has its brackets in other lines", "500 No.", "227-)\n227-and\n227 (", "reply to PASV names no address"},
		{"PASV has a bracket inside out", "500 No.", "227 Entering )192,0,2,1,4,1(.", "invalid PASV response format"},
	} {
		for name, run := range map[string]func(context.Context, *retry.Client) error{
			"Stor": func(ctx context.Context, c *retry.Client) error {
				return c.Stor(ctx, "/new", retry.Bytes([]byte(body)))
			},
			"Retr": func(ctx context.Context, c *retry.Client) error {
				_, err := c.Retr(ctx, "/file", io.Discard)
				return err
			},
			"List": func(ctx context.Context, c *retry.Client) error { _, err := c.List(ctx, "/dir"); return err },
		} {
			t.Run(name+", "+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, cfg := bed(t, false)
					plant(t, srv, before())
					srv.Inject(always(retrytest.Fault{On: "EPSV", Reply: c.epsv}), always(retrytest.Fault{On: "PASV", Reply: c.pasv}))
					cfg.Policy.Attempts = 2
					elsewhere := addressesOf(&cfg)
					client, err := retry.New(cfg)
					require.NoError(t, err)
					start := time.Now()
					err = run(t.Context(), client)
					require.ErrorContains(t, err, c.want)
					assert.Less(t, len(err.Error()), 400)
					assert.LessOrEqual(t, time.Since(start), 2*time.Second, "waits for nobody")
					assert.Empty(t, elsewhere(srv.Addr()), "connections to others")
					assert.Empty(t, differences(before(), harvest(t, srv)))
					require.NoError(t, client.Close())
				})
			})
		}
	}
}

// addressesOf returns a function that lists the addresses that were dialled, but one.
func addressesOf(cfg *retry.Config) (but func(string) []string) {
	var mu sync.Mutex
	var all []string
	dial := cfg.Dial
	cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		mu.Lock()
		all = append(all, addr)
		mu.Unlock()
		return dial(ctx, network, addr)
	}
	return func(one string) (others []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, addr := range all {
			if addr != one {
				others = append(others, addr)
			}
		}
		return others
	}
}

// TestAServerCannotSendTheClientElsewhere has the reply to PASV name the host of
// somebody else, as in a bounce (RFC 2577, section 3): data connections go to the
// server's own host all the same.
func TestAServerCannotSendTheClientElsewhere(t *testing.T) {
	for _, host := range []string{"10.0.0.1", "127.0.0.1", "169.254.169.254", "0.0.0.0", "255.255.255.255"} {
		t.Run(host, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, false, func(c *retrytest.Config) { c.PassiveHost, c.Without = host, []string{"EPSV"} })
				plant(t, srv, before())
				others := addressesOf(&cfg)
				client, err := retry.New(cfg)
				require.NoError(t, err)
				require.NoError(t, client.Stor(t.Context(), "/new", retry.Bytes([]byte(body))))
				var got bytes.Buffer
				_, err = client.Retr(t.Context(), "/new", &got)
				require.NoError(t, err)
				require.NoError(t, equal("content", body, got.String()))
				server, _, err := net.SplitHostPort(srv.Addr())
				require.NoError(t, err)
				data := others(srv.Addr())
				require.Len(t, data, 2)
				for _, addr := range data {
					host, _, err := net.SplitHostPort(addr)
					require.NoError(t, err)
					assert.Equal(t, server, host)
				}
				require.NoError(t, client.Close())
			})
		})
	}
}

// TestADirectoryNameThatIsCutIsAnError: the ftp package takes what is between the
// quotes, and panics where there is only one.
func TestADirectoryNameThatIsCutIsAnError(t *testing.T) {
	for _, reply := range []string{`257 "/home`, `257 "`, `257 /home`, "257-one\n257-\"two\n257 three", "257-one\n257 \"two"} {
		t.Run(reply, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, false)
				plant(t, srv, before())
				srv.Inject(always(retrytest.Fault{On: "PWD", Reply: reply}))
				client, err := retry.New(cfg)
				require.NoError(t, err)
				err = client.Do(t.Context(), func(_ context.Context, conn *serverConn) error { _, err := conn.CurrentDir(); return err })
				require.Error(t, err)
				require.NoError(t, client.Close())

				conn, err := retry.Dial(t.Context(), cfg)
				require.NoError(t, err)
				require.NoError(t, conn.Login(cfg.User, cfg.Password))
				_, err = conn.CurrentDir()
				require.Error(t, err)
				require.NoError(t, conn.ChangeDir("/dir"))
				n, err := conn.FileSize("two")
				require.NoError(t, err)
				assert.EqualValues(t, 2, n)
				require.NoError(t, conn.Quit())
			})
		})
	}
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

// downloads are the operations that read a file, as far as it goes.
var downloads = map[string]func(ctx context.Context, t *testing.T, cfg retry.Config) (int64, error){
	"Retr": func(ctx context.Context, t *testing.T, cfg retry.Config) (n int64, err error) {
		err = withClient(t, cfg, func(c *retry.Client) error { n, err = c.Retr(ctx, "/file", new(counter)); return err })
		return n, err
	},
	"RetrFile": func(ctx context.Context, t *testing.T, cfg retry.Config) (int64, error) {
		local := filepath.Join(t.TempDir(), "local")
		err := withClient(t, cfg, func(c *retry.Client) error { return c.RetrFile(ctx, "/file", local) })
		if err != nil {
			assert.NoFileExists(t, local)
			assert.NoFileExists(t, local+".part", "what is no part of the file")
		}
		return 0, err
	},
	"Open": func(ctx context.Context, t *testing.T, cfg retry.Config) (n int64, err error) {
		err = withClient(t, cfg, func(c *retry.Client) error {
			r, err := c.Open(ctx, "/file")
			if err != nil {
				return err
			}
			defer r.Close()
			n, err = io.Copy(new(counter), r)
			return err
		})
		return n, err
	},
	"Conn.Retr": func(ctx context.Context, t *testing.T, cfg retry.Config) (int64, error) {
		conn, err := retry.Dial(ctx, cfg)
		if err != nil {
			return 0, err
		}
		defer conn.Quit()
		if err := conn.Login(cfg.User, cfg.Password); err != nil {
			return 0, err
		}
		r, err := conn.Retr("/file")
		if err != nil {
			return 0, err
		}
		defer r.Close()
		return io.Copy(new(counter), r)
	},
}

func withClient(t *testing.T, cfg retry.Config, run func(*retry.Client) error) error {
	t.Helper()
	client, err := retry.New(cfg)
	require.NoError(t, err)
	defer client.Close()
	return run(client)
}

// TestADownloadWithoutEndIsGivenUp has the server send on when the file is over,
// for ever: it would fill the disk.
func TestADownloadWithoutEndIsGivenUp(t *testing.T) {
	collectOften(t)
	const growth = 64 << 20
	for name, run := range downloads {
		for _, told := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, size told by the caller %v", name, told), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, cfg := bed(t, false)
					plant(t, srv, before())
					peak := neverEnding(&cfg, func(int) string { return body })
					ctx := t.Context()
					if told {
						ctx = retry.WithSize(ctx, int64(len(body)))
					}
					idle := heapInUse()
					start := time.Now()
					n, err := run(ctx, t, cfg)
					require.ErrorIs(t, err, retry.ErrChanged)
					assert.LessOrEqual(t, time.Since(start), time.Second, "at most one replay")
					assert.LessOrEqual(t, n, int64(growth+2*len(body)+100_000))
					assert.Less(t, int64(max(peak.Load(), heapInUse()))-int64(idle), int64(mostMemory))
					_ = srv
				})
			})
		}
	}
}

// TestAFileThatGrowsWhileItIsReadIsDelivered: what is added meanwhile is no
// endless file.
func TestAFileThatGrowsWhileItIsReadIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := bed(t, false)
		plant(t, srv, map[string]string{"/file": "one line\n"})
		grown := strings.Repeat("one line\n", 1<<20)
		srv.Inject(retrytest.Fault{On: "RETR", Run: func() { assert.NoError(t, srv.WriteFile("/file", []byte(grown))) }})
		cfg.Policy.Attempts = 1
		client, err := retry.New(cfg)
		require.NoError(t, err)
		var got bytes.Buffer
		_, err = client.Retr(t.Context(), "/file", &got)
		require.NoError(t, err)
		require.NoError(t, equal("content", grown, got.String()))
		require.NoError(t, client.Close())
	})
}
