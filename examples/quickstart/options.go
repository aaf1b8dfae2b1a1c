package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ftpretry/ftpretry/policy"
)

// options is what the command line says.
type options struct {
	addr, user, dir, tree string
	tls, verbose          bool
	policy                policy.Policy
}

// passwordVariable keeps the password off the command line, which others can
// see.
const passwordVariable = "FTP_PASSWORD"

func parse(args []string, out io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.addr, "addr", "", "send to the server at `host:port` instead of an embedded one that fails")
	flags.StringVar(&o.user, "user", "", "log in as `name`, with the password in "+passwordVariable+" (default anonymous)")
	flags.StringVar(&o.dir, "dir", "", "work below this `directory` of the server (default where the login leads)")
	flags.BoolVar(&o.tls, "tls", false, "use TLS (AUTH TLS) with -addr; the embedded server always does")
	flags.StringVar(&o.tree, "tree", "", "send the files of this local `directory` (default ftpretry's own source, or made-up files)")
	flags.Var(&o.policy, "policy", "replay `policy`, such as \"attempts=8 initial=500ms max=30s\" (default the library's;\nwith the embedded server one with short waits)")
	flags.BoolVar(&o.verbose, "v", false, "show every operation, not only those that met a fault")
	flags.Usage = func() {
		fmt.Fprintln(out, "usage: quickstart [flags]")
		fmt.Fprintln(out, "Uploads a tree of files, lists it, downloads it and compares, while the server keeps failing.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q: see -h", flags.Arg(0))
	case o.addr == "" && (given["user"] || given["tls"]):
		return nil, errors.New("-user and -tls are for a server of yours: give -addr too")
	}
	if o.addr == "" && !given["policy"] {
		o.policy = policy.Policy{Initial: 20 * time.Millisecond, Max: time.Second}
	}
	return &o, nil
}

func password() string { return os.Getenv(passwordVariable) }
