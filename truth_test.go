package ftpretry_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ftpretry/ftpretry/internal/faultlist"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
)

// TestWithOneAttemptTheErrorTellsTheTruth allows one attempt, so that a fault
// ends most operations: success is the whole effect, an error that does not say
// that the outcome is unknown is no effect at all, and what says so is either.
func TestWithOneAttemptTheErrorTellsTheTruth(t *testing.T) {
	var cases, failed, unknown atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d cases: %d failed, %d of them with an unknown outcome", cases.Load(), failed.Load(), unknown.Load())
	})
	for _, op := range operations {
		switch op.name {
		case "Delete", "MakeDir", "RemoveDir", "Rename", "Append", "Stor Atomic", "Conn.Delete", "Conn.Append":
		default:
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range record(t, op, place{}) {
				faults := faultlist.Command()
				if s.data {
					for _, at := range []int64{0, 1000, int64(len(body))} {
						faults = append(faults, faultlist.Data(at)...)
					}
				}
				for i, e := range faults {
					f := e.Fault
					if undetectable(op, s, f) || (i+s.nth+len(op.name))%sample != 0 {
						continue
					}
					f.On, f.Nth = s.verb, s.nth
					cases.Add(1)
					synctest.Test(t, func(t *testing.T) {
						srv, cfg := bed(t, false)
						plant(t, srv, before())
						srv.Inject(f)
						cfg.Policy = policy.Policy{Attempts: 1}
						err := op.run(t.Context(), t, cfg)
						tree := harvest(t, srv)
						none, all := differences(before(), tree), differences(op.wanted(), tree)
						switch {
						case err == nil && all != "":
							t.Errorf("%s %d, %s: FALSE SUCCESS: %s", s.verb, s.nth, e, all)
						case err == nil:
						case errors.Is(err, retry.ErrOutcomeUnknown):
							failed.Add(1)
							unknown.Add(1)
						default:
							failed.Add(1)
							if none != "" {
								t.Errorf("%s %d, %s: not said to be unknown, but %s: %v", s.verb, s.nth, e, none, err)
							}
						}
					})
				}
			}
		})
	}
}
