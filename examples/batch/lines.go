package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// lines tells what happens where there is no terminal: one line now and then,
// and one for each job that fails.
type lines struct {
	*board
	notes notes

	printing sync.Mutex
	out      io.Writer

	over chan struct{}
	done sync.WaitGroup
}

func newLines(out io.Writer, b *board, verbose bool) *lines {
	l := &lines{board: b, out: out, over: make(chan struct{})}
	l.notes = notes{print: l.print, verbose: verbose}
	l.done.Add(1)
	go l.tick()
	return l
}

func (l *lines) client() retry.Hooks { return l.board.client().And(l.notes.client()) }
func (l *lines) runner() batch.Hooks { return and(l.board.runner(), l.notes.runner()) }

func (l *lines) remark(format string, args ...any) { l.print(fmt.Sprintf(format, args...)) }

func (l *lines) close() {
	close(l.over)
	l.done.Wait()
}

func (l *lines) print(line string) {
	l.printing.Lock()
	defer l.printing.Unlock()
	fmt.Fprintln(l.out, time.Now().Format(time.TimeOnly), line)
}

// tick prints how far the run is, until it is over.
func (l *lines) tick() {
	defer l.done.Done()
	for {
		timer := time.NewTimer(interval(time.Since(l.began)))
		select {
		case <-timer.C:
			l.print(l.summary())
		case <-l.over:
			timer.Stop()
			return
		}
	}
}

// summary is how far the run is, in one line.
func (b *board) summary() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	parts := []string{b.progress()}
	if b.counts.Failed+b.counts.Unknown > 0 {
		parts = append(parts, grouped(b.counts.Failed+b.counts.Unknown)+" failed")
	}
	parts = append(parts, amount(b.moved()), amount(int64(b.rate()))+"/s")
	if rest, ok := b.rest(); ok {
		parts = append(parts, "about "+clock(rest)+" left")
	}
	waiting, why := 0, ""
	for _, l := range b.lanes {
		if l.waiting != "" {
			waiting, why = waiting+1, l.waiting
		}
	}
	switch {
	case waiting > 0:
		parts = append(parts, fmt.Sprintf("%d of %d workers wait: %s", waiting, len(b.lanes), why))
	case b.beside.waiting != "":
		parts = append(parts, "waiting: "+b.beside.waiting)
	}
	return strings.Join(parts, ", ")
}

// progress is how much has had its turn, of how much. The caller holds the lock.
func (b *board) progress() string {
	if b.total < 1 {
		return grouped(b.ended()) + " so far"
	}
	return grouped(b.ended()) + " of " + grouped(max(b.total, b.ended()))
}
