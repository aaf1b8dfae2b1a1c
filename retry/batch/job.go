package batch

import (
	"fmt"
	"time"
)

// Kind is what a job does. The zero Kind is none: a job without one is refused.
type Kind int

// The kinds of jobs.
const (
	Upload   Kind = iota + 1 // Local to Remote
	Download                 // Remote to Local
	Delete                   // the file Remote
	Rename                   // Remote to To
	MakeDir                  // the directory Remote; done if it is there already
	Barrier                  // what follows begins when everything before has ended; neither told to hooks nor counted

	RemoveDir   // the directory Remote, which is empty
	LocalDir    // make the local directory Local; only of a mirror
	LocalDelete // the local file, or empty directory, Local; only of a mirror
	List        // look into the directory Remote, or Local; only of a mirror, and only where that has failed
)

var kinds = [...]string{
	Upload: "upload", Download: "download", Delete: "delete", Rename: "rename", MakeDir: "mkdir", Barrier: "barrier",
	RemoveDir: "rmdir", LocalDir: "local mkdir", LocalDelete: "local delete", List: "list",
}

// String returns the name of the kind, such as "upload", "mkdir" or "barrier".
func (k Kind) String() string {
	if k < Upload || int(k) >= len(kinds) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kinds[k]
}

// MarshalText returns the name of the kind; "" for none, which a report shows of
// a job that was refused for that.
func (k Kind) MarshalText() ([]byte, error) {
	if k == 0 {
		return nil, nil
	}
	if k < Upload || int(k) >= len(kinds) {
		return nil, fmt.Errorf("batch: no kind of job has the number %d", int(k))
	}
	return []byte(kinds[k]), nil
}

// UnmarshalText reads what MarshalText has written.
func (k *Kind) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*k = 0
		return nil
	}
	for i, name := range kinds {
		if name != "" && name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("batch: %q is no kind of job: want upload, download, delete, rename, mkdir, rmdir or barrier", text)
}

// Job is one thing to be done. Two jobs of the same Kind, Remote, Local and To
// are the same job to a journal.
type Job struct {
	Kind   Kind   `json:"kind"`
	Remote string `json:"remote,omitempty"` // name on the server
	Local  string `json:"local,omitempty"`  // local file, of Upload and Download
	To     string `json:"to,omitempty"`     // new name on the server, of Rename

	// Size is the size in bytes where it is known already, from a listing; less
	// than 0 or 0 where it is not. A download of known size costs no SIZE.
	Size int64 `json:"size,omitempty"`
	// Time is the modification time that the file gets at its goal, where the
	// server or the local system allows it; zero = what the transfer makes it.
	Time time.Time `json:"time,omitzero"`

	// compared says that both sides were looked at and it is to be done,
	// whatever a journal says. Of such a job a journal tells only how far it
	// had come.
	compared bool

	// since is the latest run that has done a job of before the last barrier.
	// What an earlier run has done with this one is perhaps undone by that.
	since int

	mirror *follower // told of its end; nil = nobody
}

// identity is what makes two jobs the same.
func (j Job) identity() Job {
	return Job{Kind: j.Kind, Remote: j.Remote, Local: j.Local, To: j.To}
}

// check refuses a job that cannot be run at all.
func (j Job) check() error {
	switch {
	case j.Kind < Upload || int(j.Kind) >= len(kinds):
		return fmt.Errorf("job has no kind: give it one, such as %v", Upload)
	case j.Kind == Barrier:
		return nil
	case j.Kind > RemoveDir && j.compared:
		return nil
	case j.Kind > RemoveDir:
		return fmt.Errorf("%v is only for mirrors: use MirrorUp or MirrorDown", j.Kind)
	case j.Remote == "":
		return fmt.Errorf("%v has no name on the server: set Remote", j.Kind)
	case j.Local == "" && (j.Kind == Upload || j.Kind == Download):
		return fmt.Errorf("%v has no local file: set Local", j.Kind)
	case j.To == "" && j.Kind == Rename:
		return fmt.Errorf("%v has no new name: set To", j.Kind)
	}
	return nil
}

// State is how a job ended. The zero State is that it was not run.
type State int

// The states.
const (
	NotRun  State = iota // the run ended before its turn
	Done                 // proven
	Skipped              // a journal says that an earlier run has done it
	Failed               // it was not done, or cannot be
	Unknown              // perhaps done: the server offers no way to find out
)

var states = [...]string{NotRun: "not run", Done: "done", Skipped: "skipped", Failed: "failed", Unknown: "unknown"}

// String returns "not run", "done", "skipped", "failed" or "unknown".
func (s State) String() string {
	if s < NotRun || int(s) >= len(states) {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return states[s]
}

// MarshalText returns the name of the state.
func (s State) MarshalText() ([]byte, error) {
	if s < NotRun || int(s) >= len(states) {
		return nil, fmt.Errorf("batch: no state has the number %d", int(s))
	}
	return []byte(states[s]), nil
}

// UnmarshalText reads the name of a state.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range states {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("batch: %q is no state of a job", text)
}

// Result is a job that has ended.
type Result struct {
	Job
	State      State
	Err        error         // nil for Done and Skipped
	Note       string        // what did not work and is no failure, such as to set the time; "" = nothing
	Worker     int           // lane, from 0; -1 for a job that no worker had
	Began      time.Time     // zero for a job that no worker had
	Took       time.Duration // waits included
	Waited     time.Duration // of it, between attempts
	Attempts   int           // 1, and one more for each time that something was tried again
	Bytes      int64         // content that this run has moved to its goal
	MovedTwice int64         // bytes moved again
}
