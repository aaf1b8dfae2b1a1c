package batch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func caseRunner(t *testing.T, srv *retrytest.Server) *Runner {
	t.Helper()
	c, err := retry.New(retry.Config{Addr: srv.Addr()})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return &Runner{Client: c}
}

// The file system of the test tells case apart; the mirror takes it for one that
// does not.
func TestNamesThatDifferInCaseOnlyDoNotMeetInOneFile(t *testing.T) {
	t.Parallel()
	srv := retrytest.NewServer(t, retrytest.Config{})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, name := range []string{"/in/A", "/in/a", "/in/d/x", "/in/D/y", "/in/Same"} {
		require.NoError(t, srv.WriteFile(name, []byte(name)))
		require.NoError(t, srv.Chtimes(name, at))
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "SAME"), []byte("/in/Same"), 0o600))
	require.NoError(t, os.Chtimes(filepath.Join(dir, "SAME"), at, at))
	r := caseRunner(t, srv)
	settled, err := r.settle(t.Context())
	require.NoError(t, err)
	w, err := newWalk(settled, Mirror{Local: dir, Remote: "/in", Delete: true}, false)
	require.NoError(t, err)
	defer w.root.Close()
	w.folds = true

	rep, err := r.run(retry.WithRoot(t.Context(), w.root), w.jobs)

	require.NoError(t, err)
	assert.EqualValues(t, 2, rep.Jobs.Failed)
	for _, p := range rep.Problems {
		assert.Contains(t, p.Error, "does not tell it from")
		assert.Contains(t, p.Next, "rename one of them")
	}
	for name, want := range map[string]bool{"A": true, "a": false, "D/y": true, "d": false, "SAME": true, "Same": false} {
		_, err := os.Lstat(filepath.Join(dir, name))
		assert.Equal(t, want, err == nil, name)
	}
}

func TestAServerThatDoesNotTellCaseApartKeepsWhatWasUploaded(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		folds bool
		want  string
	}{
		"it lists the name in another case": {true, "/in/A"},
		"it tells them apart":               {false, "/in/a"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("/in/A", []byte("x")))
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o600))
			info, err := srv.Stat("/in/A")
			require.NoError(t, err)
			require.NoError(t, os.Chtimes(filepath.Join(dir, "a"), info.ModTime(), info.ModTime()))
			if test.folds {
				srv.Inject(retrytest.Fault{On: "MLST", Path: "/in/a", Reply: "250-Listing\n type=file;size=1;modify=20260102030405; /in/a\n250 End"})
			}
			rep, err := caseRunner(t, srv).MirrorUp(t.Context(), Mirror{Local: dir, Remote: "/in", Delete: true})
			require.NoError(t, err)
			assert.Zero(t, rep.Jobs.Failed)
			assert.Equal(t, test.want, strings.Join(srv.Names(), " "))
		})
	}
}
