package batch_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestWhatIsExcludedIsNotRemovedBecauseItIsInTheWayUp(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/out/x/precious", []byte("p")))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x"), []byte("file"), 0o600))
	r := batch.Runner{Client: client(t, srv)}
	rep, err := r.MirrorUp(t.Context(), batch.Mirror{Local: dir, Remote: "/out", Delete: true, Exclude: []string{"x/"}})
	require.NoError(t, err)
	t.Log(srv.Names(), rep.Jobs)
	assert.Contains(t, srv.Names(), "/out/x/precious")
}

func TestWhatIsExcludedIsNotRemovedBecauseItIsInTheWayDown(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/out/x", []byte("p")))
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "x"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x", "precious"), []byte("file"), 0o600))
	r := batch.Runner{Client: client(t, srv)}
	rep, err := r.MirrorDown(t.Context(), batch.Mirror{Local: dir, Remote: "/out", Delete: true, Exclude: []string{"x/"}})
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(dir, "x", "precious"))
	assert.NoError(t, err, rep.Jobs)
}

func TestWhatIsNotIncludedIsNotRemovedBecauseItIsInTheWay(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/out/x", []byte("precious")))
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "x"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x", "a"), []byte("file"), 0o600))
	r := batch.Runner{Client: client(t, srv)}
	rep, err := r.MirrorUp(t.Context(), batch.Mirror{Local: dir, Remote: "/out", Delete: true, Include: []string{"x/"}})
	require.NoError(t, err)
	assert.Contains(t, srv.Names(), "/out/x", rep.Jobs)
	b, _ := srv.ReadFile("/out/x")
	assert.Equal(t, "precious", string(b))
}

func TestADirectoryWithTheNameOfATemporaryFileIsMirrored(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	dir := t.TempDir()
	require.NoError(t, srv.WriteFile("/out/a.part/x", []byte("precious")))
	require.NoError(t, srv.WriteFile("/out/b", []byte("b")))
	r := batch.Runner{Client: client(t, srv)}
	var plan []batch.Step
	rep, err := r.MirrorDown(t.Context(), batch.Mirror{Local: dir, Remote: "/out", Plan: func(s batch.Step) { plan = append(plan, s) }})
	require.NoError(t, err)
	t.Log(rep.Jobs, rep.Notes, plan)
	_, err = os.Stat(filepath.Join(dir, "a.part", "x"))
	assert.NoError(t, err)
}

func TestDirectoriesOfOneNameInEachOtherAreNoLink(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/in/a/a/a/f", []byte("x")))
	dir := t.TempDir()
	r := batch.Runner{Client: client(t, srv)}
	rep, err := r.MirrorDown(t.Context(), batch.Mirror{Local: dir, Remote: "/in"})
	require.NoError(t, err)
	for _, p := range rep.Problems {
		t.Log(p.Error, "|", p.Next)
	}
	_, err = os.Stat(filepath.Join(dir, "a/a/a/f"))
	assert.NoError(t, err)
}

func TestAMirrorLeavesItsOwnJournalAlone(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/out/f", []byte("f")))
	dir := t.TempDir()
	name := filepath.Join(dir, "night.db")
	r := batch.Runner{Client: client(t, srv), Journal: journal(t, name)}
	rep, err := r.MirrorUp(t.Context(), batch.Mirror{Local: dir, Remote: "/in"})
	require.NoError(t, err)
	for _, p := range rep.Problems {
		t.Log(p.Error, "|", p.Next)
	}
	assert.NotContains(t, srv.Names(), "/in/night.db")
	assert.Zero(t, rep.Jobs.Failed)
	rep, err = r.MirrorDown(t.Context(), batch.Mirror{Local: dir, Remote: "/out", Delete: true})
	t.Log(rep.Jobs, err)
	_, err = os.Stat(name)
	assert.NoError(t, err, "journal was deleted by its own run")
}

func TestAFileOfTheServerDoesNotReplaceTheJournal(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/out/night.db", []byte("f")))
	dir := t.TempDir()
	name := filepath.Join(dir, "night.db")
	r := batch.Runner{Client: client(t, srv), Journal: journal(t, name)}
	before, err := os.Stat(name)
	require.NoError(t, err)
	rep, err := r.MirrorDown(t.Context(), batch.Mirror{Local: dir, Remote: "/out", Delete: true})
	require.NoError(t, err)
	assert.EqualValues(t, 1, rep.Jobs.Failed)
	for _, p := range rep.Problems {
		t.Log(p.Error, "|", p.Next)
	}
	after, err := os.Stat(name)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after))
}
