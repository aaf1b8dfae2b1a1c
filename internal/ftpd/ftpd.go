//go:build linux

// Package ftpd runs one real FTP server for a test: vsftpd, ProFTPD, Pure-FTPd or pyftpdlib.
//
// A scripted server proves what the client does with a reply; only the programs themselves prove which replies there
// are. Each server runs in the foreground as root, on free loopback ports, with its files in a temporary folder, and is
// killed at the end of the test with every session that it started. Tests that use it are named TestReal... and run
// where FTPRETRY_REAL=1 is set; there, a server that is not installed fails the test. Install them with
//
//	bash .ci/install-servers
package ftpd

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Kind is a server program. The zero value is none of them.
type Kind string

// The programs that Start knows, under the names of their own documentation.
const (
	VSFTPD    Kind = "vsftpd"
	ProFTPD   Kind = "proftpd"
	PureFTPd  Kind = "pure-ftpd"
	Pyftpdlib Kind = "pyftpdlib"
)

// Kinds returns every program that Start knows, in a fixed order.
func Kinds() []Kind { return []Kind{VSFTPD, ProFTPD, PureFTPd, Pyftpdlib} }

// Options says what the server is to be like. The zero value is a plain server without limits, over a fresh folder.
// An option that a program has no setting for fails the test that asks for it, rather than being left out silently.
type Options struct {
	TLS          bool // offers AUTH TLS; sessions in clear text are still served
	ImplicitTLS  bool // with TLS: from the first byte, and no other session is served; not pure-ftpd
	RequireReuse bool // data connections must resume the control connection's TLS session; vsftpd and proftpd
	RequireCert  bool // clients must show the certificate that Server.TLS then holds; vsftpd and proftpd

	MaxClients     int // sessions at once; 0 = plenty. proftpd refuses at PASS (530), the others in place of the greeting (421)
	MaxPerIP       int // the same for one client address; proftpd refuses here in place of the greeting too, with 530
	MaxPerUser     int // the same for one user, refused at PASS: pure-ftpd by 421, proftpd by 530
	MaxLoginsPerIP int // proftpd's MaxClientsPerHost: as MaxPerIP, but refused at PASS
	ConnectionRate int // proftpd: connections a second; more are closed without a word

	IdleTimeout time.Duration // an idle session is ended with 421 after it; 0 = minutes. Whole seconds; pure-ftpd: whole minutes
	DataTimeout time.Duration // the same for a transfer that does not move, or that never begins; not pure-ftpd

	// PassivePorts is how many ports there are for data connections; 0 = plenty. Only vsftpd runs out of them: proftpd and
	// pyftpdlib then go outside their range, and pure-ftpd lets in only one session for two ports. See Server.TakePorts.
	PassivePorts int

	Root string // the folder that is served; "" = a fresh one. It is given to the account that the server writes as
	Host string // the address that the server listens on; "" = 127.0.0.1

	AllowStoreRestart   bool // proftpd: REST before STOR, and APPE to a file that exists. The other three always allow it
	RefuseRetrRestart   bool // proftpd: REST before RETR is refused
	HiddenStores        bool // proftpd: uploads go to ".in.NAME." first
	DeleteFailedUploads bool // vsftpd, proftpd: an upload that is cut leaves nothing
}

// Server is a running server. Its methods are safe for concurrent use; its fields are not to be changed.
type Server struct {
	Kind           Kind
	Addr           string // "127.0.0.1:port", or on Options.Host
	User, Password string
	Root           string      // the folder on disk that a session sees as "/"
	TLS            *tls.Config // for clients: trusts the server's certificate. nil when Options.TLS is not set

	t        testing.TB
	dir      string // configuration and logs
	implicit bool   // TLS from the first byte
	ports    ports
	program  program
	process  *process
}

// program is how one server is started.
type program struct {
	path string
	args []string
	env  []string
	logs []string // files besides the output that say what went wrong

	outside []string // files outside the server's folder, to be removed with it
}

// Require skips the test unless FTPRETRY_REAL=1 is set, because real servers need root and 15 seconds to install.
func Require(t testing.TB) {
	t.Helper()
	if os.Getenv("FTPRETRY_REAL") != "1" {
		t.Skip("runs against real servers: bash .ci/install-servers, then FTPRETRY_REAL=1 go test -run TestReal ./...")
	}
	if os.Getuid() != 0 {
		t.Fatal("real servers change their user id and so need root: run this in a container as root")
	}
}

// Start runs a server of that kind until the test ends. It returns when the server greets, and fails the test with the
// server's log when that takes more than ten seconds.
func Start(t testing.TB, kind Kind, o Options) *Server {
	t.Helper()
	Require(t)
	check(t, kind, o)
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.PassivePorts == 0 {
		o.PassivePorts = plenty
	}
	who := account(t)
	s := &Server{Kind: kind, User: who.name, Password: who.password, Root: o.Root, t: t, dir: folder(t), implicit: o.ImplicitTLS}
	if s.Root == "" {
		s.Root = filepath.Join(s.dir, "root")
		must(t, os.Mkdir(s.Root, 0o755))
	}
	must(t, os.Chown(s.Root, runsAs, inGroup))
	block := reserve(t)
	s.ports = block
	s.ports.last = block.first + o.PassivePorts - 1
	s.Addr = net.JoinHostPort(o.Host, strconv.Itoa(block.control))
	plan := plan{Options: o, block: block, root: s.Root, dir: s.dir, who: who}
	if o.TLS {
		pair := certificate(t)
		s.TLS = pair.client.Clone()
		plan.pem = filepath.Join(s.dir, "server.pem")
		write(t, plan.pem, pair.pem, 0o600)
		if o.RequireCert {
			s.TLS.Certificates = pair.own
			plan.trusted = filepath.Join(s.dir, "clients.pem")
			write(t, plan.trusted, pair.trusted, 0o644)
		}
	}
	s.program = plans[kind](t, plan)
	if _, err := os.Stat(s.program.path); err != nil {
		t.Fatalf("%s is not installed: run bash .ci/install-servers (%v)", kind, err)
	}
	s.process = newProcess(s.program, filepath.Join(s.dir, "output.log"))
	t.Cleanup(s.Kill)
	if err := s.up(true); err != nil {
		t.Fatalf("%s does not start: %v\n%s", kind, err, s.Log())
	}
	return s
}

// plan is what a program's own file needs to write its configuration.
type plan struct {
	Options
	block ports
	root  string // served
	dir   string // for configuration
	who   login
	pem   string // certificate and key in one file; "" without TLS

	trusted string // the certificates that clients may show; "" = none is asked for
}

var plans = map[Kind]func(testing.TB, plan) program{
	VSFTPD: vsftpd, ProFTPD: proftpd, PureFTPd: pureftpd, Pyftpdlib: pyftpdlib,
}

// check refuses what the program cannot do.
func check(t testing.TB, kind Kind, o Options) {
	t.Helper()
	if plans[kind] == nil {
		t.Fatalf("no server is called %q: use one of %v", kind, Kinds())
	}
	only := func(name string, set bool, kinds ...Kind) {
		t.Helper()
		for _, k := range kinds {
			if k == kind {
				return
			}
		}
		if set {
			t.Fatalf("%s has no setting for %s: only %v", kind, name, kinds)
		}
	}
	only("RequireReuse", o.RequireReuse, VSFTPD, ProFTPD)
	only("RequireCert", o.RequireCert, VSFTPD, ProFTPD)
	only("ImplicitTLS", o.ImplicitTLS, VSFTPD, ProFTPD, Pyftpdlib)
	only("MaxPerUser", o.MaxPerUser != 0, ProFTPD, PureFTPd)
	only("MaxLoginsPerIP", o.MaxLoginsPerIP != 0, ProFTPD)
	only("ConnectionRate", o.ConnectionRate != 0, ProFTPD)
	only("DataTimeout", o.DataTimeout != 0, VSFTPD, ProFTPD, Pyftpdlib)
	only("PassivePorts", o.PassivePorts != 0, VSFTPD)
	only("RefuseRetrRestart", o.RefuseRetrRestart, ProFTPD)
	only("HiddenStores", o.HiddenStores, ProFTPD)
	only("DeleteFailedUploads", o.DeleteFailedUploads, VSFTPD, ProFTPD)
	if kind == PureFTPd && o.IdleTimeout%time.Minute != 0 || o.IdleTimeout%time.Second != 0 || o.DataTimeout%time.Second != 0 {
		t.Fatalf("%s cannot time out after %v or %v: use whole seconds, for pure-ftpd whole minutes", kind, o.IdleTimeout, o.DataTimeout)
	}
	if !o.TLS && (o.ImplicitTLS || o.RequireReuse || o.RequireCert) {
		t.Fatal("ImplicitTLS, RequireReuse and RequireCert need TLS")
	}
	if o.PassivePorts > plenty {
		t.Fatalf("PassivePorts %d is more than the %d that a server here has", o.PassivePorts, plenty)
	}
}

// Log returns what the server has written, for messages.
func (s *Server) Log() string {
	var b strings.Builder
	for _, name := range append([]string{s.process.log}, s.program.logs...) {
		text, err := os.ReadFile(name)
		if err != nil || len(text) == 0 {
			continue
		}
		if extra := len(text) - 4096; extra > 0 {
			text = text[extra:]
		}
		fmt.Fprintf(&b, "--- %s\n%s\n", filepath.Base(name), text)
	}
	if b.Len() == 0 {
		return "(the server wrote no log)"
	}
	return b.String()
}

// Stop ends the server as an administrator would (SIGTERM), then whatever sessions outlive it.
func (s *Server) Stop() { s.process.end(true) }

// Kill ends the server and every session at once (SIGKILL), as a crash of the machine would.
func (s *Server) Kill() { s.process.end(false) }

// Restart starts a server that was stopped or killed, on the same ports and files. It may be called from any goroutine
// of the test; a failure is reported by t.Errorf.
func (s *Server) Restart() {
	s.process.end(true)
	if err := s.up(false); err != nil {
		s.t.Errorf("%s does not start again: %v\n%s", s.Kind, err, s.Log())
	}
}

// Adopt gives every file under Root to the account that the server writes as, so that files made by the test can be
// changed by a session.
func (s *Server) Adopt() {
	err := filepath.WalkDir(s.Root, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(name, runsAs, inGroup)
	})
	if err != nil {
		s.t.Errorf("cannot give the files to %s: %v", s.Kind, err)
	}
}
