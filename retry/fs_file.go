package retry

import (
	"context"
	"io"
	"io/fs"
	"math"
	"sync"
	"time"

	"github.com/jlaffaye/ftp"
)

// entryInfo is what is known of a file or directory.
type entryInfo struct {
	name  string // the last element; MLST tells the whole path
	entry *ftp.Entry
}

func (i *entryInfo) Name() string       { return i.name }
func (i *entryInfo) IsDir() bool        { return i.entry.Type == ftp.EntryTypeFolder }
func (i *entryInfo) ModTime() time.Time { return i.entry.Time }
func (i *entryInfo) Sys() any           { return i.entry }

func (i *entryInfo) Mode() fs.FileMode {
	switch i.entry.Type {
	case ftp.EntryTypeFolder:
		return fs.ModeDir | 0o555
	case ftp.EntryTypeLink:
		return fs.ModeSymlink | 0o777
	}
	return 0o444
}

// Size is 0 for a directory: what servers tell of those is of no use.
func (i *entryInfo) Size() int64 {
	if i.IsDir() {
		return 0
	}
	return int64(min(i.entry.Size, math.MaxInt64))
}

// openFile is a file whose download begins with the first Read.
type openFile struct {
	system *fileSystem
	name   string
	info   *entryInfo
	ctx    context.Context // ends with Close, also while the download is being started
	cancel context.CancelCauseFunc

	reading sync.Mutex // one Read at a time
	mu      sync.Mutex
	closed  bool
	content io.ReadCloser // nil until the first Read
}

func newOpenFile(f *fileSystem, name string, info *entryInfo) *openFile {
	o := &openFile{system: f, name: name, info: info}
	o.ctx, o.cancel = context.WithCancelCause(f.ctx)
	return o
}

// Stat implements [fs.File]. It tells what was so when the file was opened.
func (o *openFile) Stat() (fs.FileInfo, error) {
	if o.isClosed() {
		return nil, &fs.PathError{Op: "stat", Path: o.name, Err: fs.ErrClosed}
	}
	return o.info, nil
}

// Read implements [fs.File].
func (o *openFile) Read(p []byte) (int, error) {
	o.reading.Lock()
	defer o.reading.Unlock()
	n, err := o.read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case o.isClosed():
		err = fs.ErrClosed
	}
	return n, o.system.failed("read", o.name, err)
}

func (o *openFile) read(p []byte) (int, error) {
	o.mu.Lock()
	content, closed := o.content, o.closed
	o.mu.Unlock()
	if closed {
		return 0, fs.ErrClosed
	}
	if content == nil {
		var err error
		if content, err = o.system.client.Open(o.ctx, remotePath(o.name)); err != nil {
			return 0, err
		}
		o.mu.Lock()
		o.content, closed = content, o.closed
		o.mu.Unlock()
		if closed {
			_ = content.Close() // Close came while it was being started
			return 0, fs.ErrClosed
		}
	}
	return content.Read(p)
}

// Close implements [fs.File]. A Read under way ends.
func (o *openFile) Close() error {
	o.mu.Lock()
	content, closed := o.content, o.closed
	o.closed = true
	o.mu.Unlock()
	if closed {
		return &fs.PathError{Op: "close", Path: o.name, Err: fs.ErrClosed}
	}
	o.cancel(fs.ErrClosed)
	if content != nil {
		_ = content.Close()
	}
	return nil
}

func (o *openFile) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// openDirectory is a directory that is listed with the first ReadDir.
type openDirectory struct {
	system *fileSystem
	name   string
	info   *entryInfo

	mu     sync.Mutex
	closed bool
	listed bool
	left   []fs.DirEntry
	bad    error // of the listing, told with its last entries
}

// Stat implements [fs.File].
func (d *openDirectory) Stat() (fs.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, &fs.PathError{Op: "stat", Path: d.name, Err: fs.ErrClosed}
	}
	return d.info, nil
}

// Read implements [fs.File].
func (d *openDirectory) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errIsDirectory}
}

// ReadDir implements [fs.ReadDirFile]. A listing that could not be had is asked
// for again by the next call.
func (d *openDirectory) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: fs.ErrClosed}
	}
	if !d.listed {
		entries, err := d.system.ReadDir(d.name)
		if entries == nil && err != nil {
			return nil, err
		}
		d.listed, d.left, d.bad = true, entries, err
	}
	all := n <= 0
	if all || n > len(d.left) {
		n = len(d.left)
	}
	entries := d.left[:n:n]
	d.left = d.left[n:]
	if n > 0 && !all {
		return entries, nil
	}
	err := d.bad
	d.bad = nil
	if err == nil && !all {
		err = io.EOF
	}
	return entries, err
}

// Close implements [fs.File].
func (d *openDirectory) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return &fs.PathError{Op: "close", Path: d.name, Err: fs.ErrClosed}
	}
	d.closed = true
	return nil
}
