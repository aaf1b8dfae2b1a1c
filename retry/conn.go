package retry

import (
	"context"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"
)

// Conn is a drop-in for *ftp.ServerConn: one session, with every method of
// that type under its own name and arguments. A method that fails for a reason
// that can heal is run again on a new connection, on which the login, the
// working directory and the type are as they were. Errors are *[Error].
//
// The context given to [Dial] bounds all of them. A Conn is not for concurrent
// use, but Quit may be called at any time. The zero Conn is not usable.
type Conn struct {
	runner
	ctx    context.Context
	cancel context.CancelCauseFunc
	line   *line
	verify VerifyMode
	noop   operation
}

// Dial connects to the server that cfg describes, as ftp.Dial does: the greeting
// is read, and TLS made, but nobody is logged in. Config.User and
// Config.Password are not used; call Login. ctx bounds the whole life of the
// Conn, not only the dial: when it ends, so does the session.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	if err := cfg.settle(); err != nil {
		return nil, err
	}
	e := newEndpoint(&cfg)
	l := &line{endpoint: e}
	c := &Conn{
		runner: runner{sessions: l, policy: cfg.Policy, classifier: cfg.Classifier, budget: cfg.Budget, hooks: cfg.Hooks, stats: &e.stats},
		line:   l, verify: cfg.Verify,
	}
	if ctx != nil {
		c.ctx, c.cancel = context.WithCancelCause(ctx)
	}
	op := &operation{verb: "CONNECT", path: cfg.Addr, run: func(context.Context, *session) error { return nil }}
	if err := c.do(c.ctx, op); err != nil {
		if c.cancel != nil {
			c.cancel(ErrClosed)
		}
		return nil, err
	}
	context.AfterFunc(c.ctx, l.cut)
	return c, nil
}

// run runs an operation that needs a login.
func (c *Conn) run(task task) error {
	if op := task.about(); op.invalid == nil {
		op.invalid = c.line.ready()
	}
	return c.do(c.ctx, task)
}

// Login logs in, on a new session if one is logged in already.
// The password is kept, for reconnects.
func (c *Conn) Login(user, password string) error {
	op := &operation{verb: "USER", path: user, invalid: checkText(user + password), run: func(_ context.Context, s *session) error {
		return s.login(user, password)
	}}
	if op.invalid == nil {
		op.invalid = c.line.open()
	}
	if op.invalid == nil {
		// Another login begins on a new session: what a server leaves as it
		// was when the user changes is not the same everywhere.
		c.line.drop()
	}
	if err := c.do(c.ctx, op); err != nil {
		return err
	}
	c.line.loggedIn(user, password)
	return nil
}

// Logout ends the login (REIN); Login begins another.
func (c *Conn) Logout() error {
	op := query("REIN", "", func(conn *ftp.ServerConn) error { return conn.Logout() })
	if err := c.run(op); err != nil {
		return err
	}
	c.line.forget()
	return nil
}

// Quit ends the session and the Conn. It returns nil: what could be lost is
// nothing.
func (c *Conn) Quit() error {
	if c.line != nil {
		c.line.quit()
		c.cancel(ErrClosed)
	}
	return nil
}

// Type sets the transfer type, and again after each reconnect.
func (c *Conn) Type(transferType ftp.TransferType) error {
	op := query("TYPE", string(transferType), func(conn *ftp.ServerConn) error { return conn.Type(transferType) })
	err := c.run(op)
	if err == nil {
		c.line.typ = transferType
	}
	return err
}

// ChangeDir changes the working directory, and again after each reconnect.
func (c *Conn) ChangeDir(path string) error {
	op := query("CWD", path, func(conn *ftp.ServerConn) error { return conn.ChangeDir(path) })
	if op.invalid == nil {
		op.invalid = checkPath(path)
	}
	err := c.run(op)
	if err == nil {
		c.moved(path)
	}
	return err
}

// moved remembers a change of directory.
func (c *Conn) moved(dir string) {
	c.line.moved(dir)
	if len(c.line.dirs) > mostDirs {
		_, _ = c.CurrentDir()
	}
}

// ChangeDirToParent changes to the parent of the working directory.
func (c *Conn) ChangeDirToParent() error {
	op := query("CDUP", "", func(conn *ftp.ServerConn) error { return conn.ChangeDirToParent() })
	err := c.run(op)
	if err == nil {
		c.moved("")
	}
	return err
}

// CurrentDir returns the working directory.
func (c *Conn) CurrentDir() (dir string, err error) {
	q := ask("PWD", "", func(conn *ftp.ServerConn, _ string) (string, error) { return conn.CurrentDir() })
	err, dir = c.run(q), q.answer
	if err == nil && strings.HasPrefix(dir, "/") {
		c.line.moved(dir)
	}
	return dir, err
}

// NameList returns the names in a directory.
func (c *Conn) NameList(path string) (entries []string, err error) {
	l := nameList(path)
	err = c.run(l)
	return l.answer, err
}

// List returns the entries of a directory.
func (c *Conn) List(path string) (entries []*ftp.Entry, err error) {
	l := listing(path)
	err = c.run(l)
	return l.answer, err
}

// GetEntry returns what MLST says of a file or directory; "" is the working
// directory.
func (c *Conn) GetEntry(path string) (entry *ftp.Entry, err error) {
	q := ask("MLST", path, (*ftp.ServerConn).GetEntry)
	err = c.run(q)
	return q.answer, err
}

// IsTimePreciseInList reports whether List gives times to the second. It is
// false before Login.
func (c *Conn) IsTimePreciseInList() bool { return c.line.features().precise }

// IsGetTimeSupported reports whether GetTime can be used. It is false before
// Login.
func (c *Conn) IsGetTimeSupported() bool { return c.line.features().getTime }

// IsSetTimeSupported reports whether SetTime can be used. It is false before
// Login.
func (c *Conn) IsSetTimeSupported() bool { return c.line.features().setTime }

// FileSize returns the size of a file.
func (c *Conn) FileSize(path string) (size int64, err error) {
	q := &sizing{operation: operation{verb: "SIZE", path: path, invalid: checkPath(path)}}
	err = c.run(q)
	return q.answer, err
}

// GetTime returns the modification time of a file, in UTC.
func (c *Conn) GetTime(path string) (t time.Time, err error) {
	q := ask("MDTM", path, (*ftp.ServerConn).GetTime).named()
	err = c.run(q)
	return q.answer, err
}

// SetTime sets the modification time of a file.
func (c *Conn) SetTime(path string, t time.Time) error { return c.run(setTime(path, t)) }

// Rename renames a file or directory.
func (c *Conn) Rename(from, to string) error { return c.run(rename(from, to)) }

// Delete removes a file.
func (c *Conn) Delete(path string) error { return c.run(removing("DELE", path)) }

// MakeDir makes a directory.
func (c *Conn) MakeDir(path string) error { return c.run(makeDir(path)) }

// RemoveDir removes an empty directory.
func (c *Conn) RemoveDir(path string) error { return c.run(removing("RMD", path)) }

// RemoveDirRecur removes a directory and all that is in it. Unlike the method
// of *ftp.ServerConn it leaves the working directory as it is.
func (c *Conn) RemoveDirRecur(path string) error {
	if err := c.line.ready(); err != nil {
		return c.run(removing("RMD", path))
	}
	return c.removeTree(c.ctx, path, 0)
}

// NoOp asks the server for nothing, which keeps an idle session alive. A session
// that is dead is replaced.
func (c *Conn) NoOp() error {
	c.noop = operation{verb: "NOOP", run: func(_ context.Context, s *session) error { return s.noOp() }} // one for all: it is what is done most often
	return c.run(&c.noop)
}
