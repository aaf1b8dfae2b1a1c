package wire

import (
	"errors"
	"io"
)

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
	s.wasEarly = true
	limited := io.LimitedReader{R: r, N: MostEarly + 1}
	_, err := d.ReadFrom(&limited)
	if half, ok := d.raw.(interface{ CloseWrite() error }); ok && limited.N > 0 && err == nil {
		err = half.CloseWrite()
		d.half = err == nil
	}
	if err != nil {
		s.earlyEnded(false)
	}
}

// earlyEnded takes note of whether a STOR whose content was sent early went well,
// or failed of what that may be to blame for.
func (s *Session) earlyEnded(well bool) {
	if !s.wasEarly {
		return
	}
	s.wasEarly = false
	var caller *CallerError
	switch {
	case well:
		s.cfg.Learned.early.works.Store(true)
	case !s.cut.Load() && !errors.As(s.broken, &caller):
		s.cfg.Learned.early.failed()
	}
}

// Distrust has no content sent early to the server any more: an upload was not
// what it should have been.
func (s *Session) Distrust() { s.cfg.Learned.early.refuted.Store(true) }

// Broken is why the session must not be used again, nil if it may.
func (s *Session) Broken() error { return s.broken }
