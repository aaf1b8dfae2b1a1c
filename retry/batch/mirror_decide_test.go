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

func TestWhatAMirrorDoesAboutEachName(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		source, goal []string
		mirror       batch.Mirror
		want         []string          // names at the goal
		why          map[string]string // of steps
		failed       int64
		left         int64 // not run
	}{
		"what is missing is copied, what is there is left": {
			source: []string{"a", "b", "d/c"}, goal: []string{"a", "d/c"},
			want: []string{"a", "b", "d/c"},
			why:  map[string]string{"a": "same size and time", "b": "not there", "d/c": "same size and time"},
		},
		"what is extraneous stays unless it is to be deleted": {
			source: []string{"a"}, goal: []string{"x", "y/z"},
			want: []string{"a", "x", "y/z"},
			why:  map[string]string{"x": "extraneous, and left there", "y/": "extraneous, and left there"},
		},
		"what is extraneous is deleted where asked for": {
			source: []string{"a", "d/"}, goal: []string{"x", "y/z/1", "y/z/2", "y/e/", "d/x"}, mirror: batch.Mirror{Delete: true},
			want: []string{"a", "d/"},
			why:  map[string]string{"x": "extraneous", "y/": "extraneous", "y/z/1": "extraneous", "y/e/": "extraneous", "d/x": "extraneous"},
		},
		"of an empty source nothing is left": {
			source: []string{"./"}, goal: []string{"x", "y/z"}, mirror: batch.Mirror{Delete: true},
		},
		"what is excluded is neither copied nor deleted": {
			source: []string{"a", "b.tmp", "tmp/c", "d/tmp"}, goal: []string{"x.tmp", "y/x.tmp", "y/x", "tmp/z"},
			mirror: batch.Mirror{Delete: true, Exclude: []string{"*.tmp", "tmp/"}},
			want:   []string{"a", "d/tmp", "tmp/z", "x.tmp", "y/x.tmp"},
			why:    map[string]string{"b.tmp": "excluded by *.tmp", "tmp/": "excluded by tmp/", "y/x": "extraneous"},
		},
		"only what is included is copied or deleted, with directories for it": {
			source: []string{"a.csv", "b", "d/e/c.csv", "f/g/h", "all/i", "all/j/"}, goal: []string{"x.csv", "y", "z/x.csv", "z/y"},
			mirror: batch.Mirror{Delete: true, Include: []string{"*.csv", "all/"}},
			want:   []string{"a.csv", "all/i", "all/j/", "d/e/c.csv", "y", "z/y"},
			why:    map[string]string{"b": "not included", "y": "not included", "f/g/h": "not included"},
		},
		"exclude outranks include": {
			source: []string{"a.csv", "b.csv"}, mirror: batch.Mirror{Include: []string{"*.csv"}, Exclude: []string{"b.*"}},
			want: []string{"a.csv"}, why: map[string]string{"b.csv": "excluded by b.*"},
		},
		"what cannot hold anything included is not looked into": {
			source: []string{"a/b/c", "x/b/c"}, mirror: batch.Mirror{Include: []string{"a/**"}},
			want: []string{"a/b/c"}, why: map[string]string{"x/": "not included"},
		},
		"a directory in the place of a file is in the way": {
			source: []string{"a"}, goal: []string{"a/b"}, want: []string{"a/b"}, failed: 1,
			why: map[string]string{"a": "a directory is in the way at the goal"},
		},
		"a directory in the way is deleted where that is asked for": {
			source: []string{"a"}, goal: []string{"a/b/c", "a/d"}, mirror: batch.Mirror{Delete: true}, want: []string{"a"},
			why: map[string]string{"a/d": "a directory is in the way", "a": "not there"},
		},
		"a directory in the way stays where something in it is excluded": {
			source: []string{"a"}, goal: []string{"a/b", "a/c"}, mirror: batch.Mirror{Delete: true, Exclude: []string{"b"}}, want: []string{"a/b"}, failed: 1,
			why: map[string]string{"a": "a directory is in the way at the goal, and could not be removed as a whole"},
		},
		"a file in the place of a directory is in the way": {
			source: []string{"a/b"}, goal: []string{"a"}, want: []string{"a"}, failed: 1,
			why: map[string]string{"a/": "a file is in the way at the goal"},
		},
		"a file in the way is deleted where that is asked for": {
			source: []string{"a/b"}, goal: []string{"a"}, mirror: batch.Mirror{Delete: true}, want: []string{"a/b"},
			why: map[string]string{"a/": "not there", "a/b": "not there"},
		},
		"temporary files of transfers are left alone": {
			source: []string{"a", "a.part", "a.part.info", "b.ABCDEFGHIJ.ftpretry"}, goal: []string{"x.part", "y/x.ABCDEFGHIJ.ftpretry"}, mirror: batch.Mirror{Delete: true},
			want: []string{"a", "x.part", "y/x.ABCDEFGHIJ.ftpretry"},
			why:  map[string]string{"a.part": "temporary file of a transfer, as its name tells (.part, .part.info, .ftpretry), is left alone", "x.part": "temporary file of a transfer, as its name tells (.part, .part.info, .ftpretry), is left alone"},
		},
		"a dry run changes nothing": {
			source: []string{"a", "d/b"}, goal: []string{"x", "y/z"}, mirror: batch.Mirror{Delete: true, DryRun: true},
			want: []string{"x", "y/z"}, left: 3 + 3,
			why: map[string]string{"a": "not there", "d/": "not there", "d/b": "not there", "x": "extraneous", "y/z": "extraneous", "y/": "extraneous"},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, w way) {
				f := newField(t, w, retrytest.Config{})
				f.source(test.source...)
				f.goal(append([]string{"./"}, test.goal...)...)

				rep := f.run(test.mirror)

				assert.Equal(t, test.want, names(f.goalTree()))
				for name, why := range test.why {
					assert.Equal(t, why, f.plan.why(name), name)
				}
				assert.Equal(t, test.failed, rep.Jobs.Failed, rep.Problems)
				assert.Equal(t, test.left, rep.Jobs.NotRun)
				assert.Equal(t, rep.Jobs.Total, rep.Jobs.Done+rep.Jobs.Failed+rep.Jobs.NotRun)
				if test.failed > 0 || test.left > 0 {
					return
				}
				again := test.mirror
				again.DryRun = true
				assert.Zero(t, f.run(again).Jobs, f.plan.steps)
			})
		})
	}
}

func TestADryRunIntoNothingMakesNothing(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		f := newField(t, w, retrytest.Config{})
		f.source("a", "d/b")
		if !w.up {
			f.dir = filepath.Join(f.dir, "new", "one")
		}
		rep := f.run(batch.Mirror{DryRun: true})
		assert.Equal(t, "not there", f.plan.why("./"))
		assert.Equal(t, "not there", f.plan.why("d/b"))
		assert.EqualValues(t, 4, rep.Jobs.NotRun)
		if w.up {
			assert.False(t, f.srv.Exists("/in"))
			return
		}
		_, err := os.Stat(filepath.Dir(f.dir))
		assert.ErrorIs(t, err, os.ErrNotExist)
	})
}

func TestFilesAreComparedAsAskedFor(t *testing.T) {
	t.Parallel()
	second := made.Truncate(time.Second)
	for sentence, test := range map[string]struct {
		mirror   batch.Compare
		server   retrytest.Config
		content  string        // at the goal; at the source it is "abc"
		later    time.Duration // the goal's time after the source's
		why      string
		up, down bool // the ways in which it is copied
	}{
		"another size":                       {content: "abcd", why: "size 4, not 3", up: true, down: true},
		"another time":                       {content: "abd", later: time.Second, why: "time 2026-03-04 05:06:08, not 2026-03-04 05:06:07", up: true, down: true},
		"an earlier time":                    {content: "abd", later: -time.Hour, why: "time 2026-03-04 04:06:07, not 2026-03-04 05:06:07", up: true, down: true},
		"same size and time":                 {content: "abd", why: "same size and time"},
		"size alone":                         {content: "abd", mirror: batch.Size, later: time.Hour, why: "same size"},
		"size alone, and another one":        {content: "abcd", mirror: batch.Size, why: "size 4, not 3", up: true, down: true},
		"hash, and another one":              {content: "abd", mirror: batch.Hash, why: "another content", up: true, down: true},
		"hash":                               {content: "abc", mirror: batch.Hash, later: time.Hour, why: "same content"},
		"time by MDTM":                       {content: "abd", server: retrytest.Vsftpd(), why: "same size and time"},
		"another time by MDTM":               {content: "abd", server: retrytest.Vsftpd(), later: -time.Second, why: "time 2026-03-04 05:06:06, not 2026-03-04 05:06:07", up: true, down: true},
		"a later time that cannot be set":    {content: "abd", server: retrytest.Config{Without: []string{"MFMT"}}, later: time.Second, up: true, down: true},
		"a time that nothing tells but LIST": {content: "abd", server: retrytest.Config{Without: []string{"MLSD", "MDTM"}}, later: time.Second, why: "same size, and the same time as far as the server's listing shows it"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, w way) {
				f := newField(t, w, test.server)
				here, there, at, when := "abc", test.content, second, second.Add(test.later)
				if !w.up {
					here, there, at, when = there, here, when, at
				}
				where := filepath.Join(f.dir, "f")
				require.NoError(t, os.WriteFile(where, []byte(here), 0o600))
				require.NoError(t, os.Chtimes(where, at, at))
				require.NoError(t, f.srv.WriteFile("/in/f", []byte(there)))
				require.NoError(t, f.srv.Chtimes("/in/f", when))
				rep := f.run(batch.Mirror{Compare: test.mirror, DryRun: true})
				copied := w.up && test.up || !w.up && test.down
				why := test.why
				if sentence == "a later time that cannot be set" {
					if copied = !w.up; w.up {
						why = "same size, and not older: the server's files cannot be given a time"
					} else {
						why = "time 2026-03-04 05:06:08, not 2026-03-04 05:06:07"
					}
				}
				assert.Equal(t, why, f.plan.why("f"))
				assert.Equal(t, copied, rep.Jobs.NotRun == 1)
			})
		})
	}
}
