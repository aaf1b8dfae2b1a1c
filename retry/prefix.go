package retry

import (
	"bytes"
	"errors"
	"io"

	"github.com/ftpretry/ftpretry/internal/wire"
	"github.com/ftpretry/ftpretry/transient"
)

// prefixSlack is how much a file may grow between the look at its size and at
// its end: a server may still be writing what it had received before the cut.
const prefixSlack = 1 << 20

// isPrefix reports whether a file of n bytes on the server ends as what was sent
// ends at the position at of the source: the last KiB is read back and compared.
// A size alone does not tell whose bytes those are: another server behind the
// same name has another file, and another client may have written this one
// (test: TestTwoServersThatDisagree). A server that lets nobody read, or not from
// an offset, is believed.
func (u *upload) isPrefix(s *session, name string, n, at int64) (bool, error) {
	if s.endpoint.noRest.Load() {
		return true, nil
	}
	u.open = false
	want := make([]byte, min(n, at, mostTail))
	content, err := u.content(at - int64(len(want)))
	if err != nil {
		return false, err
	}
	_, err = io.ReadFull(content, want)
	_ = content.Close() // it was only read from
	if err != nil {
		return false, &wire.CallerError{Err: err}
	}
	defer s.aside()()
	resp, err := s.ftp.RetrFrom(name, uint64(n-int64(len(want))))
	switch {
	case err != nil && replyOf(err) != nil && s.wire.InStep():
		x := s.wire.Exchange()
		if transient.RestartRefused(transient.Failure{Command: x.Command, Path: x.Path, Err: err}) {
			s.endpoint.noRest.Store(true)
		}
		return true, nil
	case err != nil:
		return false, err
	}
	s.wire.Data().Limit(int64(len(want)) + prefixSlack)
	got := make([]byte, len(want))
	read, err := io.ReadFull(resp, got)
	if err == nil {
		_, err = io.Copy(io.Discard, resp)
	}
	end := resp.Close()
	switch same := bytes.Equal(want[:read], got[:read]); {
	case errors.Is(err, wire.ErrOverrun): // from its beginning, it may be
		u.disown()
		return false, &mismatch{text: "server sends more than the end of the file it was asked for"}
	case err == io.EOF || err == io.ErrUnexpectedEOF: // it has become shorter
		return false, end
	default:
		return same, errors.Join(err, end)
	}
}

// disown has the upload begin at its start again: what is there is not its own.
func (u *upload) disown() { u.begun, u.out = false, 0 }

// aside has what is moved until the function that it returns is called left out
// of the attempt's progress.
func (s *session) aside() func() {
	before, tell := s.wire.Moved(), s.wire.Progress
	s.wire.Progress = nil
	return func() {
		after := s.wire.Moved()
		s.before.In += after.In - before.In
		s.before.Out += after.Out - before.Out
		s.wire.Progress = tell
	}
}
