package retry

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jlaffaye/ftp"
)

// Open starts a download and returns its content as a reader, which goes on by
// itself across lost connections. Its Read returns io.EOF only when the whole
// file was read, as [Client.Retr] understands it; a download that cannot be
// finished is an *[Error]. The reader holds one of the client's sessions until
// it has returned io.EOF or an error, or is closed: a program that begins other
// operations meanwhile needs more sessions than it ever has readers open, or waits
// for itself. ctx bounds its whole life.
//
// The reader is for one goroutine, except that Close may be called at any time.
func (c *Client) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	r, err := openReader(ctx, &c.runner, newDownload(ctx, path, nil, c.verify))
	if err != nil {
		return nil, err
	}
	return r, nil
}

// reader is an open download.
type reader struct {
	runner
	ctx    context.Context
	cancel context.CancelCauseFunc
	d      *download
	holder *holder
	closed atomic.Bool

	mu      sync.Mutex    // held by Read, hooks and all; Close never waits for it
	session *session      // of resp
	resp    *ftp.Response // nil when no transfer is at hand
	failed  error         // how it ended; nil while it goes on; io.EOF = in order
	teller  *teller       // nil = nobody is told
	err     error         // what every further Read returns
	until   time.Time     // the caller's deadline; zero = none
	whole   bool          // a replay has found that nothing is left
}

// errReaderClosed is what a Read returns after Close.
var errReaderClosed = errors.New("read after Close")

func openReader(ctx context.Context, r *runner, d *download) (*reader, error) {
	open := &reader{runner: *r, d: d}
	if ctx != nil {
		open.ctx, open.cancel = context.WithCancelCause(ctx)
	}
	open.holder = &holder{inner: r.sessions}
	open.sessions = open.holder
	d.run = open.start
	err := errReaderClosed // where a hook of the caller's panics: nobody will close it
	defer func() {
		if err != nil {
			open.end(err)
		}
	}()
	if err = open.do(open.ctx, &d.operation); err != nil {
		return nil, err
	}
	return open, nil
}

// start is an attempt to get the download going from where it is.
func (r *reader) start(_ context.Context, s *session) error {
	resp, err := r.d.open(s)
	if err == errNothingLeft {
		r.whole = true
		return nil
	}
	if err != nil {
		return err
	}
	r.session, r.resp, r.failed, r.teller = s, resp, nil, s.teller
	if !r.until.IsZero() {
		return resp.SetDeadline(r.until)
	}
	return nil
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer func() { // a hook of the caller's may panic
		r.mu.Unlock()
		if r.closed.Load() {
			r.endClosed() // Close has come while this was under way
		}
	}()
	return r.read(p)
}

func (r *reader) read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, r.err
	}
	for r.err == nil {
		if r.whole {
			r.end(io.EOF)
			break
		}
		if r.failed == nil {
			n, err := r.resp.Read(p)
			r.failed = err
			r.took(p[:n])
			if n > 0 {
				return n, nil
			}
			continue
		}
		// The transfer at hand is over.
		err := r.finish()
		if err == nil {
			r.end(io.EOF)
			break
		}
		if !r.until.IsZero() && !time.Now().Before(r.until) {
			r.end(&Error{Op: r.d.verb, Path: r.d.path, Attempts: 1, Verdict: deadlineVerdict, Reason: os.ErrDeadlineExceeded, Err: err})
			break
		}
		r.resume(err)
	}
	return 0, r.err
}

// took takes note of bytes that are delivered.
func (r *reader) took(p []byte) {
	if len(p) == 0 {
		return
	}
	r.d.progress += int64(len(p))
	r.d.remember(p)
	if r.d.sum != nil {
		_, _ = r.d.sum.Write(p)
	}
	if r.teller != nil {
		r.teller.moved()
	}
}

// finish ends the transfer at hand and proves that the download is whole.
func (r *reader) finish() error {
	if r.teller != nil {
		r.teller.report()
	}
	err := r.failed
	if err == io.EOF {
		err = nil
	}
	err = errors.Join(err, r.resp.Close())
	r.resp, r.teller = nil, nil
	return r.session.wire.Recover(r.d.complete(r.session, err))
}

// resume gets the download going again after the failure that err is.
func (r *reader) resume(err error) {
	r.d.run = func(ctx context.Context, s *session) error {
		if first := err; first != nil {
			err = nil
			return first
		}
		return r.start(ctx, s)
	}
	if err := r.do(r.ctx, &r.d.operation); err != nil {
		r.end(err)
	}
}

// end is the end of the download, by err; io.EOF is the good one.
func (r *reader) end(err error) {
	if r.err == nil {
		r.err = err
	}
	r.holder.release(r.ctx, err == io.EOF)
	r.resp, r.session = nil, nil
	if r.cancel != nil {
		r.cancel(errReaderClosed)
	}
}

// Close ends the download. One that was not read to its end is cut off, and its
// session closed; a Read under way returns. Close returns nil.
func (r *reader) Close() error {
	r.closed.Store(true)
	r.cancel(errReaderClosed)
	r.endClosed()
	return nil
}

// endClosed ends a download that was closed, unless a Read is under way, which
// does so itself when it returns. Close may be called in a hook, and so by that
// Read.
func (r *reader) endClosed() {
	if r.mu.TryLock() {
		r.end(errReaderClosed)
		r.mu.Unlock()
	}
}

// setDeadline is the caller's own, beside the stall's.
func (r *reader) setDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = t
	if r.err != nil || r.resp == nil {
		return nil
	}
	return r.resp.SetDeadline(t)
}

// holder keeps one session, and its place, from one operation to the next, for a
// download that goes on between them.
type holder struct {
	inner    keeper
	session  *session
	admitted bool
}

// admit implements keeper.
func (h *holder) admit(ctx context.Context, t *turn) error {
	if h.admitted {
		return nil
	}
	err := h.inner.admit(ctx, t)
	h.admitted = err == nil
	return err
}

// leave implements keeper.
func (h *holder) leave(t *turn, o outcome) {
	if h.session == nil && h.admitted {
		h.inner.leave(t, o)
		h.admitted = false
	}
}

// away implements keeper.
func (h *holder) away() <-chan struct{} { return h.inner.away() }

// closed implements keeper.
func (h *holder) closed() <-chan struct{} { return h.inner.closed() }

// take implements keeper.
func (h *holder) take(ctx context.Context, r request, t *turn) (*session, error) {
	if h.session != nil {
		h.session.wire.Bind(ctx, r.now)
		return h.session, nil
	}
	s, err := h.inner.take(ctx, r, t)
	if err == nil {
		h.session = s
	}
	return s, err
}

// give implements keeper. A session that is kept has not been idle: what happens
// to it from now on happens to the download.
func (h *holder) give(ctx context.Context, s *session, keep bool, t *turn) {
	if keep {
		s.reused = false
		s.wire.Bind(ctx, time.Time{})
		return
	}
	h.session = nil
	h.inner.give(ctx, s, false, t)
}

// release gives the session back for good.
func (h *holder) release(ctx context.Context, keep bool) {
	var t turn
	if s := h.session; s != nil {
		h.session = nil
		s.count()
		s.wire.Unbind()
		h.inner.give(ctx, s, keep, &t)
	}
	h.leave(&t, outcome{})
}
