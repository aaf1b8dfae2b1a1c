package retrytest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// window is how much one direction of a connection in memory holds before its
// writer waits, as the buffers of a socket do.
const window = 64 << 10

// stream is one direction of a connection in memory. Waits use sync.Cond, which
// counts as durably blocked inside a testing/synctest bubble.
type stream struct {
	mu      sync.Mutex
	changed sync.Cond
	buf     []byte // unread bytes are buf[off:]
	off     int

	finished bool // the writer sent its FIN: EOF after what is buffered
	reset    bool // the connection was reset: ECONNRESET after what is buffered
	deaf     bool // the reader has closed: the next write is lost, later ones fail
	refused  bool // a write was lost to a deaf reader

	readBy, writeBy       deadline
	readDone, writeClosed bool // closed by the side that would use it
}

func newStream() *stream {
	s := &stream{}
	s.changed.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readDone:
			return 0, net.ErrClosed
		case s.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.off < len(s.buf):
			n := copy(p, s.buf[s.off:])
			if s.off += n; s.off == len(s.buf) {
				s.buf, s.off = s.buf[:0], 0
			}
			s.changed.Broadcast()
			return n, nil
		case s.reset:
			return 0, os.NewSyscallError("read", syscall.ECONNRESET)
		case s.finished:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := 0
	for {
		switch {
		case s.writeClosed:
			return done, net.ErrClosed
		case s.writeBy.passed():
			return done, os.ErrDeadlineExceeded
		case s.reset:
			return done, os.NewSyscallError("write", syscall.ECONNRESET)
		case s.finished, s.refused:
			return done, os.NewSyscallError("write", syscall.EPIPE)
		case s.deaf:
			// TCP learns of the closed reader by the reset that this write provokes.
			s.refused = true
			return len(p), nil
		case done == len(p):
			return done, nil
		}
		if free := window - (len(s.buf) - s.off); free > 0 {
			n := min(free, len(p)-done)
			if s.off > 0 && len(s.buf)+n > cap(s.buf) {
				s.buf, s.off = s.buf[:copy(s.buf, s.buf[s.off:])], 0
			}
			s.buf = append(s.buf, p[done:done+n]...)
			done += n
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

// update changes the stream's state and wakes whoever waits for it.
func (s *stream) update(change func()) {
	s.mu.Lock()
	change()
	s.changed.Broadcast()
	s.mu.Unlock()
}

// deadline is a moment at which waiting ends. It is guarded by its stream.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) set(at time.Time, wake func()) {
	d.at = at
	if d.timer != nil {
		d.timer.Stop()
	}
	if at.IsZero() || d.passed() {
		return
	}
	if d.timer == nil {
		d.timer = time.AfterFunc(time.Until(at), wake)
		return
	}
	d.timer.Reset(time.Until(at))
}

func (s *stream) wake() { s.update(func() {}) }

// memConn is one end of a connection in memory. It behaves like a *net.TCPConn
// on Linux: a close with unread input resets the connection, the first write
// after the peer's close is lost and the next one fails, and errors are
// *net.OpError around the system call's.
type memConn struct {
	in, out       *stream
	local, remote *net.TCPAddr
	hard          atomic.Bool // SetLinger(0)
}

// newPair connects a client's end and a server's end.
func newPair(client, server *net.TCPAddr) (near, far *memConn) {
	up, down := newStream(), newStream()
	return &memConn{in: down, out: up, local: client, remote: server},
		&memConn{in: up, out: down, local: server, remote: client}
}

func (c *memConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

func (c *memConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

func (c *memConn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// CloseWrite sends the FIN: the peer reads what is buffered, then io.EOF.
func (c *memConn) CloseWrite() error {
	c.out.update(func() { c.out.finished = true })
	return nil
}

// Close ends both directions. Input that nobody read makes it a reset that also
// loses output still under way, as a kernel does.
func (c *memConn) Close() error {
	if c.hard.Load() {
		c.abort()
		return nil
	}
	unread, closed := false, false
	c.in.update(func() {
		closed = c.in.readDone
		unread = !closed && len(c.in.buf) > c.in.off
		c.in.readDone, c.in.deaf = true, true
		c.in.reset = c.in.reset || unread
		c.in.buf, c.in.off = nil, 0
		c.in.readBy.set(time.Time{}, nil)
	})
	if closed {
		return c.wrap("close", net.ErrClosed)
	}
	c.out.update(func() {
		c.out.writeClosed = true
		c.out.finished = true
		if unread {
			c.out.reset = true
			c.out.buf, c.out.off = nil, 0
		}
		c.out.writeBy.set(time.Time{}, nil)
	})
	return nil
}

// SetLinger makes Close a reset if sec is 0, as on a *net.TCPConn.
func (c *memConn) SetLinger(sec int) error {
	c.hard.Store(sec == 0)
	return nil
}

// abort resets the connection, as a TCP close with SO_LINGER 0 does. Output
// written before arrives first.
func (c *memConn) abort() {
	closed := false
	c.in.update(func() {
		if closed = c.in.readDone; closed {
			return
		}
		c.in.reset, c.in.readDone, c.in.deaf = true, true, true
		c.in.buf, c.in.off = nil, 0
		c.in.readBy.set(time.Time{}, nil)
	})
	if closed {
		return
	}
	c.out.update(func() {
		c.out.reset, c.out.writeClosed = true, true
		c.out.writeBy.set(time.Time{}, nil)
	})
}

func (c *memConn) LocalAddr() net.Addr  { return c.local }
func (c *memConn) RemoteAddr() net.Addr { return c.remote }

func (c *memConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.in.update(func() { c.in.readBy.set(t, c.in.wake) })
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.out.update(func() { c.out.writeBy.set(t, c.out.wake) })
	return nil
}
