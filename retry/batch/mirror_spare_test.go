package batch_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// What is not asked for stays, and so does what it is in the way of.
func TestWhatIsNotAskedForIsNotRemovedBecauseItIsInTheWay(t *testing.T) {
	directory := batch.Mirror{Delete: true, Exclude: []string{"x/"}}
	for _, c := range []struct {
		name           string
		server, here   string
		mirror         batch.Mirror
		up             bool
		served, placed []string
	}{
		{"a directory, excluded, up", "in/x/precious", "x", directory, true, []string{"x/precious"}, []string{"x"}},
		{"a directory, excluded, down", "in/x", "x/precious", directory, false, []string{"x"}, []string{"x/precious"}},
		{"a file, not included, up", "in/x", "x/a", batch.Mirror{Delete: true, Include: []string{"x/"}}, true, []string{"x"}, []string{"x/a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{})
			dir := t.TempDir()
			sow(t, srv, c.server)
			plant(t, dir, c.here)
			r := batch.Runner{Client: client(t, srv)}
			run := r.MirrorDown
			if c.up {
				run = r.MirrorUp
			}
			c.mirror.Local, c.mirror.Remote = dir, "/in"
			rep, err := run(t.Context(), c.mirror)
			require.NoError(t, err)
			assert.ElementsMatch(t, c.served, slices.Collect(maps.Keys(served(t, srv, "/in"))), rep.Jobs)
			assert.ElementsMatch(t, c.placed, slices.Collect(maps.Keys(local(t, dir))), rep.Jobs)
		})
	}
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
