package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ftpretry/ftpretry/internal/wire"
)

// download is one RETR, over all its attempts. What was delivered is never
// delivered again: a replay goes on where the last attempt stopped.
type download struct {
	operation
	dst    io.Writer
	verify VerifyMode
	ascii  bool // the type is not binary: counts say nothing, nothing can be resumed
	rewind func() error
	sum    *checksum

	size     int64     // on the server, when the download began; -1 = not known
	asked    bool      // size was asked for
	told     bool      // by the caller, not by the server
	dated    bool      // the time is wanted from the start
	mtime    time.Time // on the server; zero = not known
	started  bool      // an attempt has got as far as RETR
	tail     []byte    // the last bytes that were delivered
	measured bool      // in the attempt at hand
	noRest   bool      // the server did not continue where it was asked to
}

// sizeKey is where WithSize keeps a size.
type sizeKey struct{}

// WithSize returns a context that tells a download, Retr, RetrFile or Open, how
// many bytes the file has, from a listing for example: the server is not asked
// for it then. A size that turns out not to be that of the file costs no more
// than the question that it spared.
func WithSize(ctx context.Context, size int64) context.Context {
	return context.WithValue(ctx, sizeKey{}, size)
}

func newDownload(ctx context.Context, path string, dst io.Writer, verify VerifyMode) *download {
	d := &download{dst: dst, verify: verify, size: -1}
	if ctx != nil && verify != VerifyNone {
		if size, ok := ctx.Value(sizeKey{}).(int64); ok && size >= 0 {
			d.size, d.asked, d.told, d.total = size, true, true, size
		}
	}
	d.operation = operation{verb: "RETR", path: path, invalid: checkPath(path), transfer: true, total: d.total}
	d.rewind = rewinder(dst)
	return d
}

// try is one attempt of a download into a writer.
func (d *download) try(_ context.Context, s *session) error {
	resp, err := d.open(s)
	if err == errNothingLeft {
		return d.complete(s, nil)
	}
	if err != nil {
		return err
	}
	dst := d.dst
	if d.sum != nil {
		dst = summed{dst, d.sum}
	}
	data := s.wire.Data()
	n, err := data.WriteTo(dst)
	d.progress += n
	if n > 0 {
		d.remember(data.Last())
	}
	if callersFault(err) {
		return err // the session is broken, there is nothing to wait for
	}
	err = errors.Join(err, resp.Close())
	return d.complete(s, err)
}

// complete proves that the download is whole. err is what the transfer ended
// with (tests: TestHazardsOfReplies, TestADownloadGoesOnWithWhatIsKnownOfTheFile,
// TestALieThatIsToldTwiceEndsTheDownload,
// TestAFileThatShrinksDuringTheDownloadIsNotCalledWhole).
func (d *download) complete(s *session, err error) error {
	if errors.Is(err, wire.ErrOverrun) {
		return d.overrun()
	}
	if err != nil {
		// A server that ends a TLS data connection without saying so inside
		// TLS leaves it open whether the end was the true one. The final
		// reply and the size tell (test:
		// TestAnEndThatTLSDoesNotConfirmIsOneWhereReplyAndSizeDo).
		if !errors.Is(err, io.ErrUnexpectedEOF) || replyOf(err) != nil || !s.wire.InStep() || d.progress != d.size {
			return err
		}
	}
	if d.ascii || d.verify == VerifyNone {
		return nil
	}
	if d.progress == d.size {
		return d.compare(s)
	}
	n, state, err := s.size(d.path)
	switch {
	case err != nil:
		return err
	case state != sizeKnown:
		return unprovable(ErrIncomplete)
	case n == d.progress && (n > d.size || !d.asked || d.told):
		d.size = n // it has grown, and all of it has come
		return d.compare(s)
	case n > d.progress:
		if n > d.size {
			d.size = n
		}
		return &mismatch{got: d.progress, want: n, what: "received"}
	}
	return d.changed(fmt.Errorf("%d bytes were received of a file that had %d and has %d now", d.progress, d.size, n))
}

// compare holds the hash of what was delivered against the server's (test:
// TestVerifyHashFindsADownloadThatIsNotTheFile).
func (d *download) compare(s *session) error {
	err := s.checkHash(d.path, d.sum)
	var lie *mismatch
	if errors.As(err, &lie) && d.rewind != nil {
		return d.changed(err)
	}
	return err
}

// rewinder returns how to empty dst again down to where it was, nil where that
// cannot be done (test: TestWhatTheDestinationHeldBeforeIsNotTouched).
func rewinder(dst io.Writer) func() error {
	f, ok := dst.(interface {
		io.Seeker
		Truncate(int64) error
	})
	if !ok {
		return nil
	}
	start, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil
	}
	// What comes after the position is the caller's. A file that is opened for
	// appending has its position at 0 and all of it comes after.
	if end, err := f.Seek(0, io.SeekEnd); err != nil || end != start {
		_, _ = f.Seek(start, io.SeekStart)
		return nil
	}
	return func() error {
		if err := f.Truncate(start); err != nil {
			return err
		}
		_, err := f.Seek(start, io.SeekStart)
		return err
	}
}

var errNilWriter = errors.New("destination is nil: use io.Discard to drop the data")

// Retr downloads path into dst and returns the number of bytes written to it.
// Every byte is written once and in order: a replay asks for the rest only
// (REST), or reads the file again and drops what was written. When the file has
// changed meanwhile, dst is emptied and filled anew where it can be, as an
// *os.File can; otherwise the end is [ErrChanged].
//
// A cancelled download returns once a Write to dst returns that is under way.
//
// What tells one file from another is its size, the last KiB that was written,
// and its time, where the server tells times: from 16 MiB on from the start, for
// smaller files from the first replay on. VerifyHash leaves no doubt.
//
// It succeeds when the server has answered 226 and, unless Config.Verify says
// otherwise, as many bytes have come as it reports for the file. A server that
// sends more than twice that, and 64 MiB, is given up. Where it reports no size,
// or VerifyNone does not ask for one, only ctx and the policy's Elapsed and
// AttemptTimeout bound what it may send.
func (c *Client) Retr(ctx context.Context, path string, dst io.Writer) (int64, error) {
	d := newDownload(ctx, path, dst, c.verify)
	if dst == nil {
		d.invalid = errNilWriter
	}
	err := c.do(ctx, d)
	return d.progress, err
}
