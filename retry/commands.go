package retry

import (
	"context"
	"errors"
	"fmt"
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
	for i := range len(name) {
		switch name[i] {
		case '\r', '\n', 0:
			return fmt.Errorf("%w: it holds CR, LF or NUL", ErrPath)
		}
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

// named refuses an empty name.
func (q *question[T]) named() *question[T] {
	if q.path == "" {
		q.invalid = checkPath(q.path)
	}
	return q
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
	kind := aFile
	if r.verb == "RMD" {
		kind = aDirectory
	}
	return s.settle(r.path, kind, absent, err)
}

// making is MKD. A refusal of a replay, after an attempt that may have been
// executed, is success if the directory is there; any refusal is, where it need
// only be there.
type making struct {
	operation
	either bool // it may have been there before
}

func makeDir(name string) *making {
	return &making{operation: operation{verb: "MKD", path: name, invalid: checkPath(name), effect: "MKD"}}
}

func (m *making) try(_ context.Context, s *session) error {
	err := s.ftp.MakeDir(m.path)
	if err == nil || !m.unknown && !m.either || !refused(err) {
		return err
	}
	return s.settle(m.path, aDirectory, present, err)
}

// renaming is RNFR and RNTO. After an attempt that may have been executed, the
// server is asked for both names before anything is tried again: it is done if
// the source is gone and the target there, and tried again if it is the other
// way round. With both there, the source may be another one already (test:
// TestARenamingIsNotRunAgainOverSomebodyElsesFile).
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
	if r.unknown {
		if done, err := r.done(s); done || err != nil {
			return err
		}
	}
	return s.ftp.Rename(r.path, r.to)
}

// done reports whether an earlier attempt was executed.
func (r *renaming) done(s *session) (bool, error) {
	from, err := s.exists(r.path, anything)
	if err != nil {
		return false, err
	}
	to, err := s.exists(r.to, anything)
	switch {
	case err != nil:
		return false, err
	case from == absent && to == present:
		return true, nil
	case from == present && to == absent:
		r.unknown = false
		return false, nil
	}
	return false, &final{reason: ErrOutcomeUnknown, err: fmt.Errorf(
		"reply to the renaming was lost, and now the old name is %s and the new one %s", from, to)}
}

// setTime makes MFMT: setting the same time twice is the same as once.
func setTime(name string, t time.Time) *operation {
	op := query("MFMT", name, func(c *ftp.ServerConn) error { return c.SetTime(name, t) })
	if op.invalid == nil {
		op.invalid = checkPath(name)
	}
	return op
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
	q, _ := sizings.Get().(*sizing)
	defer sizings.Put(q)
	*q = sizing{operation: operation{verb: "SIZE", path: path, invalid: checkPath(path)}}
	err = c.do(ctx, q)
	return q.answer, err
}

// GetTime returns the modification time of a file (MDTM), in UTC.
func (c *Client) GetTime(ctx context.Context, path string) (t time.Time, err error) {
	q := ask("MDTM", path, (*ftp.ServerConn).GetTime).named()
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
	r := rename(from, to)
	r.unknown = maybeDone(ctx)
	return c.do(ctx, r)
}

// Delete removes a file. When the reply was lost and the replay finds nothing
// to delete, that is success.
func (c *Client) Delete(ctx context.Context, path string) error {
	r := removing("DELE", path)
	r.unknown = maybeDone(ctx)
	return c.do(ctx, r)
}

// MakeDir makes a directory. When the reply was lost and the replay finds it
// there, that is success.
func (c *Client) MakeDir(ctx context.Context, path string) error {
	return c.do(ctx, makeDir(path))
}

// EnsureDir makes a directory, as MakeDir does, and succeeds where it is there
// already: when MKD is refused, the server is asked. Not for programs that take
// a directory for a lock.
func (c *Client) EnsureDir(ctx context.Context, path string) error {
	m := makeDir(path)
	m.either = true
	return c.do(ctx, m)
}

// RemoveDir removes an empty directory. When the reply was lost and the replay
// finds nothing to remove, that is success.
func (c *Client) RemoveDir(ctx context.Context, path string) error {
	r := removing("RMD", path)
	r.unknown = maybeDone(ctx)
	return c.do(ctx, r)
}

var errNilFunc = errors.New("function is nil: give Do one to run")

// Do runs tx on a session that is logged in, in the login's directory and in
// binary mode, and runs it again, on a fresh session, when it returns an error
// that a replay can help. tx begins from its start each time: what it has done
// in an earlier attempt, executed or perhaps executed, is its own business. An
// error wrapped by backoff.Permanent ends the operation at once.
//
// An operation of the same Client that tx begins needs a session beside conn. If it
// is begun with tx's own ctx, and each session is held by a function that waits so,
// it ends with [ErrNested]; with any other context it waits for as long as that lasts.
//
// tx must not keep conn beyond its return. A session whose directory, type or
// login tx has changed is not used for anything else.
func (c *Client) Do(ctx context.Context, tx func(ctx context.Context, conn *ftp.ServerConn) error) error {
	op := &operation{verb: "DO", run: func(ctx context.Context, s *session) error {
		ctx, leave := c.pool.enter(ctx)
		defer leave()
		return tx(ctx, s.ftp)
	}}
	if tx == nil {
		op.invalid = errNilFunc
	}
	return c.do(ctx, op)
}
