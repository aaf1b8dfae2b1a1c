package batch_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// One of two names that the server takes for one must not overwrite the other.
func TestNamesThatTheServerTakesForOneDoNotOverwriteEachOther(t *testing.T) {
	t.Parallel()
	without := func(commands ...string) retrytest.Config { return retrytest.Config{Without: commands} }
	for sentence, test := range map[string]struct {
		source, goal []string
		server       retrytest.Config
		mirror       batch.Mirror
		want         []string
		failed       []string // names of steps
		says         string
	}{
		"two files":                     {source: []string{"A", "a", "b"}, want: []string{"A", "b"}, failed: []string{"a"}},
		"three of them":                 {source: []string{"Ab", "aB", "ab"}, want: []string{"Ab"}, failed: []string{"aB", "ab"}},
		"the one that is there":         {source: []string{"A", "a"}, goal: []string{"a"}, want: []string{"a"}, failed: []string{"A"}},
		"and it is not deleted":         {source: []string{"A", "a"}, goal: []string{"a"}, mirror: batch.Mirror{Delete: true}, want: []string{"a"}, failed: []string{"A"}},
		"two directories":               {source: []string{"D/x", "d/y"}, want: []string{"D/x"}, failed: []string{"d/"}},
		"a file and a directory":        {source: []string{"A", "a/x"}, want: []string{"a/x"}, failed: []string{"A"}},
		"a directory and a file there":  {source: []string{"A", "a/x"}, goal: []string{"A"}, want: []string{"A"}, failed: []string{"a/"}},
		"letters beyond ASCII":          {source: []string{"\u00c4.csv", "\u00e4.csv"}, want: []string{"\u00c4.csv"}, failed: []string{"\u00e4.csv"}},
		"without MLST":                  {server: without("MLST"), source: []string{"A", "a"}, want: []string{"A"}, failed: []string{"a"}},
		"where it does not tell":        {server: without("MLST", "SIZE"), source: []string{"A", "a"}, want: []string{"A"}, failed: []string{"a"}, says: "does not say whether it tells"},
		"where one is under the former": {source: []string{"a"}, goal: []string{"A"}, mirror: batch.Mirror{Delete: true}, want: []string{"A"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			test.server.FoldCase = true
			f := newField(t, way{up: true}, test.server, quick)
			f.source(test.source...)
			f.goal(append([]string{"./"}, test.goal...)...)
			for range 2 {
				rep := f.run(test.mirror)

				got := f.goalTree()
				assert.Equal(t, test.want, names(got))
				for name, content := range got {
					if slices.Contains(test.source, name) {
						assert.Equal(t, "content of "+name, content)
					}
				}
				assert.EqualValues(t, len(test.failed), rep.Jobs.Failed, rep.Problems)
				says := test.says
				if says == "" {
					says = "server does not tell it from"
				}
				for _, name := range test.failed {
					assert.Contains(t, f.plan.why(name), says)
				}
				for _, p := range rep.Problems {
					assert.Contains(t, p.Next, "rename one of them")
				}
			}
			assert.Zero(t, f.run(test.mirror).Jobs.Done, "nothing is sent again and again")
		})
	}
}

func TestNamesThatTheServerTellsApartAreAllSent(t *testing.T) {
	t.Parallel()
	all := []string{"A", "D/x", "M\u00fcller", "Mu\u0308ller", "a", "d/x", "\uac00", "\u1100\u1161"}
	for sentence, cfg := range map[string]retrytest.Config{
		"with MLST":    {},
		"without MLST": {Without: []string{"MLST"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			f := newField(t, way{up: true}, cfg, quick)
			f.source(all...)
			assert.Zero(t, f.run(batch.Mirror{}).Jobs.Failed)
			assert.Equal(t, f.sourceTree(), f.goalTree())
			assert.Zero(t, f.run(batch.Mirror{Delete: true}).Jobs.Total)
			f.source("aA", "AA")
			f.goal("Aa")
			assert.Zero(t, f.run(batch.Mirror{Delete: true}).Jobs.Failed)
			assert.Equal(t, f.sourceTree(), f.goalTree())
		})
	}
}
