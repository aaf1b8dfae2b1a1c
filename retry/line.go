package retry

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jlaffaye/ftp"
)

// line is the keeper of a Conn's one session, and its memory: it puts a new
// session into the state that the last one was in.
type line struct {
	endpoint *endpoint

	session atomic.Pointer[session] // nil while it is in use
	done    atomic.Bool

	inUse          bool // a download is open
	in             bool // logged in
	user, password string
	typ            ftp.TransferType // "" = as Login leaves it, binary
	dirs           []string         // CWD to each in turn; "" is CDUP
	known          features
}

// features is what the ftp package tells of a session's server.
type features struct{ precise, getTime, setTime bool }

// mostDirs bounds the memory of relative changes of directory. Beyond it the
// server is asked where they have led (PWD).
const mostDirs = 64

func (l *line) open() error {
	switch {
	case l == nil:
		return errZero
	case l.done.Load():
		return ErrClosed
	case l.inUse:
		return ErrInUse
	}
	return nil
}

// ready is why no operation can be run that needs a login, nil if one can.
func (l *line) ready() error {
	if err := l.open(); err != nil {
		return err
	}
	if !l.in {
		return ErrNotLoggedIn
	}
	return nil
}

func (l *line) forget() {
	l.in, l.user, l.password, l.typ, l.dirs = false, "", "", "", nil
}

func (l *line) loggedIn(user, password string) {
	l.in, l.user, l.password = true, user, password
}

// moved remembers a change of directory.
func (l *line) moved(dir string) {
	if strings.HasPrefix(dir, "/") {
		l.dirs = l.dirs[:0]
	}
	l.dirs = append(l.dirs, dir)
}

// features asks the session; one that has ended is remembered.
func (l *line) features() features {
	if l == nil {
		return features{}
	}
	if s := l.session.Load(); l.in && s != nil {
		l.known = features{s.ftp.IsTimePreciseInList(), s.ftp.IsGetTimeSupported(), s.ftp.IsSetTimeSupported()}
	}
	return l.known
}

// admit implements keeper: a line serves one caller.
func (l *line) admit(context.Context, *turn) error { return nil }

// leave implements keeper.
func (l *line) leave(*turn, outcome) {}

// away implements keeper: a line has nobody to learn it from.
func (l *line) away() <-chan struct{} { return nil }

// closed implements keeper: Conn.Quit ends its context.
func (l *line) closed() <-chan struct{} { return nil }

// take implements keeper.
func (l *line) take(ctx context.Context, r request, _ *turn) (*session, error) {
	if l.done.Load() {
		return nil, &final{reason: ErrPermanent, err: ErrClosed}
	}
	s := l.session.Swap(nil)
	if s != nil && r.fresh.IsZero() && s.wire.Bind(ctx, r.now) && s.alive(r) {
		return s, nil
	}
	if s != nil {
		s.wire.Close()
	}
	start := time.Now()
	s, err := l.endpoint.connect(ctx)
	if err == nil && l.in {
		err = l.restore(s)
		if err != nil {
			s.wire.Unbind()
			s.end(ctx)
		}
	}
	s.took = time.Since(start)
	return s, err
}

// restore brings a new session to where the last one was.
func (l *line) restore(s *session) error {
	if err := s.login(l.user, l.password); err != nil {
		return err
	}
	for _, dir := range l.dirs {
		var err error
		if dir == "" {
			err = s.ftp.ChangeDirToParent()
		} else {
			err = s.ftp.ChangeDir(dir)
		}
		if err != nil {
			return err
		}
	}
	if l.typ != "" {
		return s.ftp.Type(l.typ)
	}
	return nil
}

// give implements keeper.
func (l *line) give(ctx context.Context, s *session, keep bool, _ *turn) {
	if !keep || !s.wire.InStep() {
		s.end(ctx)
		return
	}
	l.session.Store(s)
	// It may have come too late for the one that closed the line, or for the
	// end of the context.
	if l.done.Load() {
		l.quit()
	} else if ctx.Err() != nil {
		l.cut()
	}
}

// drop forgets the login and ends the session that has it.
func (l *line) drop() {
	if l.in {
		if s := l.session.Swap(nil); s != nil {
			s.end(context.Background())
		}
	}
	l.forget()
}

// cut closes the idle session without a goodbye.
func (l *line) cut() {
	if s := l.session.Swap(nil); s != nil {
		s.wire.Close()
	}
}

// quit ends the idle session; one in use is ended when it comes back.
func (l *line) quit() {
	l.done.Store(true)
	if s := l.session.Swap(nil); s != nil {
		s.end(context.Background())
	}
}
