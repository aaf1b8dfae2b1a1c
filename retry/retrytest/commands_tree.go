package retrytest

import (
	"fmt"
	"strings"
	"time"
)

// timeFormat is that of MDTM, MFMT and the modify fact (RFC 3659 section 2.3).
const timeFormat = "20060102150405"

func (s *session) printDir(string) string {
	return "257 " + quote(s.cwd) + " is the working directory."
}

func (s *session) changeDir(arg string) string {
	name := s.absolute(arg)
	info, err := s.srv.tree.stat(name)
	switch {
	case err != nil:
		return replyFor(err)
	case !info.IsDir():
		return "550 Not a directory."
	}
	s.cwd = name
	return "250 Directory changed."
}

func (s *session) makeDir(arg string) string {
	name := s.absolute(arg)
	if err := s.srv.tree.mkdir(name); err != nil {
		return replyFor(err)
	}
	return "257 " + quote(name) + " created."
}

func (s *session) removeDir(arg string) string {
	return s.remove(arg, true)
}

func (s *session) deleteFile(arg string) string {
	return s.remove(arg, false)
}

func (s *session) remove(arg string, dir bool) string {
	name := s.absolute(arg)
	info, err := s.srv.tree.stat(name)
	switch {
	case err != nil:
		return replyFor(err)
	case dir && !info.IsDir():
		return "550 Not a directory."
	case !dir && info.IsDir():
		return "550 Is a directory."
	}
	if err := s.srv.tree.remove(name); err != nil {
		return replyFor(err)
	}
	return "250 Removed."
}

func (s *session) renameFromName(arg string) string {
	name := s.absolute(arg)
	if _, err := s.srv.tree.stat(name); err != nil {
		return replyFor(err)
	}
	s.renameFrom = name
	return "350 Ready for RNTO."
}

func (s *session) renameToName(arg string) string {
	from, to := s.renameFrom, s.absolute(arg)
	s.renameFrom = ""
	if from == "" {
		return "503 Send RNFR first."
	}
	if _, err := s.srv.tree.stat(to); err == nil && s.srv.cfg.KeepOnRename {
		return "550 File exists."
	}
	if err := s.srv.tree.rename(from, to); err != nil {
		return replyFor(err)
	}
	return "250 Renamed."
}

// fileSize is SIZE (RFC 3659 section 4).
func (s *session) fileSize(arg string) string {
	if s.ascii {
		return "550 SIZE is not allowed in ASCII mode."
	}
	info, err := s.srv.tree.stat(s.absolute(arg))
	switch {
	case err != nil:
		return replyFor(err)
	case info.IsDir():
		return "550 Not a plain file."
	}
	return fmt.Sprint("213 ", info.Size())
}

// modified is MDTM (RFC 3659 section 3). With a time before the name it sets
// the time, where the quirk is on.
func (s *session) modified(arg string) string {
	if first, rest, two := strings.Cut(arg, " "); two && s.srv.cfg.MDTMWrites {
		if at, err := time.Parse(timeFormat, first); err == nil {
			return s.touch(rest, at)
		}
	}
	info, err := s.srv.tree.stat(s.absolute(arg))
	switch {
	case err != nil:
		return replyFor(err)
	case info.IsDir():
		return "550 Not a plain file."
	}
	return "213 " + info.ModTime().UTC().Format(timeFormat)
}

// setModified is MFMT (draft-somers-ftp-mfxx).
func (s *session) setModified(arg string) string {
	stamp, name, _ := strings.Cut(arg, " ")
	at, err := time.Parse(timeFormat, stamp)
	if err != nil || name == "" {
		return "501 MFMT needs a time YYYYMMDDHHMMSS and a name."
	}
	return s.touch(name, at)
}

func (s *session) touch(name string, at time.Time) string {
	if err := s.srv.tree.chtimes(s.absolute(name), at); err != nil {
		return replyFor(err)
	}
	return "213 Modify=" + at.Format(timeFormat) + "; " + name
}

// restart is REST (RFC 3659 section 5).
func (s *session) restart(arg string) string {
	var offset int64
	if _, err := fmt.Sscanf(arg, "%d", &offset); err != nil || offset < 0 || fmt.Sprint(offset) != arg {
		return "501 REST needs a number of bytes."
	}
	if s.ascii && offset > 0 {
		return "501 REST is not allowed in ASCII mode."
	}
	s.rest = offset
	return fmt.Sprintf("350 Restarting at %d.", offset)
}
