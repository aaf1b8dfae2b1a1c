package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// longestLine bounds a line of JSON.
const longestLine = 1 << 20

// columns are the names that a job's fields have in both forms of a list.
var columns = []string{"kind", "remote", "local", "to", "size", "time"}

// listed are the kinds of jobs that a list may have.
var listed = []batch.Kind{batch.Upload, batch.Download, batch.Delete, batch.Rename, batch.MakeDir, batch.RemoveDir, batch.Barrier}

const wantKind = "want upload, download, delete, rename, mkdir, rmdir or barrier"

// jsonLines reads one object from each line:
//
//	{"kind":"upload","local":"out/a.csv","remote":"in/a.csv"}
func jsonLines(r io.Reader) iter.Seq[line] {
	return func(yield func(line) bool) {
		scan := bufio.NewScanner(r)
		scan.Buffer(nil, longestLine)
		number := 0
		for scan.Scan() {
			number++
			text := bytes.TrimSpace(scan.Bytes())
			if len(text) == 0 {
				continue
			}
			job, err := jobOfJSON(text)
			if !yield(line{number, job, err}) {
				return
			}
		}
		if err := scan.Err(); err != nil {
			yield(line{number: number + 1, err: plainly(err)})
		}
	}
}

func jobOfJSON(text []byte) (job batch.Job, err error) {
	if !utf8.Valid(text) {
		return job, errors.New("is not UTF-8: its names would be changed") // encoding/json would do that
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&job); err != nil {
		return job, plainly(err)
	}
	if dec.More() {
		return job, errors.New("more than one object: give each job a line of its own")
	}
	return job, check(job)
}

// csvLines reads a table whose first line names its columns:
//
//	kind,local,remote
//	upload,out/a.csv,in/a.csv
func csvLines(r *bufio.Reader) iter.Seq[line] {
	return func(yield func(line) bool) {
		table := csv.NewReader(r)
		table.ReuseRecord = true
		start, _ := r.Peek(r.Size())
		if first, _, _ := bytes.Cut(start, []byte("\n")); bytes.ContainsRune(first, ';') && !bytes.ContainsRune(first, ',') {
			table.Comma = ';' // as spreadsheets write it where numbers have a decimal comma
		}
		head, err := table.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			head = slices.Clone(head)
			err = checkHead(head)
		}
		if err != nil {
			yield(line{number: 1, err: plainly(err)})
			return
		}
		for {
			row, err := table.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			next := line{err: plainly(err)}
			var wrong *csv.ParseError
			switch {
			case err == nil:
				next.number, _ = table.FieldPos(0)
				next.job, next.err = jobOfRow(head, row)
			case errors.As(err, &wrong):
				next.number = wrong.StartLine
			}
			if !yield(next) || err != nil && wrong == nil {
				return // in reading, not in what was read
			}
		}
	}
}

// checkHead refuses a first line that does not name the columns.
func checkHead(head []string) error {
	for i, name := range head {
		head[i] = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns, head[i]) {
			return fmt.Errorf("%q is no column: the first line names them, such as kind,local,remote (all are %s)",
				name, strings.Join(columns, ", "))
		}
		if slices.Contains(head[:i], head[i]) {
			return fmt.Errorf("column %s is named twice", head[i])
		}
	}
	if !slices.Contains(head, "kind") {
		return errors.New("there is no column kind: the first line names them, such as kind,local,remote")
	}
	return nil
}

func jobOfRow(head, row []string) (job batch.Job, err error) {
	for i, value := range row {
		switch head[i] {
		case "kind":
			err = job.Kind.UnmarshalText([]byte(strings.TrimSpace(value)))
		case "remote":
			job.Remote = value
		case "local":
			job.Local = value
		case "to":
			job.To = value
		case "size":
			if value != "" {
				job.Size, err = strconv.ParseInt(value, 10, 64)
			}
		case "time":
			if value != "" {
				job.Time, err = time.Parse(time.RFC3339, value)
			}
		}
		if err != nil {
			return job, plainly(err)
		}
	}
	return job, check(job)
}

// check refuses a job that cannot be run, or that says more than its kind can
// mean: the fields may be in the wrong columns.
func check(j batch.Job) error {
	if j.Kind != 0 && !slices.Contains(listed, j.Kind) {
		return fmt.Errorf("%v is only of a mirror: %s", j.Kind, wantKind)
	}
	both := j.Kind == batch.Upload || j.Kind == batch.Download
	for _, field := range []struct {
		name, value string
		wanted      bool
	}{
		{"remote", j.Remote, j.Kind != batch.Barrier},
		{"local", j.Local, both},
		{"to", j.To, j.Kind == batch.Rename},
	} {
		switch {
		case j.Kind == 0:
			return errors.New("job has no kind: " + wantKind)
		case field.wanted && field.value == "":
			return fmt.Errorf("%v has no %s", j.Kind, field.name)
		case !field.wanted && field.value != "":
			return fmt.Errorf("%v takes no %s, but has %q", j.Kind, field.name, field.value)
		case field.name != "local" && strings.ContainsAny(field.value, "\r\n\x00"):
			return fmt.Errorf("%s is %q: FTP cannot send a line end or NUL in a name", field.name, field.value)
		}
	}
	if !both && (j.Size != 0 || !j.Time.IsZero()) {
		return fmt.Errorf("%v takes neither size nor time", j.Kind)
	}
	if j.Size < 0 {
		return fmt.Errorf("size is %d: want 0 or more", j.Size)
	}
	return nil
}

// plainly is what a decoder says, without the decoder.
func plainly(err error) error {
	var row *csv.ParseError
	var number *strconv.NumError
	var date *time.ParseError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, csv.ErrFieldCount):
		return errors.New("has another number of columns than the first line: put names with commas into quotes")
	case errors.As(err, &row):
		return fmt.Errorf("column %d: %w", row.Column, row.Err)
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("is longer than %s", amount(longestLine))
	case errors.As(err, &number):
		return fmt.Errorf("size is %q: want a number of bytes", number.Num)
	case errors.As(err, &date):
		return fmt.Errorf("time is %q: want one such as 2006-01-02T15:04:05Z", date.Value)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("ends before the object does")
	}
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "json: "), "batch: ")
	return errors.New(text)
}
