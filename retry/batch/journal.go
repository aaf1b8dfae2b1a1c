package batch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"

	bolt "go.etcd.io/bbolt"
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

	mu      sync.Mutex
	closed  bool
	running bool
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
	db, err := openDatabase(name, false)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createDatabase(name); err == nil {
			db, err = openDatabase(name, false)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("batch: journal %s: %w", name, err)
	}
	return &Journal{name: name, db: db, pending: &group{}, update: db.Update}, nil
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
	closed := j.closed
	j.closed = true
	j.mu.Unlock()
	if closed || j.db == nil {
		return nil
	}
	return j.db.Close()
}

// write makes a change and returns when it is on the disk. Changes that come
// while others are being written are written together.
func (j *Journal) write(c change) error {
	j.mu.Lock()
	g := j.pending
	g.changes = append(g.changes, c)
	j.mu.Unlock()
	// Whoever comes first writes for the whole group, the others wait for him.
	j.writing.Lock()
	defer j.writing.Unlock()
	if g.written {
		return g.err
	}
	j.mu.Lock()
	j.pending = &group{}
	closed := j.closed
	if j.after != nil {
		g.changes = append(g.changes, j.after)
	}
	j.mu.Unlock()
	g.written, g.err = true, ErrJournalClosed
	if !closed {
		g.err = guarded(func() error {
			return j.update(func(tx *bolt.Tx) error {
				for _, c := range g.changes {
					if err := c(tx); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	if g.err != nil {
		g.err = fmt.Errorf("%w: %s: %w", ErrJournalFailed, j.name, g.err)
	}
	return g.err
}

// read looks into the journal.
func (j *Journal) read(look func(*bolt.Tx) error) error {
	err := guarded(func() error { return j.db.View(look) })
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrJournalUnusable, j.name, err)
	}
	return err
}

// guarded makes an error of the panic of a database that somebody else has cut
// off or written to while it was open.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("file was changed by somebody else: %v", p)
		}
	}()
	return f()
}

// exists reports whether a file is there, as far as that can be known.
func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
