package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// eventful is a server and a list with something of everything: a wait, a
// failure, a file that goes through.
func eventful(t *testing.T) (*retrytest.Server, string) {
	t.Helper()
	srv := server(t, retrytest.Config{Faults: []retrytest.Fault{
		{On: "STOR", Reply: "450 File busy: \x1b[31m" + secret + "\a"},
		{On: "DELE", Times: -1, Reply: "550 Not \x1b]0;yours\a."},
	}})
	const content = "the content of a file"
	dir := put(t, map[string]string{"list": "kind,local,remote\nupload,a.txt,a.txt\ndelete,,\x1b[2J\n", "a.txt": content})
	return srv, dir
}

func TestTheLogIsJSONAndNothingElse(t *testing.T) {
	srv, dir := eventful(t)
	p := launch(t, dir, []string{"FTPRETRY_NOTHING=1"}, nil, join([]string{"run"}, to(srv, "-json", "-v"), []string{"list"})...)
	require.Equal(t, someFailed, p.wait())
	require.Empty(t, p.err.String())
	seen := map[string]int{}
	for line := range strings.Lines(p.out.String()) {
		var entry struct {
			Time, Level, Msg string
			State            string
			Report           struct{ Jobs struct{ Done, Failed int } }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		require.NotEmpty(t, entry.Time)
		seen[strings.TrimSpace(entry.Msg+" "+entry.State)]++
		if entry.Msg == "run ended" {
			require.Equal(t, struct{ Done, Failed int }{1, 1}, entry.Report.Jobs)
		}
	}
	require.GreaterOrEqual(t, seen["connected"], 2, "before the run, and after the failure")
	delete(seen, "connected")
	require.Equal(t, map[string]int{
		"FTPRETRY_NOTHING is no setting, and changes nothing": 1, "jobs known": 1, "job begins": 2,
		"attempt failed": 2, "waiting": 1, "job ended done": 1, "job ended failed": 1, "run ended": 1,
	}, seen)
	require.NotContains(t, p.out.String(), "the content of a file")
}

// TestWhatAServerSaysCannotCommandTheTerminal: wait has looked for escapes and
// the password.
func TestWhatAServerSaysCannotCommandTheTerminal(t *testing.T) {
	srv, dir := eventful(t)
	status, out, errs := ran(t, dir, join([]string{"run"}, to(srv, "-v"), []string{"list"})...)
	require.Equal(t, someFailed, status, errs)
	require.Contains(t, errs, `Not \x1b]0;yours\a.`)
	require.Contains(t, errs, `failed: delete "\x1b[2J"`)
	require.Contains(t, errs, "attempt 1 of STOR a.txt failed: ")
	require.Contains(t, errs, "STOR a.txt waits")
	// Twice the 21 bytes where the machine is so busy that its own server seems far
	// away: they are sent together with STOR then, the refused one, too.
	require.Regexp(t, `done: upload a\.txt, (21|42) B`, errs)
	require.Contains(t, out, "needs you")
	require.NotContains(t, out+errs, "\a")
}

func TestWithoutVerboseOnlyFailuresAreTold(t *testing.T) {
	srv, dir := eventful(t)
	_, _, errs := ran(t, dir, join([]string{"run"}, to(srv), []string{"list"})...)
	require.Equal(t, 1, strings.Count(errs, "\n"), errs)
}

func TestFailuresAreNotToldWithoutEnd(t *testing.T) {
	srv := server(t, retrytest.Config{})
	dir := put(t, map[string]string{"list": "kind,remote\n" + strings.Repeat("delete,x\n", 200)})
	status, out, errs := ran(t, dir, join([]string{"run"}, to(srv), []string{"list"})...)
	require.Equal(t, someFailed, status)
	require.Equal(t, mostFailures+1, strings.Count(errs, "\n"), errs)
	require.Contains(t, errs, "more jobs fail; the report has them")
	require.Contains(t, out, "200 failed")
}

func TestTheReportIsWrittenAsAPage(t *testing.T) {
	srv, dir := eventful(t)
	status, out, errs := ran(t, dir, join([]string{"run"}, to(srv, "-html", "report.html"), []string{"list"})...)
	require.Equal(t, someFailed, status, errs)
	require.Contains(t, out, "THE RUN IN NUMBERS")
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), "<html")
	require.NotContains(t, string(page), secret)
	names, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	require.Empty(t, names, "no other file is left")
}

func TestAPageThatCannotBeWrittenIsToldOfBeforeAnythingRuns(t *testing.T) {
	for name, want := range map[string]string{"nowhere/report.html": "no such file", ".": ". is a directory"} {
		srv, dir := eventful(t)
		status, _, errs := ran(t, dir, join([]string{"run"}, to(srv, "-html", name), []string{"list"})...)
		require.Equal(t, wrongUsage, status)
		require.Contains(t, errs, "batch: -html: ")
		require.Contains(t, errs, want)
		require.Empty(t, srv.Commands())
	}
}
