package retrytest

// stage is where faults are scripted, and what happened is kept. It is what
// the server and the proxy have in common. Safe for concurrent use.
type stage struct {
	script script
	log    journal
	fatalf func(format string, args ...any) // of the test; may be nil
}

// Inject adds faults to the end of the script. Their counting starts now.
// One that makes no sense, such as a fault that names no command, ends the test
// of [NewServer] or [NewProxy] with a message; without a test, where it would
// not have been taken in the configuration, it is left out.
func (s *stage) Inject(faults ...Fault) {
	for _, f := range faults {
		if err := f.check(); err == nil {
			s.script.add(f)
		} else if s.fatalf != nil {
			s.fatalf("%v", err)
		}
	}
}

// ClearFaults empties the script.
func (s *stage) ClearFaults() { s.script.clear() }

// Pending is the number of faults that have not been used up. One with
// Times < 0 never is.
func (s *stage) Pending() int { return s.script.pending() }

// Log returns what was received and answered, in the order of receiving.
func (s *stage) Log() []Event { return s.log.events() }

// Commands returns the command lines of all sessions in the order of
// receiving, such as "STOR a.txt". Connect stands for a new control connection.
func (s *stage) Commands() []string {
	events := s.log.events()
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = e.String()
	}
	return lines
}

// ResetLog forgets the events so far.
func (s *stage) ResetLog() { s.log.reset() }
