package retrytest

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"sort"
	"strings"
	"syscall"
	"time"
)

// diskTree is a directory on disk. Nothing outside it can be reached, not by
// symbolic links either: os.Root sees to that.
type diskTree struct{ root *os.Root }

func newDiskTree(dir string) (*diskTree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &diskTree{root}, nil
}

// local is the name as os.Root takes it.
func local(name string) string {
	if name = strings.Trim(name, "/"); name == "" {
		return "."
	}
	return name
}

func (t *diskTree) stat(name string) (fs.FileInfo, error) { return t.root.Stat(local(name)) }

func (t *diskTree) list(name string) ([]fs.FileInfo, error) {
	dir, err := t.root.Open(local(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	infos, err := dir.Readdir(-1)
	sort.Slice(infos, func(i, j int) bool { return infos[i].Name() < infos[j].Name() })
	return infos, err
}

func (t *diskTree) open(name string) (file, error) {
	f, err := t.root.Open(local(name))
	return asFile(f, err)
}

func (t *diskTree) create(name string, truncate bool) (file, error) {
	flags := os.O_RDWR | os.O_CREATE
	if truncate {
		flags |= os.O_TRUNC
	}
	f, err := t.root.OpenFile(local(name), flags, 0o644)
	return asFile(f, err)
}

func asFile(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errno("open", f.Name(), syscall.EISDIR)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &diskFile{f}, nil
}

func (t *diskTree) mkdir(name string) error  { return t.root.Mkdir(local(name), 0o755) }
func (t *diskTree) remove(name string) error { return t.root.Remove(local(name)) }
func (t *diskTree) close() error             { return t.root.Close() }

func (t *diskTree) rename(from, to string) error {
	if from == to {
		// Package os refuses a directory here, rename(2) does not.
		_, err := t.stat(from)
		return err
	}
	return t.root.Rename(local(from), local(to))
}

func (t *diskTree) chtimes(name string, at time.Time) error {
	return t.root.Chtimes(local(name), at, at)
}

// diskFile is an open file of a diskTree. Whole files go from and to sockets
// inside the kernel where the operating system can (sendfile, splice).
type diskFile struct{ *os.File }

func (f *diskFile) size() int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

func (f *diskFile) truncate(n int64) error { return f.Truncate(n) }
func (f *diskFile) close() error           { return f.Close() }

func (f *diskFile) sendTo(w io.Writer, off int64) (int64, error) {
	return f.sendSome(w, off, f.size()-off)
}

func (f *diskFile) sendSome(w io.Writer, off, n int64) (int64, error) {
	if n <= 0 {
		return 0, nil
	}
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return 0, storeError{err}
	}
	from := &io.LimitedReader{R: f.File, N: n}
	if conn, ok := w.(*net.TCPConn); ok {
		return conn.ReadFrom(from)
	}
	pooled := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(pooled)
	return io.CopyBuffer(struct{ io.Writer }{w}, from, pooled[:])
}

func (f *diskFile) receive(r io.Reader, off, n int64) (int64, error) {
	if conn, ok := r.(*net.TCPConn); ok && n < 0 {
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			return 0, storeError{err}
		}
		moved, err := f.ReadFrom(conn)
		return moved, sortOut(err)
	}
	return copyIn(r, off, n, func(p []byte, off int64) error {
		_, err := f.WriteAt(p, off)
		return err
	})
}

// sortOut tells the file's failures from the connection's: os.File.ReadFrom
// reports either as its own.
func sortOut(err error) error {
	for _, disk := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO, syscall.EROFS} {
		if errors.Is(err, disk) {
			return storeError{err}
		}
	}
	return err
}
