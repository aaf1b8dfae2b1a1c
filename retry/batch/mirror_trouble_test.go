package batch_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// quick waits less between attempts, and makes fewer.
func quick(c *retry.Config) {
	c.Policy = policy.Policy{Attempts: 3, Initial: time.Millisecond, Max: time.Millisecond}
}

func TestAMirrorThatIsWrongIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plant(t, dir, "file")
	for sentence, test := range map[string]struct {
		mirror batch.Mirror
		want   string
		up     bool // only
	}{
		"no local directory":        {batch.Mirror{}, "Mirror.Local is empty", false},
		"one that is not there":     {batch.Mirror{Local: filepath.Join(dir, "gone")}, "no such file", true},
		"one that is none":          {batch.Mirror{Local: filepath.Join(dir, "file")}, "not a directory", false},
		"no such way to compare":    {batch.Mirror{Local: dir, Compare: 7}, "Mirror.Compare is 7", false},
		"a pattern that is none":    {batch.Mirror{Local: dir, Include: []string{"[a"}}, `Mirror.Include has the pattern "[a"`, false},
		"an exclude that is none":   {batch.Mirror{Local: dir, Exclude: []string{""}}, "Mirror.Exclude has the pattern", false},
		"hashes that are not there": {batch.Mirror{Local: dir, Compare: batch.Hash}, "the server computes no hashes", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, w way) {
				if test.up && !w.up {
					return
				}
				srv := retrytest.NewServer(t, retrytest.Vsftpd())
				require.NoError(t, srv.WriteFile("/a", nil))
				r := batch.Runner{Client: client(t, srv)}
				run := r.MirrorDown
				if w.up {
					run = r.MirrorUp
				}
				rep, err := run(t.Context(), test.mirror)
				require.ErrorContains(t, err, test.want)
				assert.NotEmpty(t, rep.Stopped)
				assert.Zero(t, rep.Jobs)
				for _, e := range srv.Log() {
					assert.NotContains(t, []string{"STOR", "RETR", "MKD", "DELE"}, e.Command)
				}
			})
		})
	}
}

func TestWhatGoesWrongInOneDirectoryIsReportedAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	const spared = "extraneous, but not deleted: not every directory could be read as a whole"
	for sentence, test := range map[string]struct {
		faults []retrytest.Fault
		way    []bool // up; nil = both
		want   []string
		failed string // part of the error of the one failed job
		kind   batch.Kind
		notRun int64
		notes  map[string]int64
	}{
		"a directory of the server that may not be read": {
			faults: []retrytest.Fault{{On: "MLSD", Path: "/in/d", Times: -1, Reply: "550 Permission denied."}},
			want:   []string{"a", "d/old", "e/c", "x", "y/z"}, failed: "Permission denied", kind: batch.List, notRun: 2, notes: map[string]int64{spared: 2},
		},
		"a directory on the server that may not be made": {
			faults: []retrytest.Fault{{On: "MKD", Path: "/in/e", Times: -1, Reply: "550 Permission denied."}}, way: []bool{true},
			want: []string{"a", "d/b"}, failed: "Permission denied", kind: batch.MakeDir,
		},
		"a file that the server does not take": {
			faults: []retrytest.Fault{{On: "RNTO", Path: "/in/a", Times: -1, Reply: "553 Bad name."}}, way: []bool{true},
			want: []string{"d/b", "e/c"}, failed: "Bad name", kind: batch.Upload,
		},
		"a file that the server does not give": {
			faults: []retrytest.Fault{{On: "RETR", Path: "/in/a", Times: -1, Reply: "550 No."}}, way: []bool{false},
			want: []string{"d/b", "e/c"}, failed: "No.", kind: batch.Download,
		},
		"an extraneous directory that may not be read": {
			faults: []retrytest.Fault{{On: "MLSD", Path: "/in/y", Times: -1, Reply: "550 Permission denied."}}, way: []bool{true},
			want: []string{"a", "d/b", "e/c", "y/z"}, failed: "Permission denied", kind: batch.List,
		},
		"an extraneous file that may not be deleted": {
			faults: []retrytest.Fault{{On: "DELE", Path: "/in/y/z", Times: -1, Reply: "550 Permission denied."}}, way: []bool{true},
			want: []string{"a", "d/b", "e/c", "y/z"}, failed: "Permission denied", kind: batch.Delete,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, w way) {
				if test.way != nil && !slices.Contains(test.way, w.up) {
					return
				}
				f := newField(t, w, retrytest.Config{Faults: test.faults}, quick)
				f.source("a", "d/b", "e/c")
				f.goal("d/old", "x", "y/z")

				rep := f.run(batch.Mirror{Delete: true})

				assert.Equal(t, test.want, names(f.goalTree()))
				require.Len(t, rep.Problems, 1)
				assert.Contains(t, rep.Problems[0].Error, test.failed)
				assert.NotEmpty(t, rep.Problems[0].Next)
				assert.Equal(t, test.kind, rep.Problems[0].Kind)
				assert.Equal(t, test.notRun, rep.Jobs.NotRun)
				if len(test.notes) > 0 {
					assert.Equal(t, test.notes, rep.Notes)
				}

				f.srv.ClearFaults()
				rep = f.run(batch.Mirror{Delete: true})

				assert.Zero(t, rep.Jobs.Failed+rep.Jobs.NotRun)
				assert.Equal(t, f.sourceTree(), f.goalTree())
			})
		})
	}
}

func TestNothingIsDeletedWhereTheListingWasNotUnderstoodAsAWhole(t *testing.T) {
	t.Parallel()
	srv := newLiar(t, func(dir string) string {
		if dir != "in" {
			return aFile + "f\r\n"
		}
		return aFile + "a\r\ntype=file;size=many; b\r\n" + aDir + "d\r\n"
	})
	dir := t.TempDir()
	plant(t, dir, "x", "d/x")
	r := batch.Runner{Client: liarsClient(t, srv)}
	rep, err := r.MirrorDown(t.Context(), batch.Mirror{Local: dir, Remote: "in", Delete: true})
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "d/f", "d/x", "x"}, names(local(t, dir)))
	assert.Equal(t, batch.Counts{Total: 5, Done: 2, Failed: 1, NotRun: 2}, rep.Jobs)
	assert.Contains(t, rep.Problems[0].Error, "1 of the entries that the server lists are not understood")
}

func TestALinkToADirectoryAboveIsNotFollowedForEver(t *testing.T) {
	t.Parallel()
	srv := newLiar(t, func(string) string { return aFile + "a\r\n" + aDir + "up\r\n" + aDir + "again\r\n" })
	dir := t.TempDir()
	r := batch.Runner{Client: liarsClient(t, srv)}
	rep, err := r.MirrorDown(t.Context(), batch.Mirror{Local: dir, Remote: "in"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, names(local(t, dir)))
	assert.EqualValues(t, 2, rep.Jobs.Failed)
	assert.Contains(t, rep.Problems[0].Error, "taken for a link to that")
}

func TestATreeWithoutEndHasOne(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	srv := newLiar(t, func(string) string { return fmt.Sprintf("%sf%d\r\n%sd\r\n", aFile, n.Add(1), aDir) })
	r := batch.Runner{Client: liarsClient(t, srv)}
	rep, err := r.MirrorDown(t.Context(), batch.Mirror{Local: t.TempDir(), Remote: "in", DryRun: true})
	require.NoError(t, err)
	assert.EqualValues(t, 1, rep.Jobs.Failed)
	assert.Contains(t, rep.Problems[0].Error, "nested more than 200 deep")
}

func TestLocalLinksAndDevicesAreNeitherFollowedNorCopied(t *testing.T) {
	t.Parallel()
	f := newField(t, way{up: true}, retrytest.Config{})
	f.source("a", "d/b")
	beside := t.TempDir()
	plant(t, beside, "secret")
	require.NoError(t, os.Symlink(beside, filepath.Join(f.dir, "link")))
	require.NoError(t, os.Symlink("a", filepath.Join(f.dir, "d", "file")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(f.dir, "dangling")))
	rep := f.run(batch.Mirror{})
	assert.Equal(t, []string{"a", "d/b"}, names(f.goalTree()))
	assert.Zero(t, rep.Jobs.Failed)
	assert.Equal(t, map[string]int64{"a symbolic link is not copied": 3}, rep.Notes)
	assert.Equal(t, "a symbolic link is not copied", f.plan.why("d/file"))
}

func TestDirectoriesComeBeforeWhatIsInThemAndDeletionsLast(t *testing.T) {
	t.Parallel()
	f := newField(t, way{up: true}, retrytest.Config{})
	for i := range 20 {
		f.source(fmt.Sprintf("d%d/e/f%d", i, i))
		f.goal(fmt.Sprintf("x%d/y", i))
	}
	f.run(batch.Mirror{Delete: true})
	assert.Equal(t, f.sourceTree(), f.goalTree())
	made := map[string]bool{"/in": true}
	deleting := false
	for _, e := range f.srv.Log() {
		switch e.Command {
		case "MKD":
			assert.True(t, made[filepath.Dir(e.Arg)], e.Arg)
			made[e.Arg] = true
		case "STOR":
			assert.True(t, made[filepath.Dir(e.Arg)], e.Arg)
			assert.False(t, deleting, "%s is stored when deletions have begun", e.Arg)
		case "DELE":
			deleting = deleting || !strings.HasPrefix(e.Reply, "5")
		}
	}
	assert.True(t, deleting)
}

// A run is broken off after so many commands, in each way in which one can be.
func TestAMirrorThatIsBrokenOffIsMadeWholeByTheNext(t *testing.T) {
	t.Parallel()
	for sentence, stop := range map[string]func(r *batch.Runner) (context.Context, func()){
		"by its context": func(*batch.Runner) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() { cancel(errors.New("enough")) }
		},
		"by its deadline": func(r *batch.Runner) (context.Context, func()) {
			r.Grace = -1
			r.Deadline = time.Now().Add(50 * time.Millisecond)
			return context.Background(), func() {}
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, w way) {
				for after := 1; after < 200; after += 23 {
					synctest.Test(t, func(t *testing.T) {
						f := newField(t, w, retrytest.Config{InMemory: true})
						for i := range 12 {
							f.source(fmt.Sprintf("d%d/a", i%4), fmt.Sprintf("d%d/e%d/b", i%4, i))
							f.goal(fmt.Sprintf("x/%d", i))
						}
						before := f.sourceTree()
						ctx, cut := stop(&f.r)
						f.srv.Inject(retrytest.Fault{On: "*", Nth: after, Times: 1, Delay: time.Second, Run: cut})
						m := batch.Mirror{Local: f.dir, Remote: "/in", Delete: true}
						run := f.r.MirrorDown
						if w.up {
							run = f.r.MirrorUp
						}

						rep, err := run(ctx, m)

						if f.srv.Pending() > 0 {
							return // it was over before
						}
						if err != nil {
							assert.NotEmpty(t, rep.Stopped)
							assert.True(t, rep.Unread || rep.Jobs.NotRun+rep.Jobs.Failed+rep.Jobs.Unknown > 0, "%+v", rep.Jobs)
						}
						assert.Equal(t, rep.Jobs.Total, rep.Jobs.Done+rep.Jobs.Failed+rep.Jobs.Unknown+rep.Jobs.NotRun)
						f.r.Deadline = time.Time{}
						f.run(m)
						assert.Equal(t, before, f.sourceTree())
						after := f.goalTree()
						maps.DeleteFunc(after, func(name, _ string) bool { return f.r.Client.IsTemp(name) }) // CleanTemp's business
						assert.Equal(t, before, after)
					})
				}
			})
		})
	}
}
