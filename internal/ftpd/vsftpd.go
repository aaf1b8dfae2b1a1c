//go:build linux

package ftpd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var pamServices atomic.Int64

// vsftpd asks PAM for the password and runs every login as one guest account (vsftpd.conf(5), guest_enable).
func vsftpd(t testing.TB, p plan) program {
	t.Helper()
	empty := filepath.Join(p.dir, "empty")
	must(t, os.Mkdir(empty, 0o755))
	first, last := p.block.passive(p.PassivePorts)
	log := filepath.Join(p.dir, "vsftpd.log")
	service := pamService(t, p)
	conf := setting{
		{"listen", "YES"}, {"listen_address", p.Host}, {"listen_port", p.block.control}, {"background", "NO"},
		{"anonymous_enable", "NO"}, {"local_enable", "YES"}, {"pam_service_name", filepath.Base(service)},
		{"guest_enable", "YES"}, {"guest_username", "games"}, {"virtual_use_local_privs", "YES"},
		{"local_root", p.root}, {"write_enable", "YES"}, {"local_umask", "022"},
		{"chroot_local_user", "YES"}, {"allow_writeable_chroot", "YES"}, {"secure_chroot_dir", empty},
		{"pasv_address", p.Host}, {"pasv_min_port", first}, {"pasv_max_port", last},
		{"seccomp_sandbox", "NO"}, {"isolate", "NO"}, {"isolate_network", "NO"},
		{"max_clients", p.MaxClients}, {"max_per_ip", p.MaxPerIP}, {"delete_failed_uploads", yes(p.DeleteFailedUploads)},
		{"xferlog_enable", "YES"}, {"xferlog_std_format", "NO"}, {"vsftpd_log_file", log},
	}
	if p.IdleTimeout > 0 {
		conf = append(conf, pair{"idle_session_timeout", seconds(p.IdleTimeout)})
	}
	if p.DataTimeout > 0 {
		conf = append(conf, pair{"data_connection_timeout", seconds(p.DataTimeout)}, pair{"accept_timeout", seconds(p.DataTimeout)})
	}
	if p.TLS {
		conf = append(conf, pair{"ssl_enable", "YES"}, pair{"rsa_cert_file", p.pem}, pair{"rsa_private_key_file", p.pem},
			pair{"force_local_data_ssl", "NO"}, pair{"force_local_logins_ssl", "NO"}, pair{"ssl_ciphers", "HIGH"},
			pair{"require_ssl_reuse", yes(p.RequireReuse)}, pair{"implicit_ssl", yes(p.ImplicitTLS)})
	}
	if p.RequireCert {
		conf = append(conf, pair{"require_cert", "YES"}, pair{"validate_cert", "YES"}, pair{"ca_certs_file", p.trusted})
	}
	file := filepath.Join(p.dir, "vsftpd.conf")
	write(t, file, conf.text("="), 0o600)
	return program{path: installed(t, "vsftpd", "usr/sbin/vsftpd"), args: []string{file}, logs: []string{log}, outside: []string{service}}
}

// pamService makes a file for a PAM service that knows the one account, and removes it with the test.
func pamService(t testing.TB, p plan) string {
	t.Helper()
	db := filepath.Join(p.dir, "users")
	// pam_userdb reads Berkeley DB; Debian's own Python writes it without any further package.
	cmd := exec.Command("/usr/bin/python3", "-I", "-c", `import dbm.ndbm, sys
with dbm.ndbm.open(sys.argv[1], "c") as db:
    name, password = sys.stdin.read().split()
    db[name] = password`, db)
	cmd.Stdin = strings.NewReader(p.who.name + " " + p.who.password)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot write the PAM database: %v\n%s", err, out)
	}
	name := fmt.Sprintf("ftpretry-test-%d-%d", os.Getpid(), pamServices.Add(1))
	file := filepath.Join("/etc/pam.d", name)
	write(t, file, fmt.Sprintf("auth required pam_userdb.so db=%s\naccount required pam_userdb.so db=%[1]s\n", db), 0o644)
	t.Cleanup(func() { _ = os.Remove(file) }) // a left-over serves nobody: its database is gone
	return file
}

// setting is a configuration in the order in which it is written.
type (
	pair struct {
		key   string
		value any
	}
	setting []pair
)

func (s setting) text(between string) string {
	var b strings.Builder
	for _, p := range s {
		fmt.Fprintf(&b, "%s%s%v\n", p.key, between, p.value)
	}
	return b.String()
}

func yes(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

func seconds(d time.Duration) int { return int(d / time.Second) }
