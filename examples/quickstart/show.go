package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/transient"
)

// width is where lines end.
const width = 100

// display tells on out what happens, as it happens. It is for one operation at a
// time, as this program runs them.
type display struct {
	out     io.Writer
	verbose bool

	operations int  // done since the phase began
	faulty     int  // of these, that took more than one attempt, or failed
	all        int  // done in all
	titled     bool // the operation at hand has its title
	began      time.Time
}

// hooks is how a program learns what its client does.
func (s *display) hooks() retry.Hooks {
	return retry.Hooks{
		Failed: func(_ context.Context, f retry.Failed) {
			if !s.titled {
				s.titled = true
				s.line("  %s %s", f.Op, f.Path)
			}
			s.line("    attempt %d  %s: %s", f.Number, cmp.Or(f.Command, "connecting"), what(f))
			s.line("      verdict  %s, %s", f.Verdict.Class, f.Verdict.Rule)
		},
		Wait: func(_ context.Context, w retry.Wait) {
			s.line("      wait     %s, then again on a new session", w.Delay.Round(time.Millisecond))
		},
		Redial: func(context.Context, retry.Attempt) {
			s.line("      no wait  it was the end of an idle session: again at once on a new one")
		},
		Done: s.done,
	}
}

func (s *display) done(_ context.Context, d retry.Done) {
	s.operations++
	s.all++
	switch {
	case d.Err != nil:
		s.line("    gave up    %s", reason(d.Err))
	case s.titled:
		s.line("    attempt %d  done", d.Attempts)
	case s.verbose:
		s.line("  %s %s: done", d.Op, d.Path)
	}
	if s.titled || d.Err != nil {
		s.faulty++
	}
	s.titled = false
}

// what the server said, or what happened instead.
func what(f retry.Failed) string {
	if r := f.Verdict.Reply; r != nil {
		return fmt.Sprintf("%d %s", r.Code, r.Msg)
	}
	return f.Err.Error()
}

func reason(err error) string {
	var e *retry.Error
	if errors.As(err, &e) {
		return e.Reason.Error()
	}
	return err.Error()
}

// opening says what is about to happen.
func (s *display) opening(files tree, srv *server) {
	s.line("sending     %d files, %s, of %s", len(files.names), size(files.bytes()), files.root)
	if srv.embedded == nil {
		s.line("to          %s", srv.config.Addr)
		return
	}
	s.line("to          an embedded server at %s, over TLS, with these faults:", srv.config.Addr)
	for _, f := range srv.faults {
		s.line("              %-8s %-5s %s", f.On, f.sign, f.what)
	}
}

// phase ends the phase before and begins one.
func (s *display) phase(format string, args ...any) {
	s.endPhase()
	s.operations, s.faulty, s.began = 0, 0, time.Now()
	s.line("")
	s.line(format, args...)
}

func (s *display) endPhase() {
	if s.operations > 0 && !s.began.IsZero() {
		faults := "none of which met a fault"
		if s.faulty > 0 {
			faults = fmt.Sprintf("%d of which met a fault", s.faulty)
		}
		s.line("  %d operations in %s, %s", s.operations, seconds(time.Since(s.began)), faults)
	}
}

// summary is the table at the end.
func (s *display) summary(r result, files tree, stats retry.Stats, srv *server, took time.Duration) {
	s.endPhase()
	s.line("")
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("files", "%d of %d sent, %d listed, %d received, %d identical", r.sent, len(files.names), r.listed, r.received, r.same)
	row("bytes", "%s sent, %s received", size(stats.Sent), size(stats.Received))
	row("moved twice", "%s", size(stats.MovedTwice))
	row("operations", "%d, in %d attempts", s.all, stats.Attempts)
	row("replays", "%s", replays(stats.Replays))
	row("redials", "%d", stats.Redials)
	row("dials", "%d", stats.Dials)
	if srv.embedded != nil {
		row("faults met", "%d of %d", len(srv.faults)-srv.embedded.Pending(), len(srv.faults))
	}
	row("elapsed", "%s", seconds(took))
	_ = t.Flush()
	s.line("")
	if r.same == len(files.names) && r.listed == r.same {
		s.line("all %d files identical", r.same)
	} else {
		s.line("%d of %d files did not make it", len(files.names)-r.same, len(files.names))
	}
}

// replays lists the classes of failures that were replayed.
func replays(by map[transient.Class]int64) string {
	var parts []string
	for _, class := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%s %d", class, by[class]))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// line prints one line, cut off where the screen ends.
func (s *display) line(format string, args ...any) {
	text := strings.Join(strings.FieldsFunc(fmt.Sprintf(format, args...), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if r := []rune(text); len(r) > width {
		text = string(r[:width-3]) + "..."
	}
	fmt.Fprintln(s.out, strings.TrimRight(text, " "))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 10<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
