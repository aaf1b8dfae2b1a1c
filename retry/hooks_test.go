package retry_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// grammar is the order of calls that the comment of Hooks promises, a letter
// each: Attempt, Login, Connect, Progress, Failed, Redial, Wait, Done.
var grammar = regexp.MustCompile(`^(AL?C?P*(F[RW]AL?C?P*)*(FW?)?D)+$`)

// tape writes down the calls of all hooks.
type tape struct {
	letters  strings.Builder
	attempts []retry.Attempt
	failed   []retry.Failed
	waits    []retry.Wait
	progress []retry.Progress
	done     []retry.Done
	connects []retry.Connect
}

func (r *tape) hooks() retry.Hooks {
	note := func(letter byte) { r.letters.WriteByte(letter) }
	return retry.Hooks{
		Attempt:  func(_ context.Context, a retry.Attempt) { note('A'); r.attempts = append(r.attempts, a) },
		Login:    func(context.Context, retry.Login) { note('L') },
		Connect:  func(_ context.Context, c retry.Connect) { note('C'); r.connects = append(r.connects, c) },
		Progress: func(_ context.Context, p retry.Progress) { note('P'); r.progress = append(r.progress, p) },
		Failed:   func(_ context.Context, f retry.Failed) { note('F'); r.failed = append(r.failed, f) },
		Redial:   func(context.Context, retry.Attempt) { note('R') },
		Wait:     func(_ context.Context, w retry.Wait) { note('W'); r.waits = append(r.waits, w) },
		Done:     func(_ context.Context, d retry.Done) { note('D'); r.done = append(r.done, d) },
	}
}

func TestHooksTellAnOperationInOrder(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []retrytest.Fault
		run    func(context.Context, *retry.Client) error
		want   string
	}{
		{"an undisturbed operation", nil, stor, "ALCPD"},
		{"a second operation on the same session", nil, func(ctx context.Context, c *retry.Client) error {
			_ = stor(ctx, c)
			return stor(ctx, c)
		}, "ALCPDAPD"},
		{"a refusal that heals", []retrytest.Fault{{On: "STOR", Reply: "450 busy"}}, stor, "ALCFWALCPD"},
		{"a server that refuses connections for a while", []retrytest.Fault{{On: retrytest.Connect, Reply: "421 full", Control: retrytest.FIN, Times: 2}}, stor, "AFWAFWALCPD"},
		{"a permanent refusal", []retrytest.Fault{{On: "STOR", Reply: "553 no"}}, stor, "ALCFD"},
		{"attempts that are exhausted", []retrytest.Fault{{On: "STOR", Reply: "450 busy", Times: -1}}, stor, "ALCFWALCFWALCFD"},
		{"a session that was ended while it was idle", nil, func(ctx context.Context, c *retry.Client) error {
			_ = stor(ctx, c)
			time.Sleep(time.Second) // virtual
			srv := ctx.Value(serverKey{}).(*retrytest.Server)
			srv.Push("421 Timeout.")
			srv.Kick(retrytest.FIN)
			return stor(ctx, c)
		}, "ALCPDAFRALCPD"},
		{"a call that is mistaken", nil, func(ctx context.Context, c *retry.Client) error { return c.Delete(ctx, "a\nb") }, "D"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, Faults: c.faults})
				var r tape
				cl := client(t, srv, func(cfg *retry.Config) {
					cfg.Hooks = r.hooks()
					cfg.Policy = policy.Policy{Attempts: 3, Jitter: -1}
				})
				_ = c.run(context.WithValue(t.Context(), serverKey{}, srv), cl)
				assert.Equal(t, c.want, r.letters.String())
				assert.NotContains(t, fmt.Sprintf("%+v", r), "secret")
				_ = cl.Close()
			})
		})
	}
}

type serverKey struct{}

func stor(ctx context.Context, c *retry.Client) error {
	return c.Stor(ctx, "/f", retry.Bytes([]byte("content")))
}

// TestHooksKeepTheirGrammarUnderRandomFaults runs operations under random faults
// and holds the calls against the grammar, and the numbers against each other.
func TestHooksKeepTheirGrammarUnderRandomFaults(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
			for range 12 {
				f := retrytest.Fault{On: []string{"STOR", "SIZE", "EPSV", "RETR", "USER", retrytest.Connect, "DELE"}[rng.IntN(7)], Nth: 1 + rng.IntN(4)}
				switch rng.IntN(4) {
				case 0:
					f.Reply = "450 busy"
				case 1:
					f.Lose, f.Control = true, retrytest.RST
				case 2:
					f.Reply, f.Control = "421 gone", retrytest.FIN
				case 3:
					f.Reply = "553 never"
				}
				srv.Inject(f)
			}
			var r tape
			cl := client(t, srv, func(cfg *retry.Config) {
				cfg.Hooks = r.hooks()
				cfg.Policy = policy.Policy{Attempts: 4, Jitter: -1}
			})
			operations := 0
			for range 5 {
				_ = stor(t.Context(), cl)
				_, _ = cl.Retr(t.Context(), "/f", &strings.Builder{})
				_ = cl.Delete(t.Context(), "/f")
				operations += 3
			}
			require.Regexp(t, grammar, r.letters.String(), "seed %d", seed)
			assert.Len(t, r.done, operations)
			last := map[string]int{}
			for i, f := range r.failed {
				assert.Positive(t, f.Number, "failure %d", i)
				last[f.Op] = f.Number
			}
			for _, w := range r.waits {
				assert.True(t, w.Verdict.Transient())
				assert.Positive(t, w.Delay)
			}
			_ = cl.Close()
		})
	}
}

func TestFailedNamesTheCommandThatFailed(t *testing.T) {
	for _, verb := range []string{retrytest.Connect, "USER", "PASS", "FEAT", "TYPE", "EPSV", "STOR", "SIZE"} {
		t.Run(verb, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{Faults: []retrytest.Fault{{On: verb, Reply: "421 gone", Control: retrytest.FIN}}})
			var r tape
			cl := client(t, srv, func(cfg *retry.Config) { cfg.Hooks = r.hooks() })
			require.NoError(t, stor(t.Context(), cl))
			require.Len(t, r.failed, 1)
			want := verb
			if verb == retrytest.Connect {
				want = ""
			}
			if verb == "FEAT" || verb == "EPSV" {
				want = r.failed[0].Command // the ftp package goes on to the next command
			}
			assert.Equal(t, want, r.failed[0].Command)
			require.NotNil(t, r.failed[0].Verdict.Reply)
			assert.Equal(t, 421, r.failed[0].Verdict.Reply.Code)
		})
	}
}

func TestProgressIsToldAtMostTenTimesASecondAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		var r tape
		cl := client(t, srv, func(cfg *retry.Config) { cfg.Hooks = r.hooks() })
		slow := &drip{left: 50, every: 20 * time.Millisecond}
		require.NoError(t, cl.Stor(t.Context(), "/f", retry.Reader(slow)))
		require.GreaterOrEqual(t, len(r.progress), 10)
		assert.LessOrEqual(t, len(r.progress), 12)
		last := r.progress[len(r.progress)-1]
		assert.EqualValues(t, 50, last.Bytes)
		assert.EqualValues(t, -1, last.Total)
		assert.InDelta(t, 50, last.Rate, 2)
		_ = cl.Close()
	})
}

// drip gives a byte at a time.
type drip struct {
	left  int
	every time.Duration
}

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(d.every) // virtual
	d.left--
	p[0] = 'x'
	return 1, nil
}
