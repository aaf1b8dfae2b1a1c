package retrytest

import (
	"context"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// The addresses of the network in memory are from TEST-NET-1 (RFC 5737).
var (
	memServer = net.IPv4(192, 0, 2, 1).To4()
	memClient = net.IPv4(192, 0, 2, 2).To4()
)

// memory is a network that has one server host. Only the port of an address
// matters. It is safe for concurrent use.
type memory struct {
	mu        sync.Mutex
	listeners map[int]*memListener
	last      int // the last port given out
}

const (
	firstPort = 32768
	lastPort  = 65535
	backlog   = 128
)

func newMemory() *memory {
	return &memory{listeners: make(map[int]*memListener), last: firstPort - 1}
}

// port gives out the next free port. The caller holds mu.
func (m *memory) port() int {
	for {
		if m.last++; m.last > lastPort {
			m.last = firstPort
		}
		if m.listeners[m.last] == nil {
			return m.last
		}
	}
}

func (m *memory) listen(port int) (listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if port == 0 {
		port = m.port()
	}
	addr := &net.TCPAddr{IP: memServer, Port: port}
	if m.listeners[port] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: addr, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	l := &memListener{net: m, addr: addr}
	l.changed.L = &l.mu
	m.listeners[port] = l
	return l, nil
}

func (m *memory) listenData() (listener, error) { return m.listen(0) }

func (m *memory) hold(int) func() { return func() {} }

func (m *memory) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	fail := func(err error) error {
		return &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fail(err)
	}
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fail(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fail(&net.AddrError{Err: "the port is no number", Addr: addr})
	}
	m.mu.Lock()
	l, own := m.listeners[port], m.port()
	m.mu.Unlock()
	if l != nil {
		near, far := newPair(&net.TCPAddr{IP: memClient, Port: own}, l.addr)
		if l.offer(far) {
			return near, nil
		}
	}
	return nil, &net.OpError{
		Op: "dial", Net: network, Addr: &net.TCPAddr{IP: memServer, Port: port},
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
	}
}

// memListener is a listening port of the network in memory.
type memListener struct {
	net     *memory
	addr    *net.TCPAddr
	mu      sync.Mutex
	changed sync.Cond
	waiting []*memConn
	closed  bool
	by      deadline
}

func (l *memListener) offer(c *memConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.waiting) >= backlog {
		return false
	}
	l.waiting = append(l.waiting, c)
	l.changed.Broadcast()
	return true
}

// Accept waits for the next connection.
func (l *memListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		err := error(nil)
		switch {
		case l.closed:
			err = net.ErrClosed
		case len(l.waiting) > 0:
			c := l.waiting[0]
			l.waiting = l.waiting[1:]
			return c, nil
		case l.by.passed():
			err = os.ErrDeadlineExceeded
		}
		if err != nil {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: err}
		}
		l.changed.Wait()
	}
}

// Close stops listening. Connections that nobody accepted are reset.
func (l *memListener) Close() error {
	l.net.mu.Lock()
	if l.net.listeners[l.addr.Port] == l {
		delete(l.net.listeners, l.addr.Port)
	}
	l.net.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	l.closed = true
	l.by.set(time.Time{}, nil)
	for _, c := range l.waiting {
		c.abort()
	}
	l.waiting = nil
	l.changed.Broadcast()
	return nil
}

// Addr is the *net.TCPAddr of the port.
func (l *memListener) Addr() net.Addr { return l.addr }

// SetDeadline bounds Accept.
func (l *memListener) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.by.set(t, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changed.Broadcast()
	})
	l.changed.Broadcast()
	return nil
}
