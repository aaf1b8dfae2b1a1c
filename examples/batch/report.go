package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// conclude tells what came of a run.
func (s *settings) conclude(t terminal, r *batch.Report) error {
	if s.json {
		logReport(newLog(t.out, s.verbose), r)
	} else if err := r.WriteText(t.out); err != nil {
		return err
	}
	if s.html == "" {
		return nil
	}
	return writePage(s.html, r)
}

// logReport logs a report without its lists, which may be long.
func logReport(l *log, r *batch.Report) {
	short := *r
	short.Problems, short.Slowest, short.Replayed = nil, nil, nil
	short.Bars, short.Waits, short.Outages = nil, nil, nil
	l.Info("run ended", slog.Any("report", short))
}

// writePage writes the report as a page. Whoever looks at the name sees the old
// one or the new one, and never half of it.
func writePage(name string, r *batch.Report) error {
	page, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(page.Name()) }()
	err = r.WriteHTML(page)
	if err == nil {
		err = page.Chmod(0o644)
	}
	if closing := page.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(page.Name(), name)
	}
	return err
}

// canWrite finds out whether writePage will be able to, as far as that can be
// known.
func canWrite(name string) error {
	if name == "" {
		return nil
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory: give the name of a file", shown(name))
	}
	trial, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	_ = trial.Close()
	return os.Remove(trial.Name())
}

// showReport is the command report.
func showReport(t terminal, c command, args []string) (int, error) {
	s, rest, _, err := c.parse(t, args, 1)
	if err != nil {
		return 0, err
	}
	done := endAtSignal() // a large journal takes a while
	r, err := batch.ReadReport(rest[0])
	done()
	if err != nil {
		return 0, err
	}
	if s.html != "" {
		if err := writePage(s.html, r); err != nil {
			return 0, misuse("-html: %w", err)
		}
	}
	switch {
	case s.json:
		lines := json.NewEncoder(t.out)
		lines.SetIndent("", "  ")
		err = lines.Encode(r)
	case s.html == "":
		err = r.WriteText(t.out)
	}
	return allDone, err
}
