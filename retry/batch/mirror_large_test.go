//go:build linux

package batch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// A directory of 100,000 files: when does the first one move, and what is held
// meanwhile? The bounds are wide, for a machine that is busy; see the log for
// what it was.
func TestRealMirrorOfALargeDirectoryBeginsBeforeItHasComparedItAll(t *testing.T) {
	const count, enough = 100_000, 200
	s := ftpd.Start(t, ftpd.VSFTPD, ftpd.Options{})
	src := filepath.Join(s.Root, "in")
	require.NoError(t, os.Mkdir(src, 0o755))
	for i := range count {
		require.NoError(t, os.WriteFile(filepath.Join(src, fmt.Sprintf("a file with a name as they are %06d.csv", i)), nil, 0o644))
	}
	require.NoError(t, os.Mkdir(filepath.Join(s.Root, "out"), 0o755))
	s.Adopt()
	dst := t.TempDir()
	bothWays(t, func(t *testing.T, w way) {
		runtime.GC()
		var before, during runtime.MemStats
		runtime.ReadMemStats(&before)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		started := time.Now()
		var first time.Duration
		var once, full sync.Once
		var done atomic.Int64
		r := realRunner(t, s)
		r.Hooks.Began = func(int, batch.Job) { once.Do(func() { first = time.Since(started) }) }
		r.Hooks.Ended = func(res batch.Result) {
			if res.State == batch.Done && done.Add(1) == enough {
				full.Do(func() {
					runtime.GC()
					runtime.ReadMemStats(&during)
					cancel(errors.New("enough"))
				})
			}
		}
		run, m := r.MirrorDown, batch.Mirror{Local: dst, Remote: "in"}
		if w.up {
			run, m = r.MirrorUp, batch.Mirror{Local: src, Remote: "out"}
		}
		rep, err := run(ctx, m)
		require.ErrorContains(t, err, "enough")
		assert.True(t, rep.Unread)
		assert.Less(t, rep.Jobs.Total, int64(count))
		held := int64(during.HeapAlloc) - int64(before.HeapAlloc)
		t.Logf("%s: first transfer after %v, %d KiB held at the %dth", w.name, first.Round(time.Millisecond), held>>10, enough)
		assert.Less(t, first, 2*time.Minute)
		assert.Less(t, held, int64(64<<20))
	})
}
