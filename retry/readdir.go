package retry

import (
	"context"
	"errors"
	"time"

	"github.com/jlaffaye/ftp"
)

// Directory is what a server tells of a directory, and what it can tell of the
// files in it and do with them.
type Directory struct {
	// Entries are without the directory itself and its parent. Their names
	// are the server's: not to be made local ones without a check.
	Entries []*ftp.Entry
	// Unread is how many entries the server has listed in a form that was not
	// understood. They are missing from Entries.
	Unread int
	// Exact says that the entries' times are in UTC and to the second (MLSD).
	// Otherwise they are what LIST shows: to the minute, or to the day for
	// what is more than half a year old, in the server's zone, which is taken
	// for UTC unless ftp.DialWithLocation says which it is.
	Exact bool

	TellsTime bool // Client.GetTime works
	SetsTime  bool // Client.SetTime works
	Hashes    bool // Client.SameContent works
}

// ReadDir lists a directory, "" the one of the login, as List does, and proves
// that it is one: some servers show a file, or nothing, in place of a directory
// that is not there. With LIST it asks for names that begin with a dot too
// ("LIST -a"), where the server shows that it understands. errors.Is finds
// [fs.ErrNotExist] in the error where there is nothing of that name.
func (c *Client) ReadDir(ctx context.Context, path string) (*Directory, error) {
	d := &reading{lines: *listing(path)}
	d.how = d.list
	if err := c.do(ctx, d); err != nil {
		return nil, err
	}
	return &d.directory, nil
}

// reading is the question for a directory and all that is told of it.
type reading struct {
	lines[[]*ftp.Entry]
	s         *session // of the attempt at hand
	directory Directory
}

func (d *reading) try(ctx context.Context, s *session) error {
	d.s = s
	err := d.lines.try(ctx, s)
	unread := s.wire.Tail().Entries - int64(len(d.answer))
	exact := s.wire.Exchange().Command == "MLSD"
	links := make(map[string]bool)
	for _, name := range s.wire.Tail().Links {
		links[name] = true
	}
	var stated *final
	var lie *mismatch
	if errors.As(err, &stated) || errors.As(err, &lie) {
		return err
	}
	listed, isDir, err := s.asDirectory(d.path, d.answer, err)
	if err == nil && !isDir {
		err = &final{reason: ErrPermanent, err: errNotDirectory}
	}
	if err != nil {
		if known := meaning(err, d.path); known != nil && !errors.Is(err, known) {
			err = &understood{known, err}
		}
		return err
	}
	d.directory = Directory{
		Entries: make([]*ftp.Entry, 0, len(listed)), Unread: int(max(0, unread)), Exact: exact,
		TellsTime: s.ftp.IsGetTimeSupported(), SetsTime: s.ftp.IsSetTimeSupported(), Hashes: s.newChecksum() != nil,
	}
	for _, e := range listed {
		if own(e) {
			continue
		}
		if links[e.Name] {
			e.Type = ftp.EntryTypeLink
		}
		if t := e.Time; exact && !t.IsZero() {
			// RFC 3659, section 2.3: always UTC, whatever ftp.DialWithLocation says of listings.
			e.Time = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		}
		d.directory.Entries = append(d.directory.Entries, e)
	}
	return nil
}

// What is known of a server's LIST -a.
const (
	listsAllUnknown int32 = iota
	listsAllYes
	listsAllNo
)

// list lists name, and names that begin with a dot with it. vsftpd leaves them
// out unless it is asked by -a; elsewhere that may be taken for a name. A server
// that understands it shows the directory itself and its parent.
func (d *reading) list(conn *ftp.ServerConn, name string) ([]*ftp.Entry, error) {
	known := &d.s.endpoint.listsAll
	if conn.IsTimePreciseInList() || known.Load() == listsAllNo {
		return conn.List(name)
	}
	with := "-a"
	if name != "" {
		with += " " + name
	}
	entries, err := conn.List(with)
	if known.Load() == listsAllYes || err != nil && d.s.lost(err) {
		return entries, err
	}
	if err == nil && dotted(entries) {
		known.Store(listsAllYes)
		return entries, nil
	}
	entries, err = conn.List(name)
	if len(entries) > 0 {
		known.Store(listsAllNo)
	}
	return entries, err
}

// dotted reports whether a listing shows the directory itself and its parent.
func dotted(entries []*ftp.Entry) bool {
	found := 0
	for _, e := range entries {
		if e.Type == ftp.EntryTypeFolder && (e.Name == "." || e.Name == "..") {
			found++
		}
	}
	return found == 2
}

// Exists reports whether there is a file or a directory of that name on the
// server. It is an error where the server does not tell.
func (c *Client) Exists(ctx context.Context, path string) (bool, error) {
	var is presence
	op := query("MLST", path, nil)
	if op.invalid == nil {
		op.invalid = checkPath(path)
	}
	op.run = func(_ context.Context, s *session) (err error) {
		if is, err = s.exists(path, anything); err == nil && is == unclear {
			err = &final{reason: ErrPermanent, err: errors.New("server does not tell whether it is there")}
		}
		return err
	}
	err := c.do(ctx, op)
	return err == nil && is == present, err
}

// ErrNoHash says that the server computes no hashes, or not of this file.
var ErrNoHash = errors.New("server computes no hash of it")

// SameContent reports whether a file on the server has the content of src, by
// the strongest hash that the server computes (see [VerifyHash]). Nothing of the
// file is transferred. The error matches [ErrNoHash] where the server computes
// none.
func (c *Client) SameContent(ctx context.Context, path string, src Source) (bool, error) {
	var same bool
	op := query("HASH", path, nil)
	if op.invalid == nil {
		op.invalid = checkPath(path)
	}
	if op.invalid == nil && src == nil {
		op.invalid = ErrSource
	}
	op.run = func(_ context.Context, s *session) error {
		sum := s.newChecksum()
		if sum == nil {
			return &final{reason: ErrNoHash, err: errors.New("it offers neither HASH, XSHA512, XSHA256, XSHA1, XMD5 nor XCRC")}
		}
		if err := sum.add(src); err != nil {
			return err
		}
		text, err := s.askHash(path, sum)
		if err != nil {
			return err
		}
		var found bool
		if same, found = sum.within(text); !found {
			return &final{reason: ErrNoHash, err: errors.New("it answers " + sum.command + " with no hash")}
		}
		return nil
	}
	err := c.do(ctx, op)
	return err == nil && same, err
}
