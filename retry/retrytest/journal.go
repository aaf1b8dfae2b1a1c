package retrytest

import (
	"sync"
	"time"
)

// Event is one command that the server received, and what it answered.
type Event struct {
	Session int       // from 1, in the order of connecting
	Time    time.Time // when the command had been read
	Command string    // the verb in upper case; Connect for a new control connection
	Arg     string    // "***" in place of a password
	Reply   string    // the final reply as it was sent, lines separated by \n; "" if none was
	Bytes   int64     // moved over the data connection
}

// String is the command line of the event.
func (e Event) String() string {
	if e.Arg == "" {
		return e.Command
	}
	return e.Command + " " + e.Arg
}

// journal keeps the newest events. It is safe for concurrent use.
type journal struct {
	size int // < 0: keep nothing
	mu   sync.Mutex
	all  []*Event
}

// add notes a command as received. The caller fills in the outcome by answer.
func (j *journal) add(session int, verb, arg string) *Event {
	if j.size < 0 {
		return nil
	}
	if arg != "" && (verb == "PASS" || verb == "ACCT") {
		arg = "***"
	}
	e := &Event{Session: session, Time: time.Now(), Command: verb, Arg: arg}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.all) >= 2*j.size {
		// Halving keeps the cost of forgetting off the single command.
		j.all = append(make([]*Event, 0, 2*j.size), j.all[len(j.all)-j.size:]...)
	}
	j.all = append(j.all, e)
	return e
}

// answer notes the reply. It is called before the reply is sent, so that a
// client that has read it finds it in the log.
func (j *journal) answer(e *Event, reply string, moved int64) {
	if e == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if reply != "" {
		e.Reply = reply
	}
	if moved > 0 {
		e.Bytes = moved
	}
}

func (j *journal) events() []Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	from := max(0, len(j.all)-max(j.size, 0))
	out := make([]Event, 0, len(j.all)-from)
	for _, e := range j.all[from:] {
		out = append(out, *e)
	}
	return out
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = nil
}
