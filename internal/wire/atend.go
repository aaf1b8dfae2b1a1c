package wire

import (
	"io"
	"time"
)

// A server that has ended a data connection has done with the transfer and does
// not look for ABOR any more, but its final reply may be a round trip away:
// vsftpd waits for the end to be acknowledged (SO_LINGER) before it sends 226.
// What comes next is asked for meanwhile.

// mostAtEnd bounds the wait for the end of an upload's data connection. A server
// that bears this ends it at once.
const mostAtEnd = 50 * time.Millisecond

// AtEnd has what lines returns sent when the server has ended the data
// connection of the next STOR before its final reply: what else Follow would have
// sent after it, and the command that it follows. nil takes it back, and so does
// the next Bind.
func (s *Session) AtEnd(lines func() []string) { s.atEnd = lines }

// BearsAtEnd reports whether AtEnd is worth calling: the server is known to bear
// what is sent ahead, and not known not to bear it then.
func (s *Session) BearsAtEnd() bool {
	l := &s.cfg.Learned
	return s.far() && (l.ahead.works.Load() || l.passive.works.Load()) && l.ahead.worth() && l.atEndUp.worth()
}

// Underway reports whether commands are, or their replies wait to be read, that
// were sent ahead.
func (s *Session) Underway() bool { return len(s.control.queue) > 0 }

// downloaded is called when the server has ended a data connection.
func (s *Session) downloaded() {
	if s.foresee && s.ending("RETR") && s.passiveWorth() && s.cfg.Learned.atEnd.worth() && s.givesUnnamed() {
		s.sendAtEnd(&s.cfg.Learned.atEnd, s.passive.verb)
	}
}

// uploaded is called when the server has ended the data connection of an upload
// that it has received whole.
func (s *Session) uploaded() {
	if s.atEnd != nil && s.BearsAtEnd() && s.ending("STOR") {
		s.sendAtEnd(&s.cfg.Learned.atEndUp, s.atEnd()...)
	}
}

// ending reports whether verb is the command at hand, nothing is owed but its
// final reply, and that has not come.
func (s *Session) ending(verb string) bool {
	c := s.control
	return string(c.cmd[:c.verb]) == verb && c.begun && !c.answered && c.owed() == 1 && len(c.queue) == 0
}

// sendAtEnd sends lines before the final reply to a transfer was read.
func (s *Session) sendAtEnd(h *habit, lines ...string) {
	if len(lines) == 0 {
		return
	}
	c := s.control
	var p []byte
	for _, line := range lines {
		p = append(append(p, line...), '\r', '\n')
	}
	c.armWrite()
	if _, err := c.conn.Write(p); err != nil {
		s.Break(err) // what is there to be read still is
		return
	}
	c.took(lines)
	c.atEnd = h
}

// awaitEnd waits for the server to end the data connection of an upload of which
// it knows that it is whole. It has all of it already where its 150 has come, or
// nearly.
func (d *Data) awaitEnd() {
	s := d.s
	if !d.half || d.failed != nil || s.atEnd == nil || !s.BearsAtEnd() || !s.ending("STOR") {
		return
	}
	_ = d.raw.SetReadDeadline(time.Now().Add(min(s.trip, mostAtEnd)))
	s.holdInterrupt(d.raw)
	var b [1]byte
	switch n, err := d.raw.Read(b[:]); {
	case n == 0 && err == io.EOF:
		s.uploaded()
	case s.interruption() == nil:
		s.cfg.Learned.atEndUp.failed()
	}
}
