package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ftpretry/ftpretry/internal/wire"
	"github.com/ftpretry/ftpretry/transient"
)

// upload is one STOR or APPE, over all its attempts.
type upload struct {
	operation
	src    Source
	verify VerifyMode
	length int64 // of the source; -1 = not known
	whole  bool  // the file will be what the source is, and nothing else
	begun  bool  // the server has opened the file for this upload (150)
	out    int64 // position in the source up to which bytes were handed to the network at most
	sent   int64 // by the attempt that was answered 226
	stored bool  // that answer came; what is left is to check
	fresh  bool  // what is there must not be built upon
	seam   bool  // and was built upon what an earlier attempt had sent
	sum    *checksum
	mtime  time.Time   // to be given to the file; zero = none
	then   []string    // commands that follow its check
	left   bool        // what is there was sent by an upload of an earlier run
	open   bool        // the attempt at hand has had its own 150
	maybe  bool        // a command that opens a file was never answered
	file   os.FileInfo // the local file that is sent; nil = no file, or not opened yet
	torn   bool        // it was changed while it was sent
}

// newUpload prepares verb on path. The source is asked for its size now, so
// that a missing file is an error before anything is sent.
func newUpload(verb, path string, src Source, verify VerifyMode) *upload {
	u := &upload{src: src, verify: verify, length: -1, whole: verb == "STOR"}
	u.operation = operation{verb: verb, path: path, invalid: checkPath(path), effect: verb, transfer: true, counts: true}
	if u.invalid != nil {
		return u
	}
	if src == nil {
		u.invalid = ErrSource
		return u
	}
	if known, ok := src.(sized); ok {
		n, err := known.size()
		if err != nil {
			u.invalid = err
			return u
		}
		u.length, u.total = n, n
	}
	if once, ok := src.(replayable); ok {
		u.again = once.again
	}
	return u
}

// try is an attempt of a direct upload.
func (u *upload) try(_ context.Context, s *session) error {
	if !u.stored {
		if err := u.store(s, u.path); err != nil {
			return err
		}
	}
	u.ahead(s, u.path)
	if err := u.check(s, u.path, u.sent); err != nil {
		return err
	}
	return u.setTime(s, u.path)
}

// setTime gives the file the time that it is to have, where the server can.
func (u *upload) setTime(s *session, name string) error {
	if u.mtime.IsZero() || !s.ftp.IsSetTimeSupported() {
		return nil
	}
	return keepReplies(s.ftp.SetTime(name, u.mtime))
}

// store sends the content to name: from where an earlier attempt of this upload
// has stopped, if that can be known, or else from the start.
func (u *upload) store(s *session, name string) error {
	s.foresee()
	earlier := u.left
	at, err := u.resumeAt(s, name)
	if err != nil {
		return err
	}
	if at > 0 {
		err := u.send(s, name, at, func(r io.Reader) error { return s.ftp.StorFrom(name, r, uint64(at)) })
		x := s.wire.Exchange()
		if err == nil || !s.wire.InStep() || !transient.RestartRefused(transient.Failure{Command: x.Command, Path: x.Path, Err: err}) {
			return err
		}
		s.endpoint.noStorRest.Store(true)
		if !earlier {
			s.twice(at) // what is there is sent again
		}
		u.out = 0
	}
	return u.send(s, name, 0, func(r io.Reader) error { return s.ftp.Stor(name, r) })
}

// resumeAt is where to go on with an upload that an earlier attempt has begun.
// Only a file that this upload has opened itself, whose 150 was read, is built
// upon, and only as far as bytes of it were sent: an old file's size says
// nothing (tests: TestUploadsDoNotBuildUponAnOldFile,
// TestAnUploadIsNotBuiltUponMoreThanWasSent, TestEveryFaultAtEveryStep).
func (u *upload) resumeAt(s *session, name string) (int64, error) {
	if u.out == 0 { // as it is until a 150 was read
		return 0, nil
	}
	at := int64(0)
	if !u.fresh && !s.endpoint.noStorRest.Load() {
		n, _, err := s.size(name)
		if err != nil {
			return 0, err
		}
		if n > 0 && n <= u.out {
			same, err := u.isPrefix(s, name, n, n)
			switch {
			case err != nil:
				return 0, err
			case same:
				at = n
			}
		}
	}
	if !u.left {
		s.twice(u.out - at)
	}
	u.left = false
	u.progress = max(u.progress, at)
	u.out = at
	return at, nil
}

// check proves a finished upload (tests: TestVerifyHashFindsWhatASizeDoesNot,
// TestASeamThatIsNotProvenIsNotBuiltUponAgain,
// TestAnUploadThatGoesOnIsHeldAgainstTheServersHash).
func (u *upload) check(s *session, name string, want int64) error {
	if u.verify == VerifyNone {
		return nil
	}
	err := s.checkStored(name, want, !u.whole && u.verb == "STOR")
	if err == nil && u.seam && u.whole {
		err = u.hashAll(s)
	}
	if err == nil {
		if err = s.checkHash(name, u.sum); err != nil {
			u.fresh = true
		}
	}
	var lie *mismatch
	if errors.As(err, &lie) {
		u.stored, u.unknown = false, false
		s.wire.Distrust()
	}
	return err
}

// send moves the source's content from offset on, by a command that names name
// (tests: TestASourceThatFailsWhileItIsSentAheadIsTheCallersFault,
// TestWhatWasToBeSentAheadIsForgottenWithItsUpload,
// TestEveryReaderThatASourceGivesIsClosed; of what is remembered of the attempt:
// TestTheTemporaryOfAnEarlierAttemptIsRemoved).
func (u *upload) send(s *session, name string, offset int64, store func(io.Reader) error) error {
	u.open = false
	s.aim(offset, u.length)
	u.sum, u.seam = nil, offset > 0
	if u.verify == VerifyHash && u.whole && !u.seam {
		u.sum = s.newChecksum()
	}
	content, err := u.content(offset)
	if err != nil {
		return err
	}
	defer content.Close()
	file, _ := content.(*os.File)
	if u.sum != nil {
		content = tee{content, u.sum}
	}
	before := s.wire.Moved().Out
	reader := plainReader(content)
	s.wire.PortWithPRET()
	if u.mayBeEarly(offset) {
		s.wire.Early(reader)
	}
	if s.wire.BearsAtEnd() && u.whole {
		s.wire.AtEnd(func() []string { return u.questions(s, name) })
	}
	err = store(reader)
	s.wire.Early(nil)
	s.wire.AtEnd(nil)
	if caller := s.wire.Broken(); callersFault(caller) && !callersFault(err) {
		err = errors.Join(caller, err)
	}
	moved := s.wire.Moved().Out - before
	u.open = s.wire.Begun()
	u.begun = u.begun || u.open
	if u.open { // what left before the server had agreed is none of the file
		u.out = max(u.out, offset+moved)
	}
	if err != nil {
		x := s.wire.Exchange()
		u.maybe = u.maybe || x.Command == u.verb && x.Unknown()
		return err
	}
	u.sent = offset + moved
	if file != nil {
		if err := u.unchanged(file); err != nil {
			u.torn = true
			return err
		}
	}
	if u.length >= 0 && u.sent != u.length {
		return &wire.CallerError{Err: fmt.Errorf("source changed during the upload: it had %d bytes and gave %d", u.length, u.sent)}
	}
	u.stored, u.unknown = true, true
	u.fresh = u.fresh || offset > 0 // should the size be wrong after all, the seam may be
	return nil
}

// Stor uploads src to path on the server, replacing what is there. A replay goes
// on where the server says that this upload has stopped (SIZE, REST), or begins
// at the start again. With [Atomic] the content goes to a temporary name first,
// so that path always shows a whole file.
//
// It succeeds when the server has answered 226 and, unless Config.Verify says
// otherwise, reports as many bytes as were sent.
func (c *Client) Stor(ctx context.Context, path string, src Source) error {
	return c.stor(ctx, newUpload("STOR", path, src, c.verify))
}

func (c *Client) stor(ctx context.Context, u *upload) error {
	if c.upload == Atomic && u.invalid == nil && c.pool != nil {
		return c.storAtomic(ctx, u)
	}
	err := c.do(ctx, u)
	c.removePartial(ctx, u, err)
	return err
}

// patch is an upload to a position in the file.
type patch struct {
	*upload
	offset uint64
}

func (p *patch) try(_ context.Context, s *session) error {
	if !p.stored {
		err := p.send(s, p.path, 0, func(r io.Reader) error { return s.ftp.StorFrom(p.path, r, p.offset) })
		if err != nil {
			return err
		}
	}
	return p.check(s, p.path, int64(p.offset)+p.sent)
}

// callersFault reports whether an operation ended because of the caller's own
// reader or writer.
func callersFault(err error) bool {
	if err == nil {
		return false // without the allocation of what comes
	}
	var caller *wire.CallerError
	return errors.As(err, &caller)
}

// removePartial deletes what a direct upload has left that the caller's own
// source broke off: it would look like a whole file. Only the attempt whose
// source failed has opened the file for nothing; and what is longer than what was
// sent, or as long as the whole, is not a part of it (tests:
// TestAWholeUploadIsNotDeletedBecauseItsSourceWentAway,
// TestWhatIsLongerThanTheUploadThatBrokeOffIsNotRemoved,
// TestWhatADirectUploadLeavesIsNotRemoved).
func (r *runner) removePartial(ctx context.Context, u *upload, err error) {
	if !u.open || !callersFault(err) {
		return
	}
	op := &operation{verb: "DELE", path: u.path, run: func(_ context.Context, s *session) error {
		n, state, err := s.size(u.path)
		if state != sizeKnown || n > u.out || n == u.length && !u.torn {
			return err
		}
		return s.ftp.Delete(u.path)
	}}
	ctx, cancel := tidyContext(ctx, tidyQuick)
	defer cancel()
	_ = r.tidier().do(ctx, op)
}
