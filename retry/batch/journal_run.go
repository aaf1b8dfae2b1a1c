package batch

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/ftpretry/ftpretry/retry"
)

// logbook is a journal in the hands of a run.
type logbook struct {
	*Journal
	run    int // number
	report keeper
}

// start gives the journal to a run, which gives it back by free. A nil Journal
// is a nil logbook.
func (j *Journal) start(n *run) (*logbook, error) {
	if j == nil {
		return nil, nil
	}
	if j.db == nil {
		return nil, fmt.Errorf("%w: open it with OpenJournal", ErrJournalClosed)
	}
	j.mu.Lock()
	closed, running := j.closed, j.running
	j.running = j.running || !closed
	j.mu.Unlock()
	switch {
	case closed:
		return nil, fmt.Errorf("%w: %s: open it again", ErrJournalClosed, j.name)
	case running:
		return nil, fmt.Errorf("%s: %w", j.name, errInUse)
	}
	b := &logbook{Journal: j, report: keeper{run: n}}
	if err := b.bind(n.Client.Addr(), n.Client.User()); err != nil {
		b.free()
		return nil, err
	}
	return b, nil
}

// free gives the journal back.
func (b *logbook) free() {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.running, b.after = false, nil
	b.mu.Unlock()
}

// Serves says why a run by this client would be refused, because the journal is of
// another server or another user of it; nil = it is not. A program can ask before
// it logs in anywhere.
func (j *Journal) Serves(c *retry.Client) error {
	if j == nil {
		return nil
	}
	if j.db == nil {
		return ErrJournalClosed
	}
	_, err := j.headFor(c.Addr(), c.User())
	return err
}

// headFor returns the head of a journal of that server, or of none yet.
func (j *Journal) headFor(addr, user string) (h head, err error) {
	err = j.read(func(tx *bolt.Tx) error {
		_, err := get(tx, inHead, headKey, &h)
		return err
	})
	if err == nil && h.Addr != "" && (h.Addr != addr || h.User != user) {
		err = fmt.Errorf("%w: %s is of %s as %s, and this run is for %s as %s: take another journal",
			ErrJournalServer, j.name, h.Addr, h.User, addr, user)
	}
	return h, err
}

// bind refuses another server than that of the journal, and begins a run.
func (b *logbook) bind(addr, user string) error {
	h, err := b.headFor(addr, user)
	if err != nil {
		return err
	}
	h.Addr, h.User = addr, user
	h.Run++
	b.run = h.Run
	b.mu.Lock()
	b.after = b.report.keep
	b.mu.Unlock()
	return b.write(func(tx *bolt.Tx) error { return put(tx, inHead, headKey, h) })
}

// past is what earlier runs have made of a job.
type past struct {
	done  bool
	run   int    // that has done it last
	begun *begun // nil = nothing was begun, or all of that is settled
	same  bool   // of the same version
}

// look looks up a job.
func (b *logbook) look(job Job, now version) (p past, err error) {
	key := job.key()
	err = b.read(func(tx *bolt.Tx) error {
		if value := tx.Bucket([]byte(inDone)).Get(key); value != nil && !job.compared {
			text, err := unseal(inDone, key, value)
			if err != nil {
				return err
			}
			v, err := decodeVersion(text)
			if err != nil {
				return err
			}
			p.run = runOf(text)
			if p.done = v.covers(now) && p.run >= job.since; p.done {
				return nil
			}
			if job.Kind != Upload {
				p.begun = new(begun) // perhaps it still is as that has left it
			}
		}
		var left begun
		found, err := get(tx, inBegun, key, &left)
		if found {
			p.begun = &left
			p.same = bytes.Equal(left.Version, now.encode())
		}
		return err
	})
	return p, err
}

// begin is to be written before a job changes anything on the server. A temporary
// file that it will not go on with is noted as left.
func (b *logbook) begin(p plan) change {
	return func(tx *bolt.Tx) error {
		if was := p.past.begun; was != nil && len(was.Temp) > 0 && string(was.Temp) != p.temp {
			if err := leave(tx, was.Temp); err != nil {
				return err
			}
		}
		return put(tx, inBegun, p.job.key(), begun{Run: b.run, Temp: []byte(p.temp), Version: p.now.encode()})
	}
}

// forget undoes begin.
func (b *logbook) forget(job Job) change {
	return func(tx *bolt.Tx) error { return tx.Bucket([]byte(inBegun)).Delete(job.key()) }
}

// leave notes a temporary file that is to be removed. None has a name that is
// longer than bbolt's keys.
func leave(tx *bolt.Tx, temp []byte) error {
	if len(temp) > bolt.MaxKeySize {
		return nil
	}
	return tx.Bucket([]byte(inLeft)).Put(temp, seal(inLeft, temp, nil))
}

// end is to be written when a job has ended. Whatever an upload has left on the
// server stays noted until it is done.
func (b *logbook) end(state State, p plan) (changes []change) {
	if state == Done {
		key := p.job.key()
		changes = append(changes, func(tx *bolt.Tx) error {
			return tx.Bucket([]byte(inDone)).Put(key, seal(inDone, key, binary.AppendUvarint(p.now.encode(), uint64(b.run))))
		})
	}
	if was := p.past.begun; state == Done && was != nil && len(was.Temp) > 0 && !p.begun {
		changes = append(changes, func(tx *bolt.Tx) error { return leave(tx, was.Temp) }) // it was done without
	}
	if state == Done || state == Failed && p.job.Kind != Upload {
		changes = append(changes, b.forget(p.job))
	}
	return changes
}

// stale notes as left what jobs have begun in earlier runs that were not among
// those of this one.
func (b *logbook) stale() error {
	for more := true; more; {
		var keys [][]byte
		var old []begun
		err := b.read(func(tx *bolt.Tx) error {
			c := tx.Bucket([]byte(inBegun)).Cursor()
			for key, value := c.First(); key != nil && len(keys) < mostAtOnce; key, value = c.Next() {
				var r begun
				text, err := unseal(inBegun, key, value)
				if err == nil {
					err = json.Unmarshal(text, &r)
				}
				if err != nil {
					return err
				}
				if r.Run < b.run {
					keys, old = append(keys, bytes.Clone(key)), append(old, r)
				}
			}
			return nil
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		more = len(keys) == mostAtOnce
		err = b.write(func(tx *bolt.Tx) error {
			for i, key := range keys {
				if len(old[i].Temp) > 0 {
					if err := leave(tx, old[i].Temp); err != nil {
						return err
					}
				}
				if err := tx.Bucket([]byte(inBegun)).Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// mostAtOnce bounds what is held of the journal in memory.
const mostAtOnce = 1000

// left returns the names of temporary files that are to be removed, in order,
// from one on.
func (b *logbook) left(from string) (names []string, err error) {
	err = b.read(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte(inLeft)).Cursor()
		for key, _ := c.Seek([]byte(from)); key != nil && len(names) < mostAtOnce; key, _ = c.Next() {
			names = append(names, string(key))
		}
		return nil
	})
	return names, err
}

// removed forgets temporary files that are no more.
func (b *logbook) removed(names []string) error {
	if len(names) == 0 {
		return nil
	}
	return b.write(func(tx *bolt.Tx) error {
		for _, name := range names {
			if err := tx.Bucket([]byte(inLeft)).Delete([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}
