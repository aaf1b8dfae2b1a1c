//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package wire

import (
	"net"
	"syscall"
)

// peeker returns a function that reports whether something is there to be read
// from an idle connection: a pushed reply, the end, or a reset. It returns nil
// where there is no way to know. A TLS connection is asked beneath its TLS:
// what its handshake leaves to be read, session tickets, has been read with the
// first reply.
func peeker(conn net.Conn) func() bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	var found bool
	var b [1]byte
	look := func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		found = err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR
	}
	return func() bool {
		return rc.Control(look) != nil || found // no Read: that would look at the deadline, too
	}
}
