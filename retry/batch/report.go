package batch

import "time"

// Report is what came of a run. It does not grow with the number of jobs beyond
// the limits named at its fields; a journal has every job.
//
// Its JSON form is stable: names as they stand in the tags, times as RFC 3339 has
// them, durations as seconds with fractions, kinds and states by their names.
// What is read back is what was written. Names may be added, and one that is not
// known is passed over in reading.
type Report struct {
	Server  string        `json:"server"`  // host:port
	Started time.Time     `json:"started"` // of the run
	Took    time.Duration `json:"took"`
	Workers int           `json:"workers"`
	Stopped string        `json:"stopped,omitempty"` // why the run ended early, for people; "" = it did not
	Unread  bool          `json:"unread,omitempty"`  // there may be more jobs, which are counted nowhere: the sequence was left before its end

	Jobs       Counts           `json:"jobs"`
	Uploaded   int64            `json:"uploaded"` // bytes of content
	Downloaded int64            `json:"downloaded"`
	MovedTwice int64            `json:"moved_twice"`       // bytes moved again after a failure
	Attempts   int64            `json:"attempts"`          // of all operations of its jobs, first ones included
	Replays    map[string]int64 `json:"replays,omitempty"` // attempts that were replayed, by transient.Class
	Dials      int64            `json:"dials"`             // connections that the client began meanwhile
	Waited     time.Duration    `json:"waited"`            // between attempts, of all workers together

	Notes    map[string]int64 `json:"notes,omitempty"`    // what did not work and is no failure, and in how many jobs; 20 texts at most
	Problems []Entry          `json:"problems,omitempty"` // failed and unknown jobs in order of their end, 1,000 at most
	Slowest  []Entry          `json:"slowest,omitempty"`  // 10
	Replayed []Entry          `json:"replayed,omitempty"` // most attempts first, 10

	// Bars are the jobs as they ran, one lane for each worker, 20,000 at most:
	// beyond that, jobs that follow each other in a lane without trouble are
	// drawn as one.
	Bars    []Bar  `json:"bars,omitempty"`
	Waits   []Span `json:"waits,omitempty"`   // waits between attempts, 10,000 at most
	Outages []Span `json:"outages,omitempty"` // times of a second or more at which no worker could get a session, Lane -1, 10,000 at most
}

// Counts are jobs by State.
type Counts struct {
	Total   int64 `json:"total"`
	Done    int64 `json:"done"`
	Skipped int64 `json:"skipped"`
	Failed  int64 `json:"failed"`
	Unknown int64 `json:"unknown"`
	NotRun  int64 `json:"not_run"`
}

// Entry is one job in a list of the report.
type Entry struct {
	Kind       Kind          `json:"kind"`
	Remote     string        `json:"remote,omitempty"`
	Local      string        `json:"local,omitempty"`
	To         string        `json:"to,omitempty"`
	State      State         `json:"state"`
	Error      string        `json:"error,omitempty"` // "" for none
	Next       string        `json:"next,omitempty"`  // what a person does about it; "" for nothing
	Attempts   int           `json:"attempts"`
	Bytes      int64         `json:"bytes"`
	MovedTwice int64         `json:"moved_twice"`
	Began      time.Duration `json:"began"` // since Started
	Took       time.Duration `json:"took"`
	Waited     time.Duration `json:"waited"`
}

// Bar is one job, or Jobs of them, in a lane of the timeline.
type Bar struct {
	Lane     int           `json:"lane"`
	From     time.Duration `json:"from"` // since Started
	To       time.Duration `json:"to"`
	Jobs     int           `json:"jobs"`
	Bytes    int64         `json:"bytes"`
	State    State         `json:"state"`    // the worst of them
	Attempts int           `json:"attempts"` // of all
	Name     string        `json:"name"`     // of the first
}

// Span is a part of the timeline.
type Span struct {
	Lane int           `json:"lane"`
	From time.Duration `json:"from"` // since Started
	To   time.Duration `json:"to"`
	Why  string        `json:"why"` // such as "Overload: 421 too many users"
}
