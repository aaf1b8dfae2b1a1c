package batch

import "time"

// Report is what came of a run. It does not grow with the number of jobs beyond
// the limits named at its fields; a journal has every job. Its JSON form is
// stable: durations are seconds with fractions.
type Report struct {
	Server  string    // host:port
	Started time.Time // of the run
	Took    time.Duration
	Workers int
	Stopped string // why the run ended early, for people; "" = it did not
	Unread  bool   // there may be more jobs, which are counted nowhere: the sequence was left before its end

	Jobs       Counts
	Uploaded   int64 // bytes of content
	Downloaded int64
	MovedTwice int64            // bytes moved again after a failure
	Attempts   int64            // of all operations of its jobs, first ones included
	Replays    map[string]int64 // attempts that were replayed, by transient.Class
	Dials      int64            // connections that the client began meanwhile
	Waited     time.Duration    // between attempts, of all workers together

	Notes    map[string]int64 // what did not work and is no failure, and in how many jobs; 20 texts at most
	Problems []Entry          // failed and unknown jobs in order of their end, 1,000 at most
	Slowest  []Entry          // 10
	Replayed []Entry          // most attempts first, 10

	// Bars are the jobs as they ran, one lane for each worker, 20,000 at most:
	// beyond that, jobs that follow each other in a lane without trouble are
	// drawn as one.
	Bars    []Bar
	Waits   []Span // waits between attempts, 10,000 at most
	Outages []Span // times at which no worker could get a session, Lane -1, 10,000 at most
}

// Counts are jobs by State.
type Counts struct{ Total, Done, Skipped, Failed, Unknown, NotRun int64 }

// Entry is one job in a list of the report.
type Entry struct {
	Kind              Kind
	Remote, Local, To string
	State             State
	Error             string // "" for none
	Next              string // what a person does about it; "" for nothing
	Attempts          int
	Bytes, MovedTwice int64
	Began             time.Duration // since Started
	Took, Waited      time.Duration
}

// Bar is one job, or Jobs of them, in a lane of the timeline.
type Bar struct {
	Lane     int
	From, To time.Duration // since Started
	Jobs     int
	Bytes    int64
	State    State  // the worst of them
	Attempts int    // of all
	Name     string // of the first
}

// Span is a part of the timeline.
type Span struct {
	Lane     int
	From, To time.Duration // since Started
	Why      string        // such as "Overload: 421 too many users"
}
