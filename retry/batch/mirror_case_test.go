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
	w.names = func() blurs { return blurs{cases: true} }
	w.same = strings.EqualFold

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

// The local file of the test is in the form that macOS makes of a name.
func TestALocalFileInAnotherNormalFormIsTheSameFile(t *testing.T) {
	t.Parallel()
	const composed, decomposed, another = "M\u00fcller", "Mu\u0308ller", "M\u00f6ller"
	for sentence, test := range map[string]struct {
		same bool
		want []string
	}{
		"where it is":     {true, []string{another, decomposed}},
		"where it is not": {false, []string{another, composed}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("/in/"+composed, []byte("x")))
			require.NoError(t, srv.WriteFile("/in/"+another, []byte("x")))
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, decomposed), []byte("x"), 0o600))
			info, err := srv.Stat("/in/" + composed)
			require.NoError(t, err)
			require.NoError(t, os.Chtimes(filepath.Join(dir, decomposed), info.ModTime(), info.ModTime()))
			r := caseRunner(t, srv)
			settled, err := r.settle(t.Context())
			require.NoError(t, err)
			w, err := newWalk(settled, Mirror{Local: dir, Remote: "/in", Delete: true}, false)
			require.NoError(t, err)
			defer w.root.Close()
			w.same = func(a, b string) bool { return test.same && a != another && b != another }

			rep, err := r.run(retry.WithRoot(t.Context(), w.root), w.jobs)

			require.NoError(t, err)
			assert.Zero(t, rep.Jobs.Failed)
			var got []string
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			for _, e := range entries {
				got = append(got, e.Name())
			}
			assert.ElementsMatch(t, test.want, got)
		})
	}
}

func TestAFileSystemIsAskedByAFileThatIsGoneAfterwards(t *testing.T) {
	t.Parallel()
	for sentence, dry := range map[string]bool{"by a file": false, "by its own name": true} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "Dir")
			require.NoError(t, os.Mkdir(dir, 0o700))
			root, err := os.OpenRoot(dir)
			require.NoError(t, err)
			defer root.Close()
			_, err = os.Stat(filepath.Join(filepath.Dir(dir), "dIR"))
			assert.Equal(t, err == nil, blursOf(root, dir, dry).cases)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, entries)
		})
	}
}

func TestNamesAreAlikeThatSomeFileSystemTakesForOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "A", true},
		{"a.TXT", "A.txt", true},
		{"a", "b", false},
		{"a", "ab", false},
		{"\u00e4", "\u00c4", true},
		{"stra\u00dfe", "strasse", false},
		{"k", "\u212a", true}, // the Kelvin sign
		{"M\u00fcller", "Mu\u0308ller", true},
		{"m\u00dcLLER", "Mu\u0308ller", true},
		{"M\u00fcller", "M\u00f6ller", false},
		{"Mu\u0308ller", "Mo\u0308ller", false},
		{"Mu\u0308ller", "Mu\u0301ller", false},
		{"Muller", "Mu\u0308ller", false},
		{"\u304c", "\u304b\u3099", true}, // ga, in Hiragana
		{"\u0439", "\u0438\u0306", true}, // short i, in Cyrillic
		{"\uac00", "\u1100\u1161", true}, // ga, in Hangul
		{"\uac01x", "\u1100\u1161\u11a8x", true},
		{"\u6587", "\u5b57", false},
		{"\xff", "\xfe", true}, // no text: for the file system to say
	} {
		assert.Equal(t, c.want, likeness(c.a) == likeness(c.b) && alike(c.a, c.b), "%q %q", c.a, c.b)
		assert.Equal(t, alike(c.a, c.b), alike(c.b, c.a))
		if alike(c.a, c.b) {
			assert.Equal(t, likeness(c.a), likeness(c.b), "%q %q", c.a, c.b)
		}
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

// Without a table of accents, nobody can say which of two it is.
func TestNamesThatTheServerHasInOneOfSeveralFormsAreNotDeleted(t *testing.T) {
	t.Parallel()
	srv := retrytest.NewServer(t, retrytest.Config{})
	dir := t.TempDir()
	for composed, decomposed := range map[string]string{"M\u00fcller": "Mu\u0308ller", "M\u00f6ller": "Mo\u0308ller"} {
		require.NoError(t, srv.WriteFile("/in/"+decomposed, []byte("x")))
		require.NoError(t, os.WriteFile(filepath.Join(dir, composed), []byte("x"), 0o600))
		srv.Inject(retrytest.Fault{On: "MLST", Path: "/in/" + composed, Reply: "250-Listing\n type=file;size=1;modify=20260102030405; /in/x\n250 End", Times: -1})
	}
	rep, err := caseRunner(t, srv).MirrorUp(t.Context(), Mirror{Local: dir, Remote: "/in", Delete: true})
	require.NoError(t, err)
	assert.Equal(t, Counts{Total: 2, Done: 2}, rep.Jobs)
	assert.Len(t, srv.Names(), 4)
}

func TestOfNamesInSeveralFormsThoseAreFetchedThatTheLocalFileSystemTellsApart(t *testing.T) {
	t.Parallel()
	names := []string{"Mo\u0308ller", "Mu\u0308ller", "M\u00f6ller"}
	for sentence, test := range map[string]struct {
		is   blurs
		want []string
	}{
		"forms are one": {blurs{forms: true}, names[:2]},
		"cases are one": {blurs{cases: true}, names},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, retrytest.Config{})
			for _, name := range names {
				require.NoError(t, srv.WriteFile("/in/"+name, []byte(name)))
			}
			dir := t.TempDir()
			r := caseRunner(t, srv)
			settled, err := r.settle(t.Context())
			require.NoError(t, err)
			w, err := newWalk(settled, Mirror{Local: dir, Remote: "/in"}, false)
			require.NoError(t, err)
			defer w.root.Close()
			w.names = func() blurs { return test.is }
			rep, err := r.run(retry.WithRoot(t.Context(), w.root), w.jobs)
			require.NoError(t, err)
			assert.EqualValues(t, len(names)-len(test.want), rep.Jobs.Failed)
			for _, name := range test.want {
				assert.FileExists(t, filepath.Join(dir, name))
			}
		})
	}
}
