package ftpretry_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// step is one command that an operation sends: the nth with its verb.
type step struct {
	verb string
	nth  int
	data bool // it opens a data connection
}

// commandFaults are what can go wrong at any command.
func commandFaults() map[string]retrytest.Fault {
	faults := map[string]retrytest.Fault{
		"421 and close":         {Reply: "421 Service not available.", Control: retrytest.FIN},
		"closed before it ran":  {Lose: true, Control: retrytest.FIN},
		"reset before it ran":   {Lose: true, Control: retrytest.RST},
		"ran, reply lost":       {After: true, Lose: true, Control: retrytest.FIN},
		"ran, reset":            {After: true, Lose: true, Control: retrytest.RST},
		"no answer":             {Stall: true},
		"ran, no answer":        {After: true, Stall: true},
		"ran, answered 451":     {After: true, Reply: "451 Local error."},
		"ran, answered 421":     {After: true, Reply: "421 Going down.", Control: retrytest.FIN},
		"ran, then closed":      {After: true, Control: retrytest.FIN},
		"ran, then pushed 421":  {After: true, Push: "421 Timeout.", Control: retrytest.FIN},
		"ran, an extra reply":   {After: true, Reply: "226 Extra.", Also: true},
		"refused by an odd 200": {Reply: "200 Whatever."},
	}
	for _, reply := range []string{"425 No data connection.", "426 Cut.", "431 No security.", "450 Busy.", "451 Local error.", "452 No space."} {
		faults[reply] = retrytest.Fault{Reply: reply}
	}
	return faults
}

// dataFaults are what can go wrong with a data connection, after n bytes.
func dataFaults(n int64) map[string]retrytest.Fault {
	faults := map[string]retrytest.Fault{}
	for name, cut := range map[string]retrytest.Cut{"FIN": retrytest.FIN, "RST": retrytest.RST} {
		faults[fmt.Sprintf("cut by %s at %d, 426", name, n)] = retrytest.Fault{Data: cut, At: n, Reply: "426 Cut."}
		faults[fmt.Sprintf("cut by %s at %d, a lying 226", name, n)] = retrytest.Fault{Data: cut, At: n, Reply: "226 Done."}
		faults[fmt.Sprintf("cut by %s at %d, no reply", name, n)] = retrytest.Fault{Data: cut, At: n, Stall: true}
		faults[fmt.Sprintf("cut by %s at %d with the control connection", name, n)] = retrytest.Fault{Data: cut, At: n, Lose: true, Control: cut}
		faults[fmt.Sprintf("cut by %s at %d, 426 then 226", name, n)] = retrytest.Fault{Data: cut, At: n, Reply: "426 Cut.\n226 Done."}
	}
	faults[fmt.Sprintf("stalled at %d", n)] = retrytest.Fault{StallData: true, At: n}
	return faults
}

// record runs op without faults and returns its steps.
func record(t *testing.T, op operation, secure bool) (steps []step) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := bed(t, secure)
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
	enumerate(t, operations, false)
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
	enumerate(t, some, true)
}

func enumerate(t *testing.T, operations []operation, secure bool) {
	var cases atomic.Int64
	t.Cleanup(func() { t.Logf("%d cases", cases.Load()) })
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range record(t, op, secure) {
				faults := commandFaults()
				if s.data {
					for _, at := range []int64{0, 1, 1000, int64(len(body) / 2), int64(len(body) - 1), int64(len(body))} {
						for name, f := range dataFaults(at) {
							faults[name] = f
						}
					}
				}
				for i, name := range slices.Sorted(maps.Keys(faults)) {
					f := faults[name]
					if undetectable(op, s, f) || (i+s.nth+len(op.name))%sample != 0 {
						continue
					}
					f.On, f.Nth = s.verb, s.nth
					cases.Add(1)
					if problem := survive(t, op, f, secure); problem != "" {
						t.Errorf("%s %d, %s: %s", s.verb, s.nth, name, problem)
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
func survive(t *testing.T, op operation, f retrytest.Fault, secure bool) (problem string) {
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := bed(t, secure)
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
