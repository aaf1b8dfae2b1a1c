package retrytest

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// cutFlags takes ls flags such as -a and -al off the argument of LIST or NLST,
// which many clients send and most servers understand.
func cutFlags(arg string) (all bool, name string) {
	for strings.HasPrefix(arg, "-") {
		flags, rest, _ := strings.Cut(arg, " ")
		all = all || strings.ContainsAny(flags, "aA")
		arg = strings.TrimLeft(rest, " ")
	}
	return all, arg
}

// entry is one line of a listing.
type entry struct {
	name string
	info fs.FileInfo
	fact string // the type fact: "file", "dir", "cdir" or "pdir"
}

// entries lists what a name stands for: a directory's content, or one file.
func (s *session) entries(arg string, dots, hide bool) (list []entry, dir bool, refusal string) {
	name := s.absolute(arg)
	info, err := s.srv.tree.stat(name)
	if err != nil {
		return nil, false, replyFor(err)
	}
	if !info.IsDir() {
		return []entry{{arg, info, "file"}}, false, ""
	}
	infos, err := s.srv.tree.list(name)
	if err != nil {
		return nil, false, replyFor(err)
	}
	list = make([]entry, 0, len(infos)+2)
	if dots {
		list = append(list, entry{".", info, "cdir"})
		if up, err := s.srv.tree.stat(path.Dir(name)); err == nil {
			list = append(list, entry{"..", up, "pdir"})
		}
	}
	for _, i := range infos {
		if hide && strings.HasPrefix(i.Name(), ".") {
			continue
		}
		fact := "file"
		if i.IsDir() {
			fact = "dir"
		}
		list = append(list, entry{i.Name(), i, fact})
	}
	return list, true, ""
}

func textTransfer(text []byte) *transfer {
	return &transfer{opening: "150 Here comes the listing.", text: text}
}

// listing is LIST.
func (s *session) listing(arg string) (*transfer, string) {
	text, refusal := s.unixListing(arg)
	if refusal != "" {
		return nil, refusal
	}
	return textTransfer(text), ""
}

// unixListing is in the form of ls -l, in UTC.
func (s *session) unixListing(arg string) (text []byte, refusal string) {
	all, name := cutFlags(arg)
	q := s.srv.cfg.Quirks
	list, _, refusal := s.entries(name, all || q.DotEntries, q.HideDotFiles && !all)
	now := time.Now()
	for _, e := range list {
		text = appendUnix(text, e, now)
	}
	return text, refusal
}

func appendUnix(b []byte, e entry, now time.Time) []byte {
	kind, links, size := "-rw-r--r--    1", "", e.info.Size()
	if e.info.IsDir() {
		kind, size = "drwxr-xr-x    2", 4096
	}
	b = append(append(b, kind...), links...)
	b = append(b, " ftp      ftp      "...)
	digits := strconv.FormatInt(size, 10)
	for range 12 - len(digits) {
		b = append(b, ' ')
	}
	b = append(append(b, digits...), ' ')
	// ls shows the time of day of what is at most half a year old.
	at, form := e.info.ModTime().UTC(), "Jan _2  2006"
	if at.After(now.AddDate(0, -6, 0)) && !at.After(now.Add(time.Minute)) {
		form = "Jan _2 15:04"
	}
	b = append(at.AppendFormat(b, form), ' ')
	return append(append(b, e.name...), '\r', '\n')
}

// nameListing is NLST.
func (s *session) nameListing(arg string) (*transfer, string) {
	all, name := cutFlags(arg)
	q := s.srv.cfg.Quirks
	list, dir, refusal := s.entries(name, all, q.HideDotFiles && !all)
	if refusal != "" {
		return nil, refusal
	}
	var text []byte
	for _, e := range list {
		line := e.name
		if dir && q.NLSTPaths && name != "" {
			line = strings.TrimSuffix(name, "/") + "/" + line
		}
		text = append(append(text, line...), '\r', '\n')
	}
	return textTransfer(text), ""
}

// machineListing is MLSD (RFC 3659 section 7).
func (s *session) machineListing(arg string) (*transfer, string) {
	list, dir, refusal := s.entries(arg, s.srv.cfg.DotEntries, false)
	switch {
	case refusal != "":
		return nil, refusal
	case !dir:
		return nil, "501 Not a directory: MLST is for files."
	}
	var text []byte
	for _, e := range list {
		text = append(appendFacts(text, e), '\r', '\n')
	}
	return textTransfer(text), ""
}

// machineEntry is MLST.
func (s *session) machineEntry(arg string) string {
	name := s.absolute(arg)
	info, err := s.srv.tree.stat(name)
	if err != nil {
		return replyFor(err)
	}
	e := entry{name, info, "file"}
	if info.IsDir() {
		e.fact = "dir"
	}
	return "250-Listing\n " + string(appendFacts(nil, e)) + "\n250 End"
}

func appendFacts(b []byte, e entry) []byte {
	b = append(append(b, "type="...), e.fact...)
	perm := "adfrw"
	if e.info.IsDir() {
		perm = "cdeflmp"
	} else {
		b = strconv.AppendInt(append(b, ";size="...), e.info.Size(), 10)
	}
	b = e.info.ModTime().UTC().AppendFormat(append(b, ";modify="...), timeFormat)
	b = append(append(append(b, ";perm="...), perm...), "; "...)
	return append(b, e.name...)
}
