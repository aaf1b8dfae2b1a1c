package wire

import "io"

// MostEarly is the most content that is sent before the reply to STOR: it finds
// room in the buffers of the connection, so that a server that does not take it
// does not keep its refusal from being read.
const MostEarly = 32 << 10

// Early has the content of the next STOR, at most MostEarly bytes, sent together
// with the command, where the server is far away: the reply that opens the
// transfer (150) and the content pass each other. nil takes it back.
//
// It changes nothing of what is proven. The file counts as begun when the reply
// was read; a refusal is read as ever, and the content was sent in vain.
func (s *Session) Early(r io.Reader) {
	s.early = nil
	if r != nil && s.far() && s.cfg.TLS == nil && s.cfg.Learned.early.worth() {
		s.early = r
	}
}

// sendEarly sends that content, before the reply to STOR is awaited. Whatever it
// fails of is found again when the ftp package sends the rest.
func (s *Session) sendEarly() {
	r, d := s.early, s.data
	s.early = nil
	if d == nil || d.closed {
		return
	}
	limited := io.LimitedReader{R: r, N: MostEarly + 1}
	if _, err := d.ReadFrom(&limited); err != nil {
		if d.caller == nil {
			s.cfg.Learned.early.failed()
		}
		return
	}
	if half, ok := d.raw.(interface{ CloseWrite() error }); ok && limited.N > 0 && half.CloseWrite() == nil {
		d.half = true
	}
}

// Broken is why the session must not be used again, nil if it may.
func (s *Session) Broken() error { return s.broken }
