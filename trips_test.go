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
	"github.com/ftpretry/ftpretry/retry/retrytest"
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

func lag(conn net.Conn) *lagging { return linger(conn, 0) }

// linger makes 226, and what comes after it, be late: of a server that waits for
// the end of a data connection to be acknowledged (vsftpd, by SO_LINGER).
func linger(conn net.Conn, late time.Duration) *lagging {
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
			due := time.Now().Add(trip / 2)
			if i := bytes.Index(b[:n], []byte("226 ")); i >= 0 {
				l.in <- parcel{due, b[:i:i], nil, false}
				due, b, n = due.Add(late), b[i:], n-i
			}
			l.in <- parcel{due, b[:n], err, false}
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

// overLongLine makes connections that take a round trip, and lag; 226 is late.
func overLongLine(dial dialer, late time.Duration) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := distant(dial)(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return linger(conn, late), nil
	}
}

// smallFiles are operations on one small file, and the round trips that each
// costs: with a server that knows nothing of PRET, and one that offers it.
var smallFiles = []struct {
	name        string
	trips, pret float64
	run         func(t *testing.T, c *retry.Client) error
}{
	{"download, its size asked for", 3, 3, func(t *testing.T, c *retry.Client) error {
		return fetches(t.Context(), c, "/dir/one", "1")
	}},
	{"download to a file, size and time asked for", 3, 3, func(t *testing.T, c *retry.Client) error {
		return c.RetrFile(t.Context(), "/dir/one", t.TempDir()+"/local")
	}},
	{"upload, verified, its time set when it is", 3, 4, func(t *testing.T, c *retry.Client) error {
		return uploads(t.Context(), t, c, "/new")
	}},
	{"atomic upload, verified, its time set, renamed", 3, 4, func(t *testing.T, c *retry.Client) error {
		return uploads(t.Context(), t, c.WithUpload(retry.Atomic), "/new")
	}},
}

// TestRoundTripsOfASmallFile counts what a file costs on a long line where
// others went before it, exactly, in virtual time. Bare connections of the ftp
// package need 3 round trips for a download and 4 for an upload against this
// server, neither of them verified, and one more each where its 226 is late, or
// where it offers PRET.
func TestRoundTripsOfASmallFile(t *testing.T) {
	for _, c := range smallFiles {
		for _, server := range []struct {
			how  string
			late time.Duration
			pret bool
			most float64
		}{
			{"226 at once", 0, false, c.trips},
			{"226 late", trip, false, c.trips},
			{"PRET, 226 at once", 0, true, c.pret},
			{"PRET, 226 late", trip, true, c.pret},
		} {
			t.Run(c.name+", "+server.how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, cfg := bed(t, false, func(sc *retrytest.Config) { sc.Pret = server.pret })
					plant(t, srv, before())
					cfg.Dial = overLongLine(cfg.Dial, server.late)
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
					assert.LessOrEqual(t, float64(time.Since(began))/float64(trip)/files, server.most)
					assert.EqualValues(t, 1, client.Stats().Dials)
				})
			})
		}
	}
}

// TestAServerThatGivesNoPortBeforePRETIsNotAskedForOne: its refusals cost
// nothing but the commands, and there are few of them.
func TestAServerThatGivesNoPortBeforePRETIsNotAskedForOne(t *testing.T) {
	for _, c := range smallFiles {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, false, func(sc *retrytest.Config) { sc.PretNeeded = true })
				plant(t, srv, before())
				cfg.Dial = overLongLine(cfg.Dial, 0)
				client, err := retry.New(cfg)
				require.NoError(t, err)
				defer client.Close()
				for range 10 {
					require.NoError(t, c.run(t, client))
				}
				refusals := 0
				for _, e := range srv.Log() {
					if strings.HasPrefix(e.Reply, "503 ") {
						refusals++
					}
				}
				assert.LessOrEqual(t, refusals, 4)
				assert.Empty(t, client.Stats().Replays)
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
					cfg.Dial = around(distant(cfg.Dial), srv.Addr(), func(c net.Conn) net.Conn { return &unwilling{c, &met, what} }, as)
					require.NoError(t, op.run(t.Context(), t, cfg), op.name)
					assert.Empty(t, differences(op.wanted(), harvest(t, srv)), op.name)
					assert.LessOrEqual(t, met.Load(), int32(4), "%s: packets of several commands", op.name)
				})
			}
		})
	}
}

// around is dial with something put around each control connection, to addr, and
// each data connection.
func around(dial dialer, addr string, control, data func(net.Conn) net.Conn) dialer {
	return func(ctx context.Context, network, to string) (net.Conn, error) {
		conn, err := dial(ctx, network, to)
		switch {
		case err != nil:
			return nil, err
		case to == addr:
			return control(conn), nil
		}
		return data(conn), nil
	}
}

// as is a connection as it is.
func as(conn net.Conn) net.Conn { return conn }

// hasty is a control connection to a server that answers at once what comes
// before the final reply of a transfer.
type hasty struct {
	net.Conn
	says  string
	met   *atomic.Int32
	busy  bool // with a transfer
	reply []byte
}

func (h *hasty) Write(p []byte) (int, error) {
	if h.busy {
		h.met.Add(1)
		h.reply = bytes.Repeat([]byte(h.says+"\r\n"), bytes.Count(p, []byte("\n")))
		return len(p), nil
	}
	h.busy = bytes.HasPrefix(p, []byte("RETR ")) || bytes.HasPrefix(p, []byte("STOR "))
	return h.Conn.Write(p)
}

func (h *hasty) Read(p []byte) (int, error) {
	if n := copy(p, h.reply); n > 0 {
		h.reply = h.reply[n:]
		return n, nil
	}
	n, err := h.Conn.Read(p)
	h.busy = h.busy && !bytes.Contains(p[:n], []byte("226 "))
	return n, err
}

// TestAServerThatAnswersDuringATransferIsAskedNothingThen: what it says then is
// not taken for the end of the transfer.
func TestAServerThatAnswersDuringATransferIsAskedNothingThen(t *testing.T) {
	for _, c := range smallFiles {
		for _, says := range []string{"503 Bad sequence of commands.", "550 No such file.", "213 47", "229 Entering Extended Passive Mode (|||1|)"} {
			if port := says[:3] == "503" || says[:3] == "229"; !port && strings.HasPrefix(c.name, "download") {
				continue // only a port is asked for then
			}
			t.Run(c.name+", "+says, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, cfg := bed(t, false)
					plant(t, srv, before())
					var met atomic.Int32
					cfg.Dial = around(distant(cfg.Dial), srv.Addr(), func(c net.Conn) net.Conn { return &hasty{Conn: linger(c, trip), says: says, met: &met} }, func(c net.Conn) net.Conn { return lag(c) })
					client, err := retry.New(cfg)
					require.NoError(t, err)
					defer client.Close()
					for range 10 {
						require.NoError(t, c.run(t, client))
					}
					assert.LessOrEqual(t, met.Load(), int32(2))
					assert.Positive(t, met.Load())
				})
			})
		}
	}
}

// open is a data connection that the server leaves open until the client has
// closed it.
type open struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (o *open) Read([]byte) (int, error) { <-o.closed; return 0, net.ErrClosed }
func (o *open) Close() error             { o.once.Do(func() { close(o.closed) }); return o.Conn.Close() }

// CloseWrite implements the end of one direction.
func (o *open) CloseWrite() error { return o.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// TestTheEndOfADataConnectionIsNotAwaitedWhereItDoesNotCome: an upload costs no
// round trip more than it has to.
func TestTheEndOfADataConnectionIsNotAwaitedWhereItDoesNotCome(t *testing.T) {
	for _, c := range smallFiles[2:] {
		synctest.Test(t, func(t *testing.T) {
			srv, cfg := bed(t, false)
			cfg.Dial = around(overLongLine(cfg.Dial, 0), srv.Addr(), as, func(c net.Conn) net.Conn { return &open{Conn: c, closed: make(chan struct{})} })
			client, err := retry.New(cfg)
			require.NoError(t, err)
			defer client.Close()
			for range 6 { // to find that out
				require.NoError(t, c.run(t, client))
			}
			began := time.Now()
			require.NoError(t, c.run(t, client))
			assert.LessOrEqual(t, float64(time.Since(began))/float64(trip), c.trips)
		})
	}
}

// eager is a data connection behind something that does not bear content before
// the server has agreed to take it.
type eager struct {
	net.Conn
	agreed *atomic.Bool
	met    *atomic.Int32
	what   func(conn net.Conn, p []byte) (int, error)
}

func (e *eager) Write(p []byte) (int, error) {
	if e.agreed.Load() {
		return e.Conn.Write(p)
	}
	e.met.Add(1)
	return e.what(e.Conn, p)
}

// CloseWrite implements the end of one direction.
func (e *eager) CloseWrite() error { return e.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// Close never fails, as with a connection of TCP that the other side has reset.
func (e *eager) Close() error { _ = e.Conn.Close(); return nil }

// agreeing is the control connection that tells.
type agreeing struct {
	net.Conn
	agreed *atomic.Bool
}

func (a *agreeing) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	switch {
	case bytes.Contains(p[:n], []byte("150 ")):
		a.agreed.Store(true)
	case bytes.Contains(p[:n], []byte("226 ")):
		a.agreed.Store(false)
	}
	return n, err
}

// TestContentIsNotSentEarlyWhereThatIsNotBorne: whatever becomes of it, the files
// arrive, and it is given up.
func TestContentIsNotSentEarlyWhereThatIsNotBorne(t *testing.T) {
	for name, what := range map[string]func(conn net.Conn, p []byte) (int, error){
		"it gets lost":               func(_ net.Conn, p []byte) (int, error) { return len(p), nil },
		"the connection is reset":    func(conn net.Conn, _ []byte) (int, error) { _ = conn.Close(); return 0, net.ErrClosed },
		"it is cut off, not at once": func(conn net.Conn, p []byte) (int, error) { _ = conn.Close(); return len(p), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, false)
				var met atomic.Int32
				var agreed atomic.Bool
				dial := distant(cfg.Dial)
				cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := dial(ctx, network, addr)
					switch {
					case err != nil:
						return nil, err
					case addr == srv.Addr():
						agreed.Store(false)
						return &agreeing{conn, &agreed}, nil
					}
					return &eager{conn, &agreed, &met, what}, nil
				}
				c, err := retry.New(cfg)
				require.NoError(t, err)
				defer c.Close()
				for range 5 {
					require.NoError(t, uploads(t.Context(), t, c, "/new"))
					require.NoError(t, uploads(t.Context(), t, c.WithUpload(retry.Atomic), "/newer"))
				}
				assert.Equal(t, map[string]string{"/new": brief, "/newer": brief}, harvest(t, srv))
				assert.LessOrEqual(t, met.Load(), int32(2))
			})
		})
	}
}

// TestAPanicOfTheCallersDialerReachesTheCaller, wherever the connection was
// begun: one of another goroutine would end the program.
func TestAPanicOfTheCallersDialerReachesTheCaller(t *testing.T) {
	for _, c := range smallFiles {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, false)
				plant(t, srv, before())
				var armed atomic.Bool
				dial := overLongLine(cfg.Dial, trip)
				cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					if armed.Load() && addr != srv.Addr() {
						panic("dialer's own")
					}
					return dial(ctx, network, addr)
				}
				client, err := retry.New(cfg)
				require.NoError(t, err)
				defer client.Close()
				for range 3 {
					require.NoError(t, c.run(t, client))
				}
				armed.Store(true)
				assert.PanicsWithValue(t, "dialer's own", func() {
					for range 3 { // one may have its connection already
						_ = c.run(t, client)
					}
				})
				armed.Store(false)
				require.NoError(t, c.run(t, client))
			})
		})
	}
}
