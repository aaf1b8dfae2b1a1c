// Classify says what a reply of an FTP server means for a client that replays.
//
//	go run ./examples/classify
//	go run ./examples/classify 421 "Too many users, try again in 5 minutes"
//	go run ./examples/classify -command STOR -path a.csv "451 a.csv: Append/Restart not permitted, try again"
//
// Without arguments it prints the whole table of rules.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

func main() {
	switch err := run(os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "classify:", err)
		os.Exit(2)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("classify", flag.ContinueOnError)
	flags.SetOutput(out)
	command := flags.String("command", "", "the `verb` that was answered, such as STOR (default the greeting)")
	path := flags.String("path", "", "the `file` it was about, whose name is not taken for the server's words")
	flags.Usage = func() {
		fmt.Fprintln(out, "usage: classify [-command VERB] [-path FILE] [REPLY]")
		fmt.Fprintln(out, "Says what a server's reply means for a client that replays. Without one: all the rules.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return transient.Explain(out)
	}
	reply, err := parse(strings.Join(flags.Args(), " "))
	if err != nil {
		return err
	}
	failure := transient.Failure{Command: strings.ToUpper(*command), Path: *path, Err: reply}
	return show(out, failure, transient.Classify(failure))
}

// parse reads a reply as a server sends it, of one line or of several.
func parse(text string) (*textproto.Error, error) {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 || len(lines[0]) < 3 {
		return nil, errors.New(`give a reply that begins with its code, such as "450 File busy"`)
	}
	digits := lines[0][:3]
	code, err := strconv.Atoi(digits)
	if err != nil || code < 100 {
		return nil, fmt.Errorf(`%q is no reply: it begins with three digits, as in "450 File busy"`, text)
	}
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, digits); ok {
			lines[i] = strings.TrimLeft(rest, " -")
		}
	}
	return &textproto.Error{Code: code, Msg: strings.Join(lines, "\n")}, nil
}

// show prints the verdict, and what the default policy makes of it.
func show(out io.Writer, f transient.Failure, v transient.Verdict) error {
	answer := "no: the same again cannot help"
	if v.Transient() {
		answer = "yes: a replay can help"
	}
	text := fmt.Sprintf("class      %s\ntransient  %s\nrule       %s\n", v.Class, answer, v.Rule)
	if transient.RestartRefused(f) {
		text += "restart    the offset is refused, not the file: from its start it may succeed\n"
	}
	if v.Wait > 0 {
		text += fmt.Sprintf("asked for  %s at least\n", v.Wait)
	}
	if v.Transient() {
		text += "waits      " + waits(v) + "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

// waits lists what the default policy waits, without its jitter.
func waits(v transient.Verdict) string {
	var list []string
	now := time.Now()
	schedule := policy.Policy{Jitter: -1}.Start(now)
	for {
		wait, stop := schedule.Next(now, v.Class, false, v.Wait)
		if stop != policy.Continue {
			text := strings.Join(list, ", ") + ", then it gives up"
			if v.Wait == 0 {
				text += "; each is spread by half either way"
			}
			return text
		}
		list = append(list, wait.String())
		now = now.Add(wait)
	}
}
