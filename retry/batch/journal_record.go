package batch

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io/fs"
	"math"
	"path"
	"time"

	bolt "go.etcd.io/bbolt"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const crcSize = 4

// seal appends a checksum of a record to its value: bbolt has none.
func seal(bucket string, key, value []byte) []byte {
	return binary.BigEndian.AppendUint32(value, sum(bucket, key, value))
}

func sum(bucket string, key, value []byte) uint32 {
	c := crc32.Checksum([]byte(bucket), castagnoli)
	c = crc32.Update(c, castagnoli, key)
	return crc32.Update(c, castagnoli, value)
}

// unseal returns what seal was given.
func unseal(bucket string, key, value []byte) ([]byte, error) {
	n := len(value) - crcSize
	if n < 0 || sum(bucket, key, value[:n]) != binary.BigEndian.Uint32(value[n:]) {
		return nil, fmt.Errorf("record %x of %q is not as it was written", key, bucket)
	}
	return value[:n:n], nil
}

// put writes a record as JSON.
func put(tx *bolt.Tx, bucket string, key []byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucket)).Put(key, seal(bucket, key, text))
}

// get reads a record that put has written, and reports whether there is one.
func get(tx *bolt.Tx, bucket string, key []byte, v any) (bool, error) {
	value := tx.Bucket([]byte(bucket)).Get(key)
	if value == nil {
		return false, nil
	}
	text, err := unseal(bucket, key, value)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	return err == nil, err
}

const dirSize = 4

// key is the identity of a job as the journal has it: of one size, so that a
// million of them is no burden, and those of one directory together, so that few
// pages change in one transaction.
func (j Job) key() []byte {
	dir := fnv.New32a()
	_, _ = dir.Write([]byte(path.Dir(j.Remote)))
	text := []byte{byte(j.Kind)}
	for _, name := range []string{j.Remote, j.Local, j.To} {
		text = binary.AppendUvarint(text, uint64(len(name)))
		text = append(text, name...)
	}
	id := sha256.Sum256(text)
	return append(dir.Sum(make([]byte, 0, dirSize+16)), id[:16]...)
}

// version is of what a job was done, or begun: a job of the same key whose
// version is another is not done.
type version struct {
	size int64 // of the local file of an upload; Job.Size of a download
	time int64 // of the local file of an upload
	goal int64 // Job.Time
}

// noTime is a time that is not known, in nanoseconds since 1970.
const noTime = math.MinInt64

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return noTime
	}
	return t.UnixNano()
}

// versionOf is the version of a job now. An upload whose local file is gone has
// none.
func versionOf(job Job, local fs.FileInfo) version {
	v := version{size: job.Size, time: noTime, goal: nanoseconds(job.Time)}
	if job.Kind == Upload {
		v.size = 0
		if local != nil {
			v.size, v.time = local.Size(), nanoseconds(local.ModTime())
		}
	}
	return v
}

// fields are those of a version, and what each is when it is not known.
func (v *version) fields() [3]field {
	return [...]field{{&v.size, 0}, {&v.time, noTime}, {&v.goal, noTime}}
}

type field struct {
	of   *int64
	none int64
}

// encode writes which fields are known, and those: of most kinds of jobs none
// is, and there may be a million of them.
func (v version) encode() []byte {
	b := []byte{0}
	for i, f := range v.fields() {
		if *f.of != f.none {
			b[0] |= 1 << i
			b = binary.AppendVarint(b, *f.of)
		}
	}
	return b
}

var errRecord = errors.New("record is cut off")

func decodeVersion(b []byte) (v version, err error) {
	if len(b) == 0 {
		return v, errRecord
	}
	known := b[0]
	b = b[1:]
	for i, f := range v.fields() {
		if *f.of = f.none; known&(1<<i) == 0 {
			continue
		}
		got, size := binary.Varint(b)
		if size <= 0 {
			return v, errRecord
		}
		*f.of, b = got, b[size:]
	}
	return v, nil
}

// runOf is the number of the run that follows an encoded version; 0 where none
// does, in journals of earlier versions of this package.
func runOf(b []byte) int {
	rest := b[1:]
	for i := range 3 {
		if b[0]&(1<<i) != 0 {
			_, size := binary.Varint(rest)
			rest = rest[size:]
		}
	}
	run, size := binary.Uvarint(rest)
	if size <= 0 {
		return 0
	}
	return int(run) //nolint:gosec // numbers of runs are small
}

// covers reports whether what was done of version v is what is wanted now.
// Where it is not known what is wanted, nothing speaks against it.
func (v version) covers(now version) bool {
	unknown := now.size <= 0 && now.time == noTime // an empty local file has a time
	return (unknown || now.size == v.size) &&
		(now.time == noTime || now.time == v.time) &&
		(now.goal == noTime || now.goal == v.goal)
}

// begun is a job that may have changed something on the server.
type begun struct {
	Run     int    `json:"run"`            // of the last run that has begun it
	Temp    []byte `json:"temp,omitempty"` // name of an upload's temporary file; bytes, for it need not be UTF-8
	Version []byte `json:"version,omitempty"`
}
