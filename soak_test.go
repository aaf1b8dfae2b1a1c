package ftpretry_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// soakWorkers share one client, each in a directory of its own.
const soakWorkers = 16

// soakTime is how long a soak lasts: FTPRETRY_SOAK, "60s", or two seconds.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("FTPRETRY_SOAK")
	if text == "" {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "FTPRETRY_SOAK")
	return d
}

// faulty is a server, or a proxy before one, with a script of faults.
type faulty interface {
	Inject(...retrytest.Fault)
	Pending() int
}

// soak is a run of many random operations under random faults, each of whose
// results is looked at on the server's own disk.
type soak struct {
	client *retry.Client
	server faulty
	look   func(name string) (content []byte, there bool)

	commands, operations, faults, wrong, failed atomic.Int64
	goroutines, heap                            []uint64 // samples
}

// run lets the workers go for soakTime, and then fails the test for each wrong file and
// each failure, and where goroutines or memory have grown.
func (s *soak) run(t *testing.T, cfg retry.Config) {
	t.Helper()
	d := soakTime(t)
	cfg.Dial = s.hear(cfg.Addr)
	client, err := retry.New(cfg)
	require.NoError(t, err)
	s.client = client
	ctx, cancel := context.WithTimeout(t.Context(), d+time.Minute)
	defer cancel()
	over := time.Now().Add(d)
	var workers sync.WaitGroup
	for w := range soakWorkers {
		workers.Go(func() {
			worker := &soaker{soak: s, rng: rand.New(rand.NewPCG(uint64(w), uint64(d))), dir: fmt.Sprintf("/w%02d", w), model: map[string][]byte{}}
			worker.report(t, "MakeDir", s.client.MakeDir(ctx, worker.dir))
			for time.Now().Before(over) && s.failed.Load()+s.wrong.Load() < 20 {
				worker.step(ctx, t)
			}
		})
	}
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()
	s.sample(done, d/40)
	met := s.faults.Load() - int64(s.server.Pending())
	t.Logf("%v: %d operations, %d commands, %d faults (%.1f %%): %d failed, %d wrong; goroutines %d, heap KiB %d", d, s.operations.Load(),
		s.commands.Load(), met, 100*float64(met)/float64(s.commands.Load()), s.failed.Load(), s.wrong.Load(), s.goroutines, s.heap)
	assert.Positive(t, met, "faults")
	assert.Zero(t, s.wrong.Load(), "wrong files")
	assert.Zero(t, s.failed.Load(), "operations that failed")
	flat(t, "goroutines", s.goroutines, 3*soakWorkers)
	flat(t, "heap in KiB", s.heap, 16<<10)
	require.NoError(t, client.Close())
}

// sample takes samples until done.
func (s *soak) sample(done <-chan struct{}, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		s.goroutines, s.heap = append(s.goroutines, uint64(runtime.NumGoroutine())), append(s.heap, m.HeapAlloc>>10)
	}
}

// flat fails the test if the last third of the samples goes beyond the first by
// more than what is let pass.
func flat(t *testing.T, what string, samples []uint64, pass uint64) {
	t.Helper()
	third := len(samples) / 3
	if third == 0 {
		return
	}
	first, last := slices.Max(samples[:third]), slices.Max(samples[len(samples)-third:])
	assert.LessOrEqual(t, last, first+pass, "%s grow: %d", what, samples)
}

// soakFault is something that goes wrong with one of the next commands.
func soakFault(rng *rand.Rand) retrytest.Fault {
	f := retrytest.Fault{On: "*", Nth: 1 + rng.IntN(4*soakWorkers)}
	cut := []retrytest.Cut{retrytest.FIN, retrytest.RST}[rng.IntN(2)]
	switch kind := rng.IntN(100); {
	case kind < 25:
		f.Reply = []string{"450 ", "451 ", "425 "}[rng.IntN(3)] + "Soaked."
	case kind < 35:
		f.Reply, f.Control = "421 Soaked.", cut
	case kind < 45:
		f.Lose, f.Control = true, cut
	case kind < 55:
		f.After, f.Lose, f.Control = true, true, cut
	case kind < 64:
		f.After, f.Reply = true, "451 Soaked."
	case kind < 65: // each of them costs a timeout
		f.Stall, f.After = true, rng.IntN(2) == 0
	default:
		f.On, f.Nth = []string{"STOR", "STOR", "APPE", "RETR", "NLST"}[rng.IntN(5)], 1+rng.IntN(3)
		f.Data, f.At = cut, rng.Int64N(40_000)
		if rng.IntN(2) == 0 {
			f.Reply = "426 Soaked."
		} else {
			f.Lose, f.Control = true, cut
		}
	}
	return f
}

// heard counts commands on a control connection.
type heard struct {
	net.Conn
	commands *atomic.Int64
}

func (h heard) Write(p []byte) (int, error) { h.commands.Add(1); return h.Conn.Write(p) }

// hear has the commands counted that are sent to addr.
func (s *soak) hear(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, to string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, to)
		if err == nil && to == addr {
			return heard{conn, &s.commands}, nil
		}
		return conn, err
	}
}

// soakConfig waits little, and never gives up.
func soakConfig(addr string) retry.Config {
	return retry.Config{
		Addr: addr, User: "user", Password: "secret", MaxConns: 8,
		ConnectTimeout: 5 * time.Second, ReplyTimeout: time.Second, StallTimeout: time.Second,
		Policy: policy.Policy{Attempts: -1, Initial: time.Millisecond, Max: 20 * time.Millisecond},
	}
}

// TestSoak has sixteen workers do whatever they like for a while, with one
// command in twenty failing. FTPRETRY_SOAK=60s makes it last.
func TestSoak(t *testing.T) {
	before := runtime.NumGoroutine()
	srv, err := retrytest.Start(retrytest.Config{LogSize: -1})
	require.NoError(t, err)
	s := &soak{server: srv, look: func(name string) ([]byte, bool) {
		content, err := srv.ReadFile(name)
		return content, err == nil
	}}
	s.run(t, soakConfig(srv.Addr()))
	for name := range srv.Files() {
		assert.False(t, strings.HasSuffix(name, ".ftpretry"), "%s is left", name)
	}
	srv.Close()
	settles(t, before)
}

// settles waits until there are no more goroutines than before.
func settles(t *testing.T, before int) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) { // nothing tells of an end
		if time.Now().After(until) {
			stacks := make([]byte, 1<<16)
			t.Errorf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
			return
		}
	}
}
