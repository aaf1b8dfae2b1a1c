package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// mostComplaints is how many lines of a job list are complained about one by
// one.
const mostComplaints = 20

// jobList is a file of jobs of which every line was found to be in order. It is
// read line by line, twice: however long it is, it needs no memory.
type jobList struct {
	file   *os.File
	total  int64    // jobs
	absent []string // local files that are not there, or cannot be read: complaints

	changed error // a line that was in order and is not any more
}

// line is one job of a list, or what is wrong with it.
type line struct {
	number int
	job    batch.Job
	err    error
}

// openJobs reads the job list name, "-" for in, and refuses it if any line is
// wrong, telling of each.
func openJobs(name string, in io.Reader) (*jobList, error) {
	file, err := openList(name, in)
	if err != nil {
		return nil, misuse("job list: %w", err)
	}
	l := &jobList{file: file}
	if err := l.check(); err != nil {
		l.close()
		return nil, misuse("job list %s: %w", shown(name), err)
	}
	return l, nil
}

// openList opens a file that can be read twice: what comes from a pipe is
// kept in one that has no name.
func openList(name string, in io.Reader) (*os.File, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		info, err := file.Stat()
		if err == nil && info.Mode().IsRegular() {
			return file, nil
		}
		if err == nil && info.IsDir() {
			err = fmt.Errorf("%s is a directory: mirror-up sends one", shown(name))
		}
		defer func() { _ = file.Close() }()
		if err != nil {
			return nil, err
		}
		in = file
	}
	kept, err := os.CreateTemp("", "ftpretry-jobs-")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(kept.Name()) // where the system allows it; elsewhere it stays among the temporary files
	if _, err := io.Copy(kept, in); err != nil {
		_ = kept.Close()
		return nil, err
	}
	return kept, nil
}

func (l *jobList) close() { _ = l.file.Close() }

// check reads all lines.
func (l *jobList) check() error {
	var complaints complaints
	made := false // by a job before: local files need not be there yet
	for line := range l.lines() {
		switch {
		case line.err != nil:
			complaints.add(line.number, line.err)
		case line.job.Kind == batch.Download || line.job.Kind == batch.Barrier:
			made = true
		case line.job.Kind == batch.Upload && !made:
			if err := readable(line.job.Local); err != nil && len(l.absent) < mostComplaints {
				l.absent = append(l.absent, fmt.Sprintf("line %d: the job will fail: %v", line.number, err))
			}
		}
		if line.err == nil && line.job.Kind != batch.Barrier {
			l.total++
		}
	}
	if err := complaints.err(); err != nil {
		return err
	}
	if l.total == 0 {
		return errors.New("there are no jobs in it")
	}
	return nil
}

// readable says what is wrong with a local file that is to be sent.
func readable(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory: mirror-up sends one", shown(name))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", shown(name))
	}
	return nil
}

// jobs are those of the list, for one run.
func (l *jobList) jobs() iter.Seq[batch.Job] {
	return func(yield func(batch.Job) bool) {
		for line := range l.lines() {
			if line.err != nil {
				l.changed = fmt.Errorf("job list was changed meanwhile: line %d: %w", line.number, line.err)
				return
			}
			if !yield(line.job) {
				return
			}
		}
	}
}

// lines are those of the file from its beginning.
func (l *jobList) lines() iter.Seq[line] {
	return func(yield func(line) bool) {
		if _, err := l.file.Seek(0, io.SeekStart); err != nil {
			yield(line{number: 1, err: err})
			return
		}
		r := bufio.NewReader(l.file)
		if mark, _ := r.Peek(3); string(mark) == "\xef\xbb\xbf" { // some editors begin UTF-8 with it
			_, _ = r.Discard(3)
		}
		// A list of JSON objects begins with one.
		start, _ := r.Peek(r.Size())
		if bytes.HasPrefix(bytes.TrimSpace(start), []byte("{")) {
			jsonLines(r)(yield)
			return
		}
		csvLines(r)(yield)
	}
}

// complaints are the bad lines of a list.
type complaints struct {
	texts []string
	more  int
}

func (c *complaints) add(number int, err error) {
	if len(c.texts) >= mostComplaints {
		c.more++
		return
	}
	c.texts = append(c.texts, fmt.Sprintf("line %d: %v", number, err))
}

func (c *complaints) err() error {
	if c.texts == nil {
		return nil
	}
	n := len(c.texts) + c.more
	text := fmt.Sprintf("%d lines are not in order, nothing was run:", n)
	if n == 1 {
		text = "1 line is not in order, nothing was run:"
	}
	text += "\n  " + strings.Join(c.texts, "\n  ")
	if c.more > 0 {
		text += fmt.Sprintf("\n  and %d more", c.more)
	}
	return errors.New(text)
}
