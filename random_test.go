package ftpretry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// TestRandomOperationsUnderRandomFaults runs random operations while three of
// ten commands fail, and holds the server's tree against a model of it after
// each. FTPRETRY_SEEDS says how many runs there are, FTPRETRY_SEED runs one
// again.
func TestRandomOperationsUnderRandomFaults(t *testing.T) {
	t.Parallel()
	first, runs := uint64(1), 10_000/sample
	if text := os.Getenv("FTPRETRY_SEEDS"); text != "" {
		runs, _ = strconv.Atoi(text)
	}
	if text := os.Getenv("FTPRETRY_SEED"); text != "" {
		first, _ = strconv.ParseUint(text, 10, 64)
		runs = 1
	}
	var next, faults atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				i := next.Add(1) - 1
				if i >= int64(runs) {
					return
				}
				seed := first + uint64(i)
				problem, met := schedule(t, seed)
				faults.Add(int64(met))
				if problem != "" {
					t.Errorf("FTPRETRY_SEED=%d go test -run TestRandomOperations . : %s", seed, problem)
				}
			}
		}()
	}
	wg.Wait()
	t.Logf("%d runs, %d faults met", runs, faults.Load())
}

// schedule is one run.
func schedule(t *testing.T, seed uint64) (problem string, met int) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(seed, 7))
		quirks := []retrytest.Quirks{{}, {AppendRestartRefused: true}, {RestartTruncates: true, RestartClamped: true}, {NLSTPaths: true, DotEntries: true}}
		quirk := quirks[rng.IntN(len(quirks))]
		without := [][]string{nil, {"MLSD"}, {"EPSV"}, {"MLSD", "MFMT"}}
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, Quirks: quirk, Without: without[rng.IntN(len(without))]})
		model := map[string]string{"/a": "first", "/b": body[:5000], "/d/": "", "/d/c": "third"}
		plant(t, srv, model)
		injected := randomFaults(rng)
		srv.Inject(injected...)
		mode := retry.Direct
		if rng.IntN(3) == 0 {
			mode = retry.Atomic
		}
		client, err := retry.New(retry.Config{
			Addr: srv.Addr(), Dial: srv.Dial, User: "u", Password: "secret", Upload: mode,
			Policy: policy.Policy{Attempts: -1},
		})
		if err != nil {
			t.Fatal(err)
		}
		var did []string
		for range 4 {
			what, err := randomOperation(t.Context(), rng, client, model, quirk)
			did = append(did, what)
			if err != nil {
				problem = fmt.Sprintf("%s: %v", what, err)
				break
			}
			if d := differences(model, harvest(t, srv)); d != "" {
				problem = fmt.Sprintf("%s called it a success, but %s", what, d)
				break
			}
		}
		_ = client.Close()
		met = len(injected) - srv.Pending()
		if problem != "" {
			problem += fmt.Sprintf(" (after %s)\n%s", strings.Join(did, ", "), strings.Join(srv.Commands(), "\n"))
		}
	})
	return problem, met
}

// randomFaults makes three of ten commands fail, of the first sixty.
func randomFaults(rng *rand.Rand) (faults []retrytest.Fault) {
	for n := 1; n <= 60; n++ {
		if rng.IntN(10) >= 3 {
			continue
		}
		f := retrytest.Fault{On: "*", Nth: n}
		text := fmt.Sprintf("Fault at command %d.", n)
		cut := []retrytest.Cut{retrytest.FIN, retrytest.RST}[rng.IntN(2)]
		switch rng.IntN(9) {
		case 0:
			f.Reply = []string{"450 ", "451 ", "452 ", "425 ", "426 "}[rng.IntN(5)] + text
		case 1:
			f.Reply, f.Control = "421 "+text, cut
		case 2:
			f.Lose, f.Control = true, cut
		case 3:
			f.After, f.Lose, f.Control = true, true, cut
		case 4:
			f.Stall, f.After = true, rng.IntN(2) == 0
		case 5:
			f.After, f.Reply = true, "451 "+text
		case 6:
			f.After, f.Reply, f.Control = true, "421 "+text, retrytest.FIN
		default: // of the data, where there are any
			f.On, f.Nth = []string{"STOR", "APPE", "RETR", "MLSD"}[rng.IntN(4)], 1+rng.IntN(4)
			f.Data, f.At = cut, rng.Int64N(6000)
			switch rng.IntN(4) {
			case 0:
				f.Reply = "426 " + text
			case 1:
				f.Lose, f.Control = true, cut
			case 2:
				f.Stall = true
			default:
				f.Reply = "451 " + text
			}
		}
		faults = append(faults, f)
	}
	return faults
}

// randomOperation does something with the model and with the server.
func randomOperation(ctx context.Context, rng *rand.Rand, c *retry.Client, model map[string]string, quirks retrytest.Quirks) (string, error) {
	files := slices.DeleteFunc(slices.Sorted(maps.Keys(model)), func(n string) bool { return strings.HasSuffix(n, "/") })
	fresh := fmt.Sprintf("/%sn%d", []string{"", "d/"}[rng.IntN(2)], rng.IntN(1e6))
	content := body[:rng.IntN(8000)] + fresh
	old := fresh
	if len(files) > 0 {
		old = files[rng.IntN(len(files))]
	}
	switch kind := rng.IntN(10); {
	case kind < 2 || len(files) == 0:
		name := []string{fresh, old}[rng.IntN(2)]
		model[name] = content
		return "Stor " + name, c.Stor(ctx, name, retry.Bytes([]byte(content)))
	case kind < 4 && !quirks.AppendRestartRefused:
		model[old] += content
		return "Append " + old, c.Append(ctx, old, retry.Seeker(strings.NewReader(content)))
	case kind < 6:
		var b bytes.Buffer
		n, err := c.Retr(ctx, old, &b)
		if err == nil && (b.String() != model[old] || n != int64(b.Len())) {
			err = errors.New("wrong bytes")
		}
		return "Retr " + old, err
	case kind == 6:
		delete(model, old)
		return "Delete " + old, c.Delete(ctx, old)
	case kind == 7:
		model[fresh] = model[old]
		delete(model, old)
		return "Rename " + old + " " + fresh, c.Rename(ctx, old, fresh)
	case kind == 8:
		model[fresh+"/"] = ""
		return "MakeDir " + fresh, c.MakeDir(ctx, fresh)
	default:
		l, err := c.List(ctx, "/d")
		want := 0
		for name := range model {
			if rest, ok := strings.CutPrefix(name, "/d/"); ok && rest != "" {
				want++
			}
		}
		if got := len(strings.Fields(names(l, entryName))); err == nil && got != want {
			err = fmt.Errorf("%d entries, not %d", got, want)
		}
		return "List /d", err
	}
}
