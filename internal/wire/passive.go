package wire

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"
)

// passive is the port for the next data connection, where it was asked for
// ahead.
type passive struct {
	verb  string    // EPSV or PASV, by which the ftp package asks here; "" = not known yet
	reply []byte    // kept until it asks; empty = none
	at    time.Time // when it was asked for
	used  bool      // the port at hand was asked for ahead
	dial  *dialing
}

// dialing is a data connection that is made while replies are awaited.
type dialing struct {
	addr   string
	cancel context.CancelFunc
	done   chan struct{} // closed when conn and err are there
	conn   net.Conn
	err    error
	fell   any         // what the caller's dialer panicked with; nil = it did not
	unused *time.Timer // between operations: closes conn when nobody has come for it
}

const (
	// mostKept is how long a port that was asked for ahead is good. Where
	// transfers follow each other it is used within a round trip; there are
	// servers that complain of one that is not (pyftpdlib, after 30 s).
	mostKept = 2 * time.Second

	// oftenWithin is how soon transfers must follow each other for another one
	// to be expected.
	oftenWithin = time.Second

	// mostSettle bounds the wait for a connection at the end of an operation.
	mostSettle = 50 * time.Millisecond

	// dialDoubted bounds the connection to a port that was asked for ahead, as
	// long as none has come about: a firewall that reads along may have missed
	// a reply that came in one packet with others.
	dialDoubted = 5 * time.Second
)

// Foresee says, at the beginning of a transfer, that another one may follow. If
// one went before a moment ago, it is expected, and its port is asked for ahead.
// It holds until the next Bind.
func (s *Session) Foresee() {
	s.foresee = s.far() && !s.tail.At.IsZero() && time.Since(s.tail.At) < oftenWithin
}

// passiveWorth reports whether a port can be asked for ahead now.
func (s *Session) passiveWorth() bool {
	return s.passive.verb != "" && len(s.passive.reply) == 0 && len(s.control.queue) == 0 && s.cfg.Learned.passive.worth()
}

// announces reports whether the ftp package tells the server of each transfer
// before it asks for the port (PRET, draft-dd-pret). A server that must know the
// name before it can give a port refuses to give one ahead; to others PRET means
// nothing (pure-ftpd).
func (s *Session) announces() bool { return s.pret }

// hasFeature reports whether the text of a reply to FEAT (RFC 2389) has name,
// without parameters.
func hasFeature(feat, name string) bool {
	for line := range strings.SplitSeq(feat, "\n") {
		if strings.TrimSpace(line) == name {
			return true
		}
	}
	return false
}

// givesUnnamed reports whether the server may give a port for a transfer that it
// knows nothing of.
func (s *Session) givesUnnamed() bool { return s.cfg.Learned.unnamed.worth() || !s.announces() }

// NextPort is what to Follow a command with so that the next transfer has its
// port; nothing where none is expected.
func (s *Session) NextPort() []string {
	if s.foresee && s.passiveWorth() && s.givesUnnamed() {
		return []string{s.passive.verb}
	}
	return nil
}

// OwnPort is the same for the transfer at hand, "RETR name", before its other
// questions are asked. Where the port is known, the connection to it is begun
// instead.
func (s *Session) OwnPort(transfer string) (lines []string) {
	known := len(s.passive.reply) > 0
	if known {
		s.dialAhead()
	}
	if !s.far() || !known && !s.passiveWorth() {
		return nil
	}
	if s.announces() {
		lines = append(lines, "PRET "+transfer)
	}
	if !known {
		lines = append(lines, s.passive.verb)
	}
	return lines
}

// PortWithPRET has the port of a transfer asked for together with its
// announcement, where that is the next command, or the connection to it begun.
func (s *Session) PortWithPRET() {
	switch {
	case !s.announces():
	case len(s.passive.reply) > 0:
		s.dialAhead()
	case s.passiveWorth():
		s.Follow(s.passive.verb)
	}
}

// Collect reads the reply to what the last operation has asked for ahead. It
// reports whether the session can be used.
func (s *Session) Collect() bool {
	c := s.control
	if len(c.queue) > 0 && c.skip(len(c.queue)) != nil {
		return false
	}
	c.answers, c.refusal = 0, nil
	return !s.Strayed()
}

// keepPassive keeps the answer to a port that was asked for ahead.
func (s *Session) keepPassive(code int, reply []byte) {
	p := &s.passive
	s.dropPassive()
	if code != 227 && code != 229 {
		tried := &s.cfg.Learned.passive
		if s.control.atEnd == &s.cfg.Learned.atEnd {
			tried = s.control.atEnd
		}
		tried.failed()
		s.cfg.Learned.unnamed.failed()
		return
	}
	if time.Since(p.at) <= mostKept {
		p.reply = reply
	}
}

// kept reports whether the reply to line is at hand, and hands it over.
func (c *control) kept(line []byte) bool {
	p := &c.s.passive
	if len(p.reply) == 0 || string(line) != p.verb || c.pending != 0 || c.d != c.w || c.r != c.d {
		return false
	}
	if time.Since(p.at) > mostKept {
		c.s.dropPassive()
		return false
	}
	c.note(line)
	for _, l := range strings.SplitAfter(string(p.reply), "\n") {
		if l != "" {
			_, _ = c.reply.line([]byte(l)) // it was a reply before
		}
	}
	c.replay = p.reply
	c.sent, c.answered, p.used = true, true, true
	p.reply = nil
	return true
}

// dialAhead begins the data connection to the port that is kept.
func (s *Session) dialAhead() {
	p := &s.passive
	port := portOf(string(p.reply))
	if p.dial != nil || port == 0 || time.Since(p.at) > mostKept {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.dialLimit(true))
	d := &dialing{addr: net.JoinHostPort(s.remote.IP.String(), strconv.Itoa(port)), cancel: cancel, done: make(chan struct{})}
	addr := s.dialAddr(d.addr)
	p.dial = d
	go func() {
		defer close(d.done)
		defer func() { d.fell = recover() }() // it belongs to the goroutine of the operation
		d.conn, d.err = s.dialPlain(ctx, addr)
	}()
}

// dialed is the connection to addr that was begun ahead.
func (s *Session) dialed(addr string) (conn net.Conn, err error, ok bool) { //nolint:revive,staticcheck // a result, not a failure
	d := s.passive.dial
	if d == nil || d.addr != addr {
		s.dropPassive()
		return nil, nil, false
	}
	<-d.done
	d.cancel()
	s.passive.dial = nil
	if d.fell != nil {
		panic(d.fell)
	}
	if d.unused != nil && !d.unused.Stop() {
		return nil, nil, false // closed; the server may still take another one
	}
	return d.conn, d.err, true
}

// settle ends what an operation has begun ahead and what has not come about
// with it: nothing goes on between operations.
func (s *Session) settle() {
	d := s.passive.dial
	if d == nil {
		return
	}
	timer := time.NewTimer(min(s.trip/4, mostSettle)) // it was begun before what has ended
	defer timer.Stop()
	select {
	case <-d.done:
	case <-timer.C:
		d.cancel()
		<-d.done
	}
	if d.err != nil || d.conn == nil {
		s.dropPassive()
		return
	}
	if d.unused == nil {
		conn := d.conn
		d.unused = time.AfterFunc(mostKept, func() { _ = conn.Close() })
	}
}

// dropPassive forgets a port that is not going to be used.
func (s *Session) dropPassive() {
	p := &s.passive
	p.reply = nil
	if d := p.dial; d != nil {
		p.dial = nil
		d.cancel()
		<-d.done
		if d.unused != nil {
			d.unused.Stop()
		}
		if d.conn != nil {
			_ = d.conn.Close()
		}
	}
}

// portUsed takes note of a reply to a transfer whose port was asked for ahead.
func (s *Session) portUsed(code int) {
	l := &s.cfg.Learned.passive
	switch {
	case !s.passive.used:
	case code < 200:
		l.works.Store(true)
	case code == 425 && !s.control.begun:
		s.portFailed()
	}
}

// portFailed takes note of a port that was asked for ahead and was of no use.
func (s *Session) portFailed() {
	s.cfg.Learned.passive.failed()
	s.cfg.Learned.unnamed.failed()
}

// portOf is the port in a reply to EPSV (RFC 2428, section 3) or PASV; 0 = none.
func portOf(reply string) int {
	open, end := strings.IndexByte(reply, '('), strings.LastIndexByte(reply, ')')
	if open < 0 || end < open {
		return 0
	}
	inside := reply[open+1 : end]
	if fields := strings.Split(inside, "|"); len(fields) == 5 {
		n, _ := strconv.Atoi(fields[3])
		return n
	}
	fields := strings.Split(inside, ",")
	if len(fields) != 6 {
		return 0
	}
	high, err1 := strconv.Atoi(fields[4])
	low, err2 := strconv.Atoi(fields[5])
	if err1 != nil || err2 != nil {
		return 0
	}
	return high<<8 | low
}
