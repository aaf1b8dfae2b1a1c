package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ftpretry/ftpretry/internal/wire"
)

// upload is one STOR or APPE, over all its attempts.
type upload struct {
	operation
	src    Source
	verify VerifyMode
	length int64 // of the source; -1 = not known
	whole  bool  // the file will be what the source is, and nothing else
	begun  bool  // the server has opened the file for this upload (150)
	sent   int64 // by the attempt that was answered 226
	stored bool  // that answer came; what is left is to check
	sum    *checksum
}

// newUpload prepares verb on path. The source is asked for its size now, so
// that a missing file is an error before anything is sent.
func newUpload(verb, path string, src Source, verify VerifyMode) *upload {
	u := &upload{src: src, verify: verify, length: -1, whole: verb == "STOR"}
	u.operation = operation{verb: verb, path: path, invalid: checkPath(path), effect: verb, transfer: true}
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

// try is the attempt of a direct upload: from the start each time, because STOR
// truncates.
func (u *upload) try(_ context.Context, s *session) error {
	if !u.stored {
		err := u.send(s, 0, func(r io.Reader) error { return s.ftp.Stor(u.path, r) })
		if err != nil {
			return err
		}
	}
	return u.check(s, u.path, u.sent)
}

// check proves a finished upload.
func (u *upload) check(s *session, name string, want int64) error {
	if u.verify == VerifyNone {
		return nil
	}
	err := s.checkStored(name, want)
	if err == nil {
		err = s.checkHash(name, u.sum)
	}
	var lie *mismatch
	if errors.As(err, &lie) {
		u.stored = false
	}
	return err
}

// send moves the source's content from offset on.
func (u *upload) send(s *session, offset int64, store func(io.Reader) error) error {
	s.aim(offset, u.length)
	content, err := u.src.Open(offset)
	if err != nil {
		var stated *final
		if errors.As(err, &stated) {
			return err
		}
		return &wire.CallerError{Err: err}
	}
	if content == nil {
		return &wire.CallerError{Err: errors.New("source's Open returned neither a reader nor an error")}
	}
	defer content.Close()
	u.sum = nil
	if u.verify == VerifyHash && u.whole {
		if u.sum = s.newChecksum(); u.sum != nil {
			content = tee{content, u.sum}
		}
	}
	before := s.wire.Moved().Out
	err = store(plainReader(content))
	u.begun = u.begun || s.wire.Begun()
	if err != nil {
		return err
	}
	u.sent = offset + s.wire.Moved().Out - before
	if u.length >= 0 && u.sent != u.length {
		return &wire.CallerError{Err: fmt.Errorf("source changed during the upload: it had %d bytes and gave %d", u.length, u.sent)}
	}
	u.stored = true
	return nil
}

// plainReader hides WriteTo, through which a failure of the caller's could not
// be told from the connection's. Files keep it, for sendfile, and so does
// memory, which does not fail.
func plainReader(r io.ReadCloser) io.Reader {
	switch r.(type) {
	case *os.File, keptOpen, memory:
		return r
	}
	if _, ok := r.(io.WriterTo); !ok {
		return r
	}
	return struct{ io.Reader }{r}
}

// Stor uploads src to path on the server, replacing what is there. A replay
// begins at the start again: STOR truncates. With [Atomic] the content goes to
// a temporary name first, so that path always shows a whole file.
//
// It succeeds when the server has answered 226 and, unless Config.Verify says
// otherwise, reports as many bytes as were sent.
func (c *Client) Stor(ctx context.Context, path string, src Source) error {
	u := newUpload("STOR", path, src, c.verify)
	if c.upload == Atomic && u.invalid == nil {
		return c.storAtomic(ctx, u)
	}
	err := c.do(ctx, u)
	if err != nil && u.begun && callersFault(err) {
		c.removePartial(ctx, path, u.length)
	}
	return err
}

// patch is an upload to a position in the file.
type patch struct {
	*upload
	offset uint64
}

func (p *patch) try(_ context.Context, s *session) error {
	if !p.stored {
		err := p.send(s, 0, func(r io.Reader) error { return s.ftp.StorFrom(p.path, r, p.offset) })
		if err != nil {
			return err
		}
	}
	return p.check(s, p.path, int64(p.offset)+p.sent)
}

// appending is one APPE. The file's size before tells what a failed attempt has
// added to it, so that nothing is added twice.
type appending struct {
	*upload
	base    int64 // size before the first attempt; -1 = not asked yet
	out     int64 // of the source, what attempts have handed to the network at most
	pending bool  // an attempt may have added something
}

func (a *appending) try(_ context.Context, s *session) error {
	if a.stored {
		return a.verified(s)
	}
	if a.base < 0 || a.pending {
		if done, err := a.locate(s); done || err != nil {
			return err
		}
	}
	before := s.wire.Moved().Out
	err := a.send(s, a.progress, func(r io.Reader) error { return s.ftp.Append(a.path, r) })
	a.out = max(a.out, a.progress+s.wire.Moved().Out-before)
	if err != nil {
		a.pending = a.pending || s.wire.Begun() || s.wire.Exchange().Unknown()
		return err
	}
	return a.verified(s)
}

// verified checks a finished append. Where the size is not the right one, what
// is missing must be found out before anything else is sent.
func (a *appending) verified(s *session) error {
	err := a.check(s, a.path, a.base+a.sent)
	a.pending = a.pending || !a.stored
	return err
}

// locate asks for the file's size: the first time to know where the appended
// bytes will begin, then to know how many of them are there.
func (a *appending) locate(s *session) (done bool, err error) {
	n, state, err := s.size(a.path)
	if err != nil {
		return false, err
	}
	if state == sizeUnknown {
		return false, &final{reason: ErrOutcomeUnknown, err: errors.New(
			"server reports no size: what an append has added could not be told")}
	}
	if a.base < 0 {
		a.base = n
		return false, nil
	}
	added := n - a.base
	switch {
	case added < 0, added > a.out:
		return false, &final{reason: ErrOutcomeUnknown, err: fmt.Errorf(
			"file had %d bytes before the append and has %d now, with %d sent: somebody else changed it", a.base, n, a.out)}
	case added < a.progress:
		return false, &final{reason: ErrOutcomeUnknown, err: fmt.Errorf(
			"file shrank from %d to %d bytes during the append", a.base+a.progress, n)}
	}
	a.progress, a.pending = added, false
	if a.length >= 0 && added == a.length {
		a.sent = added
		return true, nil
	}
	return false, nil
}

// Append adds src to the end of path on the server, creating it when it is not
// there. Its size is asked for before, and after a failed attempt only what is
// missing is sent, so that nothing is added twice. Where the server reports no
// size, or somebody else changes the file meanwhile, the end is
// [ErrOutcomeUnknown].
func (c *Client) Append(ctx context.Context, path string, src Source) error {
	u := newUpload("APPE", path, src, c.verify)
	return c.do(ctx, &appending{upload: u, base: -1})
}

// callersFault reports whether an operation ended because of the caller's own
// reader or writer.
func callersFault(err error) bool {
	if err == nil {
		return false
	}
	var caller *wire.CallerError
	return errors.As(err, &caller)
}

// removePartial deletes what a direct upload has left that the caller's own
// source broke off: it would look like a whole file. It is not deleted when it
// is longer than what was sent of this upload, for then it is not that.
func (c *Client) removePartial(ctx context.Context, path string, length int64) {
	r := c.tidier()
	op := operation{verb: "DELE", path: path, run: func(_ context.Context, s *session) error {
		n, state, err := s.size(path)
		if err != nil || state != sizeKnown || length >= 0 && n > length {
			return err
		}
		return s.ftp.Delete(path)
	}}
	ctx, cancel := tidyContext(ctx)
	defer cancel()
	_ = r.do(ctx, &op)
}
