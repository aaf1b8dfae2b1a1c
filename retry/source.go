package retry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
)

// Source is what an upload sends. Open returns a reader of its content from
// offset on; each attempt opens it anew and closes what it got. An error of
// Open or of the reader is the caller's own failure: it ends the operation.
//
// A cancelled operation returns once Read returns: a source that can block, such
// as a pipe, has to be unblocked by whoever cancels.
//
// A Source is used by one operation at a time unless it says otherwise.
type Source interface {
	Open(offset int64) (io.ReadCloser, error)
}

// sized is a Source that knows how long its content is, which must not change
// during an upload. -1 = not known.
type sized interface{ size() (int64, error) }

// replayable is a Source that may be unable to be opened again.
type replayable interface{ again() error }

// File is the content of a local file, as it is when an attempt opens it. One
// that is changed during an upload ends it with an error. What is no regular file,
// a pipe or a device, has no content to be read twice: see [Reader]. It may be used
// by several operations at once.
func File(name string) Source { return fileSource(name) }

type fileSource string

func (f fileSource) Open(offset int64) (io.ReadCloser, error) {
	if _, err := f.size(); err != nil { // opening a pipe would wait for somebody to write to it
		return nil, err
	}
	file, err := os.Open(string(f))
	if err != nil {
		return nil, err
	}
	if offset > 0 {
		if _, err := file.Seek(offset, io.SeekStart); err != nil {
			_ = file.Close()
			return nil, err
		}
	}
	return file, nil
}

func (f fileSource) size() (int64, error) {
	info, err := os.Stat(string(f))
	switch {
	case err != nil:
		return 0, err
	case info.IsDir():
		return 0, fmt.Errorf("%s is a directory: upload its files one by one", printable(string(f)))
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s is not a regular file: upload what it has to give as a Reader", printable(string(f)))
	}
	return info.Size(), nil
}

// Bytes is the content of b, which must not be changed during the upload. It
// may be used by several operations at once.
func Bytes(b []byte) Source { return bytesSource(b) }

type bytesSource []byte

func (b bytesSource) Open(offset int64) (io.ReadCloser, error) {
	if offset > int64(len(b)) {
		return nil, errShrunk
	}
	return memory{bytes.NewReader(b[offset:])}, nil
}

func (b bytesSource) size() (int64, error) { return int64(len(b)), nil }

// memory is content that is read without failing.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// ReaderAt is the content of r from its beginning, size bytes long. r is not
// closed. It may be used by several operations at once.
func ReaderAt(r io.ReaderAt, size int64) Source {
	if isNil(r) {
		return nil
	}
	return &readerAtSource{r: r, n: size}
}

type readerAtSource struct {
	r io.ReaderAt
	n int64
}

func (s *readerAtSource) Open(offset int64) (io.ReadCloser, error) {
	if offset > s.n {
		return nil, errShrunk
	}
	return kept{io.NewSectionReader(s.r, offset, s.n-offset)}, nil
}

func (s *readerAtSource) size() (int64, error) {
	if s.n < 0 {
		return 0, fmt.Errorf("source size is %d: want 0 or more", s.n)
	}
	return s.n, nil
}

// Seeker is the content of r from its present position on. r is moved by the
// upload and not closed. Not for concurrent use.
func Seeker(r io.ReadSeeker) Source {
	if isNil(r) {
		return nil
	}
	return &seekerSource{r: r, start: -1}
}

type seekerSource struct {
	r     io.ReadSeeker
	start int64 // -1 before the first Open
}

func (s *seekerSource) Open(offset int64) (io.ReadCloser, error) {
	if err := s.locate(); err != nil {
		return nil, err
	}
	if _, err := s.r.Seek(s.start+offset, io.SeekStart); err != nil {
		return nil, err
	}
	switch r := s.r.(type) {
	case *os.File:
		return keptOpen{r}, nil
	case *bytes.Reader:
		return memory{r}, nil
	}
	return kept{s.r}, nil
}

func (s *seekerSource) locate() (err error) {
	if s.start < 0 {
		s.start, err = s.r.Seek(0, io.SeekCurrent)
	}
	return err
}

func (s *seekerSource) size() (int64, error) {
	if err := s.locate(); err != nil {
		return 0, err
	}
	end, err := s.r.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	if _, err := s.r.Seek(s.start, io.SeekStart); err != nil {
		return 0, err
	}
	return max(0, end-s.start), nil
}

// kept is a reader that belongs to the caller. It has no WriteTo, whatever the
// reader has.
type kept struct{ io.Reader }

func (kept) Close() error { return nil }

// keptOpen is a file that belongs to the caller.
type keptOpen struct{ *os.File }

func (keptOpen) Close() error { return nil }

// Reader is what r has still to give. It can be read only once: when an attempt
// fails after a byte was consumed, the operation ends with [ErrNotReplayable].
// Use Seeker, ReaderAt or File wherever the content can be had again.
func Reader(r io.Reader) Source {
	if isNil(r) {
		return nil
	}
	return &readerSource{r: r}
}

type readerSource struct {
	mu       sync.Mutex
	r        io.Reader
	consumed int64
	begun    bool // something was read, if only an error
}

func (s *readerSource) Open(offset int64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset != s.consumed {
		return nil, &final{reason: ErrNotReplayable, err: fmt.Errorf("%d bytes of the reader are consumed: use Seeker, ReaderAt or File", s.consumed)}
	}
	return kept{s}, nil
}

// Read implements io.Reader.
func (s *readerSource) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.mu.Lock()
	s.consumed += int64(max(0, n))
	s.begun = s.begun || n > 0 || err != nil
	s.mu.Unlock()
	return n, err
}

// again implements replayable (test: TestAReaderGetsOneAttemptOnceItWasRead).
func (s *readerSource) again() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun {
		return ErrNotReplayable
	}
	return nil
}

var errShrunk = errors.New("source is shorter than what was sent of it: it changed during the upload")

// isNil reports whether r is nil or a nil pointer, of which nothing can be read.
func isNil(r any) bool {
	if r == nil {
		return true
	}
	v := reflect.ValueOf(r)
	return v.Kind() == reflect.Pointer && v.IsNil()
}
