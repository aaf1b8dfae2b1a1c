package retry

import (
	"errors"
	"net/textproto"
	"path"
	"strings"

	"github.com/jlaffaye/ftp"
)

// sizeState says what is known of a file's size on the server.
type sizeState int

const (
	sizeKnown   sizeState = iota
	sizeMissing           // the server says there is no such file
	sizeUnknown           // the server has no way to tell
)

// replyOf returns the server's reply in err, nil if there is none.
func replyOf(err error) *textproto.Error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply
	}
	return nil
}

// refused reports whether the server has refused the command itself for good,
// with the connection in step.
func refused(err error) bool {
	reply := replyOf(err)
	return reply != nil && reply.Code >= 500
}

// size asks the server how long a file is: by SIZE (RFC 3659, section 4), and
// where it will not tell by MLST or LIST. Any error is one that an attempt may
// fail of (test: TestWhatIsNoSizeOfTheFileProvesNothing).
func (s *session) size(name string) (int64, sizeState, error) {
	n, err := s.fileSize(name)
	switch {
	case err == nil && n >= 0:
		return n, sizeKnown, nil
	case err != nil && s.lost(err):
		return 0, sizeUnknown, s.failing(err)
	}
	e, state, err := s.entry(name)
	if err != nil || state != sizeKnown {
		return 0, state, err
	}
	if e.Type != ftp.EntryTypeFile || s.ftp.IsTimePreciseInList() && !hasSize(s.wire.ReplyText()) {
		return 0, sizeUnknown, nil
	}
	return int64(e.Size), sizeKnown, nil
}

// hasSize reports whether a reply to MLST holds a size. It is a fact like all
// others, which a server may leave out (RFC 3659, section 7.5), and the ftp
// package makes it 0 then.
func hasSize(reply string) bool {
	for line := range strings.SplitSeq(reply, "\n") {
		facts, _, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
		if strings.Contains(strings.ToLower(";"+facts), ";size=") {
			return true
		}
	}
	return false
}

// entry asks for one name by MLST, or by LIST where there is no MLST.
func (s *session) entry(name string) (*ftp.Entry, sizeState, error) {
	var entries []*ftp.Entry
	var err error
	if s.ftp.IsTimePreciseInList() {
		var e *ftp.Entry
		e, err = s.ftp.GetEntry(name)
		entries = []*ftp.Entry{e}
	} else {
		entries, err = s.ftp.List(name)
	}
	switch {
	case missing(err):
		return nil, sizeMissing, nil
	case err != nil && s.lost(err):
		return nil, sizeUnknown, s.failing(err)
	case err != nil:
		return nil, sizeUnknown, nil
	}
	if len(entries) == 0 && s.wire.Tail().In == 0 {
		return nil, sizeMissing, nil // vsftpd lists what is not there as nothing
	}
	if len(entries) == 1 && entries[0] != nil && (path.Base(entries[0].Name) == path.Base(name) || s.ftp.IsTimePreciseInList()) {
		return entries[0], sizeKnown, nil
	}
	return nil, sizeUnknown, nil
}

// unprovable is the end of a transfer that the server calls complete and gives
// no way to check (tests: TestADownloadThatNothingProvesIsNotCalledWhole,
// TestNothingIsStoredTwiceWhereTheServerDoesNotShowIt).
func unprovable(reason error) error {
	return &final{reason: reason, err: errors.New(
		"server offers neither SIZE, MLST nor a usable LIST: set Config.Verify to VerifyNone to believe its final reply")}
}

// checkStored compares what the server has with what was sent. more: the file
// may be longer (tests: TestEveryFaultAtEveryStep, TestHazardsOfReplies,
// TestAFileThatIsLongerThanItsUploadIsNotCalledStored).
func (s *session) checkStored(name string, sent int64, more bool) error {
	n, state, err := s.size(name)
	switch {
	case err != nil:
		return err
	case state == sizeUnknown:
		return unprovable(ErrOutcomeUnknown)
	case state == sizeMissing:
		// Taken away at once by whom it was for, or not shown to this user:
		// sent again, it might be there twice.
		return &final{reason: ErrOutcomeUnknown, err: errors.New("server has answered that the file is stored, but shows none")}
	case n < sent, n > sent && !more:
		return &mismatch{got: sent, want: n, what: "sent"}
	}
	return nil
}
