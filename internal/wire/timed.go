package wire

import (
	"net"
	"os"
	"sync"
	"time"
)

// timed gives deadlines to a connection that has none, such as a channel of an
// SSH connection (golang.org/x/crypto/ssh: "deadline not supported"). When one
// expires the connection is closed, which is how such a connection can be made
// to return; it is of no use afterwards in any case.
type timed struct {
	net.Conn
	in, out alarm
}

// alarm is the deadline of one direction.
type alarm struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired bool
}

// set has ring called at t, and no longer at the time that was set before.
func (a *alarm) set(t time.Time, ring func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	if t.IsZero() || a.expired {
		return
	}
	a.timer = time.AfterFunc(time.Until(t), func() {
		a.mu.Lock()
		a.expired = true
		a.mu.Unlock()
		ring()
	})
}

// explain makes the error of a connection that was closed by the alarm that of
// a deadline.
func (a *alarm) explain(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && a.expired {
		return os.ErrDeadlineExceeded
	}
	return err
}

func (c *timed) ring() { _ = c.Conn.Close() }

func (c *timed) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.in.explain(err)
}

func (c *timed) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.out.explain(err)
}

func (c *timed) Close() error {
	c.in.set(time.Time{}, nil)
	c.out.set(time.Time{}, nil)
	return c.Conn.Close()
}

// CloseWrite ends one direction, where the connection can.
func (c *timed) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *timed) SetReadDeadline(t time.Time) error {
	c.in.set(t, c.ring)
	return nil
}

func (c *timed) SetWriteDeadline(t time.Time) error {
	c.out.set(t, c.ring)
	return nil
}

func (c *timed) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}
