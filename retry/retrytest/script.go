package retrytest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// script is the list of faults still to come. It is safe for concurrent use.
type script struct {
	armed  atomic.Bool // false: match has nothing to look at
	mu     sync.Mutex
	faults []*scripted
}

// scripted is a fault and how far its counting has come.
type scripted struct {
	Fault
	seen int // commands that matched On and Path
	used int // times it acted
}

func (s *script) add(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		f.On = strings.ToUpper(f.On)
		f.Nth = max(f.Nth, 1)
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, &scripted{Fault: f})
	}
	s.armed.Store(len(s.faults) > 0)
}

func (s *script) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	s.armed.Store(false)
}

func (s *script) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.faults)
}

// match counts one command and returns a copy of the fault it meets, or nil. Every fault
// that names the command counts it, also while another one acts, so that Nth
// means the same whatever else is in the script. A fault that was due while an
// earlier one acted is due again at the next command.
func (s *script) match(verb, arg string) *Fault {
	if !s.armed.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var hit *scripted
	for _, f := range s.faults {
		if f.On != verb && (f.On != "*" || verb == Connect) || f.Path != "" && f.Path != arg {
			continue
		}
		f.seen++
		if hit == nil && f.seen >= f.Nth {
			hit = f
		}
	}
	if hit == nil {
		return nil
	}
	hit.used++
	if hit.Times > 0 && hit.used >= hit.Times {
		s.faults = slices.DeleteFunc(s.faults, func(f *scripted) bool { return f == hit })
		s.armed.Store(len(s.faults) > 0)
	}
	f := hit.Fault
	return &f
}

// touchesData tells whether the fault happens to a transfer in progress.
func (f *Fault) touchesData() bool {
	return f != nil && (f.Data != Keep || f.StallData || f.Early || f.Silent)
}

// refuses tells whether the fault keeps the command from being executed.
func (f *Fault) refuses() bool {
	switch {
	case f == nil, f.After, f.Also, f.touchesData():
		return false
	case f.Reply != "", f.Lose, f.Stall:
		return true
	}
	// Push alone comes after the command's own reply, so the command runs.
	return f.Control != Keep && f.Push == ""
}

// check says what a person wrote wrongly in a script.
func (f *Fault) check() error {
	switch {
	case f.On == "":
		return fmt.Errorf("retrytest: Fault.On is empty: name a command, %q or \"*\"", Connect)
	case f.At < 0:
		return fmt.Errorf("retrytest: Fault.At is %d for %s: count bytes from 0", f.At, f.On)
	case f.Data < Keep || f.Data > RST || f.Control < Keep || f.Control > RST:
		return fmt.Errorf("retrytest: Fault.Data and Control for %s must be Keep, FIN or RST", f.On)
	case f.Also && f.Reply == "":
		return fmt.Errorf("retrytest: Fault.Also for %s needs a Reply to send as well", f.On)
	}
	return nil
}

// begin does what comes first when a fault has been chosen.
func (f *Fault) begin(gone <-chan struct{}) {
	if f == nil {
		return
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-gone:
		}
	}
	if f.Run != nil {
		f.Run()
	}
}

// final is what the fault leaves of a command's own final reply.
func (f *Fault) final(own string) string {
	switch {
	case f.Lose, f.Stall:
		return ""
	case f.Also && f.After:
		return f.Reply + "\n" + own
	case f.Also, f.Reply == "":
		return own
	}
	return f.Reply
}
