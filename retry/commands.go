package retry

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"
)

// checkPath refuses what cannot be sent as the argument of a command, before
// anything is sent (RFC 959: a command ends with CR LF; RFC 2640, section 3.1:
// no NUL).
func checkPath(name string) error {
	if name == "" {
		return fmt.Errorf("%w: it is empty", ErrPath)
	}
	return checkText(name)
}

// checkText is checkPath for arguments that may be empty.
func checkText(name string) error {
	if strings.ContainsAny(name, "\r\n\x00") {
		return fmt.Errorf("%w: it holds CR, LF or NUL", ErrPath)
	}
	return nil
}

// query makes an operation that changes nothing: it is run again as it is.
func query(verb, name string, ask func(*ftp.ServerConn) error) *operation {
	return &operation{verb: verb, path: name, invalid: checkText(name), run: func(_ context.Context, s *session) error {
		return ask(s.ftp)
	}}
}

// question is a query for one thing. It is what the small operations are made
// of, in one allocation each.
type question[T any] struct {
	operation
	how    func(*ftp.ServerConn, string) (T, error)
	answer T
}

func ask[T any](verb, name string, how func(*ftp.ServerConn, string) (T, error)) *question[T] {
	return &question[T]{operation: operation{verb: verb, path: name, invalid: checkText(name)}, how: how}
}

func (q *question[T]) try(_ context.Context, s *session) error {
	answer, err := q.how(s.ftp, q.path)
	if err == nil {
		q.answer = answer
	}
	return err
}

// removal is DELE or RMD. A 550 to a replay, after an attempt that may have been
// executed, is success if the thing is gone.
type removal struct{ operation }

func removing(verb, name string) *removal {
	return &removal{operation{verb: verb, path: name, invalid: checkPath(name), effect: verb}}
}

func (r *removal) try(_ context.Context, s *session) (err error) {
	if r.verb == "DELE" {
		err = s.ftp.Delete(r.path)
	} else {
		err = s.ftp.RemoveDir(r.path)
	}
	if err == nil || !r.unknown || !refused(err) {
		return err
	}
	return s.settle(r.path, absent, err)
}

// making is MKD. A refusal of a replay, after an attempt that may have been
// executed, is success if the directory is there.
type making struct{ operation }

func makeDir(name string) *making {
	return &making{operation{verb: "MKD", path: name, invalid: checkPath(name), effect: "MKD"}}
}

func (m *making) try(_ context.Context, s *session) error {
	err := s.ftp.MakeDir(m.path)
	if err == nil || !m.unknown || !refused(err) {
		return err
	}
	return s.settle(m.path, present, err)
}

// renaming is RNFR and RNTO. A refusal of a replay, after an attempt that may
// have been executed, is success if the source is gone and the target there.
type renaming struct {
	operation
	to string
}

func rename(from, to string) *renaming {
	r := &renaming{operation{verb: "RNFR", path: from, invalid: checkPath(from), effect: "RNTO"}, to}
	if r.invalid == nil {
		r.invalid = checkPath(to)
	}
	return r
}

func (r *renaming) try(_ context.Context, s *session) error {
	err := s.ftp.Rename(r.path, r.to)
	if err == nil || !r.unknown || !refused(err) {
		return err
	}
	if e := s.settle(r.path, absent, err); e != nil {
		return e
	}
	return s.settle(r.to, present, err)
}

// setTime makes MFMT: setting the same time twice is the same as once.
func setTime(name string, t time.Time) *operation {
	op := query("MFMT", name, func(c *ftp.ServerConn) error { return c.SetTime(name, t) })
	if op.invalid == nil {
		op.invalid = checkPath(name)
	}
	return op
}

// presence is whether a name is there.
type presence int

const (
	unclear presence = iota // the server has no way to tell
	present
	absent
)

// settle resolves a refusal that came after an attempt which may have been
// executed: it is success if name is as that attempt would have left it, a
// refusal if it is not, and unknown if the server cannot be asked.
func (s *session) settle(name string, want presence, refusal error) error {
	is, err := s.exists(name)
	switch {
	case err != nil:
		return err
	case is == want:
		return nil
	case is == unclear:
		return &final{reason: ErrOutcomeUnknown, err: refusal}
	}
	return refusal
}

// exists asks whether name is there: by MLST; by SIZE, which knows files only;
// by NLST of its directory; and by CWD. Every error is one that an attempt may
// fail of.
func (s *session) exists(name string) (presence, error) {
	if s.ftp.IsTimePreciseInList() {
		_, err := s.ftp.GetEntry(name)
		switch reply := replyOf(err); {
		case err == nil:
			return present, nil
		case reply != nil && reply.Code == 550:
			return absent, nil
		case lost(s, err):
			return unclear, err
		}
	}
	_, err := s.ftp.FileSize(name)
	if err == nil {
		return present, nil
	}
	if lost(s, err) {
		return unclear, err
	}
	sizeSays550 := replyOf(err) != nil && replyOf(err).Code == 550
	names, err := s.ftp.NameList(parent(name))
	switch reply := replyOf(err); {
	case err == nil:
		for _, n := range names {
			if path.Base(n) == path.Base(name) {
				return present, nil
			}
		}
		return absent, nil
	case reply != nil && reply.Code == 550, reply != nil && reply.Code == 450 && !s.broken(): // no files found
		return absent, nil
	case lost(s, err):
		return unclear, err
	}
	s.wire.Break(errMoved)
	err = s.ftp.ChangeDir(name)
	if err == nil {
		return present, nil
	}
	if reply := replyOf(err); reply == nil || reply.Code < 500 {
		return unclear, err
	}
	if sizeSays550 {
		return absent, nil
	}
	return unclear, nil
}

// errMoved is why a session is not used again that has been led elsewhere.
var errMoved = errors.New("working directory was changed to look at a name")

// lost reports whether a question failed in a way that an attempt fails of,
// rather than being refused for good.
func lost(s *session, err error) bool {
	reply := replyOf(err)
	return reply == nil && s.broken() || reply != nil && reply.Code < 500
}

// broken reports whether the session cannot go on.
func (s *session) broken() bool { return !s.wire.InStep() }

// parent is the directory of name, "" for the working directory. A "./" before
// the name stays: it may keep a name that begins with "-" from being taken for
// an option.
func parent(name string) string {
	dir := path.Dir(strings.TrimRight(name, "/"))
	switch {
	case strings.HasPrefix(name, "./") && dir != ".":
		return "./" + dir
	case dir == ".":
		return ""
	}
	return dir
}

// The operations of a Client. Paths are as on *ftp.ServerConn; those that do
// not begin with "/" are relative to the directory that the login leads to.

// List returns the entries of a directory; "" is the directory of the login. A
// listing that breaks off is thrown away and asked for again.
func (c *Client) List(ctx context.Context, path string) (entries []*ftp.Entry, err error) {
	l := listing(path)
	err = c.do(ctx, l)
	return l.answer, err
}

// NameList returns the names in a directory; "" is the directory of the login.
// An empty directory, which some servers answer with 450 or 550 "No files
// found", is an empty list.
func (c *Client) NameList(ctx context.Context, path string) (names []string, err error) {
	l := nameList(path)
	err = c.do(ctx, l)
	return l.answer, err
}

// GetEntry returns what MLST says of a file or directory.
func (c *Client) GetEntry(ctx context.Context, path string) (entry *ftp.Entry, err error) {
	q := ask("MLST", path, (*ftp.ServerConn).GetEntry)
	err = c.do(ctx, q)
	return q.answer, err
}

// FileSize returns the size of a file in bytes (SIZE).
func (c *Client) FileSize(ctx context.Context, path string) (size int64, err error) {
	q := ask("SIZE", path, (*ftp.ServerConn).FileSize)
	err = c.do(ctx, q)
	return q.answer, err
}

// GetTime returns the modification time of a file (MDTM), in UTC.
func (c *Client) GetTime(ctx context.Context, path string) (t time.Time, err error) {
	q := ask("MDTM", path, (*ftp.ServerConn).GetTime)
	err = c.do(ctx, q)
	return q.answer, err
}

// SetTime sets the modification time of a file (MFMT, or MDTM where the option
// ftp.DialWithWritingMDTM says so). A replay sets the same time again.
func (c *Client) SetTime(ctx context.Context, path string, t time.Time) error {
	return c.do(ctx, setTime(path, t))
}

// Rename renames a file or directory. When the reply was lost, the server is
// asked for both names before anything is tried again.
func (c *Client) Rename(ctx context.Context, from, to string) error {
	return c.do(ctx, rename(from, to))
}

// Delete removes a file. When the reply was lost and the replay finds nothing
// to delete, that is success.
func (c *Client) Delete(ctx context.Context, path string) error {
	return c.do(ctx, removing("DELE", path))
}

// MakeDir makes a directory. When the reply was lost and the replay finds it
// there, that is success.
func (c *Client) MakeDir(ctx context.Context, path string) error {
	return c.do(ctx, makeDir(path))
}

// RemoveDir removes an empty directory. When the reply was lost and the replay
// finds nothing to remove, that is success.
func (c *Client) RemoveDir(ctx context.Context, path string) error {
	return c.do(ctx, removing("RMD", path))
}

var errNilFunc = errors.New("function is nil: give Do one to run")

// Do runs tx on a session that is logged in, in the login's directory and in
// binary mode, and runs it again, on a fresh session, when it returns an error
// that a replay can help. tx begins from its start each time: what it has done
// in an earlier attempt, executed or perhaps executed, is its own business. An
// error wrapped by backoff.Permanent ends the operation at once.
//
// tx must not keep conn beyond its return. A session whose directory, type or
// login tx has changed is not used for anything else.
func (c *Client) Do(ctx context.Context, tx func(ctx context.Context, conn *ftp.ServerConn) error) error {
	op := &operation{verb: "DO", run: func(ctx context.Context, s *session) error { return tx(ctx, s.ftp) }}
	if tx == nil {
		op.invalid = errNilFunc
	}
	return c.do(ctx, op)
}
