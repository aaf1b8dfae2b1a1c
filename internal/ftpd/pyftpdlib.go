//go:build linux

package ftpd

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed server.py
var pyftpdlibScript string

// pyftpdlib is a library, run by a script under Debian's own Python: another one may come first in PATH and lack it.
func pyftpdlib(t testing.TB, p plan) program {
	t.Helper()
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-I", "-c", "import pyftpdlib, OpenSSL").CombinedOutput(); err != nil {
		t.Fatalf("pyftpdlib is not installed: run bash .ci/install-servers (%v)\n%s", err, out)
	}
	first, last := p.block.passive(p.PassivePorts)
	conf, err := json.Marshal(map[string]any{
		"user": p.who.name, "password": p.who.password, "root": p.root, "pem": p.pem,
		"host": p.Host, "port": p.block.control, "first": first, "last": last, "clients": p.MaxClients, "per_ip": p.MaxPerIP,
		"implicit": p.ImplicitTLS, "idle": seconds(p.IdleTimeout), "data": seconds(p.DataTimeout),
	})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(p.dir, "server.json"), conf, 0o600))
	script := filepath.Join(p.dir, "server.py")
	write(t, script, pyftpdlibScript, 0o600)
	return program{path: python, args: []string{"-I", script, filepath.Join(p.dir, "server.json")}}
}
