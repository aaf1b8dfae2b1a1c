//go:build linux

package ftpd

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Servers give up root for Debian's account "games", which every Debian has and nobody uses (base-passwd).
const (
	runsAs  = 5
	inGroup = 60
)

// login is the account that a test logs in with.
type login struct {
	name, password string
	hash           string // of the password, in the form of crypt(3) "$6$"
}

var accountOnce = sync.OnceValues(func() (login, error) {
	who := login{name: "tester", password: rand.Text()}
	cmd := exec.Command("openssl", "passwd", "-6", "-stdin")
	cmd.Stdin = strings.NewReader(who.password + "\n")
	out, err := cmd.Output()
	who.hash = strings.TrimSpace(string(out))
	return who, err
})

// account returns an account of this run. Its password is new in each run and never leaves it. Its name is new for each
// server: pure-ftpd counts the sessions of a user (-y) over all its servers on the machine, which share a scoreboard.
func account(t testing.TB) login {
	t.Helper()
	who, err := accountOnce()
	if err != nil {
		t.Fatalf("cannot hash a password: install openssl (%v)", err)
	}
	who.name += strings.ToLower(rand.Text()[:8])
	return who
}

// folder makes a folder that a server may reach after it has given up root, and removes it with the test.
func folder(t testing.TB) string {
	t.Helper()
	// testing's own TempDir is named after the test and fails the test when a dying server still writes into it.
	dir, err := os.MkdirTemp("", "ftpretry-server-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left is in the temporary folder
	return dir
}

// installed returns the path of a file that .ci/install-servers unpacked.
func installed(t testing.TB, server, file string) string {
	t.Helper()
	home := os.Getenv("FTPRETRY_SERVERS")
	if home == "" {
		user, err := os.UserHomeDir()
		must(t, err)
		home = filepath.Join(user, ".cache", "ftpretry", "servers")
	}
	return filepath.Join(home, server, file)
}

func write(t testing.TB, name, text string, mode os.FileMode) {
	t.Helper()
	must(t, os.WriteFile(name, []byte(text), mode))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
