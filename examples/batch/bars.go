package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// bars tells what happens on a terminal: a bar for the whole, and a line for
// each worker. What else is to be told goes above them.
type bars struct {
	*board
	notes  notes
	screen *mpb.Progress
	all    []*mpb.Bar
}

func newBars(out io.Writer, b *board, verbose bool) *bars {
	s := &bars{board: b}
	s.screen = mpb.New(mpb.WithOutput(out), mpb.WithAutoRefresh(), mpb.WithRefreshRate(150*time.Millisecond))
	s.notes = notes{print: s.print, verbose: verbose}
	add := func(fill mpb.BarFillerFunc) {
		s.all = append(s.all, s.screen.MustAdd(0, fill, mpb.BarFillerTrim()))
	}
	add(s.overall)
	for i := range b.lanes {
		add(func(w io.Writer, at decor.Statistics) error { return s.lane(w, at, i) })
	}
	return s
}

func (s *bars) client() retry.Hooks { return s.board.client().And(s.notes.client()) }
func (s *bars) runner() batch.Hooks { return and(s.board.runner(), s.notes.runner()) }

func (s *bars) remark(format string, args ...any) { s.print(fmt.Sprintf(format, args...)) }

func (s *bars) print(line string) { _, _ = s.screen.Write([]byte(line + "\n")) }

// close takes the bars away: the report says it all.
func (s *bars) close() {
	for _, bar := range s.all {
		bar.Abort(true)
	}
	s.screen.Wait()
}

var style = mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding("-").Rbound("]")

// overall draws the bar of the run.
func (s *bars) overall(w io.Writer, at decor.Statistics) error {
	s.mu.Lock()
	before := s.progress()
	after := []string{amount(s.moved()), amount(int64(s.rate())) + "/s"}
	if s.counts.Failed+s.counts.Unknown > 0 {
		after = append(after, grouped(s.counts.Failed+s.counts.Unknown)+" failed")
	}
	if rest, ok := s.rest(); ok {
		after = append(after, clock(rest)+" left")
	} else {
		after = append(after, clock(time.Since(s.began)))
	}
	at.Current, at.Total = s.ended(), s.total
	if s.ended() == 0 && s.beside.waiting != "" {
		before = s.beside.wait()
	}
	s.mu.Unlock()
	return draw(w, at, before, strings.Join(after, "  "))
}

// lane draws the line of one worker.
func (s *bars) lane(w io.Writer, at decor.Statistics, number int) error {
	s.mu.Lock()
	l := s.lanes[number]
	s.mu.Unlock()
	name := ""
	if l.busy {
		name = task(l.job)
	}
	before := fmt.Sprintf("%3d  %s", number+1, name)
	half := at.AvailableWidth / 2
	if l.waiting != "" {
		rest := at.AvailableWidth - half - 2
		_, err := io.WriteString(w, fit(before, half)+"  "+runewidth.FillRight(runewidth.Truncate(l.wait(), rest, ".."), rest))
		return err
	}
	if !l.busy || l.size < 1 {
		_, err := io.WriteString(w, fit(before, at.AvailableWidth))
		return err
	}
	at.Current, at.Total = l.bytes, l.size
	return draw(w, at, fit(before, half), fmt.Sprintf("%3d%%  %s", 100*l.bytes/l.size, amount(l.size)))
}

// wait says what a lane waits for.
func (l lane) wait() string {
	return fmt.Sprintf("waits %s: %s", clock(max(time.Second, time.Until(l.until))), l.waiting)
}

// draw draws a line with a bar in it, if there is room for one.
func draw(w io.Writer, at decor.Statistics, before, after string) error {
	const least = 10
	room := at.AvailableWidth - runewidth.StringWidth(before) - runewidth.StringWidth(after) - 4
	if room < least || at.Total < 1 {
		_, err := io.WriteString(w, fit(before+"  "+after, at.AvailableWidth))
		return err
	}
	at.Current = min(at.Current, at.Total)
	at.RequestedWidth, at.AvailableWidth = room, room
	if _, err := io.WriteString(w, before+"  "); err != nil {
		return err
	}
	if err := style.Build().Fill(w, at); err != nil {
		return err
	}
	_, err := io.WriteString(w, "  "+after)
	return err
}

// fit makes text as wide as it may be: cut off in the middle, where of a name
// there is the least to know, or filled up.
func fit(text string, width int) string {
	const gap = ".."
	if over := runewidth.StringWidth(text) - width; over > 0 && width > 20 {
		head := runewidth.Truncate(text, width/3, "")
		tail := runewidth.TruncateLeft(text, runewidth.StringWidth(text)-(width-runewidth.StringWidth(head)-len(gap)), gap)
		return runewidth.Truncate(head+tail, width, "")
	}
	return runewidth.FillRight(runewidth.Truncate(text, width, ""), width)
}
