package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// scary is a BackOff that panics.
type scary struct{ scare func() }

func (s scary) Reset()                     {}
func (s scary) NextBackOff() time.Duration { s.scare(); return time.Millisecond }

// TestAPanicWhereThePoolCallsTheCallerKeepsNoPlace is of the hooks that tell of
// the server as a whole, and of the policy by which the pool waits.
func TestAPanicWhereThePoolCallsTheCallerKeepsNoPlace(t *testing.T) {
	away := func(srv *retrytest.Server) {
		srv.Down()
		time.AfterFunc(10*time.Second, func() { _ = srv.Up() })
	}
	full := func(srv *retrytest.Server) {
		srv.Inject(retrytest.Fault{On: retrytest.Connect, Reply: "421 Too many users", Control: retrytest.FIN})
	}
	for _, c := range []struct {
		name   string
		others bool // another session is in use
		idle   bool // and one is idle
		change func(*retry.Config, func())
		before func(*retrytest.Server)
	}{
		{"in the hook Redial", true, true, func(c *retry.Config, scare func()) { c.Hooks.Redial = func(context.Context, retry.Attempt) { scare() } },
			func(srv *retrytest.Server) { srv.Kick(retrytest.FIN) }},
		{"in the hook Down", false, false, func(c *retry.Config, scare func()) { c.Hooks.Down = func(context.Context, retry.Down) { scare() } }, away},
		{"in the hook Up", false, false, func(c *retry.Config, scare func()) { c.Hooks.Up = func(context.Context, retry.Up) { scare() } }, away},
		{"in the hook Limit", true, false, func(c *retry.Config, scare func()) { c.Hooks.Limit = func(context.Context, retry.Limit) { scare() } }, full},
		{"in the pool's BackOff, when the server is away", false, false, func(c *retry.Config, scare func()) {
			c.Policy = policy.Policy{BackOff: func() backoff.BackOff { return scary{scare} }}
		}, away},
		{"in the pool's BackOff, when the server is full", true, false, func(c *retry.Config, scare func()) {
			c.Policy = policy.Policy{BackOff: func() backoff.BackOff { return scary{scare} }}
		}, full},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				on := false
				srv := memory(t, retrytest.Config{})
				cl := client(t, srv, func(cfg *retry.Config) {
					cfg.MaxConns = 2
					c.change(cfg, func() {
						if on {
							panic("caller's own")
						}
					})
				}).WithPolicy(policy.Policy{Jitter: -1})
				held, release := make(chan struct{}), make(chan struct{})
				go func() {
					_ = cl.Do(t.Context(), func(context.Context, *ftp.ServerConn) error { close(held); <-release; return nil })
				}()
				<-held
				if c.others {
					defer close(release)
				} else {
					close(release)
				}
				time.Sleep(2 * time.Minute) // idle sessions are closed
				if c.idle {
					require.NoError(t, stor(t.Context(), cl))
				}
				on = true
				c.before(srv)
				assert.Panics(t, func() { _ = stor(t.Context(), cl) })
				on = false
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				errs, _ := crowd(8, func(int) error { return stor(ctx, cl) })
				for _, err := range errs {
					assert.NoError(t, err)
				}
				busy := 0
				if c.others {
					busy = 1
				}
				assert.Equal(t, busy, cl.Stats().Busy, "the place was not given back")
			})
		})
	}
}

// Nobody gets the reader, so that nobody can close it.
func TestAPanicInAHookOfOpenKeepsNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile("/f", pattern(1<<20)))
		cl := client(t, srv)
		for _, h := range []retry.Hooks{
			{Done: func(context.Context, retry.Done) { panic("caller's own") }},
			{Connect: func(context.Context, retry.Connect) { panic("caller's own") }},
		} {
			assert.Panics(t, func() { _, _ = cl.WithHooks(h).Open(t.Context(), "/f") })
			assert.Zero(t, cl.Stats().Busy)
			synctest.Wait()
			assert.Zero(t, srv.Sessions())
		}
		_ = cl.Close()
	})
}
