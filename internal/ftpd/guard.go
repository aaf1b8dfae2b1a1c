//go:build linux

package ftpd

import (
	"os/exec"
	"syscall"
)

// guard runs a shell command when this program dies without having called release: killed, or ended by the time limit of
// "go test", it runs no clean-up, and a server would hold its ports for ever. The kernel's own remedy, a signal at the
// parent's death, is lost when a server changes its user id (prctl(2), PR_SET_PDEATHSIG).
func guard(command string, args ...string) (release func(), err error) {
	// The pipe ends with this program, however that ends.
	watch := exec.Command("/bin/sh", append([]string{"-c", "read -r _; " + command, "ftpretry-guard"}, args...)...)
	pipe, err := watch.StdinPipe()
	if err != nil {
		return nil, err
	}
	// A session of its own, or what ends this program's group would end the guard first.
	watch.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := watch.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = watch.Process.Kill()
		_ = watch.Wait()
		_ = pipe.Close()
	}, nil
}
