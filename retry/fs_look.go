package retry

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/jlaffaye/ftp"
)

// The questions of a file system, each within one attempt. Every error is one
// that an attempt may fail of.

// describe returns what the server knows of name; "" is the directory of the
// login.
func (s *session) describe(name string) (*ftp.Entry, error) {
	if name == "" {
		return s.describeRoot()
	}
	var refusal error
	if s.ftp.IsTimePreciseInList() {
		entry, err := s.ftp.GetEntry(name)
		if err == nil || s.lost(err) || meaning(err, name) != nil {
			return entry, err
		}
		refusal = err // that does not say why: the directory may tell
	}
	listed, err := s.ftp.List(remotePath(path.Dir(name)))
	if err != nil {
		if s.lost(err) {
			return nil, err
		}
		if refusal == nil {
			refusal = err
		}
		return s.describeAlone(name, refusal)
	}
	for _, e := range listed {
		if e.Name == path.Base(name) {
			return e, nil
		}
	}
	return s.describeAlone(name, nil)
}

// describeRoot asks for the directory that the session is in. It is one
// whatever the server says; the question shows that there is a server.
func (s *session) describeRoot() (*ftp.Entry, error) {
	root := &ftp.Entry{Type: ftp.EntryTypeFolder}
	if !s.ftp.IsTimePreciseInList() {
		return root, s.noOp()
	}
	entry, err := s.ftp.GetEntry("")
	if err == nil {
		root.Time = entry.Time
	} else if s.lost(err) {
		return nil, err
	}
	return root, nil
}

// describeAlone asks for name by itself, where the listing of its directory
// does not show it, or is refused with refusal. A listing may leave out a name
// that begins with a dot (vsftpd), one in other letters than it is asked for,
// and one whose line the ftp package cannot read.
func (s *session) describeAlone(name string, refusal error) (*ftp.Entry, error) {
	size, err := s.fileSize(name)
	if err == nil {
		return s.describeFile(name, size)
	}
	reply := replyOf(err)
	if reply == nil || s.lost(err) {
		return nil, err
	}
	missing := &understood{fs.ErrNotExist, err}
	if refusal == nil && !strings.HasPrefix(path.Base(name), ".") {
		return nil, missing
	}
	there, err := s.enters(name)
	switch {
	case err != nil:
		return nil, err
	case there:
		return &ftp.Entry{Name: path.Base(name), Type: ftp.EntryTypeFolder}, nil
	case refusal == nil || reply.Code == 550:
		return nil, missing
	}
	return nil, refusal // SIZE is not to be had: it may be a file or nothing
}

func (s *session) describeFile(name string, size int64) (*ftp.Entry, error) {
	entry := &ftp.Entry{Name: path.Base(name), Type: ftp.EntryTypeFile, Size: uint64(max(size, 0))}
	if !s.ftp.IsGetTimeSupported() {
		return entry, nil
	}
	t, err := s.ftp.GetTime(name)
	if err == nil {
		entry.Time = t
	} else if s.lost(err) {
		return nil, err
	}
	return entry, nil
}

// listDirectory lists name and tells whether it is a directory.
func (s *session) listDirectory(name string) ([]*ftp.Entry, bool, error) {
	listed, err := s.ftp.List(name)
	return s.asDirectory(name, listed, err)
}

// asDirectory tells whether what name was listed as is that of a directory. LIST
// alone does not: of a file it shows the file and links to it, of nothing it
// shows nothing, and of a directory that may not be read vsftpd shows the
// directory itself.
func (s *session) asDirectory(name string, listed []*ftp.Entry, err error) (_ []*ftp.Entry, isDir bool, _ error) {
	switch {
	case err != nil && (name == "" || s.lost(err) || !refused(err)):
		return nil, false, err
	case err == nil && (name == "" || s.wire.Exchange().Command == "MLSD" || len(listed) > 0 && among(listed, name) == nil):
		return listed, true, nil
	}
	entry, why := s.describe(name)
	if why != nil {
		return nil, false, why
	}
	itself := among(listed, name)
	switch {
	case entry.Type == ftp.EntryTypeFile && err != nil:
		return nil, false, &understood{errNotDirectory, err}
	case entry.Type == ftp.EntryTypeFile, entry.Type == ftp.EntryTypeLink && itself != nil:
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case entry.Type == ftp.EntryTypeLink:
		isDir, err = s.enters(name)
		return listed, isDir, err
	case itself != nil && itself.Type == ftp.EntryTypeFolder:
		if isDir, err = s.enters(name + "/" + path.Base(name)); !isDir && err == nil {
			err = &understood{fs.ErrPermission, errUnlisted}
		}
		return listed, isDir, err
	}
	return listed, true, nil
}

// errUnlisted is what a server means that shows a directory instead of what is
// in it.
var errUnlisted = errors.New("server shows the directory itself, not what is in it")

// among finds what LIST may show of name itself.
func among(listed []*ftp.Entry, name string) *ftp.Entry {
	base := path.Base(name)
	for _, e := range listed {
		if path.Base(e.Name) == base || e.Type == ftp.EntryTypeLink && path.Base(e.Target) == base {
			return e
		}
	}
	return nil
}

// enters reports whether name is a directory, which CWD tells on every server.
// It costs the session, which is not where it was afterwards.
func (s *session) enters(name string) (bool, error) {
	err := s.ftp.ChangeDir(name)
	switch {
	case err == nil:
		return true, nil
	case refused(err):
		return false, nil
	}
	return false, err
}
