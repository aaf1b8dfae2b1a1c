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
		{"ServerType", "standalone"}, {"ServerName", "test"}, {"DefaultAddress", p.Host}, {"UseIPv6", "off"},
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
	if p.MaxPerUser > 0 {
		conf = append(conf, pair{"MaxClientsPerUser", p.MaxPerUser})
	}
	if p.MaxLoginsPerIP > 0 {
		conf = append(conf, pair{"MaxClientsPerHost", p.MaxLoginsPerIP})
	}
	if p.ConnectionRate > 0 {
		conf = append(conf, pair{"MaxConnectionRate", fmt.Sprintf("%d 1.0", p.ConnectionRate)})
	}
	if p.IdleTimeout > 0 {
		conf = append(conf, pair{"TimeoutIdle", seconds(p.IdleTimeout)})
	}
	if p.DataTimeout > 0 {
		conf = append(conf, pair{"TimeoutStalled", seconds(p.DataTimeout)}, pair{"TimeoutNoTransfer", seconds(p.DataTimeout)})
	}
	if p.TLS {
		conf = append(conf, proftpdTLS(p)...)
	}
	file := filepath.Join(p.dir, "proftpd.conf")
	write(t, file, conf.text(" "), 0o600)
	return program{
		path: installed(t, "proftpd", "usr/sbin/proftpd"),
		args: []string{"-n", "-c", file},
		logs: []string{log, filepath.Join(p.dir, "tls.log")},
	}
}

// proftpdTLS are the directives of mod_tls.
func proftpdTLS(p plan) setting {
	conf := setting{
		{"TLSEngine", "on"}, {"TLSRequired", "off"}, {"TLSRSACertificateFile", p.pem},
		{"TLSRSACertificateKeyFile", p.pem}, {"TLSVerifyClient", on(p.RequireCert)}, {"TLSLog", filepath.Join(p.dir, "tls.log")},
	}
	if p.RequireCert {
		conf = append(conf, pair{"TLSCACertificateFile", p.trusted})
	}
	if !p.RequireReuse {
		conf = append(conf, pair{"TLSOptions", "NoSessionReuseRequired"})
	}
	if p.ImplicitTLS {
		conf = append(conf, pair{"TLSOptions", "UseImplicitSSL"})
	}
	return conf
}

func on(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
