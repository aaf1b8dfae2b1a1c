package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// timeless is a connection without deadlines, as a channel of an SSH connection.
type timeless struct{ net.Conn }

var errTimeless = errors.New("deadline not supported")

func (timeless) SetDeadline(time.Time) error      { return errTimeless }
func (timeless) SetReadDeadline(time.Time) error  { return errTimeless }
func (timeless) SetWriteDeadline(time.Time) error { return errTimeless }

// withoutDeadlines takes them from the connections of a session.
func withoutDeadlines(c *Config) {
	dial := c.Dialer
	c.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return timeless{conn}, err
	}
}

func TestConnectionsWithoutDeadlinesGetThem(t *testing.T) {
	for _, c := range []struct {
		name string
		wait func(*pair) error
		took time.Duration
	}{
		{"for a reply", func(p *pair) error {
			go func() { _, _ = p.lines.ReadString('\n') }()
			if _, err := p.control.Write([]byte("NOOP\r\n")); err != nil {
				return err
			}
			_, err := p.read()
			return err
		}, replyTime},
		{"to send a command", func(p *pair) error { _, err := p.control.Write([]byte("NOOP\r\n")); return err }, replyTime},
		{"for data", func(p *pair) error { _, err := p.transfer().Read(make([]byte, 10)); return err }, stallTime},
		{"to send data", func(p *pair) error { _, err := p.transfer().Write(make([]byte, 10)); return err }, stallTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t, withoutDeadlines)
				p.Bind(t.Context(), time.Now())
				start := time.Now()
				require.ErrorIs(t, c.wait(p), os.ErrDeadlineExceeded)
				near(t, c.took, time.Since(start))
			})
			synctest.Test(t, func(t *testing.T) {
				p := greet(t, withoutDeadlines)
				ctx, cancel := context.WithCancel(t.Context())
				p.Bind(ctx, time.Now())
				time.AfterFunc(time.Second, cancel)
				start := time.Now()
				require.ErrorIs(t, c.wait(p), context.Canceled)
				assert.Equal(t, time.Second, time.Since(start))
			})
		})
	}
	t.Run("a connection that has them is left alone", func(t *testing.T) {
		p := greet(t)
		_, wrapped := p.control.raw.(*timed)
		assert.False(t, wrapped)
	})
}

func TestADeadlineThatIsMovedOrLiftedDoesNotRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn := &timed{Conn: timeless{ours}}
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Second)))
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		require.NoError(t, conn.SetWriteDeadline(time.Time{}))
		time.AfterFunc(30*time.Second, func() { _, _ = io.WriteString(theirs, "x") })
		_, err := conn.Read(make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, conn.CloseWrite(), "it cannot, and nothing is lost by it")
		require.NoError(t, conn.Close())
		_, err = conn.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.ErrClosedPipe)
		time.Sleep(time.Hour)
	})
}

func TestADeadlineThatExpiresWhileNobodyWaitsDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn := &timed{Conn: timeless{ours}}
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Second)))
		time.Sleep(time.Minute)
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		_, err = conn.Write([]byte("x"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Second)))
		go func() { _, _ = io.WriteString(theirs, "x") }()
		_, err = conn.Read(make([]byte, 1))
		require.NoError(t, err, "it was closed while nobody used it")
		require.NoError(t, conn.Close())
	})
}

// halves is a connection that notes the end of one direction.
type halves struct {
	net.Conn
	ended bool
}

func (h *halves) CloseWrite() error {
	h.ended = true
	return nil
}

func TestOneDirectionIsEndedWhereTheConnectionCan(t *testing.T) {
	h := &halves{}
	require.NoError(t, (&timed{Conn: h}).CloseWrite())
	assert.True(t, h.ended)
}
