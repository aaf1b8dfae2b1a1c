//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package retry

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the file for this download, until it is closed. A file system that
// knows no locks does without.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return err
	}
	return nil
}
