//go:build linux

package ftpd

import (
	"os"
	"syscall"
	"testing"
)

// SmallDisk mounts a tmpfs of that size ("1m", as mount(8) reads it) and unmounts it at the end of the test. Given to
// Options.Root, it is a disk that a test can fill.
func SmallDisk(t testing.TB, size string) string {
	t.Helper()
	Require(t)
	dir := folder(t)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,size="+size); err != nil {
		t.Fatalf("cannot mount a tmpfs: run this as root with CAP_SYS_ADMIN (%v)", err)
	}
	release, err := guard(`umount "$1"; rmdir "$1"`, dir)
	must(t, err)
	t.Cleanup(func() {
		defer release()
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount %s: %v", dir, os.NewSyscallError("umount", err))
		}
	})
	return dir
}
