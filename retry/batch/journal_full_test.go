package batch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// The disk is full from some write on, whichever it is.
func TestARunWhoseJournalCannotBeWrittenEndsAndLosesNothing(t *testing.T) {
	t.Parallel()
	const count = 30
	for writes := range 14 { // two workers share writes: thirty jobs need fifteen at least
		t.Run(fmt.Sprint(writes), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
				client, err := retry.New(retry.Config{Addr: srv.Addr(), Dial: srv.Dial})
				require.NoError(t, err)
				defer client.Close()
				dir := t.TempDir()
				var jobs []Job
				for i := range count {
					local := filepath.Join(dir, fmt.Sprint(i))
					require.NoError(t, os.WriteFile(local, []byte(local), 0o600))
					jobs = append(jobs, Job{Kind: Upload, Local: local, Remote: "/" + filepath.Base(local)})
				}
				j, err := OpenJournal(filepath.Join(dir, "journal"))
				require.NoError(t, err)
				defer j.Close()
				full := &fs.PathError{Op: "write", Path: "journal", Err: syscall.ENOSPC}
				var left atomic.Int64
				left.Store(int64(writes))
				j.update = func(f func(*bolt.Tx) error) error {
					if left.Add(-1) < 0 {
						return full
					}
					return j.db.Update(f)
				}
				told := make(map[string]State)
				r := Runner{Client: client, Journal: j, Workers: 2, Hooks: Hooks{Ended: func(res Result) {
					j.mu.Lock()
					defer j.mu.Unlock()
					told[res.Remote] = res.State
				}}}
				rep, err := r.Run(t.Context(), slices.Values(jobs))
				require.ErrorIs(t, err, ErrJournalFailed)
				require.ErrorIs(t, err, syscall.ENOSPC)
				assert.Contains(t, rep.Stopped, "no space left on device")
				if writes > 0 { // otherwise it had not begun
					assert.Len(t, told, count, "each job is told")
					assert.EqualValues(t, count, rep.Jobs.Done+rep.Jobs.NotRun)
					assert.Positive(t, rep.Jobs.NotRun)
					assert.Empty(t, rep.Problems)
				}
				for name, state := range told {
					assert.Equal(t, state == Done, srv.Exists(name), "%s %s", name, state)
				}

				left.Store(1 << 40)
				rep, err = r.Run(t.Context(), slices.Values(jobs))
				require.NoError(t, err)
				assert.EqualValues(t, count, rep.Jobs.Done+rep.Jobs.Skipped)
				assert.Len(t, srv.Names(), count)
			})
		})
	}
}

func TestAPanicOfTheDatabaseIsAnError(t *testing.T) {
	t.Parallel()
	j, err := OpenJournal(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	defer j.Close()
	err = j.write(func(*bolt.Tx) error { panic("page 7: invalid") })
	require.ErrorIs(t, err, ErrJournalFailed)
	assert.ErrorContains(t, err, "page 7: invalid")
	assert.ErrorIs(t, j.write(func(*bolt.Tx) error { return nil }), errMeddled, "bbolt may hold its locks for ever")
	assert.NoError(t, j.Close())
}

// A file that is cut off under the feet of bbolt, which maps it, is a fault of
// memory (SIGBUS): it must not end the program.
func TestAJournalThatIsCutOffWhileItIsOpenIsAnError(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "journal")
	j, err := OpenJournal(name)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(name, 0))
	err = j.write(func(tx *bolt.Tx) error { return put(tx, inDone, []byte("x"), 1) })
	require.ErrorIs(t, err, ErrJournalFailed)
	require.ErrorIs(t, j.read(func(tx *bolt.Tx) error { _, err := get(tx, inDone, []byte("x"), new(int)); return err }), ErrJournalUnusable)
	require.ErrorIs(t, recovered(func() error { return j.db.View(func(*bolt.Tx) error { return nil }) }), errMeddled,
		"even where it is seen too late")
	assert.NoError(t, j.Close())
}
