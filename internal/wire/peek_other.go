//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package wire

import "net"

// peeker knows no way to look at an idle connection on this system: a session
// that the server has ended is recognised by its first command's failure.
func peeker(net.Conn) func() bool { return nil }
