package batch_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/night"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// aNight runs the uploads of a night by 8 workers.
func aNight(t *testing.T, cfg night.Config) (*night.Night, *batch.Report) {
	t.Helper()
	cfg.InMemory, cfg.Seed = true, 1
	n, err := night.Start(cfg)
	require.NoError(t, err)
	defer n.Close()
	dir := t.TempDir()
	require.NoError(t, n.Fill(dir))
	var jobs []batch.Job
	for _, name := range n.Dirs() {
		jobs = append(jobs, batch.Job{Kind: batch.MakeDir, Remote: name})
	}
	jobs = append(jobs, batch.Job{Kind: batch.Barrier})
	for _, f := range n.Files {
		jobs = append(jobs, batch.Job{Kind: batch.Upload, Local: f.Local(dir), Remote: f.Name})
	}
	client, err := retry.New(retry.Config{
		Addr: n.Addr(), Dial: n.Dial, TLS: n.Client, MaxConns: 8, Policy: policy.Policy{Attempts: 40},
	})
	require.NoError(t, err)
	defer client.Close()

	rep, err := (&batch.Runner{Client: client, Workers: 8}).Run(t.Context(), slices.Values(jobs))

	require.NoError(t, err)
	return n, rep
}

// overseas is a line on which a session takes a fifth of a second, and a file of
// half a MiB half of one.
var overseas = night.Line{RoundTrip: 20 * time.Millisecond, Rate: 1 << 20}

func TestTheNightEndsWithEveryFileInItsPlaceOnceAndAReportOfWhatHappened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, rep := aNight(t, night.Config{Files: nightFiles, TLS: true, Line: overseas})
		assert.NoError(t, n.Check())
		all := int64(len(n.Files) + len(n.Dirs()))
		assert.Equal(t, batch.Counts{Total: all, Done: all}, rep.Jobs)
		assert.Empty(t, rep.Stopped)
		assert.Empty(t, rep.Problems)
		was := n.Record()
		assert.Greater(t, len(was.Downs), 10, "restarts")
		assert.Len(t, was.Fulls, 1)
		assert.Positive(t, was.Refused)
		outagesAgree(t, n, was, rep)
		waitsAgree(t, rep)
		attemptsAgree(t, was, rep)
		bytesAgree(t, n, rep)
	})
}

// outagesAgree: while the server was down nobody had a session, and the report
// says so; while the report says that nobody had one, the server saw none at work.
func outagesAgree(t *testing.T, n *night.Night, was night.Record, rep *batch.Report) {
	t.Helper()
	var down, told time.Duration
	for _, d := range was.Downs {
		d.To = min(d.To, rep.Took)
		down += max(0, d.To-d.From)
		for _, o := range rep.Outages {
			told += max(0, min(d.To, o.To)-max(d.From, o.From))
		}
	}
	// Two seconds at a time, which are noticed only when somebody wants a session.
	assert.Greater(t, told, down*4/10, "of %v that the server was down", down)
	const onTheWay = 100 * time.Millisecond
	login := "CONNECT AUTH PBSZ PROT USER PASS FEAT OPTS TYPE QUIT"
	for _, e := range n.Log() {
		at := e.Time.Sub(rep.Started)
		for _, o := range rep.Outages {
			if o.From+onTheWay < at && at < o.To-onTheWay && !strings.Contains(login, e.Command) {
				assert.Failf(t, "a session at work in an outage", "%v at %v, in %v", e, at, o)
			}
		}
	}
	for i, o := range rep.Outages {
		assert.Equal(t, -1, o.Lane)
		assert.Less(t, o.From, o.To)
		assert.NotEmpty(t, o.Why)
		assert.True(t, i == 0 || rep.Outages[i-1].To <= o.From, "in order")
	}
}

// waitsAgree: each wait is within a job of its worker, and all are counted.
func waitsAgree(t *testing.T, rep *batch.Report) {
	t.Helper()
	lanes := make(map[int][]batch.Bar)
	for _, b := range rep.Bars {
		lanes[b.Lane] = append(lanes[b.Lane], b)
	}
	var together time.Duration
	for _, w := range rep.Waits {
		together += w.To - w.From
		assert.True(t, slices.ContainsFunc(lanes[w.Lane], func(b batch.Bar) bool { return b.From <= w.From && w.To <= b.To }), "%+v", w)
	}
	assert.Equal(t, together, rep.Waited)
	assert.Len(t, lanes, 8)
}

// attemptsAgree: what the server failed on purpose was tried again once each,
// but for what was on its way when the server went down; and where it was the
// opening of a session that failed, with none left, by all who waited for that.
func attemptsAgree(t *testing.T, was night.Record, rep *batch.Report) {
	t.Helper()
	for class, failed := range map[string]int{
		"busy":        was.Failures["450"] + was.Failures["451"],
		"security":    was.Failures["431"],
		"datachannel": was.Failures["425"] + was.Failures["426"],
		"overload":    was.Failures["421"] + was.Refused,
	} {
		most := failed + 2
		if class == "overload" || class == "security" {
			most = failed * rep.Workers
		}
		assert.LessOrEqual(t, rep.Replays[class], int64(most), class)
		assert.GreaterOrEqual(t, rep.Replays[class], int64(failed*8/10-2), class)
	}
	assert.GreaterOrEqual(t, rep.Replays["storage"], int64(was.Failures["452"]*8/10), "a full disk adds to these")
	assert.Greater(t, rep.Replays["network"], int64(len(was.Downs)))
}

// bytesAgree: what the server received beyond the content of the files was moved
// twice; the client has sent what was lost on the way, too.
func bytesAgree(t *testing.T, n *night.Night, rep *batch.Report) {
	t.Helper()
	const onTheWay = 128 << 10
	var content, received, cuts int64
	for _, f := range n.Files {
		content += f.Size
	}
	for _, e := range n.Log() {
		if e.Command == "STOR" {
			received += e.Bytes
			if !strings.HasPrefix(e.Reply, "2") {
				cuts++
			}
		}
	}
	assert.Equal(t, content, rep.Uploaded)
	assert.GreaterOrEqual(t, rep.MovedTwice, received-content)
	assert.LessOrEqual(t, rep.MovedTwice, received-content+cuts*onTheWay)
}
