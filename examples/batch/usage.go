package main

import (
	"flag"
	"fmt"
	"io"
)

// command is what the program can do.
type command struct {
	name, takes string
	does        string
	more        string // for its own help text
	groups      []group
	run         func(terminal, command, []string) (status int, err error)
}

var commands = []command{
	{
		name: "mirror-up", takes: "DIR REMOTE", does: "make the directory REMOTE of the server like the local directory DIR",
		more: mirrorHelp, groups: []group{serverGroup, mirrorGroup, runGroup, outputGroup, fileGroup}, run: mirrorUp,
	},
	{
		name: "mirror-down", takes: "REMOTE DIR", does: "make the local directory DIR like the directory REMOTE of the server",
		more: mirrorHelp, groups: []group{serverGroup, mirrorGroup, runGroup, outputGroup, fileGroup}, run: mirrorDown,
	},
	{
		name: "run", takes: "FILE", does: "run the jobs that FILE lists; - is standard input",
		more: `FILE is CSV with a first line that names its columns, or a JSON object on each line:

    kind,local,remote,to                     {"kind":"upload","local":"out/a.csv","remote":"in/a.csv"}
    upload,out/a.csv,in/a.csv,               {"kind":"rename","remote":"in/b.tmp","to":"in/b.csv"}
    rename,,in/b.tmp,in/b.csv                {"kind":"barrier"}
    barrier,,,                               {"kind":"delete","remote":"in/old.csv"}
    delete,,in/old.csv,

Kinds are upload, download, delete, rename, mkdir, rmdir, and barrier: what follows one begins when everything before
it has ended. All lines are checked before the first job begins.
`,
		groups: []group{serverGroup, runGroup, outputGroup, fileGroup}, run: runList,
	},
	{
		name: "report", takes: "JOURNAL", does: "tell what came of the last run with the journal JOURNAL, even of one that was killed",
		groups: []group{reportGroup}, run: showReport,
	},
	{
		name: "-demo", does: "watch it work: files go to a server of its own that keeps failing",
		groups: []group{demoGroup, outputGroup}, run: demonstrate,
	},
}

// mirrorHelp is for both directions.
const mirrorHelp = `What is missing at the goal, or is another file there, is copied; the rest is left as it is, so that a second run has
nothing to do, and one that was broken off goes on. Nothing is deleted without -delete. Try -dry-run first.

Files whose names end in .part, .part.info or .ftpretry (after ten letters and digits) are taken for those of transfers
that are not complete, and are neither copied nor deleted; the report counts them.

A pattern is for names relative to both directories: *.tmp is any such name at any depth, /a.txt the one at the top
only, logs/ directories only, a/**/b any number of directories between.
`

// usage is the help text of the program.
func usage(out io.Writer) {
	fmt.Fprint(out, `Batch moves many files to or from an FTP server, carries on after whatever goes wrong, and says what came of each.

`)
	for _, c := range commands {
		fmt.Fprintf(out, "  batch %-12s %-11s %s\n", c.name, c.takes, c.does)
	}
	fmt.Fprint(out, `
  batch COMMAND -h               every setting of a command

The password is in the environment variable FTP_PASSWORD, in a file that -password-file names, or in ~/.netrc (-netrc):
not on the command line, which others on the same machine can read. Settings are flags, or FTPRETRY_ variables
(FTPRETRY_WORKERS=8), or keys of a YAML file (-config FILE); the first that says something holds.

Exit status: 0 everything is done; 1 something failed, or may have, or had no turn; 2 nothing was begun, because of the
command line, a setting or the job list; 3 interrupted (SIGINT and SIGTERM end it cleanly, a second one at once).
`)
}

// help is the help text of a command.
func (c command) help(out io.Writer) {
	fmt.Fprintf(out, "usage: batch %s [flags] %s\n\n%s%s.\n", c.name, c.takes, string(c.does[0]-'a'+'A'), c.does[1:])
	if c.more != "" {
		fmt.Fprintf(out, "\n%s", c.more)
	}
	for _, g := range c.groups {
		fmt.Fprintf(out, "\n%s:\n", g.title)
		flags := flag.NewFlagSet("", flag.ContinueOnError)
		flags.SetOutput(out)
		g.flags(new(settings), flags)
		flags.PrintDefaults()
	}
	fmt.Fprint(out, "\nEach flag is also a variable, such as FTPRETRY_WORKERS=8, and a key of the settings file.\n")
}

// parse reads the settings of a command and its arguments, as many as it takes.
func (c command) parse(t terminal, args []string, takes int) (s *settings, rest, strange []string, err error) {
	s = new(settings)
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it; and the help text goes to the output
	flags.Usage = func() {}
	for _, g := range c.groups {
		g.flags(s, flags)
	}
	rest, strange, err = parse(flags, args)
	switch {
	case err == flag.ErrHelp:
		c.help(t.out)
		return nil, nil, nil, err
	case err != nil:
		return nil, nil, nil, misuse("%s: %w", c.name, err)
	case len(rest) != takes:
		return nil, nil, nil, misuse("%s takes %s, but %d arguments are given: batch %s -h tells more", c.name, c.takes, len(rest), c.name)
	}
	return s, rest, strange, nil
}
