package ftpretry_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
)

// trip is the round trip of a lagging connection.
const trip = 20 * time.Millisecond

// lagging is a connection over a long line: what is written arrives half a round
// trip later, either way. It has no deadlines.
type lagging struct {
	net.Conn
	out, in chan parcel
	rest    []byte
	end     error
	closed  chan struct{}
	once    sync.Once
}

// parcel is something under way.
type parcel struct {
	due  time.Time
	b    []byte
	err  error
	half bool // the end of one direction
}

func lag(conn net.Conn) *lagging {
	l := &lagging{Conn: conn, out: make(chan parcel, 1000), in: make(chan parcel, 1000), closed: make(chan struct{})}
	go func() {
		for p := range l.out {
			time.Sleep(time.Until(p.due))
			if p.half {
				_ = conn.(interface{ CloseWrite() error }).CloseWrite()
				continue
			}
			_, _ = conn.Write(p.b)
		}
		_ = conn.Close()
	}()
	go func() {
		defer close(l.in)
		for {
			b := make([]byte, 4096)
			n, err := conn.Read(b)
			l.in <- parcel{time.Now().Add(trip / 2), b[:n], err, false}
			if err != nil {
				return
			}
		}
	}()
	return l
}

func (l *lagging) Write(p []byte) (int, error) {
	l.out <- parcel{due: time.Now().Add(trip / 2), b: bytes.Clone(p)}
	return len(p), nil
}

func (l *lagging) CloseWrite() error {
	l.out <- parcel{due: time.Now().Add(trip / 2), half: true}
	return nil
}

func (l *lagging) Read(p []byte) (int, error) {
	for len(l.rest) == 0 && l.end == nil {
		select {
		case got := <-l.in:
			time.Sleep(time.Until(got.due))
			l.rest, l.end = got.b, got.err
		case <-l.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	if n == 0 {
		return 0, l.end
	}
	return n, nil
}

func (l *lagging) Close() error {
	l.once.Do(func() { close(l.closed); close(l.out) })
	return nil
}

func (l *lagging) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (l *lagging) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (l *lagging) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// overLongLine makes connections that take a round trip, and lag.
func overLongLine(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := distant(dial)(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return lag(conn), nil
	}
}

// TestRoundTripsOfASmallFile counts what a file costs on a long line where
// others went before it, exactly, in virtual time. Bare connections of the ftp
// package need 3 round trips for a download and 4 for an upload against this
// server, neither of them verified.
func TestRoundTripsOfASmallFile(t *testing.T) {
	for _, c := range []struct {
		name string
		most float64
		run  func(t *testing.T, c *retry.Client) error
	}{
		{"download, its size asked for", 3, func(t *testing.T, c *retry.Client) error {
			return fetches(t.Context(), c, "/dir/one", "1")
		}},
		{"download to a file, size and time asked for", 3, func(t *testing.T, c *retry.Client) error {
			return c.RetrFile(t.Context(), "/dir/one", t.TempDir()+"/local")
		}},
		{"upload, verified, its time set when it is", 4, func(t *testing.T, c *retry.Client) error {
			return uploads(t.Context(), t, c, "/new")
		}},
		{"atomic upload, verified, its time set, renamed", 3, func(t *testing.T, c *retry.Client) error {
			return uploads(t.Context(), t, c.WithUpload(retry.Atomic), "/new")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, false)
				plant(t, srv, before())
				cfg.Dial = overLongLine(cfg.Dial)
				client, err := retry.New(cfg)
				require.NoError(t, err)
				defer client.Close()
				for range 3 { // to find out what the server bears
					require.NoError(t, c.run(t, client))
				}
				const files = 10
				began := time.Now()
				for range files {
					require.NoError(t, c.run(t, client))
				}
				assert.LessOrEqual(t, float64(time.Since(began))/float64(trip)/files, c.most)
				assert.EqualValues(t, 1, client.Stats().Dials)
			})
		})
	}
}

// unwilling is a control connection to a server that does not bear several
// commands in one packet.
type unwilling struct {
	net.Conn
	met  *atomic.Int32 // such packets
	what func(conn net.Conn, packet []byte) (int, error)
}

func (u *unwilling) Write(p []byte) (int, error) {
	if bytes.Count(p, []byte("\r\n")) < 2 {
		return u.Conn.Write(p)
	}
	u.met.Add(1)
	if n, err := u.what(u.Conn, p); err != nil {
		return n, err
	}
	return len(p), nil
}

// TestAServerThatDoesNotBearWhatIsSentAheadIsServedWithoutIt: whatever it makes
// of several commands in one packet, the files arrive, and it is let alone.
func TestAServerThatDoesNotBearWhatIsSentAheadIsServedWithoutIt(t *testing.T) {
	first := func(p []byte) []byte { return p[:bytes.IndexByte(p, '\n')+1] }
	for name, what := range map[string]func(conn net.Conn, p []byte) (int, error){
		"drops all but the first": func(conn net.Conn, p []byte) (int, error) { return conn.Write(first(p)) },
		"drops the packet":        func(net.Conn, []byte) (int, error) { return 0, nil },
		"takes it for one command": func(conn net.Conn, p []byte) (int, error) {
			return conn.Write([]byte(strings.ReplaceAll(strings.TrimSpace(string(p)), "\r\n", " ") + "\r\n"))
		},
		"hangs up": func(conn net.Conn, p []byte) (int, error) { return 0, conn.Close() },
		"answers in another order": func(conn net.Conn, p []byte) (int, error) {
			lines := strings.SplitAfter(string(p), "\r\n")
			lines[0], lines[len(lines)-2] = lines[len(lines)-2], lines[0]
			return conn.Write([]byte(strings.Join(lines, "")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, op := range fromAfar {
				synctest.Test(t, func(t *testing.T) {
					srv, cfg := bed(t, false)
					plant(t, srv, before())
					var met atomic.Int32
					dial := distant(cfg.Dial)
					cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						conn, err := dial(ctx, network, addr)
						if err != nil || addr != srv.Addr() {
							return conn, err
						}
						return &unwilling{conn, &met, what}, nil
					}
					require.NoError(t, op.run(t.Context(), t, cfg), op.name)
					assert.Empty(t, differences(op.wanted(), harvest(t, srv)), op.name)
					assert.LessOrEqual(t, met.Load(), int32(4), "%s: packets of several commands", op.name)
				})
			}
		})
	}
}

// hasty is a control connection to a server that answers at once what comes
// before the final reply of a transfer, and that it will not have it.
type hasty struct {
	net.Conn
	met   *atomic.Int32
	last  string
	reply []byte
}

func (h *hasty) Write(p []byte) (int, error) {
	if last := h.last; string(p) == "EPSV\r\n" && last == "RETR" {
		h.met.Add(1)
		h.reply = []byte("503 Bad sequence of commands.\r\n")
		return len(p), nil
	}
	h.last, _, _ = strings.Cut(strings.TrimSpace(string(p)), " ")
	return h.Conn.Write(p)
}

func (h *hasty) Read(p []byte) (int, error) {
	if n := copy(p, h.reply); n > 0 {
		h.reply = h.reply[n:]
		return n, nil
	}
	return h.Conn.Read(p)
}

func TestAServerThatAnswersDuringATransferIsNotAskedForAPortThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := bed(t, false)
		plant(t, srv, before())
		var met atomic.Int32
		dial := distant(cfg.Dial)
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			if addr == srv.Addr() {
				return &hasty{Conn: lag(conn), met: &met}, nil
			}
			return lag(conn), nil
		}
		c, err := retry.New(cfg)
		require.NoError(t, err)
		defer c.Close()
		for range 10 {
			require.NoError(t, fetches(t.Context(), c, "/dir/one", "1"))
		}
		assert.EqualValues(t, 2, met.Load())
	})
}
