package batch_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// aReport is one with everything in it, and names that a server made up to do
// harm.
func aReport() *batch.Report {
	return &batch.Report{
		Server: "ftp.example.com:21", Started: time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), Took: 10 * time.Minute, Workers: 2,
		Stopped: "server stays away", Unread: true,
		Jobs:     batch.Counts{Total: 5000, Done: 4900, Skipped: 50, Failed: 3, Unknown: 1, NotRun: 46},
		Uploaded: 3 << 30, Downloaded: 5, MovedTwice: 1 << 20, Attempts: 12345, Dials: 77, Waited: 5 * time.Minute,
		Replays: map[string]int64{"busy": 7, "network": 20},
		Notes:   map[string]int64{"time not set: 500 \"no\"": 3},
		Problems: []batch.Entry{
			{Kind: batch.Upload, Remote: "/in/a.csv", State: batch.Failed, Error: `452 "full"`, Next: "free space on the server, then run it again", Attempts: 7, Began: time.Minute},
			{Kind: batch.Download, Remote: hostile, State: batch.Failed, Error: "550 " + hostile, Next: "look\x07 there", Attempts: 1},
			{Kind: batch.Rename, Remote: "/a", To: "/b", State: batch.Unknown, Error: "x", Attempts: 2},
			{Kind: batch.Upload, Remote: "/in/b.csv", State: batch.Failed, Error: `452 "full"`, Next: "free space on the server, then run it again", Attempts: 7},
		},
		Slowest:  []batch.Entry{{Kind: batch.Upload, Remote: "/slow" + hostile, State: batch.Done, Took: time.Minute, Bytes: 9 << 10}},
		Replayed: []batch.Entry{{Kind: batch.Upload, Remote: "/often", State: batch.Done, Attempts: 9}},
		Bars: []batch.Bar{
			{Lane: 0, To: 5 * time.Minute, Jobs: 10, Attempts: 10, State: batch.Done, Name: hostile},
			{Lane: 1, From: time.Minute, To: 2 * time.Minute, Jobs: 1, Attempts: 7, State: batch.Failed, Name: "/in/a.csv"},
		},
		Waits:   []batch.Span{{Lane: 1, From: time.Minute, To: 90 * time.Second, Why: "storage: 452 " + hostile}},
		Outages: []batch.Span{{Lane: -1, From: 6 * time.Minute, To: 8 * time.Minute, Why: "network: refused " + hostile}},
	}
}

// hostile is a name that would run a script on a page, clear a terminal, write
// from right to left, and is not even text.
const hostile = "</script><img src=x onerror=alert(1)>\x1b[2J\r\n\u202e'\"`{{.}}\u2028\xff"

func text(t *testing.T, r *batch.Report) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.WriteText(&b))
	return b.String()
}

func TestTheTextHasEightyColumnsAndNothingThatATerminalObeys(t *testing.T) {
	t.Parallel()
	for _, line := range strings.Split(strings.TrimSuffix(text(t, aReport()), "\n"), "\n") {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), 80, line)
		assert.True(t, utf8.ValidString(line), "%q", line)
		for _, r := range line {
			assert.True(t, ' ' <= r && r < 0x7f, "%q", line)
		}
	}
}

func TestTheTextTellsWhatIsToBeDoneBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	got := text(t, aReport())
	at := -1
	for _, want := range []string{
		"The run ended early, and 4 jobs of 5,000 need you.\n",
		"ftp.example.com:21", "Sun 29 Mar 2026 01:00:00 UTC, 10m 00s, 2 workers",
		"! Ended early: server stays away. 46 jobs had no turn: run it again.\n",
		"! There may be more jobs than these",
		"WHAT TO DO", " 1. free space on the server, then run it again (2 jobs)\n", "    - upload /in/a.csv\n",
		"      failed: 452 \"full\" (7 attempts, at 01:01:00)\n", "    - upload /in/b.csv\n",
		` 2. look\a there (1 job)`, " 3. see what the error says", "rename /a -> /b",
		"THE RUN IN NUMBERS", "5,000: 4,900 done, 50 done earlier, 3 failed, 1 unknown, 46 not run",
		"3.0 GiB up, 5 B down; 1.0 MiB moved twice (< 1 %)", "12,345", "77 connections", "20 again: the connection was lost, or refused", "7 again: a file",
		"5m 00s, of all workers together (25 %)", "30.0 s in 1 wait: storage: 452", "1, 2m 00s together; the longest 2m 00s at 01:06:00",
		"THE RUN FROM LEFT TO RIGHT", "|####", "X###", "!!!", "|\n  01:00:00", "01:10:00\n",
		"TOOK LONGEST", "1m 00s  upload /slow", "TRIED MOST OFTEN", "9 attempts  upload /often", "DONE, BUT", "3 jobs  time not set",
	} {
		i := strings.Index(got[at+1:], want)
		require.GreaterOrEqual(t, i, 0, "%q is not there, or not in its place:\n%s", want, got)
		at += i + 1
	}
}

func TestTheHeadlineSaysHowItWent(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]batch.Report{
		"All 5,000 jobs are done.":                              {Jobs: batch.Counts{Total: 5000, Done: 4000, Skipped: 1000}},
		"The one job is done.":                                  {Jobs: batch.Counts{Total: 1, Done: 1}},
		"There was nothing to do.":                              {},
		"1 job of 2 needs you.":                                 {Jobs: batch.Counts{Total: 2, Done: 1, Unknown: 1}},
		"3 jobs of 3 need you.":                                 {Jobs: batch.Counts{Total: 3, Failed: 2, Unknown: 1}},
		"The run ended early: 2 of 9 jobs are done.":            {Stopped: "x", Jobs: batch.Counts{Total: 9, Done: 2, NotRun: 7}},
		"The run ended early, and 1 job of 9 needs you.":        {Stopped: "x", Jobs: batch.Counts{Total: 9, Done: 2, NotRun: 6, Failed: 1}},
		"! Only the first 0 of 3 problems are listed here.":     {Jobs: batch.Counts{Total: 3, Failed: 3}},
		"! Ended early: run was killed, or its computer was: x": {Stopped: "run was killed, or its computer was: x"},
	} {
		assert.Contains(t, text(t, &r), want)
	}
}

func TestAReportThatCannotBeWrittenSaysSo(t *testing.T) {
	t.Parallel()
	assert.ErrorIs(t, aReport().WriteText(full{}), errFull)
	assert.ErrorIs(t, aReport().WriteHTML(full{}), errFull)
}

var errFull = errors.New("no space")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAJobThatIsOnlyHereIsNamedByItsLocalName(t *testing.T) {
	t.Parallel()
	for _, kind := range []batch.Kind{batch.List, batch.LocalDir, batch.LocalDelete, batch.Upload} {
		got := text(t, &batch.Report{Problems: []batch.Entry{{Kind: kind, Local: "out/closed", State: batch.Failed, Error: "permission denied", Next: "x"}}})
		assert.Contains(t, got, "- "+kind.String()+" out/closed\n")
		assert.NotContains(t, got, "0 attempts", "none could be made")
	}
}
