package batch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// A journal spares what is done already. A mirror has looked itself.
func TestAMirrorCopiesAgainWhatItsJournalHasAsDone(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		f := newField(t, w, retrytest.Config{})
		f.source("a", "d/b")
		journal, err := batch.OpenJournal(filepath.Join(t.TempDir(), "journal"))
		require.NoError(t, err)
		defer journal.Close()
		f.r.Journal = journal
		f.run(batch.Mirror{})
		if w.up {
			require.NoError(t, f.srv.Remove("/in/a"))
			require.NoError(t, f.srv.Remove("/in/d/b"))
			require.NoError(t, f.srv.Remove("/in/d"))
		} else {
			require.NoError(t, os.RemoveAll(filepath.Join(f.dir, "d")))
			require.NoError(t, os.Remove(filepath.Join(f.dir, "a")))
		}

		rep := f.run(batch.Mirror{})

		assert.EqualValues(t, 3, rep.Jobs.Done, rep.Jobs)
		assert.Equal(t, f.sourceTree(), f.goalTree())
		assert.Zero(t, f.run(batch.Mirror{}).Jobs)
	})
}

// half leaves an upload half-done, with its temporary file on the server.
func half(t *testing.T, f *field) {
	t.Helper()
	f.source("a")
	long := make([]byte, 200_000)
	where := filepath.Join(f.dir, "long")
	require.NoError(t, os.WriteFile(where, long, 0o600))
	require.NoError(t, os.Chtimes(where, made, made))
	f.srv.Inject(retrytest.Fault{On: "STOR", Path: "", Nth: 1, Times: -1, Data: retrytest.FIN, At: 100_000, Lose: true, Control: retrytest.FIN})
	rep := f.run(batch.Mirror{Include: []string{"long"}})
	require.EqualValues(t, 1, rep.Jobs.Failed)
	f.srv.ClearFaults()
	require.Len(t, temporaries(f), 1)
}

func temporaries(f *field) (temps []string) {
	for _, name := range f.srv.Names() {
		if f.r.Client.IsTemp(filepath.Base(name)) {
			temps = append(temps, name)
		}
	}
	return temps
}

func TestTheTemporaryOfAHalfDoneUploadIsKeptWhereItsFileCouldNotBeSeen(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		mirror batch.Mirror
		fault  retrytest.Fault
		left   int // temporaries
	}{
		"a dry run changes nothing":                      {batch.Mirror{DryRun: true}, retrytest.Fault{}, 1},
		"a directory that cannot be listed hides it":     {batch.Mirror{}, retrytest.Fault{On: "MLSD", Times: -1, Reply: "550 No."}, 1},
		"what is not wanted any more has none":           {batch.Mirror{Exclude: []string{"long"}}, retrytest.Fault{}, 0},
		"what goes on has none when it is done":          {batch.Mirror{}, retrytest.Fault{}, 0},
		"hashes that the server lacks are told too soon": {batch.Mirror{Compare: batch.Hash}, retrytest.Fault{}, 1},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			cfg := retrytest.Config{}
			if test.mirror.Compare == batch.Hash {
				cfg = retrytest.Proftpd()
			}
			f := newField(t, way{up: true}, cfg, quick)
			journal, err := batch.OpenJournal(filepath.Join(t.TempDir(), "journal"))
			require.NoError(t, err)
			defer journal.Close()
			f.r.Journal = journal
			half(t, f)
			if test.fault.On != "" {
				f.srv.Inject(test.fault)
			}
			_, _ = f.mirror(test.mirror)
			assert.Len(t, temporaries(f), test.left)
			f.srv.ClearFaults()
			f.srv.ResetLog()
			if test.left == 0 {
				return
			}

			rep := f.run(batch.Mirror{})

			assert.Zero(t, rep.Jobs.Failed)
			assert.Equal(t, f.sourceTree(), f.goalTree())
			if cfg.Without == nil { // or it refuses to go on
				assert.Less(t, rep.Uploaded, int64(150_000), "it goes on where it ended")
			}
		})
	}
}

func TestAMirrorDownGoesOnWithWhatWasBrokenOff(t *testing.T) {
	t.Parallel()
	f := newField(t, way{up: false}, retrytest.Config{}, quick)
	require.NoError(t, f.srv.WriteFile("/in/long", make([]byte, 200_000)))
	require.NoError(t, f.srv.Chtimes("/in/long", made.Truncate(time.Second)))
	f.srv.Inject(retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 100_000, Lose: true, Control: retrytest.FIN},
		retrytest.Fault{On: "RETR", Nth: 2, Times: -1, Reply: "450 Busy."})
	rep := f.run(batch.Mirror{})
	require.EqualValues(t, 1, rep.Jobs.Failed)
	f.srv.ClearFaults()
	rep = f.run(batch.Mirror{Delete: true})
	assert.Zero(t, rep.Jobs.Failed)
	assert.Less(t, rep.Downloaded, int64(150_000))
	assert.Equal(t, f.sourceTree(), f.goalTree())
	assert.Zero(t, f.run(batch.Mirror{}).Jobs)
}
