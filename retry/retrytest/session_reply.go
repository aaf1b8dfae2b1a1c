package retrytest

import "strings"

// reply sends a reply that leaves the state of the session as it is.
func (s *session) reply(text string) {
	s.out.Lock()
	defer s.out.Unlock()
	s.write(text)
}

// send sends a final reply, "" for none. The session counts as idle before the
// client can have read it.
func (s *session) send(text string, idle bool) {
	s.out.Lock()
	defer s.out.Unlock()
	s.idle = idle
	s.rearmLocked()
	s.write(text)
}

// write sends lines separated by \n. The caller holds out.
func (s *session) write(text string) {
	if text == "" || s.mute {
		return
	}
	s.line = appendReply(s.line[:0], text)
	_, _ = s.conn.Write(s.line) // a client that is gone shows in the next read
}

// appendReply adds lines separated by \n in the form they are sent in.
func appendReply(to []byte, text string) []byte {
	for line := range strings.SplitSeq(text, "\n") {
		to = append(append(to, line...), '\r', '\n')
	}
	return to
}

// push sends an unasked reply if the session is waiting for a command.
func (s *session) push(text string) {
	s.out.Lock()
	defer s.out.Unlock()
	if s.idle {
		s.write(text)
	}
}

// busy marks the session as executing a command and tells whether a Stall
// keeps it from doing so.
func (s *session) busy() (mute bool) {
	s.out.Lock()
	defer s.out.Unlock()
	s.idle = false
	if s.timer != nil {
		s.timer.Stop()
	}
	return s.mute
}

func (s *session) rearm() {
	s.out.Lock()
	defer s.out.Unlock()
	s.rearmLocked()
}

func (s *session) rearmLocked() {
	if s.timer != nil && !s.ending && !s.mute {
		s.timer.Reset(s.srv.cfg.IdleTimeout)
	}
}

// timeout ends a session that was idle for too long.
func (s *session) timeout() {
	s.out.Lock()
	idle := s.idle
	if idle {
		s.write("421 Timeout.")
	}
	s.out.Unlock()
	if idle {
		s.kill(FIN)
	}
}
