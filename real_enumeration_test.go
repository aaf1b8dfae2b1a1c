//go:build linux

package ftpretry_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ftpretry/ftpretry/internal/faultlist"
	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// realStand is a kind of server that the enumeration runs against.
type realStand struct {
	name    string
	kind    ftpd.Kind
	options ftpd.Options
	seats   int      // servers that work at once, each on one case; most of a case is waiting
	except  []string // operations that it cannot serve without any fault
}

// proftpd sleeps for 0.4 s after each session, and its client with it, so more of them work at once.
var realStands = []realStand{
	{name: "vsftpd", kind: ftpd.VSFTPD, seats: 6, except: realMissing[ftpd.VSFTPD]},
	{name: "proftpd", kind: ftpd.ProFTPD, options: ftpd.Options{AllowStoreRestart: true}, seats: 16, except: realMissing[ftpd.ProFTPD]},
	{
		name: "proftpd without AllowStoreRestart", kind: ftpd.ProFTPD, seats: 16,
		except: append([]string{"Append", "Conn.Append", "Conn.StorFrom", "one thing after another"}, realMissing[ftpd.ProFTPD]...),
	},
	{name: "pure-ftpd", kind: ftpd.PureFTPd, seats: 8},
	{name: "pyftpdlib", kind: ftpd.Pyftpdlib, seats: 8},
}

// realStride is the part of the cases that is run, another part at each server: one in so many. All of them take some
// minutes: FTPRETRY_REAL_CASES=all go test -run TestRealEveryFaultAtEveryStep -timeout 30m .
func realStride() int64 {
	if os.Getenv("FTPRETRY_REAL_CASES") == "all" {
		return 1
	}
	return 4
}

// realCase is one operation under one fault.
type realCase struct {
	op    operation
	step  step
	name  string
	fault retrytest.Fault
	far   bool
}

// realFaults are the faults of the step. Those of login are the same for every operation, so only one meets them all.
func realFaults(op operation, s step) (faults []faultlist.Entry) {
	if op.name == "Stor" || slices.Contains(op.verbs, s.verb) || s.data {
		faults = faultlist.Command()
	}
	if !s.data {
		return faults
	}
	for _, at := range []int64{0, 70_000, int64(len(body))} {
		faults = append(faults, faultlist.Data(at)...)
		faults = append(faults,
			faultlist.Entry{Name: "data cut by FIN, the server's own word", Fault: retrytest.Fault{Data: retrytest.FIN, At: at}},
			faultlist.Entry{Name: "data cut by RST, the server's own word", Fault: retrytest.Fault{Data: retrytest.RST, At: at}})
	}
	return faults
}

// TestRealEveryFaultAtEveryStep is TestEveryFaultAtEveryStep with real servers behind a proxy that does the harm.
func TestRealEveryFaultAtEveryStep(t *testing.T) {
	ftpd.Require(t)
	realStage(t, operations, false)
}

// TestRealEveryFaultFromAfar is the same where commands, ports and content are sent ahead: a part of the cases, for the
// sequences are long.
func TestRealEveryFaultFromAfar(t *testing.T) {
	ftpd.Require(t)
	realStage(t, fromAfar, true)
}

func realStage(t *testing.T, operations []operation, far bool) {
	var stands sync.WaitGroup
	start := time.Now()
	for i, stand := range realStands {
		// They may fail the test, which only its own goroutine may do. The first one is for recording.
		seats := make([]*ftpd.Server, stand.seats+1)
		for seat := range seats {
			seats[seat] = ftpd.Start(t, stand.kind, stand.options)
		}
		stands.Go(func() {
			ran, of, failed := realEnumerate(t, stand, operations, far, seats, int64(i))
			t.Logf("%s: %d cases of %d, %d failed, after %v", stand.name, ran, of, failed, time.Since(start).Round(time.Second))
		})
	}
	stands.Wait()
}

func realEnumerate(t *testing.T, stand realStand, operations []operation, far bool, seats []*ftpd.Server, turn int64) (ran, total, failed int64) {
	work := make(chan realCase)
	var workers sync.WaitGroup
	var failures atomic.Int64
	stride := realStride()
	if far {
		stride *= 7
	}
	for _, s := range seats[1:] {
		workers.Go(func() {
			for c := range work {
				if problem := realSurvive(t, stand, s, c, far); problem != "" {
					failures.Add(1)
					t.Errorf("%s: %s: %s %d, %s: %s", stand.name, c.op.name, c.step.verb, c.step.nth, c.name, problem)
				}
			}
		})
	}
	for _, op := range operations {
		if slices.Contains(stand.except, op.name) {
			continue
		}
		steps, err := realRecord(t, seats[0], op, far)
		if err != nil {
			t.Errorf("%s: %s without any fault: %v", stand.name, op.name, err)
			continue
		}
		for _, s := range steps {
			for _, e := range realFaults(op, s) {
				f := e.Fault
				f.On, f.Nth = s.verb, s.nth
				if realUndetectable(op, s, f) {
					continue
				}
				total++
				if total%stride != turn%stride {
					continue
				}
				ran++
				work <- realCase{op, s, e.String(), f, far}
			}
		}
	}
	close(work)
	workers.Wait()
	return ran, total, failures.Load()
}

// realUndetectable are the faults that look, to any client, like a server that is well. A server whose listing fitted
// into the buffers of its connection does not notice the cut, and calls it complete.
func realUndetectable(op operation, s step, f retrytest.Fault) bool {
	if f.Reply == "" && f.Data == retrytest.FIN && !f.Lose && !f.Stall {
		f.Reply = "226 its own word"
	}
	return undetectable(op, s, f)
}

// realHopeless are the cases in which no success can be had, but the truth can: an upload that was cut cannot go on where
// APPE to a file that exists is refused.
func realHopeless(stand realStand, c realCase) bool {
	return c.op.name == "Append to nothing" && stand.kind == ftpd.ProFTPD && !stand.options.AllowStoreRestart
}

// realBed puts a proxy before a server that has a fresh tree. The old tree is moved away before it is removed, so that a
// session that has not ended yet keeps to it: each one is shut in the folder that was there when it logged in.
func realBed(t *testing.T, s *ftpd.Server, far bool, faults ...retrytest.Fault) (*retrytest.Proxy, retry.Config, error) {
	gone, err := os.MkdirTemp(filepath.Dir(s.Root), "gone")
	if err != nil {
		return nil, retry.Config{}, err
	}
	if err := os.Rename(s.Root, filepath.Join(gone, "root")); err != nil {
		return nil, retry.Config{}, err
	}
	// All of them together would be seven gigabytes. What such a session still makes goes with the server.
	_ = os.RemoveAll(gone)
	if err := os.Mkdir(s.Root, 0o755); err != nil {
		return nil, retry.Config{}, err
	}
	plantReal(t, s, before())
	proxy, err := retrytest.StartProxy(s.Addr, retrytest.ProxyConfig{Faults: faults, Settle: 150 * time.Millisecond})
	if err != nil {
		return nil, retry.Config{}, err
	}
	cfg := realConfig(s, nil)
	cfg.Addr = proxy.Addr()
	if far {
		cfg.Dial = distant((&net.Dialer{}).DialContext)
	}
	cfg.ConnectTimeout, cfg.ReplyTimeout, cfg.StallTimeout = 2*time.Second, 700*time.Millisecond, 700*time.Millisecond
	cfg.Policy = policy.Policy{Initial: 5 * time.Millisecond, Max: 20 * time.Millisecond, Jitter: -1}
	return proxy, cfg, nil
}

// realRecord runs op without faults and returns its steps.
func realRecord(t *testing.T, s *ftpd.Server, op operation, far bool) (steps []step, err error) {
	proxy, cfg, err := realBed(t, s, far)
	if err != nil {
		return nil, err
	}
	defer proxy.Close()
	if err := op.run(t.Context(), t, cfg); err != nil {
		return nil, err
	}
	if d := differences(op.wanted(), harvestReal(t, s)); d != "" {
		return nil, fmt.Errorf("%s", d)
	}
	return stepsOf(proxy.Commands()), nil
}

// stepsOf counts commands.
func stepsOf(commands []string) (steps []step) {
	count := map[string]int{}
	for _, line := range commands {
		verb, _, _ := strings.Cut(line, " ")
		count[verb]++
		steps = append(steps, step{verb, count[verb], strings.Contains("STOR APPE RETR MLSD LIST NLST", verb)})
	}
	return steps
}

// realSurvive runs one case and returns what went wrong.
func realSurvive(t *testing.T, stand realStand, s *ftpd.Server, c realCase, far bool) string {
	proxy, cfg, err := realBed(t, s, c.far, c.fault)
	if err != nil {
		return err.Error()
	}
	defer proxy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	start := time.Now()
	err = c.op.run(ctx, t, cfg)
	took := time.Since(start)
	proxy.Close() // with it every session ends that could still change something
	left := differences(c.op.wanted(), harvestReal(t, s))
	problem := ""
	switch {
	case err != nil && left != "" && realHopeless(stand, c) && (errors.Is(err, retry.ErrPermanent) || errors.Is(err, retry.ErrOutcomeUnknown)):
	case err != nil && left == "":
		problem = fmt.Sprintf("failed, although all is done: %v", err)
	case err != nil:
		problem = fmt.Sprintf("failed: %v; %s", err, left)
	case left != "":
		problem = "FALSE SUCCESS: " + left
	case proxy.Pending() > 0 && !far: // how many ports are asked for ahead is a matter of the machine's speed
		problem = "the fault never acted"
	case took > 20*time.Second:
		problem = "took " + took.String()
	}
	if problem != "" {
		problem += fmt.Sprintf("\n\t%q", proxy.Commands())
	}
	return problem
}
