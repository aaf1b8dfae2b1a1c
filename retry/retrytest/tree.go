package retrytest

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"sync"
	"syscall"
	"time"
)

// tree is what the server serves. Names are absolute, slash-separated and
// clean. Errors are those of package os, so that [fs.ErrNotExist] and
// [syscall.ENOTEMPTY] can be told apart. A tree is safe for concurrent use; a
// call holds its lock for its own duration, never for that of a transfer.
type tree interface {
	stat(name string) (fs.FileInfo, error)
	list(name string) ([]fs.FileInfo, error) // sorted by name
	open(name string) (file, error)
	create(name string, truncate bool) (file, error) // the directory must exist
	mkdir(name string) error
	remove(name string) error // a file or an empty directory
	rename(from, to string) error
	chtimes(name string, t time.Time) error
	close() error
}

// file is an open file of a tree.
type file interface {
	size() int64
	truncate(n int64) error
	sendTo(w io.Writer, off int64) (int64, error)           // from off to the end
	sendSome(w io.Writer, off, n int64) (int64, error)      // at most n bytes
	receive(r io.Reader, off int64, n int64) (int64, error) // until EOF, or n bytes if n >= 0
	close() error
}

// storeError is a failure of the tree during a transfer, as opposed to one of
// the data connection.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// bufferSize is large enough that a system call's cost does not show.
const bufferSize = 256 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// copyIn reads r in large pieces and hands each to write with its offset.
func copyIn(r io.Reader, off, n int64, write func(p []byte, off int64) error) (moved int64, err error) {
	pooled := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(pooled)
	for n < 0 || moved < n {
		buf := pooled[:]
		if n >= 0 {
			buf = buf[:min(int64(len(buf)), n-moved)]
		}
		got, err := r.Read(buf)
		if got > 0 {
			if werr := write(buf[:got], off+moved); werr != nil {
				return moved, storeError{werr}
			}
			moved += int64(got)
		}
		if errors.Is(err, io.EOF) { // a TLS record cut short is io.ErrUnexpectedEOF, which is not
			return moved, nil
		}
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// replyFor is the FTP reply for an error of the tree (RFC 959 section 4.2).
func replyFor(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "550 No such file or directory."
	case errors.Is(err, syscall.ENOTEMPTY):
		return "550 Directory not empty."
	case errors.Is(err, fs.ErrExist):
		return "550 File exists."
	case errors.Is(err, syscall.EISDIR):
		return "550 Is a directory."
	case errors.Is(err, syscall.ENOTDIR):
		return "550 Not a directory."
	case errors.Is(err, syscall.ENOSPC):
		return "452 No space left on device."
	case errors.Is(err, fs.ErrPermission):
		return "550 Permission denied."
	}
	return "550 Requested action not taken."
}

// clean makes a tree's name of a path given by the user of the server.
func clean(name string) string { return path.Clean("/" + name) }

// WriteFile puts a file into the tree, replacing one of that name, and makes
// the directories above it. Names are slash-separated and absolute; a relative
// one starts at the root.
func (s *Server) WriteFile(name string, data []byte) error {
	name = clean(name)
	if err := s.mkdirs(path.Dir(name)); err != nil {
		return err
	}
	f, err := s.tree.create(name, true)
	if err != nil {
		return err
	}
	_, err = f.receive(&sliceReader{data}, 0, -1)
	return errors.Join(err, f.close())
}

// Truncate sets the size of a file and makes it if need be. What it gains reads
// as zeros and, in memory, takes no room: a file for a download of gigabytes.
func (s *Server) Truncate(name string, size int64) error {
	name = clean(name)
	if err := s.mkdirs(path.Dir(name)); err != nil {
		return err
	}
	f, err := s.tree.create(name, false)
	if err != nil {
		return err
	}
	return errors.Join(f.truncate(size), f.close())
}

// sliceReader is a bytes.Reader without WriteTo or Seek.
type sliceReader struct{ rest []byte }

func (r *sliceReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// ReadFile returns the content of a file of the tree; the error matches
// [fs.ErrNotExist] when there is none.
func (s *Server) ReadFile(name string) ([]byte, error) {
	f, err := s.tree.open(clean(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.close() }()
	w := &sliceWriter{make([]byte, 0, f.size())}
	_, err = f.sendTo(w, 0)
	return w.all, err
}

type sliceWriter struct{ all []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.all = append(w.all, p...)
	return len(p), nil
}

// Remove takes a file or an empty directory out of the tree.
func (s *Server) Remove(name string) error { return s.tree.remove(clean(name)) }

// Mkdir makes a directory, and those above it; one that is there already is no
// error.
func (s *Server) Mkdir(name string) error { return s.mkdirs(clean(name)) }

func (s *Server) mkdirs(name string) error {
	if info, err := s.tree.stat(name); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
		return nil
	}
	if err := s.mkdirs(path.Dir(name)); err != nil {
		return err
	}
	if err := s.tree.mkdir(name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Exists tells whether the tree has a file or directory of that name.
func (s *Server) Exists(name string) bool {
	_, err := s.tree.stat(clean(name))
	return err == nil
}

// Stat describes a file or directory of the tree.
func (s *Server) Stat(name string) (fs.FileInfo, error) { return s.tree.stat(clean(name)) }

// Chtimes sets the modification time that MDTM and listings report.
func (s *Server) Chtimes(name string, t time.Time) error { return s.tree.chtimes(clean(name), t) }

// Names returns the absolute names of all files in the tree, sorted, and those
// of empty directories with a slash at the end.
func (s *Server) Names() []string {
	var names []string
	s.walk("/", func(name string, _ fs.FileInfo) { names = append(names, name) })
	return names
}

// Files returns the content of every file in the tree by its absolute name.
func (s *Server) Files() map[string][]byte {
	files := make(map[string][]byte)
	s.walk("/", func(name string, info fs.FileInfo) {
		if info.IsDir() {
			return
		}
		if data, err := s.ReadFile(name); err == nil {
			files[name] = data
		}
	})
	return files
}

// walk calls visit for every file and every empty directory below dir.
func (s *Server) walk(dir string, visit func(name string, info fs.FileInfo)) {
	infos, err := s.tree.list(dir)
	if err != nil {
		return
	}
	for _, info := range infos {
		name := path.Join(dir, info.Name())
		if !info.IsDir() {
			visit(name, info)
			continue
		}
		if below, err := s.tree.list(name); err == nil && len(below) == 0 {
			visit(name+"/", info)
		}
		s.walk(name, visit)
	}
}

// errno makes the error that package os would return.
func errno(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}
