package retry

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ftpretry/ftpretry/transient"
)

// The reasons for which a transaction ended without success, found in
// [Error.Reason] and by errors.Is. When the context ended, its cause stands in
// place of them.
var (
	ErrPermanent      = errors.New("permanent failure")
	ErrAttempts       = errors.New("attempts exhausted")
	ErrElapsed        = errors.New("policy's time is over")
	ErrDeadline       = errors.New("next attempt would begin after the context's deadline")
	ErrBudget         = errors.New("budget for replays is spent")
	ErrNotReplayable  = errors.New("cannot be replayed: source is consumed")
	ErrOutcomeUnknown = errors.New("outcome unknown: command may have been executed")
	ErrChanged        = errors.New("file changed during the transfer")
	ErrIncomplete     = errors.New("transfer incomplete")
)

// What an [Error] whose Reason is [ErrPermanent] also matches when it is not the
// operation that failed, but the session for it: the next one will fail of the
// same.
var (
	ErrNoSession = errors.New("no session can be opened")
	ErrLogin     = fmt.Errorf("user or password refused: %w", ErrNoSession) // trying again locks accounts
)

// ErrLeftBehind says of an atomic upload that its temporary file could not be
// removed. The error's text names it; [Client.CleanTemp] removes such files.
var ErrLeftBehind = errors.New("temporary file is left on the server")

// Mistakes in the use of a Client or Conn, found by errors.Is in an [Error]
// whose Reason is [ErrPermanent]. Nothing was sent to the server. Only ErrClosed is
// a Reason, too: of an operation whose attempts had failed so far when Close ended
// its wait for the next one.
var (
	ErrClosed      = errors.New("closed: make a new one")
	ErrNotLoggedIn = errors.New("not logged in: call Login first")
	ErrPath        = errors.New("cannot be sent over FTP")
	ErrSource      = errors.New("source is nil: use retry.File, Bytes, ReaderAt, Seeker or Reader")
	ErrNested      = errors.New("waits for a session that only its own caller holds: raise Config.MaxConns, or use the connection that Do gives to its function")
	ErrInUse       = errors.New("a download is open on this Conn: close its Response first")
)

// Error is what every operation returns that did not succeed.
type Error struct {
	Op       string            // the operation's main command: "STOR"; "DO" for Do
	Path     string            // what it was applied to
	Attempts int               // attempts made, the first included
	Elapsed  time.Duration     // since the operation began, waits included
	Verdict  transient.Verdict // on the last failure
	Reason   error             // why it stopped: one of the reasons, or the context's cause
	Err      error             // the last failure
}

// Error returns one line: STOR in/a.csv: attempts exhausted after 4 attempts in 12.3s: 421 "Too many users".
func (e *Error) Error() string {
	if e == nil {
		return "no error"
	}
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Path != "" {
		b.WriteByte(' ')
		b.WriteString(printable(e.Path))
	}
	fmt.Fprintf(&b, ": %v", e.Reason)
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " after %d attempts in %s", e.Attempts, roughly(e.Elapsed))
	}
	if e.Err != nil && !same(e.Err, e.Reason) {
		b.WriteString(": ")
		b.WriteString(oneLine(e.Err.Error()))
	}
	return b.String()
}

// same reports whether a and b are one error. The cause of a context may be of a
// type that == panics at.
func same(a, b error) bool {
	v := reflect.ValueOf(a)
	return v.IsValid() && v.Comparable() && a == b
}

// Unwrap lets errors.Is find the reason, and errors.Is and errors.As the last
// failure with the server's last reply (*textproto.Error). Failures of earlier
// attempts are told to [Hooks] and are not part of the error.
func (e *Error) Unwrap() []error {
	if e == nil {
		return nil
	}
	return []error{e.Reason, e.Err}
}

// longestLine bounds what an error shows of what a server has said.
const longestLine = 1024

// oneLine makes a reply of many lines, or joined errors, one line, with nothing
// in it that a terminal would obey.
func oneLine(s string) string {
	dots := ""
	if len(s) > longestLine {
		s, dots = strings.ToValidUTF8(s[:longestLine], ""), "..."
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ") + dots
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// printable quotes a path that would spoil a line of log.
func printable(path string) string {
	if q := strconv.Quote(path); q[1:len(q)-1] != path {
		return q
	}
	return path
}

func roughly(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

// final is an attempt's failure after which there is no other attempt, whatever
// the classifier says of it.
type final struct{ reason, err error }

func (f *final) Error() string   { return oneLine(f.err.Error()) }
func (f *final) Unwrap() []error { return []error{f.reason, f.err} }

// mismatch is an attempt that the server called a success and the byte counts
// do not. It heals once, by a replay; after that it is the server that cannot
// be believed.
type mismatch struct {
	got, want int64
	what      string
	text      string // in place of the numbers
	reason    error  // why it ends when it does not heal; nil = ErrIncomplete
}

func (m *mismatch) Error() string {
	if m.text != "" {
		return m.text
	}
	return fmt.Sprintf("%d bytes %s, but the server says %d", m.got, m.what, m.want)
}
