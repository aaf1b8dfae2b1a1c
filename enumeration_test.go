package ftpretry_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ftpretry/ftpretry/internal/faultlist"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// step is one command that an operation sends: the nth with its verb.
type step struct {
	verb string
	nth  int
	data bool // it opens a data connection
}

// place is where a server is and how it is talked to.
type place struct {
	secure, far bool
	pret        bool // PRET is offered
	part        int  // of the cases, one in so many; 0 = all
}

func (p place) bed(t *testing.T) (*retrytest.Server, retry.Config) {
	srv, cfg := bed(t, p.secure, func(sc *retrytest.Config) { sc.Pret = p.pret })
	if p.far {
		cfg.Dial = distant(cfg.Dial)
	}
	return srv, cfg
}

// record runs op without faults and returns its steps.
func record(t *testing.T, op operation, where place) (steps []step) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := where.bed(t)
		plant(t, srv, before())
		if err := op.run(t.Context(), t, cfg); err != nil {
			t.Fatal(err)
		}
		if d := differences(op.wanted(), harvest(t, srv)); d != "" {
			t.Fatal(d)
		}
		count := map[string]int{}
		for _, line := range srv.Commands() {
			verb, _, _ := strings.Cut(line, " ")
			count[verb]++
			steps = append(steps, step{verb, count[verb], strings.Contains("STOR APPE RETR MLSD LIST NLST", verb)})
		}
	})
	return steps
}

// TestEveryFaultAtEveryStep runs every operation once for every command it
// sends and every fault that can meet that command. Each run ends in success,
// with the right bytes once and nothing left over.
func TestEveryFaultAtEveryStep(t *testing.T) {
	enumerate(t, operations, place{})
}

// TestEveryFaultAtEveryStepOverTLS is the same over TLS, for the operations that
// differ there.
func TestEveryFaultAtEveryStepOverTLS(t *testing.T) {
	var some []operation
	for _, op := range operations {
		switch op.name {
		case "Stor", "Stor of nothing", "Append", "Retr", "Open", "List", "Conn.Retr":
			some = append(some, op)
		}
	}
	enumerate(t, some, place{secure: true})
}

func enumerate(t *testing.T, operations []operation, where place) {
	var cases atomic.Int64
	t.Cleanup(func() { t.Logf("%d cases", cases.Load()) })
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range record(t, op, where) {
				faults := faultlist.Command()
				if s.data {
					for _, at := range []int64{0, 1, 1000, int64(len(body) / 2), int64(len(body) - 1), int64(len(body))} {
						faults = append(faults, faultlist.Data(at)...)
					}
				}
				for i, e := range faults {
					f := e.Fault
					if undetectable(op, s, f) || (i+s.nth+len(op.name))%(sample*max(where.part, 1)) != 0 {
						continue
					}
					f.On, f.Nth = s.verb, s.nth
					cases.Add(1)
					if problem := survive(t, op, f, where); problem != "" {
						t.Errorf("%s %d, %s: %s", s.verb, s.nth, e, problem)
					}
				}
			}
		})
	}
}

// undetectable are the faults that look, to any client, like a server that is
// well: a listing cut off between two lines and called complete, and a FEAT that
// names no features. What Do proves is its function's business.
func undetectable(op operation, s step, f retrytest.Fault) bool {
	lie := strings.HasPrefix(f.Reply, "226") && f.Data == retrytest.FIN
	switch {
	case lie && f.At == 0 && s.data && s.verb != "STOR" && s.verb != "APPE" && s.verb != "RETR":
		return true
	case lie && f.At == 1 && op.name == "Do":
		return true
	}
	if s.verb == "PROT" && f.Reply == "200 Whatever." && op.name == "Append" {
		// A server that says yes to TLS and does without takes the handshake
		// for the content. What is told of it is the truth: ErrOutcomeUnknown.
		return true
	}
	return s.verb == "FEAT" && f.Reply == "200 Whatever." && !f.After
}

// survive runs op under one fault and returns what went wrong.
func survive(t *testing.T, op operation, f retrytest.Fault, where place) (problem string) {
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := where.bed(t)
		plant(t, srv, before())
		srv.Inject(f)
		cfg.Policy = policy.Policy{Jitter: -1}
		start := time.Now()
		err := op.run(t.Context(), t, cfg)
		took := time.Since(start)
		switch left := differences(op.wanted(), harvest(t, srv)); {
		case err != nil && left == "":
			problem = fmt.Sprintf("failed, although all is done: %v", err)
		case err != nil:
			problem = fmt.Sprintf("failed: %v; %s", err, left)
		case left != "":
			problem = "FALSE SUCCESS: " + left
		case took > 10*time.Minute:
			problem = "took " + took.String()
		}
		if problem != "" {
			problem += fmt.Sprintf("\n\t%q", srv.Commands())
		}
	})
	return problem
}
