//go:build linux

package ftpd

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// pureftpd has no configuration file: everything is a flag (pure-ftpd(8)), the accounts a compiled list (pure-pw(8)).
func pureftpd(t testing.TB, p plan) program {
	t.Helper()
	users, db := filepath.Join(p.dir, "users"), filepath.Join(p.dir, "users.pdb")
	// The hash that pure-pw makes itself costs three seconds a login.
	write(t, users, fmt.Sprintf("%s:%s:%d:%d::%s/./::::::::::::\n", p.who.name, p.who.hash, runsAs, inGroup, p.root), 0o600)
	if out, err := exec.Command(installed(t, "pure-ftpd", "usr/bin/pure-pw"), "mkdb", db, "-f", users).CombinedOutput(); err != nil {
		t.Fatalf("cannot compile the user list: run bash .ci/install-servers (%v)\n%s", err, out)
	}
	first, last := p.block.passive(p.PassivePorts)
	log := filepath.Join(p.dir, "transfers.log")
	args := []string{
		"-S", fmt.Sprintf("%s,%d", p.Host, p.block.control),
		"-p", fmt.Sprintf("%d:%d", first, last), "-P", p.Host,
		"-4", "-E", "-H", "-A", "-l", "puredb:" + db, "-u", "1",
		"-g", filepath.Join(p.dir, "pure-ftpd.pid"), "-O", "clf:" + log, "-f", "none",
		"-c", strconv.Itoa(orElse(p.MaxClients, 1000)), "-C", strconv.Itoa(orElse(p.MaxPerIP, 1000)),
	}
	if p.MaxPerUser > 0 {
		args = append(args, "-y", fmt.Sprintf("%d:1", p.MaxPerUser)) // the second number is for anonymous sessions
	}
	if p.IdleTimeout > 0 {
		args = append(args, "-I", strconv.Itoa(int(p.IdleTimeout/time.Minute)))
	}
	if p.TLS {
		args = append(args, "-Y", "1", "-2", p.pem)
	} else {
		args = append(args, "-Y", "0")
	}
	return program{path: installed(t, "pure-ftpd", "usr/sbin/pure-ftpd"), args: args, logs: []string{log}}
}

func orElse(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}
