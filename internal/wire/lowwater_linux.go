package wire

import (
	"net"
	"syscall"
)

// setLowWater says how many bytes must have come before a read that waits is
// woken (SO_RCVLOWAT), and reports whether it could be said. The end of the
// data wakes it all the same, and so does a receive buffer that is full.
func setLowWater(conn net.Conn, n int) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	rc, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	failed := rc.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, n)
	})
	return err == nil && failed == nil
}
