package retry

import (
	"errors"
	"net/textproto"
	"path"
	"regexp"
	"strings"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/transient"
)

// presence is whether a name is there.
type presence int

const (
	unclear presence = iota // the server does not tell
	present
	absent
)

func (p presence) String() string { return [...]string{"unclear", "there", "gone"}[p] }

// kind is what is looked for under a name. Something of another kind is not it.
type kind int

const (
	anything kind = iota
	aFile
	aDirectory
)

// settle resolves a refusal that came after an attempt which may have been
// executed: it is success if name is as that attempt would have left it, a
// refusal if it is not, and unknown if the server does not tell.
func (s *session) settle(name string, k kind, want presence, refusal error) error {
	is, err := s.exists(name, k)
	switch {
	case err != nil:
		return err
	case is == want:
		return nil
	case is == unclear:
		return &final{reason: ErrOutcomeUnknown, err: refusal}
	}
	return refusal
}

// exists asks whether name is there: by MLST, or by SIZE, CWD and NLST of its
// directory, what the server has. That a question is refused proves nothing
// unless the refusal can only mean that there is nothing: a name that may not be
// looked at is unclear. Every error is one that an attempt may fail of (test:
// TestARefusedReplayIsSuccessOnlyWhereTheServerShowsItsEffect).
func (s *session) exists(name string, k kind) (presence, error) {
	if s.ftp.IsTimePreciseInList() {
		entry, err := s.ftp.GetEntry(name)
		switch {
		case err == nil && k == aDirectory && entry.Type != ftp.EntryTypeFolder:
			return absent, nil
		case err == nil:
			return present, nil
		case missing(err):
			return absent, nil
		case s.lost(err):
			return unclear, s.failing(err)
		}
	}
	gone := true // every question was answered as for a name that is not there
	if k != aDirectory {
		_, err := s.fileSize(name)
		switch {
		case err == nil:
			return present, nil
		case s.lost(err):
			return unclear, s.failing(err)
		}
		gone = missing(err)
	}
	listed, err := s.listed(name)
	switch {
	case err != nil:
		return unclear, err
	case listed == present && k != aDirectory:
		return present, nil
	case !gone && listed == absent && !hiddenName(name):
		gone = true // a server without SIZE
	}
	if k == aFile {
		return absentIf(gone), nil
	}
	// CWD knows directories, and those that a listing hides. The session is
	// elsewhere after it.
	s.wire.Break(errMoved)
	err = s.ftp.ChangeDir(name)
	if reply := replyOf(err); err != nil && (reply == nil || reply.Code < 500) {
		return unclear, err
	}
	if err == nil {
		return present, nil
	}
	return absentIf(gone && missing(err) && listed != present), nil
}

func absentIf(yes bool) presence {
	if yes {
		return absent
	}
	return unclear
}

// listed reports whether NLST shows name in its directory: absent where the
// directory shows others or says that it is empty, unclear where it says
// nothing, for that is also how an unreadable directory is answered (vsftpd).
func (s *session) listed(name string) (presence, error) {
	names, err := s.ftp.NameList(parent(name))
	switch {
	case missing(err) || replyOf(err) != nil && noFiles.MatchString(replyOf(err).Msg):
		return absent, nil
	case err != nil && s.lost(err):
		return unclear, s.failing(err)
	case err != nil:
		return unclear, nil
	}
	for _, n := range names {
		if path.Base(n) == path.Base(name) {
			return present, nil
		}
		if strings.EqualFold(path.Base(n), path.Base(name)) {
			return unclear, nil // on a server that takes both for the same
		}
	}
	if len(names) == 0 {
		return unclear, nil
	}
	return absent, nil
}

var (
	noFiles = regexp.MustCompile(`(?i)no files found`)
	denied  = regexp.MustCompile(`(?i)permission|denied|not allowed|not permitted|forbidden|privilege|access|unauthori[sz]ed|policy|\*\*\*`) // stars: what stood there is not known
)

// missing reports whether err is a refusal that says of a name that it is not
// there, or at least nothing else.
func missing(err error) bool {
	reply := replyOf(err)
	return reply != nil && reply.Code == 550 && !denied.MatchString(reply.Msg)
}

// hiddenName reports whether listings may leave the name out (vsftpd does).
func hiddenName(name string) bool { return strings.HasPrefix(path.Base(name), ".") }

// errMoved is why a session is not used again that has been led elsewhere.
var errMoved = errors.New("working directory was changed to look at a name")

// lost reports whether a question failed in a way that an attempt fails of,
// rather than being refused for good: the connection with it, or with a reply
// that can heal.
func (s *session) lost(err error) bool {
	if replyOf(err) == nil && !s.wire.InStep() || s.wire.Strayed() {
		return true
	}
	x := s.wire.Exchange()
	return s.endpoint.cfg.Classifier.Classify(transient.Failure{Command: x.Command, Path: x.Path, Err: err}).Transient()
}

// failing is what an attempt fails of when a question of it is lost. A refusal
// that came with more than was asked for is no answer to go by.
func (s *session) failing(err error) error {
	if replyOf(err) != nil && s.wire.Strayed() {
		return textproto.ProtocolError("connection out of step after " + oneLine(err.Error()))
	}
	return err
}

// parent is the directory of name, "" for the working directory. Nothing is
// cleaned away: "link/../x" need not be "x", and the "./" of "./-l" keeps a name
// from being taken for an option.
func parent(name string) string {
	name = strings.TrimRight(name, "/")
	switch i := strings.LastIndexByte(name, '/'); {
	case i < 0:
		return ""
	case i == 0:
		return "/"
	default:
		return name[:i]
	}
}

// within is the path of name in dir, as it is listed there.
func within(dir, name string) string {
	if dir == "" {
		return name
	}
	return strings.TrimRight(dir, "/") + "/" + name
}
