package main

import (
	"context"
	"crypto/tls"
	"flag"
	"net"

	"github.com/ftpretry/ftpretry/policy"
)

// settings are what flags, environment and settings file say. The zero value of
// each field is its default, but where the flag states another.
type settings struct {
	file string // of settings

	addr, user, passwordFile string
	netrc                    bool
	tls, implicit            bool
	ca                       string
	policy                   policy.Policy
	connect, reply, stall    span

	workers     number
	journal     string
	deadline    moment
	stopOnError bool
	direct      bool
	verify      choice

	include, exclude patterns
	compare          choice
	delete, dryRun   bool

	html          string
	json, verbose bool

	// What follows is of the demonstration alone.
	quick   bool
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	trusted *tls.Config
}

// group is flags that belong together, for the help text.
type group struct {
	title string
	flags func(*settings, *flag.FlagSet)
}

// The groups. Each flag is also FTPRETRY_NAME in the environment and a key of
// the settings file.
var (
	serverGroup = group{"The server", func(s *settings, f *flag.FlagSet) {
		f.StringVar(&s.addr, "addr", "", "`host` or host:port of the server")
		f.StringVar(&s.user, "user", "", "log in as `name` (default anonymous), with the password in FTP_PASSWORD")
		f.StringVar(&s.passwordFile, "password-file", "", "read the password from the first line of `file`, not from FTP_PASSWORD")
		f.BoolVar(&s.netrc, "netrc", false, "take user and password for the host from ~/.netrc, or the file that NETRC names")
		f.BoolVar(&s.tls, "tls", false, "use TLS (AUTH TLS), or fail")
		f.BoolVar(&s.implicit, "implicit-tls", false, "use TLS from the first byte, usually on port 990")
		f.StringVar(&s.ca, "ca", "", "trust the certificates in `file` (PEM), not those of the system")
		f.Var(&s.connect, "connect-timeout", "give up connecting after `time` (default 30s)")
		f.Var(&s.reply, "reply-timeout", "give up waiting for a reply after `time` (default 2m)")
		f.Var(&s.stall, "stall-timeout", "give up a transfer that moves nothing for `time` (default 1m)")
	}}
	runGroup = group{"The run", func(s *settings, f *flag.FlagSet) {
		s.workers = 4
		f.Var(&s.workers, "workers", "`number` of files at once, each over a connection of its own")
		f.Var(&s.policy, "policy", "try again by this `policy`, such as \"attempts=8 initial=500ms max=30s elapsed=2h\nstorage.initial=5m\" (default 7 attempts, waits from 1s to 1m)")
		f.StringVar(&s.journal, "journal", "", "write down in `file` what is done: run the same again with it, even after a crash, and\nonly the rest is done; tomorrow's run takes a new one")
		f.Var(&s.deadline, "deadline", "begin nothing after `when`: a time of day (06:00) or from now on (8h); what is under way\nmay go on for 30s")
		f.BoolVar(&s.stopOnError, "stop-on-error", false, "end the run at the first job that fails")
		f.BoolVar(&s.direct, "direct", false, "upload under the final name at once, for servers that do not allow to rename;\na reader may then see half a file")
		s.verify = choice{among: []string{"size", "hash", "none"}}
		f.Var(&s.verify, "verify", "prove each transfer by `what` the server says of the file: size, hash (where it has\none) or none")
	}}
	mirrorGroup = group{"The mirror", func(s *settings, f *flag.FlagSet) {
		f.Var(&s.include, "include", "only files that match `pattern`, such as '*.csv'; may be given more than once")
		f.Var(&s.exclude, "exclude", "no files that match `pattern`; may be given more than once")
		s.compare = choice{among: []string{"time", "size", "hash"}}
		f.Var(&s.compare, "compare", "leave out a file that is there already, the same by `what`: time (and size), size, or\nhash, where the server has one")
		f.BoolVar(&s.delete, "delete", false, "delete at the goal what is not at the source")
		f.BoolVar(&s.dryRun, "dry-run", false, "print what would be done, and do nothing")
	}}
	outputGroup = group{"What is told", func(s *settings, f *flag.FlagSet) {
		f.StringVar(&s.html, "html", "", "write the report to `file`, a page to look at in a browser")
		f.BoolVar(&s.json, "json", false, "log to standard output, one JSON object a line, and nothing else")
		f.BoolVar(&s.verbose, "v", false, "tell of every job and every attempt that failed")
	}}
	demoGroup = group{"The demonstration", func(s *settings, f *flag.FlagSet) {
		f.BoolVar(&s.quick, "quick", false, "a few seconds instead of half a minute")
	}}
	reportGroup = group{"The form", func(s *settings, f *flag.FlagSet) {
		f.StringVar(&s.html, "html", "", "write it to `file` as a page to look at in a browser, and not as text")
		f.BoolVar(&s.json, "json", false, "write all of it as JSON, and not as text")
	}}
	fileGroup = group{"The settings", func(s *settings, f *flag.FlagSet) {
		f.StringVar(&s.file, "config", "", "read settings from `file` (YAML): a key for each flag, such as \"workers: 8\"")
	}}
)

// everyFlag has all flags there are, of whichever command.
func everyFlag() *flag.FlagSet {
	all := flag.NewFlagSet("", flag.ContinueOnError)
	for _, g := range []group{serverGroup, runGroup, mirrorGroup, outputGroup, fileGroup} {
		g.flags(new(settings), all)
	}
	return all
}
