package batch_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// A refused login that is tried again locks the account: however many jobs are
// left, it is not.
func TestARefusedLoginEndsTheRun(t *testing.T) {
	t.Parallel()
	const count, workers = 40, 4
	wrong := func(nth int) retrytest.Fault {
		return retrytest.Fault{On: "PASS", Nth: nth, Times: -1, Reply: "530 Login incorrect."}
	}
	slow := retrytest.Fault{On: "STOR", After: true, Delay: time.Second, Times: -1}
	for told, c := range map[string]struct {
		faults  []retrytest.Fault
		at      time.Duration // when the password is changed; 0 = it was wrong from the beginning
		restart bool          // the server, too
		done    int64         // jobs that are done, at least
		mirror  bool
	}{
		"before the first job":               {faults: []retrytest.Fault{wrong(1)}},
		"before the first look at a mirror":  {faults: []retrytest.Fault{wrong(1)}, mirror: true},
		"after the server's restart":         {faults: []retrytest.Fault{slow}, at: 1500 * time.Millisecond, restart: true, done: workers},
		"in place of one session of several": {faults: []retrytest.Fault{{On: "STOR", Nth: 7, Control: retrytest.RST, Lose: true}, slow}, at: 500 * time.Millisecond, done: 2*workers - 1},
		"in place of one after the other": {faults: []retrytest.Fault{
			{On: "STOR", Nth: 5, After: true, Delay: time.Second, Control: retrytest.RST, Lose: true},
			{On: "STOR", Nth: 6, After: true, Delay: 2 * time.Second, Control: retrytest.RST, Lose: true},
			{On: "STOR", Nth: 7, After: true, Delay: 3 * time.Second, Control: retrytest.RST, Lose: true},
			{On: "STOR", Nth: 8, After: true, Delay: 4 * time.Second, Control: retrytest.RST, Lose: true},
			slow,
		}, at: 500 * time.Millisecond, done: workers},
	} {
		t.Run(told, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
				srv.Inject(c.faults...)
				if c.at > 0 {
					defer time.AfterFunc(c.at, func() {
						srv.Inject(wrong(1))
						if c.restart {
							srv.Down()
							srv.Up()
						}
					}).Stop()
				}
				dir, jobs := files(t, count)
				var got ended
				r := batch.Runner{Client: client(t, srv), Workers: workers, Hooks: got.hooks()}
				var rep *batch.Report
				var err error
				if c.mirror {
					rep, err = r.MirrorUp(t.Context(), batch.Mirror{Local: dir, Remote: "/"})
				} else {
					rep, err = r.Run(t.Context(), slices.Values(jobs))
				}
				require.ErrorIs(t, err, batch.ErrLogin)
				require.ErrorIs(t, err, retry.ErrLogin)
				assert.ErrorContains(t, err, "530")
				assert.Equal(t, 1, refusedLogins(srv))
				assert.Contains(t, rep.Stopped, "refused the login")
				assert.GreaterOrEqual(t, rep.Jobs.Done, c.done)
				assert.LessOrEqual(t, rep.Jobs.Failed, int64(workers), "those in flight")
				assert.NotZero(t, rep.Jobs.Failed)
				assert.Less(t, rep.Took, 10*time.Second)
				if !c.mirror {
					got.check(t, jobs, rep)
					assert.EqualValues(t, count, rep.Jobs.Total)
				}
				for _, p := range rep.Problems {
					assert.Contains(t, p.Next, "password")
				}
			})
		})
	}
}

func refusedLogins(srv *retrytest.Server) (n int) {
	for _, e := range srv.Log() {
		if e.Command == "PASS" && strings.HasPrefix(e.Reply, "530") {
			n++
		}
	}
	return n
}
