//go:build linux

package ftpd

import (
	"fmt"
	"path/filepath"
	"testing"
)

// proftpd takes its accounts from a file of its own (mod_auth_file) and its limits from directives.
func proftpd(t testing.TB, p plan) program {
	t.Helper()
	users := filepath.Join(p.dir, "users")
	// A file that others can read is refused (mod_auth_file, "world-readable").
	write(t, users, fmt.Sprintf("%s:%s:%d:%d::%s:/bin/sh\n", p.who.name, p.who.hash, runsAs, inGroup, p.root), 0o600)
	first, last := p.block.passive(p.PassivePorts)
	log := filepath.Join(p.dir, "proftpd.log")
	conf := setting{
		{"ModulePath", installed(t, "proftpd", "usr/lib/proftpd")}, {"LoadModule", "mod_tls.c"},
		{"ServerType", "standalone"}, {"ServerName", "test"}, {"DefaultAddress", "127.0.0.1"}, {"UseIPv6", "off"},
		{"Port", p.block.control}, {"PassivePorts", fmt.Sprintf("%d %d", first, last)},
		{"User", "games"}, {"Group", "games"}, {"DefaultRoot", p.root}, {"RequireValidShell", "off"},
		{"AuthPAM", "off"}, {"AuthOrder", "mod_auth_file.c"}, {"AuthUserFile", users},
		{"PidFile", filepath.Join(p.dir, "proftpd.pid")}, {"ScoreboardFile", filepath.Join(p.dir, "scoreboard")},
		{"SystemLog", log}, {"TransferLog", "none"}, {"WtmpLog", "off"}, {"DelayEngine", "off"}, {"UseReverseDNS", "off"},
		{"AllowOverwrite", "on"}, {"AllowStoreRestart", on(p.AllowStoreRestart)},
		{"AllowRetrieveRestart", on(!p.RefuseRetrRestart)}, {"HiddenStores", on(p.HiddenStores)},
	}
	if p.DeleteFailedUploads {
		conf = append(conf, pair{"DeleteAbortedStores", "on"})
	}
	if p.MaxClients > 0 {
		conf = append(conf, pair{"MaxClients", p.MaxClients})
	}
	if p.MaxPerIP > 0 {
		conf = append(conf, pair{"MaxConnectionsPerHost", p.MaxPerIP})
	}
	if p.IdleTimeout > 0 {
		conf = append(conf, pair{"TimeoutIdle", seconds(p.IdleTimeout)})
	}
	if p.DataTimeout > 0 {
		conf = append(conf, pair{"TimeoutStalled", seconds(p.DataTimeout)}, pair{"TimeoutNoTransfer", seconds(p.DataTimeout)})
	}
	if p.TLS {
		conf = append(conf, pair{"TLSEngine", "on"}, pair{"TLSRequired", "off"}, pair{"TLSRSACertificateFile", p.pem},
			pair{"TLSRSACertificateKeyFile", p.pem}, pair{"TLSVerifyClient", "off"}, pair{"TLSLog", filepath.Join(p.dir, "tls.log")})
		if !p.RequireReuse {
			conf = append(conf, pair{"TLSOptions", "NoSessionReuseRequired"})
		}
	}
	file := filepath.Join(p.dir, "proftpd.conf")
	write(t, file, conf.text(" "), 0o600)
	return program{
		path: installed(t, "proftpd", "usr/sbin/proftpd"),
		args: []string{"-n", "-c", file},
		logs: []string{log, filepath.Join(p.dir, "tls.log")},
	}
}

func on(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
