//go:build linux

package ftpd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Passive servers want one contiguous range, and several test programs run at once. So ports are dealt in blocks, below
// the range that the kernel deals itself (32768 and up), each held by a lock on a file for as long as the test runs.
const (
	firstPort = 20000
	lastPort  = 32000
	plenty    = 60 // ports for data connections in a block
	blockSize = plenty + 4
)

// ports are one server's: passive ones from first to last, both included.
type ports struct {
	control, first, last int
}

// passive returns the range of n ports in the block.
func (p ports) passive(n int) (first, last int) { return p.first, p.first + n - 1 }

// reserve takes a free block until the test ends.
func reserve(t testing.TB) ports {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "ftpretry-ports")
	must(t, os.MkdirAll(dir, 0o755))
	for from := firstPort; from+blockSize <= lastPort; from += blockSize {
		lock, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(from)), os.O_CREATE|os.O_RDWR, 0o600)
		must(t, err)
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && vacant(from, blockSize) {
			t.Cleanup(func() { _ = lock.Close() }) // closing gives up the lock, whatever it returns
			return ports{control: from, first: from + 4, last: from + 3 + plenty}
		}
		_ = lock.Close() // as above
	}
	t.Fatalf("no %d free ports in a row between %d and %d: end other servers first", blockSize, firstPort, lastPort)
	return ports{}
}

// TakePorts listens on every port that the server has for data connections, as a server on the same machine with an
// overlapping range would, until giveBack is called. vsftpd then answers PASV and EPSV with 500 and hangs up, Pure-FTPd
// with 425; proftpd and pyftpdlib go outside their range.
func (s *Server) TakePorts() (giveBack func()) {
	var taken []net.Listener
	for port := s.ports.first; port <= s.ports.last; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			s.t.Errorf("cannot take port %d of %s: %v", port, s.Kind, err)
			continue
		}
		taken = append(taken, l)
	}
	return func() {
		for _, l := range taken {
			_ = l.Close() // it accepted nothing
		}
	}
}

// vacant reports whether nobody listens on any of those ports.
func vacant(from, n int) bool {
	for port := from; port < from+n; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		_ = l.Close() // it accepted nothing
	}
	return true
}
