package batch

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPatternsMatchAsTheyAreDescribed(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		pattern string
		yes, no []string // directories end in a slash
	}{
		"a name alone, at any depth":              {"*.tmp", []string{"a.tmp", "a/b/c.tmp", "a.tmp/", "x/a.tmp/"}, []string{"a.tmp/b", "a.tmpx", "tmp"}},
		"a name in the root":                      {"/a", []string{"a", "a/"}, []string{"b/a", "a/b"}},
		"a path from the root":                    {"a/*.csv", []string{"a/x.csv"}, []string{"x.csv", "b/a/x.csv", "a/b/x.csv"}},
		"a path with a slash before it, too":      {"/a/b", []string{"a/b"}, []string{"x/a/b"}},
		"a directory, at any depth":               {"logs/", []string{"logs/", "a/logs/"}, []string{"logs", "a/logs", "logs/x"}},
		"a directory in the root":                 {"/logs/", []string{"logs/"}, []string{"a/logs/", "logs"}},
		"all in a directory":                      {"a/**", []string{"a/b", "a/b/c", "a/b/"}, []string{"a/", "a", "x/a/b"}},
		"any directories between":                 {"a/**/b", []string{"a/b", "a/x/b", "a/x/y/b"}, []string{"b", "a/b/c", "x/a/b"}},
		"any directories before":                  {"**/b", []string{"b", "x/b", "x/y/b"}, []string{"b/c"}},
		"all of it":                               {"**", []string{"a", "a/b"}, nil},
		"more than once":                          {"**/a/**/b", []string{"a/b", "x/a/y/b"}, []string{"b", "a", "b/a"}},
		"a star does not reach over a slash":      {"a/*", []string{"a/b"}, []string{"a/b/c", "a"}},
		"classes and quoting as path.Match":       {`[ab]\*?`, []string{"a*x", "d/b*y"}, []string{"c*x", "a*"}},
		"case counts":                             {"*.CSV", []string{"a.CSV"}, []string{"a.csv"}},
		"a name that begins with a dot is a name": {"*", []string{".a", "d/.a"}, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			ps, err := compile("Include", []string{"never/matches", test.pattern})
			require.NoError(t, err)
			for want, names := range map[bool][]string{true: test.yes, false: test.no} {
				for _, name := range names {
					folder := name[len(name)-1] == '/'
					if folder {
						name = name[:len(name)-1]
					}
					text, got := ps.match(name, folder)
					assert.Equal(t, want, got, name)
					if want {
						assert.Equal(t, test.pattern, text)
					}
				}
			}
		})
	}
}

func TestADirectoryIsLookedIntoWhereAPatternCouldReach(t *testing.T) {
	t.Parallel()
	for pattern, test := range map[string]struct{ yes, no []string }{
		"*.csv":    {yes: []string{"a", "a/b"}},
		"/a":       {no: []string{"a", "b"}},
		"a/b/c":    {yes: []string{"a", "a/b"}, no: []string{"b", "a/c", "a/b/c"}},
		"a/**/c":   {yes: []string{"a", "a/b", "a/b/c/d"}, no: []string{"b"}},
		"[ab]/*/c": {yes: []string{"a", "b/x"}, no: []string{"c", "a/x/c"}},
	} {
		ps, err := compile("Include", []string{pattern})
		require.NoError(t, err)
		for _, name := range test.yes {
			assert.True(t, ps.reach(name), "%s in %s", pattern, name)
		}
		for _, name := range test.no {
			assert.False(t, ps.reach(name), "%s in %s", pattern, name)
		}
	}
}

func TestAWrongPatternIsRefusedWithWhatIsWrong(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"": "it is empty", "/": "it is empty", "a//b": "names between slashes", "./a": "names between slashes", "../a": "names between slashes",
		"a/..": "names between slashes", "[a": "path.Match", "a/[": "path.Match", `a\`: "path.Match", "a**b": "stands alone", "***": "stands alone",
	} {
		_, err := compile("Exclude", []string{"*.fine", pattern})
		require.ErrorContains(t, err, want, pattern)
		assert.ErrorContains(t, err, "Mirror.Exclude has the pattern", pattern)
	}
}

func TestNamesThatAreNoneOfWindowsAreRefusedThere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "COMMON", "com", "console.txt", "lpt", "LPT10", "a.b c", ".a", "caf\u00e9"} {
		assert.NoError(t, checkName(name, true), name)
	}
	for _, name := range []string{"CON", "con.txt", "nul ", "aux.a.b", "COM1", "lpt9.x", "COM\u00b9", "CONOUT$", `a\b`, "a:b", "a?", "b*", "a|b", `"`, "<", "a.", "a "} {
		assert.Error(t, checkName(name, true), name)
		assert.NoError(t, checkName(name, false), name)
	}
	for _, name := range []string{"", ".", "..", "a/b", "/", "a\x00", "\n", "a\x7f"} {
		assert.Error(t, checkName(name, false), name)
	}
}
