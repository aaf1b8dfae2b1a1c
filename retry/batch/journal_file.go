package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/ftpretry/ftpretry/internal/boltfile"
	"github.com/ftpretry/ftpretry/internal/filelock"
)

// format is the version of the buckets and records below. A journal of a higher
// one is refused.
const format = 1

// The buckets of a journal, each with a CRC at the end of every value.
const (
	inHead   = "journal" // one record: head
	inDone   = "done"    // jobs that are done
	inBegun  = "begun"   // jobs that may have changed something on the server, and are not known to be done
	inLeft   = "left"    // temporary files on the server that nothing will go on with
	inReport = "report"  // of the last run
)

// head is what a journal says of itself.
type head struct {
	Format int    `json:"format"`
	Addr   string `json:"addr,omitempty"` // of the server; "" before the first run
	User   string `json:"user,omitempty"`
	Run    int    `json:"run,omitempty"` // number of the last one, from 1
}

var headKey = []byte("head")

// openDatabase opens the database of a journal that is there already and has
// nothing wrong with it. It changes nothing.
func openDatabase(name string, readOnly bool) (db *bolt.DB, file *os.File, err error) {
	if name == "" {
		return nil, nil, errors.New("it has no name: give it one")
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("%w: it is not a file: give another name", ErrJournalUnusable)
	}
	err = recovered(func() (err error) {
		db, err = bolt.Open(name, 0o600, &bolt.Options{
			Timeout:        time.Millisecond, // less than bbolt ever waits
			NoFreelistSync: true,             // a list that is not kept cannot be damaged
			FreelistType:   bolt.FreelistMapType,
			ReadOnly:       readOnly,
			OpenFile: func(name string, flag int, _ fs.FileMode) (*os.File, error) {
				file, err = openSound(name, flag&^os.O_CREATE, readOnly)
				return file, err
			},
		})
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		err = errInUse
	}
	return db, file, err
}

var errInUse = fmt.Errorf("%w by another run: wait for its end, or take another journal", ErrJournalInUse)

// openSound opens a file, takes it, and holds it against what a journal must be,
// before bbolt maps it.
func openSound(name string, flag int, readOnly bool) (*os.File, error) {
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	take := filelock.Exclusive
	if readOnly {
		take = filelock.Shared
	}
	if take(f) != nil {
		_ = f.Close()
		return nil, errInUse
	}
	if err := sound(f); err != nil {
		filelock.Release(f)
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// sound says what is wrong with the file of a journal.
func sound(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%w: it is empty: remove it to begin a new one", ErrJournalUnusable)
	}
	var h *head
	var wrong error // the first record that is
	err = boltfile.Walk(f, info.Size(), func(bucket string, key, value []byte) error {
		text, err := unseal(bucket, key, value)
		if err != nil && wrong == nil {
			wrong = err
		}
		if err == nil && bucket == inHead && string(key) == string(headKey) {
			h = new(head)
			wrong = errors.Join(wrong, json.Unmarshal(text, h))
		}
		return nil
	})
	switch {
	case errors.Is(err, boltfile.ErrForeign), err == nil && h == nil:
		return fmt.Errorf("%w: it is another kind of file: give another name", ErrJournalUnusable)
	case err == nil && h.Format > format:
		return fmt.Errorf("%w: a newer version of this program has made it: use that, or begin a new journal", ErrJournalUnusable)
	case err == nil && wrong == nil && h.Format == format:
		return nil
	}
	return fmt.Errorf("%w: it is damaged: %w; restore it, or move it away to begin a new one, in which nothing is done", ErrJournalUnusable, errors.Join(err, wrong))
}

// createDatabase makes the file of a new journal. It gets its name when it is
// whole, so that a kill in between leaves none that is refused.
func createDatabase(name string) error {
	dir, base := filepath.Split(name)
	f, err := os.CreateTemp(filepath.Clean(dir), "."+base+".new-*")
	if err != nil {
		return fmt.Errorf("cannot be made: %w: choose a directory that this user may write to", err)
	}
	temp := f.Name()
	defer os.Remove(temp)
	_ = f.Close()
	db, err := bolt.Open(temp, 0o600, &bolt.Options{NoFreelistSync: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, bucket := range []string{inHead, inDone, inBegun, inLeft, inReport} {
			if _, err := tx.CreateBucketIfNotExists([]byte(bucket)); err != nil {
				return err
			}
		}
		return put(tx, inHead, headKey, head{Format: format})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("cannot be made: %w", err)
	}
	// A link fails where somebody else has made one meanwhile: that one is
	// opened then. Not every file system has links.
	if err := os.Link(temp, name); err != nil && !exists(name) {
		if err := os.Rename(temp, name); err != nil {
			return fmt.Errorf("cannot be made: %w", err)
		}
	}
	return syncDir(filepath.Clean(dir))
}

// syncDir makes the names in a directory durable, on systems that can.
func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	_ = dir.Sync()
	return dir.Close()
}

// exists reports whether a file is there, as far as that can be known.
func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
