package retry

import (
	"strings"
	"time"

	"github.com/ftpretry/ftpretry/internal/wire"
)

// What is sent ahead of its turn, on long lines only: see wire.Session.Follow.
// Every command that is named here is sent by the operation itself in the same
// words, and its reply judged there; a wrong guess costs an answer that nobody
// wants.

// foresee is called at the beginning of a transfer.
func (s *session) foresee() {
	if s.pooled {
		s.wire.Foresee()
	}
}

// aheadOfDownload has the questions before a download sent together, and its
// data connection begun meanwhile.
func (s *session) aheadOfDownload(name string, dating, sizing bool) {
	dating = dating && s.ftp.IsGetTimeSupported()
	if !dating && !sizing {
		return
	}
	lines := s.wire.OwnPort("RETR " + name)
	if dating && sizing {
		lines = append([]string{"SIZE " + name}, lines...)
	}
	s.wire.Follow(lines...)
}

// ahead has what follows an upload to name sent together with the question for
// its size, where it is not under way already (questions).
func (u *upload) ahead(s *session, name string) {
	if lines := u.questions(s, name); len(lines) > 0 && !s.wire.Underway() {
		s.wire.Follow(lines[1:]...)
	}
}

// questions are what follows an upload to name: its size first, then the port of
// the next transfer, and more. Its time goes with them only where it is followed by
// more, for then the name is a temporary one, and so ours: another file must not get
// it before the size has proven that this is the one.
func (u *upload) questions(s *session, name string) []string {
	if u.verify == VerifyNone || u.sum != nil || u.seam || u.verb != "STOR" {
		return nil // other questions come first
	}
	lines := []string{"SIZE " + name}
	if len(u.then) > 0 {
		lines = append(lines, s.timing(name, u.mtime)...)
	}
	return append(append(lines, s.wire.NextPort()...), u.then...)
}

// timing is the command by which the ftp package sets a file's time; nothing
// where it does not.
func (s *session) timing(name string, t time.Time) []string {
	if t.IsZero() || !s.ftp.IsSetTimeSupported() {
		return nil
	}
	verb := "MDTM "
	if strings.Contains(s.wire.Features(), "MFMT") {
		verb = "MFMT "
	}
	return []string{verb + t.UTC().Format("20060102150405") + " " + name}
}

// mayBeEarly reports whether the content may be sent before the server has
// agreed to take it: it can be read again if the server does not.
func (u *upload) mayBeEarly(offset int64) bool {
	if _, moved := u.src.(*seekerSource); moved {
		return false // a refusal leaves the caller's reader where it was
	}
	return offset == 0 && u.whole && u.length >= 0 && u.length <= wire.MostEarly
}
