package batch

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/ftpretry/ftpretry/internal/filelock"
)

// The records of the last run's report. The lists grow with the run and are not
// written each time; the counts are.
var (
	countsKey = []byte("counts")
	listsKey  = []byte("lists")
)

// listsEvery is how far the lists may be behind in the report of a run that was
// killed.
const listsEvery = 10 * time.Second

// kept is a report in a journal.
type kept struct {
	Ended  bool      `json:"ended"` // it is the whole of a run that has ended
	At     time.Time `json:"at"`
	Report *Report   `json:"report"`
}

// keeper writes down the report of a run while it goes on.
type keeper struct {
	run   *run
	lists time.Time // when they were written
	final *Report   // of the run, when it has ended
}

// keep comes with everything that is written.
func (k *keeper) keep(tx *bolt.Tx) error {
	now := time.Now()
	if k.final != nil {
		return k.put(tx, kept{Ended: true, At: now, Report: k.final}, true)
	}
	if now.Sub(k.lists) < listsEvery {
		return k.put(tx, kept{At: now, Report: k.run.tally.counts(k.run.spent())}, false)
	}
	k.lists = now
	return k.put(tx, kept{At: now, Report: k.run.whole()}, true)
}

// put writes a report, and its lists only where they are wanted.
func (k *keeper) put(tx *bolt.Tx, r kept, lists bool) error {
	if lists {
		packed, err := pack(r)
		if err == nil {
			err = tx.Bucket([]byte(inReport)).Put(listsKey, seal(inReport, listsKey, packed))
		}
		if err != nil {
			return err
		}
	}
	counts := *r.Report
	counts.setLists(&Report{})
	r.Report = &counts
	return put(tx, inReport, countsKey, r)
}

// pack writes a report small: bbolt needs pages in a row for it, each time, and
// the holes that it leaves make the file grow.
func pack(r kept) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		err = json.NewEncoder(z).Encode(r)
	}
	if err == nil {
		err = z.Close()
	}
	return b.Bytes(), err
}

// unpack reads a record that pack has made.
func unpack(value []byte, r *kept) error {
	packed, err := unseal(inReport, listsKey, value)
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	return json.NewDecoder(z).Decode(r)
}

// finish writes down the report of the run.
func (b *logbook) finish(rep *Report) error {
	if b == nil {
		return nil
	}
	return b.write(func(*bolt.Tx) error {
		b.report.final = rep
		return nil
	})
}

// ReadReport returns the report of the last run that used a journal. Of a run
// that was killed it is made from what the journal holds, and Report.Stopped
// says so: its counts are those of the last job that was written down, its lists
// up to 10 seconds older.
//
// It changes nothing. While a run has the journal open, the error matches
// ErrJournalInUse.
func ReadReport(name string) (*Report, error) {
	rep, err := readReport(name)
	if err != nil {
		return nil, fmt.Errorf("batch: journal %s: %w", name, err)
	}
	return rep, nil
}

var errNoRun = errors.New("no run has used it yet: there is no report")

func readReport(name string) (*Report, error) {
	db, file, err := openDatabase(name, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is none: %w", err)
	}
	if err != nil {
		return nil, err
	}
	defer db.Close()
	defer filelock.Release(file) // bbolt does so only for writers
	var counts, lists kept
	err = db.View(func(tx *bolt.Tx) error {
		found, err := get(tx, inReport, countsKey, &counts)
		if err == nil && !found {
			err = errNoRun
		}
		if err == nil {
			err = unpack(tx.Bucket([]byte(inReport)).Get(listsKey), &lists)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	rep := counts.Report
	if lists.Report != nil {
		rep.setLists(lists.Report)
	}
	if !counts.Ended {
		rep.Stopped = "run was killed, or its computer was: this is what its journal holds, up to " + counts.At.Format(time.DateTime)
	}
	return rep, nil
}
