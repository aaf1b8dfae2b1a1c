package retry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/jlaffaye/ftp"
)

// FS returns the server's files as a file system to read from. Its root is the
// directory that the login leads to. It is an [fs.ReadDirFS], [fs.StatFS] and
// [fs.ReadFileFS], keeps nothing of what it has read, and is safe for
// concurrent use. ctx bounds all of it, the files that it opens included.
//
// Every question and every download is an operation of the client, replayed
// under its policy and told to its hooks. Opening a file asks whether it is
// there; its download begins with the first Read and goes on by itself across
// lost connections, as that of [Client.Open] does. A file that is being read
// holds one of the client's sessions until io.EOF, an error or Close, so that a
// program must not wait with Config.MaxConns of them half-read for one more.
//
// Errors are *[fs.PathError]. What the server has answered is in it as an
// *[Error]; errors.Is finds [fs.ErrNotExist] where the thing is not there,
// [fs.ErrPermission] where the server says so, and [fs.ErrInvalid] for a name
// that [fs.ValidPath] refuses.
//
// What is known of a file is what MLST says of it (RFC 3659, section 7). On a
// server without MLST it is the line of the directory's listing, so that each
// Open and Stat asks for the whole directory; ReadFile and ReadDir do not. A
// listing tells times to the minute at best, a link from its target, and on
// some servers nothing of names that begin with a dot. Such a file can be
// opened all the same. Modes say what a name is, not who may read it: 0o555 for
// a directory, 0o444 for a file, [fs.ModeSymlink] for a link, which is followed
// by the server when it is read. FileInfo.Sys is the *ftp.Entry.
func (c *Client) FS(ctx context.Context) fs.FS { return &fileSystem{ctx: ctx, client: c} }

// fileSystem is what FS returns.
type fileSystem struct {
	ctx    context.Context
	client *Client
}

var (
	_ fs.ReadDirFS  = (*fileSystem)(nil)
	_ fs.StatFS     = (*fileSystem)(nil)
	_ fs.ReadFileFS = (*fileSystem)(nil)
)

var (
	errNotDirectory = errors.New("not a directory")
	errIsDirectory  = errors.New("is a directory")
)

// Open implements [fs.FS]. The file of a directory is an [fs.ReadDirFile].
func (f *fileSystem) Open(name string) (fs.File, error) {
	if err := checkFSName("open", name); err != nil {
		return nil, err
	}
	info, err := f.stat(name)
	if err != nil {
		return nil, f.failed("open", name, err)
	}
	if info.IsDir() {
		return &openDirectory{system: f, name: name, info: info}, nil
	}
	return newOpenFile(f, name, info), nil
}

// Stat implements [fs.StatFS].
func (f *fileSystem) Stat(name string) (fs.FileInfo, error) {
	if err := checkFSName("stat", name); err != nil {
		return nil, err
	}
	info, err := f.stat(name)
	if err != nil {
		return nil, f.failed("stat", name, err)
	}
	return info, nil
}

// ReadFile implements [fs.ReadFileFS]. It spares the question whether the file
// is there: the download answers it.
func (f *fileSystem) ReadFile(name string) ([]byte, error) {
	if err := checkFSName("read", name); err != nil {
		return nil, err
	}
	if name == "." {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIsDirectory}
	}
	var content bytes.Buffer
	_, err := f.client.Retr(f.ctx, remotePath(name), &content)
	if err == nil {
		return content.Bytes(), nil
	}
	if refused(err) && meaning(err, name) == nil { // why?
		info, gone := f.Stat(name)
		switch {
		case errors.Is(gone, fs.ErrNotExist):
			err = &understood{fs.ErrNotExist, err}
		case gone == nil && info.IsDir():
			err = &understood{errIsDirectory, err}
		}
	}
	return nil, f.failed("read", name, err)
}

// ReadDir implements [fs.ReadDirFS]. What the server lists that is not a name
// is left out, and is an error beside the entries that are.
func (f *fileSystem) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := checkFSName("readdir", name); err != nil {
		return nil, err
	}
	var (
		listed []*ftp.Entry
		isDir  bool
	)
	where := remotePath(name)
	op := query("LIST", where, nil)
	op.run = func(_ context.Context, s *session) (err error) {
		listed, isDir, err = s.listDirectory(where)
		return err
	}
	err := f.client.do(f.ctx, op)
	if err == nil && !isDir {
		err = errNotDirectory
	}
	if err != nil {
		return nil, f.failed("readdir", name, err)
	}
	entries, err := directoryEntries(listed)
	if err != nil {
		return entries, f.failed("readdir", name, err)
	}
	return entries, nil
}

// directoryEntries makes what a server lists a sorted list of what can be
// opened, and an error of the rest.
func directoryEntries(listed []*ftp.Entry) ([]fs.DirEntry, error) {
	entries := make([]fs.DirEntry, 0, len(listed))
	var bad error
	for _, e := range listed {
		switch {
		case e.Name == "." || e.Name == "..":
			continue
		case e.Type == ftp.EntryTypeFolder && strings.HasPrefix(e.Name, "/"):
			continue // the directory itself or its parent by its whole path (RFC 3659, section 7.5.1)
		case checkName(e.Name) != nil || !fs.ValidPath(e.Name):
			if bad == nil { // one is enough to know: the server makes up how many there are
				bad = fmt.Errorf("%w: server lists %q, which is not a name", fs.ErrInvalid, e.Name)
			}
			continue
		}
		entries = append(entries, fs.FileInfoToDirEntry(&entryInfo{e.Name, e}))
	}
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	entries = slices.CompactFunc(entries, func(a, b fs.DirEntry) bool { return a.Name() == b.Name() })
	return entries, bad
}

// stat asks the server what it knows of name.
func (f *fileSystem) stat(name string) (*entryInfo, error) {
	var entry *ftp.Entry
	where := remotePath(name)
	op := query("MLST", where, nil)
	op.run = func(_ context.Context, s *session) (err error) {
		entry, err = s.describe(where)
		return err
	}
	if err := f.client.do(f.ctx, op); err != nil {
		return nil, err
	}
	return &entryInfo{path.Base(name), entry}, nil
}

// failed makes err the error of an operation on a file system.
func (f *fileSystem) failed(op, name string, err error) error {
	if known := meaning(err, name); known != nil && !errors.Is(err, known) {
		err = &understood{known, err}
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// checkFSName refuses what is no name in a file system, and what cannot be sent.
func checkFSName(op, name string) error {
	if !fs.ValidPath(name) || checkText(name) != nil {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}

// remotePath is the server's path of a name. Servers that hand LIST on to ls
// take a dash for an option, and some trim blanks.
func remotePath(name string) string {
	switch {
	case name == ".":
		return ""
	case name[0] == '-' || name[0] == ' ':
		return "./" + name
	}
	return name
}

// understood is a reply whose text has one of io/fs's own errors for it.
type understood struct{ known, err error }

func (u *understood) Error() string   { return fmt.Sprintf("%v (%v)", u.known, u.err) }
func (u *understood) Unwrap() []error { return []error{u.known, u.err} }

// meanings are the words of servers. 550 alone says only that it did not work
// (RFC 959, section 4.2).
var meanings = []struct {
	known error
	words []string
}{
	{fs.ErrNotExist, []string{"no such file", "not found", "not exist", "cannot find", "can't find", "doesn't exist"}},
	{fs.ErrPermission, []string{"permission denied", "access denied", "access is denied", "not permitted"}},
}

// meaning finds the error of io/fs that a refusal stands for, nil if it does
// not say. The name that it is about does not count.
func meaning(err error, name string) error {
	reply := replyOf(err)
	if reply == nil || reply.Code != 450 && reply.Code < 500 {
		return nil
	}
	text := strings.ToLower(reply.Msg)
	for _, part := range []string{name, path.Base(name)} {
		text = strings.ReplaceAll(text, strings.ToLower(part), "")
	}
	for _, m := range meanings {
		for _, words := range m.words {
			if strings.Contains(text, words) {
				return m.known
			}
		}
	}
	return nil
}
