package ftpretry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// stormOperation is a random operation, on names that are the worker's own.
func stormOperation(rng *rand.Rand, own string) (name string, run func(context.Context, *retry.Client) error) {
	path := fmt.Sprintf("/%s%d", own, rng.IntN(4))
	content := retry.Bytes([]byte(body[:rng.IntN(len(body))]))
	all := []struct {
		name string
		run  func(context.Context, *retry.Client) error
	}{
		{"Stor", func(ctx context.Context, c *retry.Client) error { return c.Stor(ctx, path, content) }},
		{"Stor Atomic", func(ctx context.Context, c *retry.Client) error {
			return c.WithUpload(retry.Atomic).Stor(ctx, path, content)
		}},
		{"Append", func(ctx context.Context, c *retry.Client) error { return c.Append(ctx, path, content) }},
		{"Retr", func(ctx context.Context, c *retry.Client) error {
			_, err := c.Retr(ctx, "/file", io.Discard)
			return err
		}},
		{"Open", func(ctx context.Context, c *retry.Client) error {
			r, err := c.Open(ctx, "/file")
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		}},
		{"List", func(ctx context.Context, c *retry.Client) error { _, err := c.List(ctx, "/dir"); return err }},
		{"FileSize", func(ctx context.Context, c *retry.Client) error { _, err := c.FileSize(ctx, "/file"); return err }},
		{"Rename", func(ctx context.Context, c *retry.Client) error { return c.Rename(ctx, path, path+"x") }},
		{"Delete", func(ctx context.Context, c *retry.Client) error { return c.Delete(ctx, path) }},
		{"Do", func(ctx context.Context, c *retry.Client) error {
			return c.Do(ctx, func(_ context.Context, conn *serverConn) error { _, err := conn.FileSize("/file"); return err })
		}},
	}
	one := all[rng.IntN(len(all))]
	return one.name, one.run
}

// storm is a number of cancellations, by eight workers, each after at most the
// longest time.
type storm struct {
	client  *retry.Client
	cancels int
	longest time.Duration

	mu                    sync.Mutex
	operations, cancelled int
	slow                  int // that took more than 100 ms to return
	worst                 time.Duration
	told                  strings.Builder // all errors
}

// run goes on until there were so many cancellations. It counts those after which
// the operation did not return within 100 ms of the clock.
func (s *storm) run(t *testing.T, clock func() time.Duration) {
	t.Helper()
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 99))
			for s.more() {
				s.one(t, rng, string(rune('a'+w)), clock)
			}
		})
	}
	workers.Wait()
	t.Logf("%d of %d operations were cancelled under way; the longest took %v to return", s.cancelled, s.operations, s.worst)
	assert.GreaterOrEqual(t, s.cancelled, s.cancels)
}

func (s *storm) more() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.operations++
	return s.cancelled < s.cancels && s.operations <= 10*s.cancels
}

func (s *storm) one(t *testing.T, rng *rand.Rand, own string, clock func() time.Duration) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	at := make(chan time.Duration, 1)
	timer := time.AfterFunc(time.Duration(rng.Int64N(int64(s.longest))), func() {
		at <- clock()
		cancel(errNightIsOver)
	})
	name, run := stormOperation(rng, own)
	err := run(ctx, s.client)
	back := clock()
	timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		fmt.Fprintln(&s.told, err)
	}
	if !errors.Is(err, errNightIsOver) {
		return
	}
	s.cancelled++
	took := back - <-at
	s.worst = max(s.worst, took)
	if took > 100*time.Millisecond {
		s.slow++
		t.Logf("%s returned %v after it was cancelled: %v", name, took, err)
	}
}

// TestACancelStorm cancels a thousand operations at random moments, while each
// command of the server's takes its time and some go wrong: each returns within
// 100 ms, to the virtual clock's exactness, the next one works, and neither side
// has a session left in the end. synctest tells of goroutines.
func TestACancelStorm(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("over TLS %v", secure), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, secure)
				plant(t, srv, before())
				rng := rand.New(rand.NewPCG(3, 7))
				for n := 1; n < 20_000; n += 1 + rng.IntN(12) {
					f := retrytest.Fault{On: "*", Nth: n}
					switch rng.IntN(8) {
					case 0:
						f.Stall = true
					case 1:
						f.After, f.Stall = true, true
					case 2:
						f.Reply = "450 Busy."
					case 3:
						f.Reply, f.Control = "421 Going.", retrytest.FIN
					case 4:
						f.On, f.Nth = []string{"STOR", "RETR", "MLSD"}[rng.IntN(3)], 1+n/30
						f.StallData, f.At = true, rng.Int64N(50_000)
					}
					srv.Inject(f)
				}
				srv.Inject(always(retrytest.Fault{On: "*", Delay: 10 * time.Millisecond}))
				dial := cfg.Dial
				cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					select {
					case <-time.After(10 * time.Millisecond):
						return dial(ctx, network, addr)
					case <-ctx.Done():
						return nil, context.Cause(ctx)
					}
				}
				client, err := retry.New(cfg)
				require.NoError(t, err)
				st := storm{client: client, cancels: 1000, longest: 400 * time.Millisecond}
				began := time.Now()
				st.run(t, func() time.Duration { return time.Since(began) })
				assert.Zero(t, st.slow, "operations that did not return at once")
				assert.LessOrEqual(t, srv.Sessions(), 4, "more sessions than places")

				srv.ClearFaults()
				for i := range 2 * 4 {
					require.NoError(t, client.Stor(t.Context(), fmt.Sprintf("/after%d", i), retry.Bytes([]byte(body))))
				}
				require.NoError(t, client.Close())
				synctest.Wait()
				assert.Zero(t, srv.Sessions(), "sessions that nobody closes")
				for name := range srv.Files() {
					assert.True(t, !strings.Contains(name, ".ftpretry") || strings.Contains(st.told.String(), name), "%s is left, and nobody was told", name)
				}
			})
		})
	}
}
