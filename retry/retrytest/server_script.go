package retrytest

// Inject adds faults to the end of the script. Their counting starts now.
// One that makes no sense, such as a fault that names no command, ends the test
// of [NewServer] with a message; on a server of [Start], which would not have
// taken it in Config.Faults, it is left out.
func (s *Server) Inject(faults ...Fault) {
	for _, f := range faults {
		if err := f.check(); err == nil {
			s.script.add(f)
		} else if s.fatalf != nil {
			s.fatalf("%v", err)
		}
	}
}

// ClearFaults empties the script.
func (s *Server) ClearFaults() { s.script.clear() }

// Pending is the number of faults that have not been used up. One with
// Times < 0 never is.
func (s *Server) Pending() int { return s.script.pending() }

// Log returns what the server received and answered, in the order of receiving.
func (s *Server) Log() []Event { return s.log.events() }

// Commands returns the command lines of all sessions in the order of
// receiving, such as "STOR a.txt". Connect stands for a new control connection.
func (s *Server) Commands() []string {
	events := s.log.events()
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = e.String()
	}
	return lines
}

// ResetLog forgets the events so far.
func (s *Server) ResetLog() { s.log.reset() }

// live returns the sessions of this moment.
func (s *Server) live() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.sessions))
	for c := range s.sessions {
		all = append(all, c)
	}
	return all
}

// Push sends a reply that nobody asked for, such as "421 Timeout.", to every
// session that is waiting for a command. It does not end the sessions; Kick
// does.
func (s *Server) Push(reply string) {
	for _, c := range s.live() {
		c.push(reply)
	}
}

// Kick ends the control and data connections of every session: by FIN or RST.
// Keep does nothing. It does not wait until the sessions have noticed.
func (s *Server) Kick(cut Cut) {
	if cut == Keep {
		return
	}
	for _, c := range s.live() {
		c.kill(cut)
	}
}

// Sessions is the number of control connections that have a place now.
func (s *Server) Sessions() int { return len(s.live()) }
