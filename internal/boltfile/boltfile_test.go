package boltfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/ftpretry/ftpretry/internal/boltfile"
)

// database returns the bytes of a database with records in buckets, big and
// small, after so many transactions.
func database(t testing.TB, records, transactions int) ([]byte, map[string]string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(name, 0o600, &bolt.Options{NoFreelistSync: true, NoSync: true})
	require.NoError(t, err)
	want := make(map[string]string)
	for n := range transactions {
		require.NoError(t, db.Update(func(tx *bolt.Tx) error {
			for _, bucket := range []string{"big", "small"} {
				b, err := tx.CreateBucketIfNotExists([]byte(bucket))
				if err != nil {
					return err
				}
				count := records
				if bucket == "small" {
					count = 2
				}
				for i := range count {
					key, value := fmt.Sprintf("%04x", i*7919%65536), fmt.Sprintf("value %d of %d", i, n)
					want[bucket+key] = value
					if err := b.Put([]byte(key), []byte(value)); err != nil {
						return err
					}
				}
			}
			b, err := tx.CreateBucketIfNotExists([]byte("huge"))
			if err != nil {
				return err
			}
			want["hugev"] = string(bytes.Repeat([]byte{byte(n)}, 50_000))
			return b.Put([]byte("v"), []byte(want["hugev"]))
		}))
	}
	require.NoError(t, db.Close())
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return text, want
}

func read(text []byte) (map[string]string, error) {
	got := make(map[string]string)
	err := boltfile.Walk(bytes.NewReader(text), int64(len(text)), func(bucket string, key, value []byte) error {
		got[bucket+string(key)] = string(value)
		return nil
	})
	return got, err
}

func TestASoundFileIsReadWhole(t *testing.T) {
	t.Parallel()
	for records, transactions := range map[int]int{0: 1, 1: 2, 50: 3, 20_000: 4} {
		text, want := database(t, records, transactions)
		got, err := read(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestWhatIsNoDatabaseIsSaidToBeNone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{
		"nothing":     nil,
		"a few bytes": []byte("id;name\n"),
		"many zeros":  make([]byte, 1<<16),
		"a text":      bytes.Repeat([]byte("some lines of text\n"), 5000),
	} {
		_, err := read(text)
		assert.ErrorIs(t, err, boltfile.ErrForeign, name)
	}
}

func TestAFileThatWasCutOffIsRefused(t *testing.T) {
	t.Parallel()
	text, want := database(t, 1000, 4)
	for n := len(text) - 1; n >= 0; n -= 9973 {
		got, err := read(text[:n])
		if err == nil { // only what is not in use is missing
			assert.Equal(t, want, got, n)
		}
	}
	_, err := read(text[:len(text)/4])
	assert.ErrorContains(t, err, "cut off")
}

// Whatever Walk finds nothing wrong with, bbolt must be able to read, to change
// and to read again: a panic or an endless loop of its fails this test.
func TestBboltCanLiveWithWhatIsNotRefused(t *testing.T) {
	t.Parallel()
	text, _ := database(t, 600, 3)
	name := filepath.Join(t.TempDir(), "db")
	rnd := rand.New(rand.NewPCG(1, 2))
	refused, taken := 0, 0
	for range 500 {
		bad := bytes.Clone(text)
		scribble(rnd, bad)
		if _, err := read(bad); err != nil {
			refused++
			continue
		}
		taken++
		require.NoError(t, os.WriteFile(name, bad, 0o600))
		use(t, name)
	}
	assert.Positive(t, taken)
	assert.Greater(t, refused, 50)
}

// scribble changes some bytes, mostly those that bbolt steers by.
func scribble(rnd *rand.Rand, text []byte) {
	const page = 4096
	at := rnd.IntN(len(text)/page) * page
	switch rnd.IntN(4) {
	case 0: // a header
		text[at+rnd.IntN(16)] ^= 1 << rnd.IntN(8)
	case 1: // an element
		text[at+16+rnd.IntN(64)] ^= 1 << rnd.IntN(8)
	case 2: // anywhere
		text[rnd.IntN(len(text))] = byte(rnd.Uint32())
	default: // one page in place of another
		copy(text[at:at+page], text[rnd.IntN(len(text)/page)*page:])
	}
}

func use(t *testing.T, name string) {
	t.Helper()
	db, err := bolt.Open(name, 0o600, &bolt.Options{NoFreelistSync: true, NoSync: true})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		return tx.ForEach(func(bucket []byte, b *bolt.Bucket) error {
			var last []byte
			err := b.ForEach(func(k, v []byte) error {
				last = bytes.Clone(k)
				return nil
			})
			if err != nil || last == nil {
				return err
			}
			if err := b.Delete(last); err != nil {
				return err
			}
			return b.Put([]byte("new"), bytes.Repeat([]byte("x"), 9000))
		})
	}))
	for err := range checked(db) {
		require.NoError(t, err)
	}
}

func checked(db *bolt.DB) func(func(error) bool) {
	return func(yield func(error) bool) {
		_ = db.View(func(tx *bolt.Tx) error {
			for err := range tx.Check() {
				yield(err)
			}
			return nil
		})
	}
}
