package retry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/internal/wire"
	"github.com/ftpretry/ftpretry/transient"
)

// mostTail is how many of the bytes delivered last are kept, to be compared
// with what the server sends for them when the download goes on.
const mostTail = 1024

// remember keeps the end of what was delivered, of which last are the bytes
// that are at hand.
func (d *download) remember(last []byte) {
	d.tail = append(d.tail[:0], last[max(0, len(last)-mostTail):]...)
}

// recall reads the end of what was delivered back from a file that was written
// inside the kernel.
func (d *download) recall() {
	f, ok := d.dst.(*os.File)
	if !ok || len(d.tail) > 0 {
		return
	}
	at, _ := f.Seek(0, io.SeekCurrent) // 0 where there is no position, as in a pipe
	tail := make([]byte, min(at, d.progress, mostTail))
	if n, _ := f.ReadAt(tail, at-int64(len(tail))); n == len(tail) { // not if it is open for writing only
		d.tail = tail
	}
}

// open asks for the size, where that is still to be done, and starts the
// transfer at the first byte that was not delivered.
//
// A replay asks for a little more than that, and compares: there are servers
// that answer REST with 350 and start at 0 all the same, and files that change
// and keep their size (test: TestADownloadGoesOnOnlyWhereItStopped).
func (d *download) open(s *session) (*ftp.Response, error) {
	s.foresee()
	if !d.measured {
		if err := d.measure(s); err != nil {
			return nil, err
		}
	}
	if d.progress == 0 && d.verify == VerifyHash {
		d.sum = s.newChecksum()
	}
	d.recall()
	replay := d.started
	d.started = true
	if replay && d.progress > 0 && d.progress == d.size && d.asked && len(d.tail) == 0 {
		// All of it is there, and nothing to compare. Asked for the nothing
		// that is left, servers answer in ways of their own.
		return nil, errNothingLeft
	}
	from := max(0, d.progress-int64(len(d.tail)))
	if from > 0 && (d.noRest || s.endpoint.noRest.Load()) {
		return d.skipTo(s, from)
	}
	s.aim(from, d.size)
	resp, err := s.ftp.RetrFrom(d.path, uint64(from))
	if err == nil {
		if from == 0 && d.size < 0 {
			d.size = s.wire.Announced()
		}
		d.limit(s, from)
		return resp, d.seam(s, from, resp)
	}
	x := s.wire.Exchange()
	if from > 0 && s.wire.InStep() && transient.RestartRefused(transient.Failure{Command: x.Command, Path: x.Path, Err: err}) {
		s.endpoint.noRest.Store(true)
		return d.skipTo(s, from)
	}
	return nil, err
}

// limit bounds what may come of a file whose size is known, lest a server that
// never stops fill a disk: twice that size, for a file that grows while it is
// read, and growth more (tests: TestADownloadWithoutEndIsGivenUp,
// TestASizeThatIsOutOfDateIsNoReasonToFail). from is where the transfer begins.
func (d *download) limit(s *session, from int64) {
	if data := s.wire.Data(); data != nil && d.size >= 0 && !d.ascii && d.verify != VerifyNone {
		data.Limit(d.size + min(d.size, math.MaxInt64-growth-d.size) + growth - from)
	}
}

// growth is by how much at least a file may grow while it is read.
const growth = 64 << 20

// overrun is what follows a transfer that went beyond that.
func (d *download) overrun() error {
	text := fmt.Sprintf("server sends without end: more than twice the %d bytes that the file has", d.size)
	if d.told {
		return &mismatch{text: text} // it may have more than the caller knows of
	}
	return d.changed(errors.New(text))
}

// skipTo reads the file from its beginning and drops what comes before from.
func (d *download) skipTo(s *session, from int64) (*ftp.Response, error) {
	s.aim(0, d.size)
	resp, err := s.ftp.Retr(d.path)
	if err != nil {
		return nil, err
	}
	d.limit(s, 0)
	n, err := io.CopyN(io.Discard, s.wire.Data(), from)
	if err == nil {
		return resp, d.seam(s, from, resp)
	}
	end := resp.Close()
	if end == nil && errors.Is(err, io.EOF) {
		return nil, &mismatch{got: n, want: d.progress, what: "received again"}
	}
	return nil, errors.Join(err, end)
}

// seam reads the bytes between from and what was delivered, and compares them.
func (d *download) seam(s *session, from int64, resp *ftp.Response) error {
	again := make([]byte, d.progress-from)
	n, err := io.ReadFull(s.wire.Data(), again)
	switch {
	case !bytes.Equal(again[:n], d.tail[:n]):
	case err == nil:
		return nil
	default:
		if end := resp.Close(); end != nil || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.Join(err, end)
		}
		// It ends, in order, before what was delivered of it.
	}
	// What is on the way now is of no use to anybody.
	s.wire.Break(errSeam)
	s.wire.Data().Abort()
	if d.noRest || s.endpoint.noRest.Load() || from == 0 {
		return d.changed(errSeam)
	}
	d.noRest = true
	return &mismatch{text: errSeam.Error()}
}

// errNothingLeft is what open returns when a replay finds everything delivered.
var errNothingLeft = errors.New("nothing is left to be downloaded")

var errSeam = errors.New("what the server sends does not continue what was delivered")

// measure asks for the file's size: before the first attempt, to know when it
// is complete, and before each replay, to know that it is still the same file.
// Its time is compared too, where it is known (tests:
// TestADownloadGoesOnWithWhatIsKnownOfTheFile,
// TestATimeThatCouldNotBeAskedForIsAskedForAgain,
// TestADownloadIsNotContinuedWithoutKnowingThatTheFileIsTheSame).
func (d *download) measure(s *session) error {
	replay := d.started && d.progress > 0
	if d.ascii || d.verify == VerifyNone && !replay && !d.dated {
		return nil
	}
	dating := replay || d.dated && (d.mtime.IsZero() || d.started)
	s.aheadOfDownload(d.path, dating, replay || !d.asked)
	if dating {
		if err := d.date(s, replay); err != nil {
			return err
		}
	}
	if d.asked && !replay {
		return nil
	}
	n, state, err := s.size(d.path)
	if err != nil {
		return err
	}
	if state != sizeKnown {
		// RETR will say whether it is there. A file whose size cannot be had
		// any more cannot be known to be the same one.
		if replay && d.asked {
			return d.changed(errors.New("the server no longer reports its size"))
		}
		return nil
	}
	switch {
	case d.progress > n && !replay:
		return &wire.CallerError{Err: fmt.Errorf("offset %d is beyond the end of the file, which has %d bytes", d.progress, n)}
	case d.progress > n:
		return d.changed(fmt.Errorf("%d bytes were delivered, but it has %d now", d.progress, n))
	case replay && d.size >= 0 && n != d.size && !d.told:
		return d.changed(fmt.Errorf("it had %d bytes and has %d now", d.size, n))
	}
	d.size, d.asked, d.told, d.total = n, true, false, n
	if n >= datedFrom && !d.dated {
		d.dated = true
		return d.date(s, replay)
	}
	return nil
}

// datedFrom is the size from which on a download is worth a round trip more to
// know its time before it begins: the file that has its size and its bytes
// around the cut, and is another, is found by its time only.
const datedFrom = 16 << 20

// date asks for the file's time, where it is wanted or a replay is to be
// compared with what another will find (test:
// TestADownloadIsNotContinuedOfAFileThatOnlyItsTimeTellsApart).
func (d *download) date(s *session, replay bool) error {
	if !s.ftp.IsGetTimeSupported() {
		return nil
	}
	t, err := s.ftp.GetTime(d.path)
	switch {
	case err != nil && (replyOf(err) == nil && !s.wire.InStep() || replyOf(err) != nil && !refused(err)):
		return err
	case err != nil:
		return nil
	case replay && !d.mtime.IsZero() && !t.Equal(d.mtime):
		return d.changed(fmt.Errorf("it was changed at %s", t.Format("2006-01-02 15:04:05")))
	}
	d.mtime = t
	return nil
}

// changed starts over where the destination can be emptied, and gives up where
// it cannot (tests: TestADownloadNeverMixesTwoFiles,
// TestADestinationThatCannotBeEmptiedEndsTheDownload).
func (d *download) changed(why error) error {
	if d.rewind == nil {
		return &final{reason: ErrChanged, err: why}
	}
	if err := d.rewind(); err != nil {
		return &wire.CallerError{Err: err}
	}
	d.progress, d.size, d.asked, d.told, d.total = 0, -1, false, false, 0
	d.mtime, d.tail, d.noRest = time.Time{}, d.tail[:0], false
	return &mismatch{text: "file changed: " + why.Error(), reason: ErrChanged}
}
