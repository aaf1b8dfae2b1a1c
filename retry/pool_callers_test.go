package retry

import (
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry/retrytest"
	"github.com/ftpretry/ftpretry/transient"
)

// callers is code of a caller's, of every kind that a Client runs: it looks
// whether the pool's lock is held, under which it could not use the Client.
type callers struct {
	t    *testing.T
	pool *pool
	mu   sync.Mutex
	seen map[string]int
}

func (c *callers) look(where string) {
	c.mu.Lock()
	c.seen[where]++
	c.mu.Unlock()
	if c.pool == nil {
		return
	}
	for range forever {
		if c.pool.mu.TryLock() {
			c.pool.mu.Unlock()
			return
		}
		runtime.Gosched() // another goroutine holds it, for a moment
	}
	assert.Fail(c.t, where+" runs under the pool's lock")
}

// forever is a number of tries by which any other goroutine has let go.
const forever = 2_000_000

// backOff is a policy's own.
type backOff struct{ c *callers }

func (b backOff) Reset() { b.c.look("BackOff.Reset") }
func (b backOff) NextBackOff() time.Duration {
	b.c.look("BackOff.NextBackOff")
	return time.Second
}

// ofDial is an error of a caller's own dialer.
type ofDial struct{ c *callers }

func (e ofDial) Error() string { e.c.look("error.Error"); return "dialer says no" }
func (e ofDial) Is(error) bool { e.c.look("error.Is"); return false }
func (e ofDial) Unwrap() error { e.c.look("error.Unwrap"); return syscall.ECONNREFUSED }

// classifying is a classifier of a caller's.
type classifying struct{ c *callers }

func (k classifying) Classify(f transient.Failure) transient.Verdict {
	k.c.look("Classifier")
	return transient.Classify(f)
}

// watched is a context of a caller's.
type watched struct {
	context.Context
	c *callers
}

func (w watched) Deadline() (time.Time, bool) {
	w.c.look("Context.Deadline")
	return w.Context.Deadline()
}
func (w watched) Err() error        { w.c.look("Context.Err"); return w.Context.Err() }
func (w watched) Value(key any) any { w.c.look("Context.Value"); return w.Context.Value(key) }

func hook[T any](c *callers, name string) func(context.Context, T) {
	return func(context.Context, T) { c.look("Hooks." + name) }
}

func (c *callers) hooks() Hooks {
	return Hooks{
		Attempt: hook[Attempt](c, "Attempt"), Login: hook[Login](c, "Login"), Connect: hook[Connect](c, "Connect"),
		Progress: hook[Progress](c, "Progress"), Failed: hook[Failed](c, "Failed"), Redial: hook[Attempt](c, "Redial"),
		Wait: hook[Wait](c, "Wait"), Done: hook[Done](c, "Done"),
		Down: hook[Down](c, "Down"), Up: hook[Up](c, "Up"), Limit: hook[Limit](c, "Limit"),
	}
}

// TestNoCodeOfACallersRunsUnderThePoolsLock has a server away, then full, then
// without data connections, then restarted, and looks at each call of a
// function of the caller's whether the pool could be used in it.
func TestNoCodeOfACallersRunsUnderThePoolsLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &callers{t: t, seen: make(map[string]int)}
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		var dialFails atomic.Bool
		client, err := New(Config{
			Addr: srv.Addr(), User: "u", Password: "secret", MaxConns: 3,
			Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				c.look("Config.Dial")
				if dialFails.Load() {
					return nil, ofDial{c}
				}
				return srv.Dial(ctx, network, addr)
			},
			Policy:     policy.Policy{BackOff: func() backoff.BackOff { c.look("Policy.BackOff"); return backOff{c} }},
			Classifier: classifying{c},
			Hooks:      c.hooks(),
		})
		require.NoError(t, err)
		defer client.Close()
		c.pool = client.pool
		ctx := watched{t.Context(), c}
		operation := func() { _ = client.Stor(ctx, "/f", Bytes([]byte("content"))) }

		dialFails.Store(true) // away
		time.AfterFunc(2500*time.Millisecond, func() { dialFails.Store(false) })
		operation()
		for _, f := range []retrytest.Fault{
			{On: retrytest.Connect, Reply: "421 Too many users (1)", Control: retrytest.FIN, Times: 2}, // full
			{On: retrytest.Connect, Control: retrytest.FIN, Times: 2},                                  // the same without a word
		} {
			held, release := make(chan struct{}), make(chan struct{})
			go func() {
				_ = client.Do(ctx, func(context.Context, *ftp.ServerConn) error { close(held); <-release; return nil })
			}()
			<-held
			for client.Stats().Idle > 0 { // only that session is left
				time.Sleep(time.Second)
				synctest.Wait()
			}
			srv.Inject(f)
			operation()
			close(release)
			synctest.Wait()
		}
		srv.Inject(retrytest.Fault{On: "EPSV", Reply: "425 Too many connections. Can't open data channel."})
		operation()
		srv.Kick(retrytest.RST)
		operation()
		for _, want := range []string{
			"BackOff.NextBackOff", "BackOff.Reset", "Policy.BackOff", "Classifier", "Config.Dial", "error.Is", "error.Unwrap",
			"Context.Deadline", "Context.Err", "Hooks.Attempt", "Hooks.Login", "Hooks.Connect", "Hooks.Progress", "Hooks.Failed",
			"Hooks.Redial", "Hooks.Wait", "Hooks.Done", "Hooks.Down", "Hooks.Up", "Hooks.Limit",
		} {
			assert.Positive(t, c.seen[want], "%s was not called", want)
		}
	})
}
