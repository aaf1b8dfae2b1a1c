//go:build !linux

package wire

import "net"

// unsent knows no way to ask this system what it holds to be sent.
func unsent(net.Conn) (int, bool) { return 0, false }
