package retry

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/jlaffaye/ftp"
)

// Open starts a download and returns its content as a reader, which goes on by
// itself across lost connections. Its Read returns io.EOF only when the whole
// file was read, as [Client.Retr] understands it; a download that cannot be
// finished is an *[Error]. The reader holds one of the client's sessions until
// it has returned io.EOF or an error, or is closed. ctx bounds its whole life.
//
// The reader is for one goroutine, except that Close may be called at any time.
func (c *Client) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	r, err := openReader(ctx, &c.runner, newDownload(path, nil, c.verify))
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

	mu      sync.Mutex
	session *session      // of resp
	resp    *ftp.Response // nil between attempts
	failed  error         // of resp, not dealt with yet; io.EOF = it ended
	err     error         // what every further Read returns
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
	if err := open.do(open.ctx, &d.operation); err != nil {
		open.release(err)
		return nil, err
	}
	return open, nil
}

// start is an attempt to get the download going from where it is.
func (r *reader) start(_ context.Context, s *session) error {
	resp, err := r.d.open(s)
	if err != nil {
		return err
	}
	r.session, r.resp = s, resp
	return nil
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := r.read(p)
	for n == 0 && r.err == nil {
		r.carryOn(p, &n)
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// read reads from the transfer at hand, if it is well.
func (r *reader) read(p []byte) int {
	if r.failed != nil {
		return 0
	}
	n, err := r.resp.Read(p)
	r.d.progress += int64(n)
	if n > 0 {
		r.d.remember(p[:n])
	}
	if r.d.sum != nil {
		_, _ = r.d.sum.Write(p[:n])
	}
	r.failed = err
	return n
}

// carryOn deals with the end of the transfer at hand: it finishes the download,
// or starts the transfer again until it has a byte for p.
func (r *reader) carryOn(p []byte, n *int) {
	r.d.run = func(ctx context.Context, s *session) error {
		if r.resp == nil {
			if err := r.start(ctx, s); err != nil {
				return err
			}
			r.failed = nil
		}
		if r.failed == nil {
			*n = r.read(p)
		}
		if r.failed == nil || *n > 0 {
			return nil
		}
		err := r.failed
		if err == io.EOF {
			err = nil
		}
		err = errors.Join(err, r.resp.Close())
		r.resp, r.session = nil, nil
		if err = r.d.complete(s, err); err != nil {
			return err
		}
		r.err = io.EOF
		return nil
	}
	if err := r.do(r.ctx, &r.d.operation); err != nil {
		r.err = err
	}
	if r.err != nil {
		r.release(r.err)
	}
}

// release gives the session back.
func (r *reader) release(err error) {
	r.holder.release(r.ctx, err == io.EOF)
	r.resp, r.session = nil, nil
	if r.cancel != nil {
		r.cancel(errReaderClosed)
	}
}

// Close ends the download. One that was not read to its end is cut off, and its
// session closed. It returns nil.
func (r *reader) Close() error {
	r.cancel(errReaderClosed) // a Read under way returns
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = errReaderClosed
		r.release(r.err)
	}
	return nil
}

// setDeadline is the caller's own, beside the stall's.
func (r *reader) setDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || r.resp == nil {
		return r.err
	}
	return r.resp.SetDeadline(t)
}

// holder keeps one session from one operation to the next, for a download that
// goes on between them.
type holder struct {
	inner   keeper
	session *session
}

// take implements keeper.
func (h *holder) take(ctx context.Context, now time.Time, fresh bool) (*session, error) {
	if h.session != nil {
		h.session.wire.Bind(ctx, now)
		return h.session, nil
	}
	s, err := h.inner.take(ctx, now, fresh)
	if err == nil {
		h.session = s
	}
	return s, err
}

// give implements keeper.
func (h *holder) give(ctx context.Context, s *session, keep bool) {
	if keep {
		s.reused = true
		s.wire.Bind(ctx, time.Time{})
		return
	}
	h.session = nil
	h.inner.give(ctx, s, false)
}

// release gives the session back for good.
func (h *holder) release(ctx context.Context, keep bool) {
	if s := h.session; s != nil {
		h.session = nil
		s.wire.Unbind()
		h.inner.give(ctx, s, keep)
	}
}
