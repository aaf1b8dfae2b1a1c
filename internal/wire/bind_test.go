package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheEndOfTheContextEndsWhateverWaits(t *testing.T) {
	cause := errors.New("caller has had enough")
	for _, c := range []struct {
		name string
		wait func(*pair) error
	}{
		{"for a reply", func(p *pair) error {
			go func() { _, _ = p.lines.ReadString('\n') }()
			if _, err := p.control.Write([]byte("NOOP\r\n")); err != nil {
				return err
			}
			_, err := p.read()
			return err
		}},
		{"to send a command", func(p *pair) error { _, err := p.control.Write([]byte("NOOP\r\n")); return err }},
		{"for data", func(p *pair) error { _, err := p.transfer().Read(make([]byte, 10)); return err }},
		{"to send data", func(p *pair) error { _, err := p.transfer().Write(make([]byte, 10)); return err }},
		{"for a copy in", func(p *pair) error { _, err := p.transfer().WriteTo(io.Discard); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				require.True(t, p.Bind(ctx, time.Now()))
				time.AfterFunc(3*time.Second, func() { cancel(cause) })
				start := time.Now()
				require.Equal(t, cause, c.wait(p))
				assert.Equal(t, 3*time.Second, time.Since(start))
				assert.False(t, p.InStep(), "a session that was interrupted is not used again")
			})
		})
	}
}

func TestTheEndOfAContextConcernsTheSessionOnlyWhileBound(t *testing.T) {
	t.Run("after Unbind it does not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			ctx, cancel := context.WithCancel(t.Context())
			p.Bind(ctx, time.Now())
			p.Unbind()
			cancel()
			synctest.Wait()
			assert.True(t, p.InStep())
			require.True(t, p.Bind(t.Context(), time.Now()))
			require.NoError(t, p.tell("NOOP", "200 Fine.\r\n"))
		})
	})
	t.Run("the context of an earlier operation does not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			ctx, cancel := context.WithCancel(t.Context())
			p.Bind(ctx, time.Now())
			p.Unbind()
			p.Bind(context.Background(), time.Now())
			cancel()
			synctest.Wait()
			require.NoError(t, p.tell("NOOP", "200 Fine.\r\n"))
		})
	})
	t.Run("bound again to the same context, it does", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			ctx, cancel := context.WithCancel(t.Context())
			p.Bind(ctx, time.Now())
			p.Unbind()
			p.Bind(ctx, time.Now())
			cancel()
			synctest.Wait()
			assert.ErrorIs(t, p.tell("NOOP", "200 Fine.\r\n"), context.Canceled)
		})
	})
	t.Run("one that had ended before Bind ends what comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			ctx, cancel := context.WithCancel(t.Context())
			p.Bind(ctx, time.Now())
			p.Unbind()
			cancel()
			synctest.Wait()
			p.Bind(ctx, time.Now())
			assert.ErrorIs(t, p.tell("NOOP", "200 Fine.\r\n"), context.Canceled)
			assert.False(t, p.Bind(t.Context(), time.Now()), "the session was cut short and says it is well")
		})
	})
}

func TestBindingAndTheEndOfContextsDoNotRace(t *testing.T) {
	for range 200 {
		p := greet(t)
		var wg sync.WaitGroup
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			wg.Add(1)
			go func() {
				defer wg.Done()
				cancel()
			}()
			if !p.Bind(ctx, time.Now()) {
				break
			}
			err := p.tell("NOOP", "200 Fine.\r\n")
			p.Unbind()
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
				require.False(t, p.InStep())
				break
			}
		}
		wg.Wait()
		p.Close()
	}
}

func TestStaleSeesWhatAnIdleServerDid(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(net.Conn)
		want bool
	}{
		{"nothing", func(net.Conn) {}, false},
		{"it hung up", func(c net.Conn) { _ = c.Close() }, true},
		{"it reset the connection", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }, true},
		{"it pushed a reply", func(c net.Conn) { _, _ = io.WriteString(c, "421 Timeout.\r\n") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, server := loopback(t)
			require.NoError(t, s.control.raw.SetReadDeadline(past), "that of a reply long ago")
			s.control.readBy, s.control.readSet = past, past
			require.False(t, s.Stale())
			c.do(server)
			assert.Equal(t, c.want, s.Stale())
			assert.Equal(t, c.want, s.Stale(), "it consumes nothing")
			if !c.want {
				_, err := fmt.Fprint(server, "200 Fine.\r\n")
				require.NoError(t, err)
				s.control.pending = 1
				require.NoError(t, s.control.await())
			}
		})
	}
	assert.False(t, new(Session).Stale(), "where there is no way to know")
}

// loopback is a session over sockets.
func loopback(t testing.TB, change ...func(*Config)) (*Session, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg := &Config{Addr: l.Addr().String(), Connect: time.Minute, Reply: replyTime, Stall: stallTime}
	for _, f := range change {
		f(cfg)
	}
	s, err := Connect(t.Context(), cfg)
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = s.DialFunc("tcp", cfg.Addr)
	require.NoError(t, err)
	_, err = io.WriteString(server, "220 Ready.\r\n")
	require.NoError(t, err)
	require.NoError(t, s.control.await())
	s.Greeted()
	t.Cleanup(func() {
		s.Close()
		_ = server.Close()
	})
	return s, server
}

// linked is a session over sockets and a data connection of it.
func linked(t testing.TB, change ...func(*Config)) (*Session, *Data, *net.TCPConn) {
	t.Helper()
	s, _ := loopback(t, change...)
	d, server := link(t, s)
	return s, d, server
}

// link makes a data connection of the session and returns both its ends.
func link(t testing.TB, s *Session) (*Data, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	conn, err := s.DialFunc("tcp", l.Addr().String())
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	t.Cleanup(func() { _ = server.Close() })
	return conn.(*Data), server.(*net.TCPConn)
}
