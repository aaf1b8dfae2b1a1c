package retry

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/internal/wire"
)

// quitTime bounds the goodbye to a server: it is given the time to free the
// session's place, not the time to hold the caller up.
const quitTime = time.Second

// longest is a timeout that is as good as none; multiples of it still fit.
const longest = 10_000 * time.Hour

// endpoint is a server and the way to it: what every session to it has in
// common. It does not change, but for what is learned.
type endpoint struct {
	cfg   *Config
	wire  wire.Config
	temps func() *regexp.Regexp // the temporary names of atomic uploads
	stats counters

	noRest     atomic.Bool  // the server refuses to restart downloads
	noStorRest atomic.Bool  // and uploads
	listsAll   atomic.Int32 // whether LIST -a shows more than LIST: see listAll
}

func newEndpoint(cfg *Config) *endpoint {
	return &endpoint{cfg: cfg, temps: sync.OnceValue(cfg.tempNames), wire: wire.Config{
		Addr: cfg.Addr, TLS: cfg.TLS, Implicit: cfg.ImplicitTLS, Dialer: cfg.Dial, Password: cfg.Password,
		Connect: min(cfg.ConnectTimeout, longest), Reply: min(cfg.ReplyTimeout, longest), Stall: min(cfg.StallTimeout, longest),
		ListEntries: int64(cfg.MaxListEntries), ListBytes: cfg.MaxListBytes,
	}}
}

// session is one control connection.
type session struct {
	endpoint *endpoint
	wire     *wire.Session
	ftp      *ftp.ServerConn // nil where the greeting never came

	addr   string
	tls    bool
	born   time.Time
	took   time.Duration // to connect and log in
	signed *signing      // how its login went, until the hooks are told; nil = there was none
	fresh  bool          // no operation has used it yet
	reused bool          // it was idle before this use
	rested bool          // it was idle for probeAfter before this use
	pooled bool          // a Client's: what an operation asks ahead, the next one collects

	before      wire.Moved // at begin
	counted     wire.Moved // what is in the endpoint's stats already
	teller      *teller    // of the attempt at hand
	base, total int64      // of its transfer
	again       int64      // bytes that it moves again
}

// connect makes a new session up to the greeting. The session that comes with
// an error is closed; it only tells what went wrong.
func (e *endpoint) connect(ctx context.Context) (*session, error) {
	e.stats.dials.Add(1)
	w, err := wire.Connect(ctx, &e.wire)
	s := &session{endpoint: e, wire: w, addr: e.cfg.Addr, tls: e.cfg.TLS != nil, fresh: true}
	if err != nil {
		return s, err
	}
	options := append(e.cfg.FTP[:len(e.cfg.FTP):len(e.cfg.FTP)],
		ftp.DialWithDebugOutput(nil), // it would show the password
		ftp.DialWithDialFunc(w.DialFunc))
	if e.cfg.TLS != nil {
		options = append(options, ftp.DialWithTLS(e.cfg.TLS))
	}
	s.ftp, err = ftp.Dial(e.cfg.Addr, options...)
	if err != nil {
		w.Unbind()
		w.Close()
		return s, err
	}
	w.Greeted()
	return s, nil
}

// signing is a login that was tried.
type signing struct {
	user string
	took time.Duration
	err  error
}

// login logs a new session in and keeps for the hooks how that went.
func (s *session) login(user, password string) error {
	start := time.Now()
	err := s.signIn(user, password)
	s.signed = &signing{user, time.Since(start), err}
	return err
}

// signIn logs a new session in. It fails, too, where the ftp package passes over
// a refusal: FEAT answered 421 would leave a session that believes the server
// has no features.
func (s *session) signIn(user, password string) error {
	err := s.wire.Recover(s.ftp.Login(user, password))
	if refusal := s.wire.Refusal(); err == nil && refusal != nil && refusal.Code < 500 {
		err = refusal
	}
	if err != nil {
		return s.unprotected(err)
	}
	s.wire.Settle()
	return nil
}

// unprotected says so where a login failed because the server will not put TLS
// on data connections. The user is not told of PROT otherwise.
func (s *session) unprotected(err error) error {
	command := s.wire.Exchange().Command
	if command != "PBSZ" && command != "PROT" || replyOf(err) == nil {
		return err
	}
	return fmt.Errorf("server refuses TLS for data connections (%s), and nothing is sent without: %w", command, err)
}

// open makes a session that is logged in.
func (e *endpoint) open(ctx context.Context, user, password string) (*session, error) {
	start := time.Now()
	s, err := e.connect(ctx)
	if err != nil {
		return s, err
	}
	if err := s.login(user, password); err != nil {
		s.wire.Unbind()
		s.end(ctx)
		return s, err
	}
	s.born = time.Now()
	s.took = s.born.Sub(start)
	return s, nil
}

// begin and finish enclose an attempt on the session.
func (s *session) begin() {
	s.count()
	s.before = s.counted
	s.base, s.total, s.again = 0, -1, 0
}

// watch has the attempt's progress told.
func (s *session) watch(t *teller) { s.teller, s.wire.Progress = t, t.moved }

// aim says where the attempt's transfer begins and what the whole is, for
// Hooks.Progress. 0 and less is a whole that is not known.
func (s *session) aim(base, total int64) {
	s.base, s.total = base, total
	if total <= 0 {
		s.total = -1
	}
}

func (s *session) finish() {
	if s.teller != nil {
		s.teller.report()
		s.teller, s.wire.Progress = nil, nil
	}
	s.wire.Unbind()
	s.count()
}

// count adds the bytes moved since it was last called to the stats.
func (s *session) count() {
	moved := s.wire.Moved()
	if moved == s.counted {
		return
	}
	s.endpoint.stats.received.Add(moved.In - s.counted.In)
	s.endpoint.stats.sent.Add(moved.Out - s.counted.Out)
	s.counted = moved
}

// moved returns the bytes that the attempt moved over its data connections.
func (s *session) moved() wire.Moved {
	m := s.wire.Moved()
	return wire.Moved{In: m.In - s.before.In, Out: m.Out - s.before.Out}
}

// alive prepares an idle session for another use, if the server has not ended
// it meanwhile, as far as can be seen.
func (s *session) alive(r request) bool {
	s.reused = true
	s.rested = r.now.Sub(s.wire.Spoke()) >= probeAfter
	if !s.wire.Collect() {
		return false
	}
	return !s.rested && !r.careful || !s.wire.Stale()
}

// twice counts bytes that were moved and are moved again.
func (s *session) twice(n int64) {
	s.again += max(0, n)
	s.endpoint.stats.twice.Add(max(0, n))
}

// reusable reports whether the session may serve another operation.
func (s *session) reusable() bool { return s.ftp != nil && s.wire.InStep() && !s.wire.Altered() }

// end closes the session, politely where that can be done and ctx lasts.
func (s *session) end(ctx context.Context) {
	if s.ftp != nil && ctx.Err() == nil {
		s.wire.Bind(ctx, time.Time{})
		s.wire.Quit(min(quitTime, s.endpoint.cfg.ReplyTimeout))
		s.wire.Unbind()
		return
	}
	s.wire.Close()
}
