//go:build unix

package retrytest

import "syscall"

// holdPort binds the port without listening: connections are refused, and no
// other program's socket is given the port. It holds nothing if it cannot.
func holdPort(port int) (release func()) {
	nothing := func() {}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nothing
	}
	syscall.CloseOnExec(fd)
	release = func() { _ = syscall.Close(fd) }
	// With the option on both sockets, Up can listen before the hold ends.
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err != nil {
		release()
		return nothing
	}
	return release
}
