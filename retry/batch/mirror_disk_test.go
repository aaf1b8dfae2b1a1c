//go:build linux

package batch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestRealMirrorIntoAFullDiskBringsWhatFits(t *testing.T) {
	disk := ftpd.SmallDisk(t, "1m")
	f := newField(t, way{up: false}, retrytest.Config{}, quick)
	f.dir = disk
	f.r.Workers = 1
	f.source("a", "c/d")
	require.NoError(t, f.srv.WriteFile("/in/big", bytes.Repeat([]byte("x"), 2<<20)))

	rep := f.run(batch.Mirror{})

	assert.Equal(t, map[string]string{"a": "content of a", "c/d": "content of c/d"}, f.goalTree())
	require.Len(t, rep.Problems, 1)
	assert.Contains(t, rep.Problems[0].Error, "no space left on device")
	assert.Contains(t, rep.Problems[0].Next, "free space on the local disk")
}

func TestRealMirrorIntoAReadOnlyTargetSaysSoOfEachFile(t *testing.T) {
	disk := ftpd.SmallDisk(t, "1m")
	plant(t, disk, "there", "x")
	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	f := newField(t, way{up: false}, retrytest.Config{}, quick)
	f.dir = disk
	f.source("there", "a", "d/b")

	rep := f.run(batch.Mirror{Delete: true})

	assert.Equal(t, []string{"there", "x"}, names(f.goalTree()))
	assert.EqualValues(t, 3, rep.Jobs.Failed)
	for _, p := range rep.Problems {
		assert.Contains(t, p.Error, "read-only file system")
		assert.Contains(t, p.Next, "let this user read and write")
	}
}

func TestRealMirrorOntoAFullDiskOfTheServerBringsWhatFits(t *testing.T) {
	for _, kind := range ftpd.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			disk := ftpd.SmallDisk(t, "1m")
			s := ftpd.Start(t, kind, ftpd.Options{Root: disk, AllowStoreRestart: kind == ftpd.ProFTPD})
			src := t.TempDir()
			plant(t, src, "a", "c/d")
			require.NoError(t, os.WriteFile(filepath.Join(src, "big"), make([]byte, 2<<20), 0o600))
			r := realRunner(t, s, quick)
			r.Workers = 1

			rep, err := r.MirrorUp(t.Context(), batch.Mirror{Local: src, Remote: "in"})

			require.NoError(t, err)
			assert.Equal(t, map[string]string{"a": "content of a", "c/d": "content of c/d"}, local(t, filepath.Join(disk, "in")))
			require.Len(t, rep.Problems, 1)
			assert.EqualValues(t, 1, rep.Jobs.Failed)
			assert.NotEmpty(t, rep.Problems[0].Next)
		})
	}
}
