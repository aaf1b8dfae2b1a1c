//go:build !linux

package wire

import "net"

// setLowWater is for systems whose poller is known to heed it.
func setLowWater(net.Conn, int) bool { return false }
