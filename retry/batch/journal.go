package batch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/ftpretry/ftpretry/internal/filelock"
)

// Why a journal is refused, or a run with it, found by errors.Is.
var (
	ErrJournalInUse    = errors.New("journal is in use")               // by another run, or it is being read
	ErrJournalUnusable = errors.New("journal cannot be used")          // no journal, damaged, or of a newer version
	ErrJournalServer   = errors.New("journal is of another server")    // or of another user of it
	ErrJournalClosed   = errors.New("journal is closed")               //
	ErrJournalFailed   = errors.New("journal could not be written to") // a full disk, for example
)

// Journal is a file in which runs write down what they have done, so that one
// that was killed at any moment, or that has ended early, can be run again with
// the same jobs and carries on:
//
//   - A job that is done is skipped. An upload whose local file has another size
//     or modification time by now is another job, and so is a download of which
//     Job.Size or Job.Time say so.
//   - An upload that was broken off goes on where the server has its temporary
//     file, whose name is in the journal before the file is made. Temporary files
//     that nothing will go on with, because their job is not among the jobs any
//     more or the local file was changed, are removed at the end of a run.
//   - A download that was broken off goes on where its ".part" file ends.
//   - Delete and Rename that may have been executed without anybody knowing are
//     asked for on the server.
//
// What a job has done is on the disk before it is told to Hooks.Ended; jobs that
// end at the same time share one write.
//
// A journal belongs to one server and user, and to one list of jobs: what is
// done stays done, so that tomorrow's run of the same list needs a new one. A job
// that is in the list twice is done once.
//
// Open one with [OpenJournal] and give it to [Runner.Journal], for one run at a
// time. Its methods are safe for concurrent use.
type Journal struct {
	name string
	db   *bolt.DB
	file *os.File // of db

	mu      sync.Mutex
	closed  bool
	running bool
	size    int64  // of file; it never becomes less
	broken  error  // db must not be called any more
	pending *group // takes what is to be written next
	after   change // comes with every group; nil = nothing does

	writing sync.Mutex                       // held while a group is written
	update  func(func(*bolt.Tx) error) error // of db
}

// group is what is written by one transaction.
type group struct {
	changes []change
	written bool
	err     error
}

// change is what somebody wants to be written.
type change func(*bolt.Tx) error

// OpenJournal opens the journal in a file, and makes it when there is no such
// file. As long as it is open nobody else can open it: the error matches
// ErrJournalInUse then, at once. A file that is no journal, or a damaged one, or
// one of a newer version of this package is left as it is: the error matches
// ErrJournalUnusable.
func OpenJournal(name string) (*Journal, error) {
	db, file, err := openDatabase(name, false)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createDatabase(name); err == nil {
			db, file, err = openDatabase(name, false)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("batch: journal %s: %w", name, err)
	}
	return &Journal{name: name, db: db, file: file, pending: &group{}, update: db.Update}, nil
}

// info is what a mirror knows the file by; nil where there is none.
func (j *Journal) info() fs.FileInfo {
	if j == nil || j.file == nil {
		return nil
	}
	info, err := j.file.Stat()
	if err != nil {
		return nil
	}
	return info
}

// Close closes the journal. A run that uses it is to have ended before: it would
// end early. Close may be called twice.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.Lock()
	closed, broken := j.closed, j.broken
	j.closed = true
	j.mu.Unlock()
	switch {
	case closed || j.db == nil:
		return nil
	case broken != nil:
		filelock.Release(j.file)
		return j.file.Close() // bbolt may hold its own locks for ever
	}
	return j.db.Close()
}

// write makes changes, all or none, and returns when they are on the disk. What
// comes while others are being written is written together.
func (j *Journal) write(changes ...change) error {
	if len(changes) == 0 {
		return nil
	}
	j.mu.Lock()
	g := j.pending
	g.changes = append(g.changes, changes...)
	j.mu.Unlock()
	// Whoever comes first writes for the whole group, the others wait for him.
	j.writing.Lock()
	defer j.writing.Unlock()
	if g.written {
		return g.err
	}
	j.mu.Lock()
	j.pending = &group{}
	if j.after != nil {
		g.changes = append(g.changes, j.after)
	}
	j.mu.Unlock()
	g.written = true
	g.err = j.guarded(func() error {
		return j.update(func(tx *bolt.Tx) error {
			for _, c := range g.changes {
				if err := c(tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if g.err != nil {
		g.err = fmt.Errorf("%w: %s: %w", ErrJournalFailed, j.name, g.err)
	}
	return g.err
}

// read looks into the journal.
func (j *Journal) read(look func(*bolt.Tx) error) error {
	err := j.guarded(func() error { return j.db.View(look) })
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrJournalUnusable, j.name, err)
	}
	return err
}

// usable says why the database must not be called.
func (j *Journal) usable() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return ErrJournalClosed
	case j.broken != nil:
		return j.broken
	}
	info, err := j.file.Stat()
	if err == nil && info.Size() < j.size {
		err = fmt.Errorf("%w: it was cut off", errMeddled)
		j.broken = err
	}
	if err == nil {
		j.size = info.Size()
	}
	return err
}

var errMeddled = errors.New("file was changed by somebody else while it was open")

// guarded calls the database. bbolt maps its file: where somebody else has cut
// it off or written to it, it panics, and may hold its locks for ever.
func (j *Journal) guarded(call func() error) error {
	if err := j.usable(); err != nil {
		return err
	}
	err := recovered(call)
	if errors.Is(err, errMeddled) {
		j.mu.Lock()
		j.broken = err
		j.mu.Unlock()
	}
	return err
}

// recovered makes an error of a panic, and of a fault of mapped memory.
func recovered(call func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errMeddled, p)
		}
	}()
	return call()
}
