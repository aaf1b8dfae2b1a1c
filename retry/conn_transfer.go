package retry

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/jlaffaye/ftp"
)

// source makes a Source of what a caller of *ftp.ServerConn passes.
func source(r io.Reader) Source {
	if s, ok := r.(io.ReadSeeker); ok && !isNil(r) {
		if _, err := s.Seek(0, io.SeekCurrent); err == nil { // not a pipe
			return Seeker(s)
		}
	}
	return Reader(r)
}

// upload prepares an upload from a reader. In a type other than binary sizes
// say nothing.
func (c *Conn) upload(verb, path string, r io.Reader) *upload {
	verify := c.verify
	if c.ascii() {
		verify = VerifyNone
	}
	u := newUpload(verb, path, source(r), verify)
	u.fresh = c.ascii()
	return u
}

func (c *Conn) ascii() bool {
	return c.line != nil && c.line.typ != "" && c.line.typ != ftp.TransferTypeBinary
}

// Stor uploads what r has to give. A reader that is an io.Seeker can be
// replayed, from the position it has now; another gets one attempt once a byte
// of it is consumed.
func (c *Conn) Stor(path string, r io.Reader) error {
	u := c.upload("STOR", path, r)
	err := c.run(u)
	c.removePartial(c.ctx, u, err)
	return err
}

// StorFrom is Stor to the position offset of the file on the server, as REST
// and STOR do. A replay writes to the same position again.
func (c *Conn) StorFrom(path string, r io.Reader, offset uint64) error {
	u := c.upload("STOR", path, r)
	u.whole = false
	if u.invalid == nil {
		u.invalid = checkOffset(offset)
	}
	return c.run(&patch{upload: u, offset: offset})
}

// Append adds what r has to give to the end of a file, once, as
// [Client.Append] does.
func (c *Conn) Append(path string, r io.Reader) error {
	u := c.upload("APPE", path, r)
	return c.run(&appending{upload: u, base: -1, ascii: c.ascii()})
}

// checkOffset refuses an offset that no file has.
func checkOffset(offset uint64) error {
	if offset > math.MaxInt64 {
		return fmt.Errorf("offset %d is beyond the end of every file", offset)
	}
	return nil
}

// Retr starts a download. It goes on by itself across lost connections. Close
// the Response before the next call on the Conn.
func (c *Conn) Retr(path string) (*Response, error) { return c.RetrFrom(path, 0) }

// RetrFrom is Retr from the position offset of the file on.
func (c *Conn) RetrFrom(path string, offset uint64) (*Response, error) {
	d := newDownload(c.ctx, path, nil, c.verify)
	if d.invalid == nil {
		d.invalid = checkOffset(offset)
	}
	if d.invalid == nil {
		d.progress = int64(offset)
	}
	if offset > 0 && d.verify == VerifyHash {
		d.verify = VerifySize // only a whole file has a hash
	}
	if d.ascii = c.ascii(); d.ascii {
		d.again = func() error {
			if d.progress > int64(offset) {
				return ErrNotReplayable
			}
			return nil
		}
	}
	if d.invalid == nil {
		d.invalid = c.line.ready()
	}
	r, err := openReader(c.ctx, &c.runner, d)
	if err != nil {
		return nil, err
	}
	c.line.inUse = true
	return &Response{r: r, line: c.line}, nil
}

// Response is a download under way on a [Conn], as *ftp.Response is.
type Response struct {
	r    *reader
	line *line
}

// Read returns io.EOF when the whole file was read; every other end of the
// download is an *[Error].
func (r *Response) Read(buf []byte) (int, error) { return r.r.Read(buf) }

// Close ends the download. It returns the error with which it failed, if it
// did.
func (r *Response) Close() error {
	r.line.inUse = false
	_ = r.r.Close()
	if r.r.err == io.EOF || r.r.err == errReaderClosed {
		return nil
	}
	return r.r.err
}

// SetDeadline sets a deadline for the download, beside Config.StallTimeout. A
// Read that meets it fails with os.ErrDeadlineExceeded as the reason, and the
// download is over. The zero time is no deadline.
func (r *Response) SetDeadline(t time.Time) error { return r.r.setDeadline(t) }

// Walk prepares a walk of the tree at root.
func (c *Conn) Walk(root string) *Walker {
	return &Walker{conn: c, next: []visit{{path: root, entry: &ftp.Entry{Type: ftp.EntryTypeFolder}}}}
}

// Walker goes through a tree of directories as *ftp.Walker does: Next, then
// Path and Stat. An error ends the walk; Err tells it.
type Walker struct {
	conn    *Conn
	current visit
	next    []visit // still to be visited, the next one last
	begun   bool
	skip    bool
	err     error
}

type visit struct {
	path  string
	entry *ftp.Entry
}

// Next goes to the next file or directory. The root itself is not visited.
func (w *Walker) Next() bool {
	if w.err != nil {
		return false
	}
	if !w.begun {
		w.begun = true
		w.current = w.next[0]
		w.next = nil
	}
	if w.current.entry.Type == ftp.EntryTypeFolder && !w.skip {
		entries, err := w.conn.List(w.current.path)
		if err != nil {
			w.err = err
			return false
		}
		for _, e := range entries {
			if own(e) {
				continue
			}
			w.next = append(w.next, visit{within(w.current.path, e.Name), e})
		}
	}
	w.skip = false
	if len(w.next) == 0 {
		return false
	}
	last := len(w.next) - 1
	w.current, w.next = w.next[last], w.next[:last]
	return true
}

// SkipDir has Next not go down into the directory that was visited last.
func (w *Walker) SkipDir() { w.skip = true }

// Err returns the error that ended the walk, nil if there was none.
func (w *Walker) Err() error { return w.err }

// Stat returns the entry that was visited last.
func (w *Walker) Stat() *ftp.Entry { return w.current.entry }

// Path returns the path of the entry that was visited last, with the root
// before it.
func (w *Walker) Path() string { return w.current.path }
