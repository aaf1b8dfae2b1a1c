//go:build !linux

package wire

import "net"

// lowWater knows no way to have the kernel tell sooner that it takes more.
func lowWater(net.Conn) bool { return false }
