package retry_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// TestAPoolKeepsItsBooks has a dozen workers use a server whose limit moves, which
// goes away, hangs up on idle sessions and fails in commands, while contexts end,
// readers are paused and dropped, and functions of the caller's panic. However it
// goes, nobody waits for ever, no more sessions are open than may be, and in the
// end every place and session is free. In half of the runs the end is a Close in
// the midst of it.
func TestAPoolKeepsItsBooks(t *testing.T) {
	for seed := range uint64(8) { // 60 have passed; they are slow with the race detector
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed, 11))) })
		})
	}
}

func chaos(t *testing.T, rng *rand.Rand) {
	most := 1 + rng.IntN(6)
	srv, bears, dial := bounded(t, int64(1+rng.IntN(8)), refusals[rng.IntN(len(refusals))].reply)
	for i := range 4 {
		_ = srv.WriteFile(fmt.Sprintf("/f%d", i), pattern(1<<rng.IntN(18)))
	}
	var open, beyond atomic.Int64
	cl := client(t, srv, func(cfg *retry.Config) {
		cfg.MaxConns = most
		cfg.IdleTimeout = time.Duration(1+rng.IntN(60)) * time.Second
		cfg.LimitInterval = []time.Duration{0, -1, 10 * time.Second}[rng.IntN(3)]
		cfg.ReplyTimeout, cfg.StallTimeout, cfg.ConnectTimeout = 20*time.Second, 20*time.Second, 10*time.Second
		cfg.Policy = policy.Policy{Initial: time.Duration(1+rng.IntN(2000)) * time.Millisecond, Max: 10 * time.Second, Attempts: 1 + rng.IntN(8)}
		switch rng.IntN(4) {
		case 0:
			cfg.Policy = policy.Policy{BackOff: func() backoff.BackOff { return backoff.NewConstantBackOff(200 * time.Millisecond) }}
		case 1:
			cfg.Policy.AttemptTimeout, cfg.Policy.Elapsed = 15*time.Second, time.Minute
		}
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if addr == cfg.Addr && err == nil {
				if open.Add(1) > int64(most) {
					beyond.Add(1)
				}
				conn = &placed{conn, sync.OnceFunc(func() { open.Add(-1) })}
			}
			return conn, err
		}
	})
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	var workers, trouble sync.WaitGroup
	own := rand.New(rand.NewPCG(rng.Uint64(), 0))
	trouble.Go(func() { mischief(ctx, own, srv, bears) })
	for w := range 12 {
		rng := rand.New(rand.NewPCG(rng.Uint64(), uint64(w)))
		workers.Go(func() {
			for ctx.Err() == nil {
				time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
				work(ctx, rng, cl)
			}
		})
	}
	closes := rng.IntN(2) == 0
	if closes {
		time.Sleep(time.Duration(rng.IntN(240)) * time.Second)
		start := time.Now()
		_ = cl.Close()
		assert.LessOrEqual(t, time.Since(start), 5*time.Second)
	}
	workers.Wait()
	over := time.Now()
	trouble.Wait()
	time.Sleep(2 * time.Second) // the goodbye to a session that has become too old may take one
	synctest.Wait()
	assert.LessOrEqual(t, over.Sub(deadline(ctx)), time.Minute, "somebody has waited for ever")
	s := cl.Stats()
	assert.Zero(t, s.Busy, "a place is lost")
	assert.Zero(t, s.Waiting)
	assert.Zero(t, beyond.Load(), "more than %d sessions were open", most)
	assert.Equal(t, int64(s.Idle), open.Load(), "a session is lost")
	srv.ClearFaults()
	_ = srv.Up()
	bears.Store(8)
	if !closes {
		time.Sleep(time.Minute)
		errs, _ := crowd(8, func(int) error { _, err := cl.FileSize(t.Context(), "/f1"); return err })
		for _, err := range errs {
			assert.NoError(t, err, "it has not come to itself again")
		}
	}
	_ = cl.Close()
	synctest.Wait()
	assert.Zero(t, open.Load(), "a session is left open")
	assert.Zero(t, cl.Stats().Idle)
}

func deadline(ctx context.Context) time.Time {
	at, _ := ctx.Deadline()
	return at
}

// mischief is what happens to the server until ctx ends.
func mischief(ctx context.Context, rng *rand.Rand, srv *retrytest.Server, bears *atomic.Int64) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(rng.IntN(10_000)) * time.Millisecond)
		switch rng.IntN(6) {
		case 0:
			bears.Store(int64(1 + rng.IntN(8)))
		case 1:
			srv.Down()
			time.Sleep(time.Duration(rng.IntN(20)) * time.Second)
			_ = srv.Up()
		case 2:
			srv.Kick(retrytest.RST)
		case 3:
			srv.Push("421 Timeout.")
			srv.Kick(retrytest.FIN)
		default:
			f := retrytest.Fault{On: []string{"*", "EPSV", "SIZE", "RETR", "STOR", retrytest.Connect, "PASS", "QUIT"}[rng.IntN(8)], Times: 1 + rng.IntN(3)}
			switch rng.IntN(4) {
			case 0:
				f.Stall = true
			case 1:
				f.Reply, f.Control = "421 Going.", retrytest.FIN
			case 2:
				f.Reply = "450 Busy."
			case 3:
				f.Lose, f.Control = true, retrytest.RST
			}
			srv.Inject(f)
		}
	}
}

// work is one operation, which may panic.
func work(ctx context.Context, rng *rand.Rand, cl *retry.Client) {
	defer func() { _ = recover() }()
	if rng.IntN(3) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(1+rng.IntN(8000))*time.Millisecond)
		defer cancel()
	}
	scare := func() {
		if rng.IntN(200) == 0 {
			panic("caller's own")
		}
	}
	cl = cl.WithHooks(retry.Hooks{
		Attempt: func(context.Context, retry.Attempt) { scare() },
		Login:   func(context.Context, retry.Login) { scare() },
		Failed:  func(context.Context, retry.Failed) { scare() },
		Redial:  func(context.Context, retry.Attempt) { scare() },
		Limit:   func(context.Context, retry.Limit) { scare() },
		Down:    func(context.Context, retry.Down) { scare() },
		Up:      func(context.Context, retry.Up) { scare() },
		Done:    func(context.Context, retry.Done) { scare() },
	})
	name := fmt.Sprintf("/f%d", rng.IntN(4))
	switch rng.IntN(5) {
	case 0:
		_ = cl.Stor(ctx, fmt.Sprintf("/new%d", rng.IntN(20)), retry.Bytes(pattern(rng.IntN(100_000))))
	case 1:
		r, err := cl.Open(ctx, name)
		if err != nil {
			return
		}
		defer r.Close()
		if rng.IntN(2) == 0 {
			_, _ = io.CopyN(io.Discard, r, 100)
			time.Sleep(time.Duration(rng.IntN(30)) * time.Second)
		}
		if rng.IntN(3) > 0 {
			_, _ = io.Copy(io.Discard, r)
		}
	case 2:
		_ = cl.Do(ctx, func(_ context.Context, conn *ftp.ServerConn) error {
			scare()
			if rng.IntN(2) == 0 {
				return conn.ChangeDir("/")
			}
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
			return conn.NoOp()
		})
	default:
		_, _ = cl.FileSize(ctx, name)
	}
}
