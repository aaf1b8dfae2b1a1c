package retrytest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// network is where a server listens: the loopback interface or memory.
type network interface {
	listen(port int) (listener, error) // for control connections; port 0 = any
	listenData() (listener, error)     // for one data connection
	hold(port int) (release func())    // keeps others off a port nobody listens on
	dial(ctx context.Context, network, addr string) (net.Conn, error)
}

// listener is what *net.TCPListener and memListener have in common.
type listener interface {
	net.Listener
	SetDeadline(time.Time) error
}

// place returns the network to listen in, and the port for control connections.
func place(inMemory bool) (in network, port int) {
	if inMemory {
		return newMemory(), 21
	}
	return loopback{}, 0
}

// loopback is the network of real sockets.
type loopback struct{}

// Data connections are taken from the ports above those that Linux gives to
// clients (net.ipv4.ip_local_port_range ends at 60999). The kernel's own
// search for a free port takes milliseconds once some ten thousand transfers
// have left their clients' ports in TIME_WAIT.
const (
	dataFirst = 61000
	dataPorts = 65536 - dataFirst
	dataTries = 16
)

var dataNext atomic.Uint32

func init() { dataNext.Store(rand.Uint32()) }

func (n loopback) listenData() (listener, error) {
	for range dataTries {
		port := dataFirst + int(dataNext.Add(1)%dataPorts)
		if ln, err := n.listen(port); err == nil {
			return ln, nil
		}
	}
	return n.listen(0)
}

func (loopback) listen(port int) (listener, error) {
	// Keep-alive probes and multipath TCP cost system calls on every accept
	// and mean nothing on the loopback interface.
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(context.Background(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

func (loopback) hold(port int) func() { return holdPort(port) }

func (loopback) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	d.SetMultipathTCP(false)
	return d.DialContext(ctx, network, addr)
}

// abort resets a connection of either network: the peer sees ECONNRESET.
func abort(c net.Conn) {
	switch c := c.(type) {
	case *memConn:
		c.abort()
	case *net.TCPConn:
		// Linger 0 makes Close send RST (RFC 9293 section 3.6, Linux tcp(7)).
		_ = c.SetLinger(0)
		_ = c.Close()
	default:
		_ = c.Close()
	}
}

// timedOut tells a passed deadline from a broken connection.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
