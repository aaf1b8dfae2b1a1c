package retrytest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"
)

// TB is the part of [testing.TB] that [NewServer] needs, so that a program that
// embeds the server does not link the testing package. *testing.T, *testing.B
// and *testing.F are TBs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Config says what a server is like. Its zero value is a plain FTP server with
// an empty tree in memory that lets everybody in. It is copied by [Start];
// Users, Without, Faults and TLS must not be changed afterwards.
type Config struct {
	Root  string            // directory served from disk; "" = a tree in memory
	Users map[string]string // name -> password; nil = everybody is let in with any password

	TLS          *tls.Config // offers AUTH TLS (RFC 4217), or TLS from the first byte; nil = plain. See SelfSigned
	ImplicitTLS  bool        // TLS from the first byte; data connections start as PROT P
	RequireTLS   bool        // USER without TLS: 530; a transfer without PROT P: 522
	RequireReuse bool        // a data connection must resume its control connection's TLS session: 522 otherwise

	MaxSessions int      // 421 in place of the greeting beyond it; 0 = no limit. See Server
	Without     []string // commands and features the server lacks: "EPSV", "MLSD", "SIZE", "UTF8", "HASH" ...
	Greeting    string   // "220 ready" by default; several lines allowed, separated by \n
	InMemory    bool     // no sockets: connections exist only through Server.Dial
	Faults      []Fault  // injected before the first connection

	AcceptTimeout time.Duration // how long a transfer waits for its data connection, then 425; 0 = 30s
	IdleTimeout   time.Duration // without a command for so long: "421 Timeout." is pushed and the session closed; 0 = never
	LogSize       int           // events kept, the newest; 0 = 65536, < 0 = none (for benchmarks)

	Quirks
}

// Quirks are habits of real servers that a client has to live with, by
// themselves harmless and off in the zero value. The servers named are the ones
// that were seen to have them.
type Quirks struct {
	AppendRestartRefused bool   // 451 to APPE and to REST with STOR on an existing file (ProFTPD by default)
	RestartClamped       bool   // STOR after a REST beyond the end continues at the end (pure-ftpd)
	RestartIgnored       bool   // REST is answered 350, and the transfer starts at 0 all the same
	RestartAppends       bool   // STOR after REST continues at the end, whatever the offset (goftp)
	RestartTruncates     bool   // STOR after REST cuts the file at the offset first (pure-ftpd, FileZilla)
	RestartStrict        bool   // 554 to a transfer after a REST beyond the end (pyftpdlib, ProFTPD for RETR)
	DeleteFailedUploads  bool   // a failed upload removes its file, resumed and appended ones too (vsftpd's option, IIS)
	HiddenStores         bool   // STOR writes .in.NAME. and renames it when complete; REST with STOR: 501 (ProFTPD's option)
	KeepOnRename         bool   // RNTO onto an existing name: 550 (IIS)
	ResetIsSuccess       bool   // an upload ended by a reset is answered 226 (pyftpdlib 1.5)
	LaxTLS               bool   // an upload that ends without a TLS close_notify is complete all the same
	MDTMWrites           bool   // MDTM with a time and a name sets the time (vsftpd)
	HideDotFiles         bool   // LIST and NLST leave out names that begin with a dot, unless -a is given (vsftpd)
	DotEntries           bool   // listings include "." and ".." (pure-ftpd, ProFTPD)
	NLSTPaths            bool   // NLST DIR answers DIR/NAME (vsftpd, ProFTPD) instead of NAME
	FoldCase             bool   // names in the tree in memory that differ in case only are one (IIS and others on Windows)
	Pret                 bool   // offers PRET and thinks nothing of it (pure-ftpd)
	PretNeeded           bool   // offers PRET, and gives no port before it: 503 (drftpd)
	PassiveHost          string // the IPv4 address in the reply to PASV, as behind a NAT; "" = the server's own
	Capacity             int64  // bytes that fit into the tree in memory, then 452; 0 = no limit
	Discard              bool   // the tree in memory keeps the sizes of uploads, not their bytes; reads as zeros
}

// check returns the configuration with its defaults filled in, or what is wrong with it.
func (c Config) check() (Config, error) {
	if c.TLS == nil && (c.ImplicitTLS || c.RequireTLS || c.RequireReuse) {
		return c, errors.New("retrytest: Config.ImplicitTLS, RequireTLS and RequireReuse need Config.TLS: make one with SelfSigned")
	}
	if c.MaxSessions < 0 {
		return c, fmt.Errorf("retrytest: Config.MaxSessions is %d: use 0 for no limit", c.MaxSessions)
	}
	if c.Root != "" && (c.Capacity != 0 || c.Discard || c.FoldCase) {
		return c, errors.New("retrytest: Config.Capacity, Discard and FoldCase are for the tree in memory: leave Config.Root empty")
	}
	if c.Greeting == "" {
		c.Greeting = "220 ready"
	}
	if c.AcceptTimeout == 0 {
		c.AcceptTimeout = 30 * time.Second
	}
	if c.LogSize == 0 {
		c.LogSize = 1 << 16
	}
	for _, f := range c.Faults {
		if err := f.check(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// lacks makes the set of what Config.Without names. MLST and MLSD go together
// (RFC 3659 section 7).
func (c Config) lacks() map[string]bool {
	set := make(map[string]bool, len(c.Without)+1)
	for _, w := range c.Without {
		set[strings.ToUpper(w)] = true
	}
	if set["MLSD"] || set["MLST"] {
		set["MLSD"], set["MLST"] = true, true
	}
	return set
}
