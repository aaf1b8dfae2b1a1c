package batch_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// used returns the bytes of a journal in which jobs are done, and one is begun.
func used(t testing.TB, srv *retrytest.Server, jobs []batch.Job) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "journal")
	j := journal(t, name)
	srv.Inject(retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 5, Reply: "426 Cut."})
	r := batch.Runner{Client: client(t, srv).WithPolicy(policy.Policy{Attempts: 1}), Journal: j}
	rep, err := r.Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	require.EqualValues(t, 1, rep.Jobs.Failed)
	require.NoError(t, j.Close())
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return text
}

func TestAJournalThatIsNoneIsRefusedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	srv := retrytest.NewServer(t, retrytest.Config{})
	_, jobs := files(t, 5)
	good := used(t, srv, jobs)
	other := func(fill func(*bolt.Tx) error) []byte {
		name := filepath.Join(t.TempDir(), "db")
		db, err := bolt.Open(name, 0o600, &bolt.Options{NoFreelistSync: true})
		require.NoError(t, err)
		require.NoError(t, db.Update(fill))
		require.NoError(t, db.Close())
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		return text
	}
	for told, c := range map[string]struct {
		text []byte
		want string
	}{
		"an empty file":  {nil, "it is empty: remove it"},
		"a list of jobs": {[]byte("upload,a,b\n"), "another kind of file"},
		"a long text":    {bytes.Repeat([]byte("all work and no play\n"), 10_000), "another kind of file"},
		"a database of another program": {other(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucket([]byte("users"))
			if err != nil {
				return err
			}
			return b.Put([]byte("a"), []byte("b"))
		}), "another kind of file"},
		"an empty database":           {other(func(*bolt.Tx) error { return nil }), "another kind of file"},
		"the first half of a journal": {good[:len(good)/2], "it is damaged"},
		"a journal with a hole":       {slices.Concat(good[:8192], make([]byte, 8192), good[16384:]), "it is damaged"},
	} {
		t.Run(told, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "journal")
			require.NoError(t, os.WriteFile(name, c.text, 0o600))
			_, err := batch.OpenJournal(name)
			require.ErrorIs(t, err, batch.ErrJournalUnusable)
			assert.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, name)
			assert.NotContains(t, err.Error(), "\n", "one line")
			_, err = batch.ReadReport(name)
			require.ErrorIs(t, err, batch.ErrJournalUnusable)
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(c.text, text), "it is as it was")
			there, err := os.ReadDir(filepath.Dir(name))
			require.NoError(t, err)
			assert.Len(t, there, 1)
		})
	}
}

func TestAJournalThatCannotBeMadeSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	for name, want := range map[string]string{
		filepath.Join(dir, "no", "journal"):   "no such file or directory",
		filepath.Join(dir, "file", "journal"): "not a directory",
		dir:                                   "it is not a file",
		"/proc/journal":                       "choose a directory that this user may write to",
		"":                                    "it has no name",
	} {
		_, err := batch.OpenJournal(name)
		assert.ErrorContains(t, err, want, name)
		_, err = batch.ReadReport(name)
		assert.Error(t, err, name)
	}
	_, err := batch.ReadReport(filepath.Join(dir, "none"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	there, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, there, 1, "reading makes no journal")
}

// damage changes a few bytes, as a disk, a power cut or a careless copy does.
func damage(rnd *rand.Rand, text []byte) []byte {
	text = bytes.Clone(text)
	at := rnd.IntN(len(text))
	block := text[at&^511 : min(len(text), at&^511+512)]
	switch rnd.IntN(6) {
	case 0:
		text[at] ^= 1 << rnd.IntN(8)
	case 1: // where there is something
		for range 1000 {
			if at = rnd.IntN(len(text)); text[at] != 0 {
				break
			}
		}
		text[at] ^= 1 << rnd.IntN(8)
	case 2:
		clear(block)
	case 3:
		for i := range block {
			block[i] = byte(rnd.Uint32())
		}
	case 4:
		copy(block, text[rnd.IntN(len(text)-512)&^511:][:512])
	default:
		text = text[:at]
	}
	return text
}

// Whatever became of the file: it is refused and left as it is, or what it says
// is done is done.
func TestADamagedJournalIsRefusedOrRight(t *testing.T) {
	t.Parallel()
	srv := retrytest.NewServer(t, retrytest.Config{})
	_, jobs := files(t, 100)
	good := used(t, srv, jobs)
	name := filepath.Join(t.TempDir(), "journal")
	c := client(t, srv)
	refused, right := 0, 0
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range damages {
		bad := damage(rnd, good)
		require.NoError(t, os.WriteFile(name, bad, 0o600))
		_, unreadable := batch.ReadReport(name)
		j, err := batch.OpenJournal(name)
		if err != nil {
			refused++
			require.ErrorIs(t, err, batch.ErrJournalUnusable, seed)
			require.ErrorIs(t, unreadable, batch.ErrJournalUnusable, seed)
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			require.True(t, bytes.Equal(bad, text), seed)
			continue
		}
		right++
		require.NoError(t, unreadable, seed)
		rep, err := (&batch.Runner{Client: c, Journal: j}).Run(t.Context(), slices.Values(jobs))
		if errors.Is(err, batch.ErrJournalFailed) {
			refused++ // what only a write has met, which bbolt did not survive: the run has ended, and said so
			require.NoError(t, j.Close())
			continue
		}
		require.NoError(t, err, seed)
		require.Equal(t, batch.Counts{Total: 100, Skipped: 99, Done: 1}, rep.Jobs, seed)
		require.NoError(t, j.Close())
	}
	t.Logf("%d refused, %d right", refused, right)
	assert.Positive(t, refused)
	assert.Positive(t, right)
	assert.Len(t, srv.Names(), 100, "no temporary is left")
}

func FuzzAJournalOfAnyBytes(f *testing.F) {
	srv := retrytest.NewServer(f, retrytest.Config{})
	_, jobs := files(f, 20)
	good := used(f, srv, jobs)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte("x"))
	name := filepath.Join(f.TempDir(), "journal")
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(name, text, 0o600))
		j, err := batch.OpenJournal(name)
		if err == nil {
			require.NoError(t, j.Close())
			return
		}
		require.ErrorIs(t, err, batch.ErrJournalUnusable)
		after, err := os.ReadFile(name)
		require.NoError(t, err)
		require.True(t, bytes.Equal(text, after))
	})
}
