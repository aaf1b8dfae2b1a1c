// Package wire owns every network connection of an FTP session: its deadlines,
// its context, its TLS, and the knowledge of what was said on it. The ftp
// package speaks the protocol over connections that this package hands to it.
package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config is how the connections of a session are made. Every duration must be
// positive.
type Config struct {
	Addr     string                                                            // host:port
	TLS      *tls.Config                                                       // nil = plain FTP
	Implicit bool                                                              // TLS from the first byte, not by AUTH TLS
	Dialer   func(ctx context.Context, network, addr string) (net.Conn, error) // nil = net.Dialer
	Connect  time.Duration                                                     // dial, TLS and greeting together; a data dial
	Reply    time.Duration                                                     // each line of a reply
	Stall    time.Duration                                                     // no byte moved on a data connection

	Password string // kept out of what is shown, from the greeting on

	ListEntries, ListBytes int64 // bounds of one listing; 0 = none

	Learned Learned
}

// Session is the control connection of one FTP session and its data connection
// of the moment. It is not for concurrent use; only the end of the context
// given to Bind acts from elsewhere.
type Session struct {
	cfg    *Config
	tls    *tls.Config // the session's own, with its cache of TLS sessions
	host   string      // to dial data connections to, where remote is made up
	remote *net.TCPAddr

	control *control
	taken   bool  // the ftp package has its control connection
	broken  error // the session must not be used again

	ctx       context.Context
	done      <-chan struct{} // of the context that stop belongs to
	stop      func() bool
	cut       atomic.Bool // the context ended while bound
	interrupt func()      // s.onDone, made once

	bound atomic.Bool
	mu    sync.Mutex // guards ctx and data against onDone
	data  *Data

	moved Moved
	peek  func() bool
	until deadlineContext
	feat  string
	pret  bool   // it has PRET
	last  []byte // what Data.Last returns
	tail  Tail

	trip     time.Duration // to the server and back, as the connection took it
	foresee  bool          // another transfer is expected after the one at hand
	passive  passive
	early    io.Reader       // see Early
	wasEarly bool            // content of the STOR at hand was sent before its 150
	atEnd    func() []string // see AtEnd

	// Progress, if set, is called after bytes were moved over a data
	// connection.
	Progress func()
}

// Moved counts the bytes of the data connections.
type Moved struct{ In, Out int64 }

// Tail is how a data connection ended.
type Tail struct {
	In   int64 // bytes received
	Last byte  // the last of them that was read through Read
	At   time.Time

	Entries int64    // lines of a listing, without the "total" that ls begins with
	Links   []string // names that MLSD shows as symbolic links
}

// past is a deadline that has always expired.
var past = time.Unix(1, 0)

// Bind puts the session under ctx until Unbind: when it ends, every read, write
// and dial of the session fails at once with its cause, and the session is
// broken. Another Bind takes its place. It reports whether the session can still
// be used: the end of the last context may have met it on its way back. now is
// the present time, to spare another look at the clock.
func (s *Session) Bind(ctx context.Context, now time.Time) bool {
	if c := s.control; c != nil {
		c.answers, c.refusal, c.now, c.staged = 0, nil, now, c.staged[:0]
	}
	s.foresee, s.atEnd = false, nil
	done := ctx.Done()
	if done != nil && done == s.done {
		// A context that stays the same from one operation to the next, as in
		// a loop, is registered with once.
		s.bound.Store(true)
		if ctx.Err() != nil {
			s.onDone()
		}
		return true
	}
	s.forget()
	s.mu.Lock()
	s.ctx = ctx
	s.bound.Store(true)
	s.mu.Unlock()
	if done != nil {
		s.done, s.stop = done, context.AfterFunc(ctx, s.interrupt)
	}
	return !s.cut.Load() || ctx.Err() != nil
}

// Unbind ends what Bind began: the end of the context no longer concerns the
// session.
func (s *Session) Unbind() {
	s.settle()
	s.bound.Store(false)
}

// forget ends the registration with a context.
func (s *Session) forget() {
	if s.stop != nil {
		s.stop()
	}
	s.done, s.stop = nil, nil
}

// onDone cuts the session's connections short, if an operation uses them under a
// context that has ended. It may come late, from a context that another has
// taken the place of.
func (s *Session) onDone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.bound.Load() || s.ctx.Err() == nil {
		return
	}
	s.cut.Store(true)
	if s.control != nil {
		_ = s.control.raw.SetDeadline(past)
	}
	if s.data != nil {
		_ = s.data.raw.SetDeadline(past)
	}
}

// holdInterrupt is called after each deadline set: an interruption that came
// in between must not be undone by it.
func (s *Session) holdInterrupt(conn net.Conn) {
	if s.cut.Load() {
		_ = conn.SetDeadline(past)
	}
}

// interruption is why the session was interrupted, nil if it was not.
func (s *Session) interruption() error {
	if !s.cut.Load() {
		return nil
	}
	cause := context.Cause(s.ctx)
	if cause == nil {
		cause = context.Canceled
	}
	return cause
}

// Break marks the session as one that must not be used again, because of err.
func (s *Session) Break(err error) {
	if s.broken == nil {
		s.broken = err
	}
}

// Reached reports whether there was a connection to the server.
func (s *Session) Reached() bool { return s.control != nil }

// Strayed reports whether the server has said more than it was asked for.
func (s *Session) Strayed() bool {
	c := s.control
	return c.extra || c.d != c.w && len(c.queue) == 0
}

// InStep reports whether the next reply will be the answer to the next
// command, those apart that are owed to commands sent ahead, and so whether the
// session may be used again.
func (s *Session) InStep() bool {
	c := s.control
	return s.broken == nil && !s.cut.Load() && c.err == nil && !c.partial && !s.Strayed() &&
		c.owed() == 0 && s.data == nil
}

// Stale reports whether the server has hung up on the idle session, or said
// something unasked, as far as this can be known without waiting. It consumes
// nothing.
func (s *Session) Stale() bool {
	return s.peek != nil && s.peek()
}

// Settle takes the session's present state, user, directory and type, for the
// one it starts from.
func (s *Session) Settle() { s.control.altered = false }

// Altered reports whether a command was sent since Settle that changes that
// state.
func (s *Session) Altered() bool { return s.control.altered }

// Spoke is when the last command was sent, or the data connection closed that
// came after it.
func (s *Session) Spoke() time.Time {
	if s.tail.At.After(s.control.wrote) {
		return s.tail.At
	}
	return s.control.wrote
}

// Features is the text of the server's reply to FEAT (RFC 2389), a feature in
// each line but the first and the last; "" where it gave none.
func (s *Session) Features() string { return s.feat }

// Moved returns the bytes moved over data connections so far.
func (s *Session) Moved() Moved { return s.moved }

// Tail tells of the data connection that was closed last.
func (s *Session) Tail() Tail { return s.tail }

// Quit ends a session that is in step politely, waiting up to wait for the
// server to have given its place free; any other session is closed at once.
func (s *Session) Quit(wait time.Duration) {
	c := s.control
	if s.InStep() {
		c.limit = time.Now().Add(wait)
		_ = c.command("QUIT", "")
	}
	s.Close()
}

// Close ends every connection of the session at once.
func (s *Session) Close() {
	s.Break(net.ErrClosed)
	s.forget()
	s.dropPassive()
	if d := s.data; d != nil {
		d.Abort()
	}
	if s.control != nil {
		_ = s.control.Close()
	}
}

// mayUse refuses commands that would put TLS into the ftp package's hands.
func (s *Session) mayUse(verb string) error {
	switch verb {
	case "AUTH":
		if s.cfg.TLS == nil || s.taken {
			return errTLSOption
		}
	case "PBSZ", "PROT":
		if s.cfg.TLS == nil {
			return errTLSOption
		}
	}
	return nil
}

var errTLSOption = errors.New("TLS was asked for through Config.FTP: set Config.TLS instead")

// timeoutError is a timeout of ours. It is a net.Error and matches
// os.ErrDeadlineExceeded through the error it wraps.
type timeoutError struct {
	text string
	err  error
}

func (e *timeoutError) Error() string   { return e.text }
func (e *timeoutError) Unwrap() error   { return e.err }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
