package retry_test

import (
	"context"
	"errors"
	"net/textproto"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

var errNightOver = errors.New("night is over")

// What an operation returns that has failed before, and whose next attempt waits
// when it ends: at once, with why it ended and with what it failed of.
func TestAnEndInAWaitKeepsWhatWentWrong(t *testing.T) {
	busy := retrytest.Fault{On: "SIZE", Reply: "450 File busy.", Times: -1}
	full := retrytest.Fault{On: retrytest.Connect, Nth: 2, Reply: "421 Too many users.", Control: retrytest.FIN, Times: -1}
	for _, c := range []struct {
		name  string
		queue bool // the place is taken meanwhile: it waits for that, not for the policy
		fault retrytest.Fault
		code  int
	}{
		{"for the next attempt", false, busy, 450},
		{"for a session", true, busy, 450},
		{"for a session, where there cannot be one more", true, full, 421},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, end := range []struct {
				name   string
				run    func(*retry.Client, context.CancelCauseFunc)
				reason error
			}{
				{"Close", func(cl *retry.Client, _ context.CancelCauseFunc) { _ = cl.Close() }, retry.ErrClosed},
				{"the context", func(_ *retry.Client, cancel context.CancelCauseFunc) { cancel(errNightOver) }, errNightOver},
				{"the policy's Elapsed", func(*retry.Client, context.CancelCauseFunc) { time.Sleep(2 * time.Hour) }, retry.ErrElapsed},
			} {
				if end.reason == retry.ErrElapsed && !c.queue {
					continue // no such wait is begun
				}
				t.Run(end.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						srv := memory(t, retrytest.Config{})
						require.NoError(t, srv.WriteFile("/f", []byte("content")))
						var r tape
						cl := client(t, srv, func(cfg *retry.Config) {
							cfg.MaxConns, cfg.Hooks = 2, r.hooks()
							cfg.Policy = policy.Policy{Initial: time.Minute, Max: time.Hour, Elapsed: 90 * time.Minute, Jitter: -1}
						})
						others := cl.WithHooks(retry.Hooks{})
						release := make(chan struct{})
						defer close(release)
						hold := func() {
							go func() {
								_ = others.Do(t.Context(), func(context.Context, *ftp.ServerConn) error { <-release; return nil })
							}()
							synctest.Wait()
						}
						if c.fault.Nth > 0 {
							hold()
							c.fault.Nth = 1
						}
						srv.Inject(c.fault)
						ctx, cancel := context.WithCancelCause(t.Context())
						defer cancel(nil)
						var at time.Time
						done := make(chan error, 1)
						go func() { _, err := cl.FileSize(ctx, "/f"); at = time.Now(); done <- err }()
						synctest.Wait()
						if c.queue {
							hold()
							hold()
							time.Sleep(59 * time.Minute) // the wait is over
							synctest.Wait()
							assert.Positive(t, cl.Stats().Waiting)
						}
						began := time.Now()
						end.run(cl, cancel)
						if end.reason == retry.ErrElapsed {
							began = began.Add(31 * time.Minute)
						}
						synctest.Wait()
						var e *retry.Error
						require.ErrorAs(t, <-done, &e)
						assert.LessOrEqual(t, at.Sub(began), time.Duration(0), "it did not return at once")
						assert.Equal(t, end.reason, e.Reason)
						require.ErrorIs(t, e, end.reason)
						var reply *textproto.Error
						require.ErrorAs(t, e, &reply, "the last failure is lost")
						assert.Equal(t, c.code, reply.Code)
						assert.Equal(t, reply, e.Verdict.Reply)
						assert.Regexp(t, grammar, r.letters.String())
						t.Log(e)
					})
				})
			}
		})
	}
}

// Close is final also for who is in an attempt, whose failure it does not hide.
func TestAfterCloseNoWaitIsBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "SIZE", Delay: time.Second, Reply: "450 File busy."})
		require.NoError(t, srv.WriteFile("/f", []byte("content")))
		cl := client(t, srv, func(cfg *retry.Config) { cfg.Policy = policy.Policy{Initial: time.Hour, Max: time.Hour} })
		done := make(chan error, 1)
		go func() { _, err := cl.FileSize(t.Context(), "/f"); done <- err }()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, cl.Close())
		err := <-done
		assert.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, err, retry.ErrClosed)
		var reply *textproto.Error
		require.ErrorAs(t, err, &reply)
		assert.Equal(t, 450, reply.Code)
		_, err = cl.FileSize(t.Context(), "/f")
		require.ErrorIs(t, err, retry.ErrPermanent, "nothing of it was begun")
	})
}

// several is an error that == panics at.
type several []string

func (several) Error() string { return "several things" }

func TestACauseThatCannotBeComparedIsTold(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	cl := client(t, srv)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(several{"a", "b"})
	err := cl.MakeDir(ctx, "/d")
	require.EqualError(t, err, "MKD /d: several things: several things")
	var cause several
	require.ErrorAs(t, err, &cause)
	conn, err := retry.Dial(ctx, retry.Config{Addr: srv.Addr(), Dial: srv.Dial})
	require.ErrorAs(t, err, &cause)
	assert.Nil(t, conn)
}
