package retrytest

import (
	"crypto/tls"
	"net"
	"time"
)

// over tells whether the command loop has reason to stop.
func (s *session) over() bool {
	s.out.Lock()
	defer s.out.Unlock()
	return s.ending
}

// quit lets the loop end after the reply, and gives the place back before it,
// so that a client that has read the reply finds the place free.
func (s *session) quit() {
	s.out.Lock()
	s.ending = true
	s.out.Unlock()
	s.srv.leave(s)
}

// cut ends the control connection from within the session. An orderly end of a
// TLS connection includes its close_notify (RFC 8446 section 6.1).
func (s *session) cut(c Cut) {
	s.quit()
	if c == RST {
		abort(s.raw)
		return
	}
	s.out.Lock()
	defer s.out.Unlock()
	if secure, ok := s.conn.(*tls.Conn); ok {
		_ = secure.CloseWrite()
	}
	_ = s.raw.Close()
}

// kill ends all connections of the session from outside it.
func (s *session) kill(c Cut) {
	s.srv.leave(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	if s.data != nil {
		closeBy(s.data, c)
	}
	closeBy(s.raw, c)
}

// end marks the session as ended, whoever ended it. The caller holds mu.
func (s *session) end() {
	if s.ended {
		return
	}
	s.ended = true
	close(s.gone)
	if s.passive != nil {
		_ = s.passive.Close()
		s.passive = nil
	}
}

// hangUp is the end of the command loop. A transfer in flight, whose data may
// still be under way, goes on for a moment.
func (s *session) hangUp() {
	s.srv.leave(s)
	s.out.Lock()
	s.ending = true
	if s.timer != nil {
		s.timer.Stop()
	}
	if secure, ok := s.conn.(*tls.Conn); ok {
		_ = s.raw.SetWriteDeadline(time.Now().Add(time.Second))
		_ = secure.CloseWrite()
	}
	s.out.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	switch {
	case s.data == nil:
	case s.stalled:
		_ = s.data.Close()
	default:
		_ = s.data.SetDeadline(time.Now().Add(grace))
	}
}

// abortTransfer ends the data connection of a transfer in flight, for ABOR, and
// tells whether there was one.
func (s *session) abortTransfer() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passive != nil {
		_ = s.passive.Close()
		s.passive = nil
	}
	if s.data == nil {
		return false
	}
	_ = s.data.Close()
	return true
}

// closeBy ends a connection by FIN or RST.
func closeBy(c net.Conn, cut Cut) {
	if cut == RST {
		abort(c)
		return
	}
	_ = c.Close()
}
