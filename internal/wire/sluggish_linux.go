package wire

import (
	"net"
	"syscall"
)

// tcpNotsentLowat is TCP_NOTSENT_LOWAT of linux/tcp.h.
const tcpNotsentLowat = 25

// lowWater makes the kernel call conn writable as soon as little is left to be
// sent, and reports whether it does now. Otherwise it does so only when a third
// of the send buffer, which grows to megabytes, is free: on a slow line that can
// take longer than a stall is allowed to.
func lowWater(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	rc, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	done := false
	err = rc.Control(func(fd uintptr) {
		done = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat, 64<<10) == nil
	})
	return done && err == nil
}
