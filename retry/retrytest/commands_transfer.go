package retrytest

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// prepare makes a transfer out of a command. Refused or not, it uses up the
// offset of REST and, if refused, the data connection that was to serve it.
func (s *session) prepare(c command, arg string) (*transfer, string) {
	if s.srv.cfg.RequireTLS && !s.protect {
		s.closePassive()
		return nil, "522 Data connections must be protected: send PROT P."
	}
	t, refusal := c.data(s, arg)
	s.rest = 0
	if t == nil {
		s.closePassive()
	}
	return t, refusal
}

func (s *session) offset() int64 {
	if s.srv.cfg.RestartIgnored {
		return 0
	}
	return s.rest
}

func (s *session) retrieve(arg string) (*transfer, string) {
	f, err := s.srv.tree.open(s.absolute(arg))
	if err != nil {
		return nil, replyFor(err)
	}
	size, offset := f.size(), s.offset()
	if s.srv.cfg.RestartStrict && offset > size {
		_ = f.close()
		return nil, "554 REST is beyond the end of the file."
	}
	return &transfer{
		opening: fmt.Sprintf("150 Opening data connection (%d bytes).", max(0, size-offset)),
		file:    f, offset: offset,
	}, ""
}

// store is STOR. The file is truncated here, before there is a data connection,
// as vsftpd does.
func (s *session) store(arg string) (*transfer, string) {
	name, offset, q := s.absolute(arg), s.offset(), s.srv.cfg.Quirks
	info, err := s.srv.tree.stat(name)
	there, size := err == nil, int64(0)
	if there {
		size = info.Size()
	}
	switch {
	case offset > 0 && q.HiddenStores:
		return nil, "501 REST is not compatible with the server's configuration."
	case offset > 0 && there && q.AppendRestartRefused:
		return nil, "451 " + arg + ": Append/Restart not permitted, try again"
	case offset > size && q.RestartStrict:
		return nil, "554 REST is beyond the end of the file."
	case offset > size && q.RestartClamped, offset > 0 && q.RestartAppends:
		offset = size
	}
	if q.HiddenStores {
		return s.storeHidden(name)
	}
	t, refusal := s.upload(name, offset == 0)
	if t == nil {
		return nil, refusal
	}
	t.offset = offset
	if offset > 0 && q.RestartTruncates {
		if err := t.file.truncate(offset); err != nil {
			return nil, replyForWrite(errors.Join(err, t.file.close()))
		}
	}
	return t, ""
}

// storeHidden uploads under a temporary name, as ProFTPD's HiddenStores does.
func (s *session) storeHidden(name string) (*transfer, string) {
	dir, base := path.Split(name)
	hidden := dir + ".in." + base + "."
	if _, err := s.srv.tree.stat(hidden); err == nil {
		return nil, "550 " + base + ": Temporary hidden file " + hidden + " already exists"
	}
	t, refusal := s.upload(hidden, true)
	if t == nil {
		return nil, refusal
	}
	t.done = func(complete bool) error {
		if complete {
			return s.srv.tree.rename(hidden, name)
		}
		return s.srv.tree.remove(hidden)
	}
	return t, ""
}

func (s *session) appendTo(arg string) (*transfer, string) {
	name := s.absolute(arg)
	if _, err := s.srv.tree.stat(name); err == nil && s.srv.cfg.AppendRestartRefused {
		return nil, "451 " + arg + ": Append/Restart not permitted, try again"
	}
	t, refusal := s.upload(name, false)
	if t == nil {
		return nil, refusal
	}
	t.offset = t.file.size()
	return t, ""
}

func (s *session) upload(name string, truncate bool) (*transfer, string) {
	f, err := s.srv.tree.create(name, truncate)
	if err != nil {
		if reply := replyFor(err); !errors.Is(err, fs.ErrNotExist) {
			return nil, reply
		}
		return nil, "553 Could not create the file: no such directory."
	}
	t := &transfer{opening: "150 Ok to send data.", upload: true, file: f}
	if s.srv.cfg.DeleteFailedUploads {
		t.done = func(complete bool) error {
			if complete {
				return nil
			}
			return s.srv.tree.remove(name)
		}
	}
	return t, ""
}
