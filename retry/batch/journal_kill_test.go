package batch_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

const (
	killedFiles  = 500
	killedOthers = 40 // of each other kind of job
)

// nightlyJobs are those of a mirror and more, in the directory dir here.
func nightlyJobs(dir string) iter.Seq[batch.Job] {
	return func(yield func(batch.Job) bool) {
		job := func(j batch.Job) bool { return yield(j) }
		for d := range killedFiles / 50 {
			if !job(batch.Job{Kind: batch.MakeDir, Remote: fmt.Sprintf("/up/d%d", d)}) {
				return
			}
		}
		if !job(batch.Job{Kind: batch.Barrier}) {
			return
		}
		for i := range killedFiles {
			remote := fmt.Sprintf("/up/d%d/f%d", i/50, i)
			if !job(batch.Job{Kind: batch.Upload, Local: filepath.Join(dir, filepath.FromSlash(remote)), Remote: remote}) {
				return
			}
			if i%(killedFiles/killedOthers) != 0 {
				continue
			}
			for _, j := range []batch.Job{
				{Kind: batch.Download, Remote: fmt.Sprintf("/down/f%d", i), Local: filepath.Join(dir, "down", strconv.Itoa(i))},
				{Kind: batch.Delete, Remote: fmt.Sprintf("/extra/f%d", i)},
				{Kind: batch.Rename, Remote: fmt.Sprintf("/old/f%d", i), To: fmt.Sprintf("/new/f%d", i)},
			} {
				if !job(j) {
					return
				}
			}
		}
	}
}

// content is that of the file of a number.
func content(kind string, i int) []byte {
	rnd := rand.New(rand.NewPCG(uint64(i), 1))
	size := 1 + rnd.IntN(4096)
	if i%10 == 0 {
		size += 200_000
	}
	return bytes.Repeat([]byte(fmt.Sprintf("%s %d %d\n", kind, i, rnd.Uint64())), 1+size/24)
}

// nightly is the program that is killed: it runs these jobs, or mirrors the
// directory of the uploads. It tells each job that is done in a line of its
// output.
func nightly(args []string) error {
	addr, dir, mirror := args[0], args[1], args[2] == "mirror"
	client, err := retry.New(retry.Config{Addr: addr, MaxConns: 8, Policy: policy.Policy{Attempts: 30, Initial: time.Millisecond, Max: 10 * time.Millisecond}})
	if err != nil {
		return err
	}
	defer client.Close()
	j, err := batch.OpenJournal(filepath.Join(dir, "journal"))
	if err != nil {
		return err
	}
	defer j.Close()
	r := batch.Runner{Client: client, Workers: 8, Journal: j, GiveUp: -1, Hooks: batch.Hooks{Ended: func(res batch.Result) {
		if res.State == batch.Done {
			// One write: a line is whole or not there.
			_, _ = os.Stdout.WriteString("done " + res.Kind.String() + " " + res.Remote + "\n")
		}
	}}}
	var rep *batch.Report
	if mirror {
		rep, err = r.MirrorUp(context.Background(), batch.Mirror{Local: filepath.Join(dir, "up"), Remote: "/up", Delete: true})
	} else {
		rep, err = r.Run(context.Background(), nightlyJobs(dir))
	}
	if err == nil && rep.Jobs.Done+rep.Jobs.Skipped != rep.Jobs.Total {
		err = fmt.Errorf("%+v: %+v", rep.Jobs, rep.Problems)
	}
	return err
}

var killedTemp = regexp.MustCompile(`^(.*)\.[A-Z2-7]{10}\.ftpretry$`)

// TestARunThatIsKilledAgainAndAgainComesToTheSameEnd kills a program that runs
// 500 uploads and some of every other kind, at random moments, while 5 of 100
// commands fail, and runs it again each time; so too a mirror of those files.
// FTPRETRY_NIGHTS says how many times all of that is done, with 50 kills then and
// not a few; FTPRETRY_SEED does one again, as far as processes can.
func TestARunThatIsKilledAgainAndAgainComesToTheSameEnd(t *testing.T) {
	t.Parallel()
	nights, kills, seed := 1, killedTimes, rand.Uint64()
	var err error
	if text := os.Getenv("FTPRETRY_NIGHTS"); text != "" {
		nights, err = strconv.Atoi(text)
		require.NoError(t, err)
		kills = 50
	}
	if text := os.Getenv("FTPRETRY_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	for i := range nights {
		for _, what := range []string{"jobs", "mirror"} {
			t.Run(fmt.Sprintf("%s, FTPRETRY_SEED=%d", what, seed+uint64(i)), func(t *testing.T) {
				t.Parallel()
				killedNight(t, what, seed+uint64(i), kills)
			})
		}
	}
}

func killedNight(t *testing.T, what string, seed uint64, kills int) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	srv := retrytest.NewServer(t, retrytest.Config{LogSize: 1 << 20})
	dir := t.TempDir()
	want := plantNight(t, srv, dir, what == "mirror")
	srv.Inject(fivePercent(rnd, 20_000)...)

	done := make(map[string]bool)
	round, killed := 0, 0
	for finished := false; !finished; round++ {
		require.Less(t, round, kills+10, "it does not come to an end")
		from := len(srv.Log())
		// A run needs some 4,000 commands in all.
		at := 1 + rnd.IntN(max(2, 2*4000/(kills+1)))
		more, err := killAt(t, srv, dir, what, at, time.Duration(rnd.IntN(3000))*time.Microsecond, killed < kills)
		finished = err == nil
		if !finished {
			killed++
		}
		for _, e := range srv.Log()[from:] {
			if name := killedTemp.FindStringSubmatch(e.Arg); e.Command == "STOR" && name != nil {
				assert.False(t, done["upload "+name[1]], "round %d: %s was done in an earlier one", round, name[1])
			}
			if e.Command == "RETR" {
				assert.False(t, done["download "+e.Arg], "round %d: %s was done in an earlier one", round, e.Arg)
			}
		}
		for _, line := range more {
			assert.False(t, done[line], "round %d: %s was done in an earlier one", round, line)
			done[line] = true
		}
		if !finished && len(more) > 0 {
			rep, err := batch.ReadReport(filepath.Join(dir, "journal"))
			require.NoError(t, err)
			assert.GreaterOrEqual(t, rep.Jobs.Done, int64(len(more)), "the report is not behind what was told")
			assert.Contains(t, rep.Stopped, "killed")
		}
		if !finished {
			rewrite(t, rnd, dir, round, done, want)
		}
	}
	t.Logf("%d rounds, %d killed, %d commands", round, killed, len(srv.Log()))
	assert.GreaterOrEqual(t, killed, kills*3/4)
	got := tree(t, srv)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)), "no temporary is left")
	for name, text := range want {
		assert.Equal(t, text, got[name], name)
	}
	if what == "jobs" {
		checkDownloads(t, dir)
	}
	rep, err := batch.ReadReport(filepath.Join(dir, "journal"))
	require.NoError(t, err)
	assert.Equal(t, rep.Jobs.Total, rep.Jobs.Done+rep.Jobs.Skipped)
	assert.Empty(t, rep.Stopped)
}

// rewrite gives some local files another content that nobody has said to be
// uploaded: what was begun of the old one is of no use any more.
func rewrite(t *testing.T, rnd *rand.Rand, dir string, round int, done map[string]bool, want map[string]string) {
	for job := range nightlyJobs(dir) {
		if job.Kind != batch.Upload || done["upload "+job.Remote] || rnd.IntN(20) != 0 {
			continue
		}
		text := content("rewritten", 1000*round+rnd.IntN(1000))
		require.NoError(t, os.WriteFile(job.Local, text, 0o600))
		want[job.Remote] = brief(text)
	}
}

// plantNight makes what the jobs need, and returns the tree that they lead to.
func plantNight(t *testing.T, srv *retrytest.Server, dir string, mirror bool) map[string]string {
	want := make(map[string]string)
	for _, d := range []string{"/up", "/down", "/extra", "/old", "/new"} {
		require.NoError(t, srv.Mkdir(d))
	}
	for job := range nightlyJobs(dir) {
		i, _ := strconv.Atoi(strings.TrimPrefix(path.Base(job.Remote), "f"))
		text := content(job.Kind.String(), i)
		switch job.Kind {
		case batch.Upload:
			require.NoError(t, os.MkdirAll(filepath.Dir(job.Local), 0o700))
			require.NoError(t, os.WriteFile(job.Local, text, 0o600))
			want[job.Remote] = brief(text)
		case batch.Download, batch.Delete, batch.Rename:
			require.NoError(t, srv.WriteFile(job.Remote, text))
		}
		switch {
		case job.Kind == batch.Download, mirror && (job.Kind == batch.Delete || job.Kind == batch.Rename):
			want[job.Remote] = brief(text)
		case job.Kind == batch.Rename:
			want[job.To] = brief(text)
		}
	}
	if mirror {
		require.NoError(t, srv.WriteFile("/up/extraneous", []byte("x")))
	}
	return want
}

// brief tells contents apart.
func brief(text []byte) string { return fmt.Sprintf("%d bytes, %x", len(text), sha256.Sum256(text)) }

func tree(t *testing.T, srv *retrytest.Server) map[string]string {
	got := make(map[string]string)
	for _, name := range srv.Names() {
		if strings.HasSuffix(name, "/") {
			continue // empty directories only
		}
		text, err := srv.ReadFile(name)
		require.NoError(t, err)
		got[name] = brief(text)
	}
	return got
}

func checkDownloads(t *testing.T, dir string) {
	var want []string
	for job := range nightlyJobs(dir) {
		if job.Kind == batch.Download {
			i, _ := strconv.Atoi(path.Base(job.Local))
			text, err := os.ReadFile(job.Local)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(content("download", i), text), job.Local)
			want = append(want, filepath.Base(job.Local))
		}
	}
	there, err := os.ReadDir(filepath.Join(dir, "down"))
	require.NoError(t, err)
	var names []string
	for _, e := range there {
		names = append(names, e.Name())
	}
	assert.ElementsMatch(t, want, names, "no part is left")
}

// fivePercent are faults of so many commands.
func fivePercent(rnd *rand.Rand, commands int) (faults []retrytest.Fault) {
	for n := 1; n <= commands; n++ {
		if rnd.IntN(20) != 0 {
			continue
		}
		f := retrytest.Fault{On: "*", Nth: n}
		cut := []retrytest.Cut{retrytest.FIN, retrytest.RST}[rnd.IntN(2)]
		switch rnd.IntN(6) {
		case 0:
			f.Reply = []string{"450 Busy.", "451 Local error.", "452 Full.", "425 No data."}[rnd.IntN(4)]
		case 1:
			f.Reply, f.Control = "421 Too many users.", cut
		case 2:
			f.Lose, f.Control = true, cut
		case 3:
			f.After, f.Lose, f.Control = true, true, cut
		default:
			f.Data, f.At, f.Lose, f.Control = cut, rnd.Int64N(300_000), true, cut
		}
		faults = append(faults, f)
	}
	return faults
}

// killAt runs the program and kills it a moment after the server has got so many
// more commands, if it is to be killed at all. It returns the jobs that were done.
func killAt(t *testing.T, srv *retrytest.Server, dir, what string, commands int, later time.Duration, kill bool) (done []string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := program(ctx, t, "nightly", srv.Addr(), dir, what)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	now := make(chan struct{})
	if kill {
		srv.Inject(retrytest.Fault{On: "*", Nth: commands, Run: func() { close(now) }, After: later%2 == 0, Lose: true})
	}
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-now:
			time.Sleep(later)
			_ = cmd.Process.Kill()
		case <-ended:
		}
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if line, ok := strings.CutPrefix(lines.Text(), "done "); ok {
			done = append(done, line)
		}
	}
	_, _ = io.Copy(io.Discard, out)
	err = cmd.Wait()
	close(ended)
	<-gone
	if err != nil && cmd.ProcessState.Exited() {
		require.Fail(t, "the program failed", "%v: %s", err, problems.String())
	}
	return done, err
}
