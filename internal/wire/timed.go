package wire

import (
	"net"
	"os"
	"sync"
	"time"
)

// timed gives deadlines to a connection that has none, such as a channel of an
// SSH connection (golang.org/x/crypto/ssh: "deadline not supported"). When one
// expires during a Read or Write, the connection is closed, which is how such a
// connection can be made to return; it is of no use afterwards. One that expires
// while nobody reads or writes does nothing, as with any other connection.
type timed struct {
	net.Conn
	in, out alarm
}

// alarm is the deadline of one direction.
type alarm struct {
	mu       sync.Mutex
	deadline time.Time
	busy     bool // a call is under way
	rang     bool // its deadline has expired
	timer    *time.Timer
}

// enter begins a call, which ring would end.
func (a *alarm) enter(ring func()) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rang || !a.deadline.IsZero() && !time.Now().Before(a.deadline) {
		return os.ErrDeadlineExceeded
	}
	a.busy = true
	a.start(ring)
	return nil
}

// leave ends a call that failed with err.
func (a *alarm) leave(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy = false
	a.stop()
	if err != nil && a.rang {
		return os.ErrDeadlineExceeded
	}
	return err
}

func (a *alarm) set(t time.Time, ring func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deadline = t
	if a.busy {
		a.start(ring)
	}
}

// start has ring called when the deadline expires. The caller holds mu.
func (a *alarm) start(ring func()) {
	a.stop()
	if a.deadline.IsZero() {
		return
	}
	a.timer = time.AfterFunc(time.Until(a.deadline), func() {
		a.mu.Lock()
		due := a.busy && !a.deadline.IsZero() && !time.Now().Before(a.deadline)
		a.rang = a.rang || due
		a.mu.Unlock()
		if due {
			ring()
		}
	})
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}

func (c *timed) ring() { _ = c.Conn.Close() }

func (c *timed) Read(p []byte) (int, error) {
	if err := c.in.enter(c.ring); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	return n, c.in.leave(err)
}

func (c *timed) Write(p []byte) (int, error) {
	if err := c.out.enter(c.ring); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	return n, c.out.leave(err)
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
