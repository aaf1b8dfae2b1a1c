// Package ftpretry_test holds the acceptance tests of the library: the replies
// that it exists for, end to end.
package ftpretry_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"syscall"
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
	"github.com/ftpretry/ftpretry/transient"
)

// reply is a reply that a transaction survives.
type reply struct {
	text  string
	class transient.Class
	wait  time.Duration // with Initial 1s and no jitter
	at    func(verb string) bool
	cut   retrytest.Cut // of the control connection after it
	tls   bool
	after bool // the data was moved before it
}

func on(verbs ...string) func(string) bool {
	return func(verb string) bool { return slices.Contains(verbs, verb) }
}

// transfers are the commands that open a data connection; files are those that
// need a file or directory.
var (
	transfers = on("STOR", "APPE", "RETR", "MLSD", "NLST")
	files     = on("STOR", "APPE", "RETR", "MLSD", "NLST", "SIZE", "MDTM", "MFMT", "MLST", "RNFR", "RNTO", "DELE", "MKD", "RMD", "CWD")
	anything  = func(string) bool { return true }
)

// replies are the seed's four with its own example texts, and the three beside
// them, at the commands where they belong.
var replies = []reply{
	{text: "431 Need unavailable resource to process security.", class: transient.Security, wait: time.Second, at: on("AUTH", "PBSZ", "PROT"), tls: true},
	{text: "450 Requested file action not taken.", class: transient.Busy, wait: time.Second, at: files},
	{text: "451 Requested action aborted: local error in processing.", class: transient.Busy, wait: time.Second, at: transfers},
	{text: "451 Requested action aborted: local error in processing.", class: transient.Busy, wait: time.Second, at: transfers, after: true},
	{text: "452 Requested action not taken; insufficient storage space.", class: transient.Storage, wait: 30 * time.Second, at: on("STOR", "APPE", "MKD")},
	{text: "452 Requested action not taken; insufficient storage space.", class: transient.Storage, wait: 30 * time.Second, at: on("STOR", "APPE"), after: true},
	{text: "421 Service not available, closing control connection.", class: transient.Overload, wait: 5 * time.Second, at: anything, cut: retrytest.FIN},
	{text: "425 Can't open data connection.", class: transient.DataChannel, wait: 250 * time.Millisecond, at: transfers},
	{text: "426 Connection closed; transfer aborted.", class: transient.DataChannel, wait: 250 * time.Millisecond, at: transfers, after: true},
}

// login are the commands of a login, after the greeting.
func login(secure bool) []string {
	verbs := []string{retrytest.Connect, "USER", "PASS", "FEAT", "TYPE", "OPTS"}
	if secure {
		verbs = append(verbs, "AUTH", "PBSZ", "PROT")
	}
	return verbs
}

// bed is a server in memory and the configuration of a client for it.
func bed(t *testing.T, secure bool, change ...func(*retrytest.Config)) (*retrytest.Server, retry.Config) {
	t.Helper()
	sc := retrytest.Config{InMemory: true, Users: map[string]string{"user": "secret"}}
	var client *tls.Config
	if secure {
		sc.TLS, client = certificates(t)
	}
	for _, f := range change {
		f(&sc)
	}
	srv := retrytest.NewServer(t, sc)
	return srv, retry.Config{
		Addr: srv.Addr(), Dial: srv.Dial, User: "user", Password: "secret", TLS: client,
		Policy: policy.Policy{Initial: time.Second, Jitter: -1},
	}
}

var makeCertificates = func() func() (*tls.Config, *tls.Config, error) {
	server, client, err := retrytest.SelfSigned("192.0.2.1", "127.0.0.1")
	return func() (*tls.Config, *tls.Config, error) { return server, client, err }
}()

func certificates(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	server, client, err := makeCertificates()
	require.NoError(t, err)
	return server, client
}

// dials counts the control connections that a server has seen.
func dials(srv *retrytest.Server) int {
	n := 0
	for _, c := range srv.Commands() {
		if c == retrytest.Connect {
			n++
		}
	}
	return n
}

// TestEveryOperationSurvivesEachReplyWhereItBelongs is the promise of this
// project: the command was not accepted, the condition is temporary, the
// transaction is run again, on a new connection, and ends right.
func TestEveryOperationSurvivesEachReplyWhereItBelongs(t *testing.T) {
	cases := 0
	for _, op := range operations {
		for _, r := range replies {
			for _, verb := range append(login(r.tls), op.verbs...) {
				if !r.at(verb) || verb == retrytest.Connect && r.cut == retrytest.Keep {
					continue
				}
				cases++
				t.Run(fmt.Sprintf("%s/%s at %s after=%v", op.name, r.text[:3], verb, r.after), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { surviveReply(t, op, r, verb) })
				})
			}
		}
	}
	t.Logf("%d cases", cases)
}

func surviveReply(t *testing.T, op operation, r reply, verb string) {
	srv, cfg := bed(t, r.tls)
	plant(t, srv, before())
	srv.Inject(retrytest.Fault{On: verb, Reply: r.text, After: r.after, Control: r.cut})
	var waits []retry.Wait
	attempts := 1
	cfg.Hooks.Wait = func(_ context.Context, w retry.Wait) { waits = append(waits, w) }
	cfg.Hooks.Attempt = func(_ context.Context, a retry.Attempt) { attempts = max(attempts, a.Number) }
	start := time.Now()
	require.NoError(t, op.run(t.Context(), t, cfg))
	elapsed := time.Since(start)

	assert.Zero(t, srv.Pending(), "the fault was never met")
	assert.Equal(t, 2, dials(srv), "connections: %v", srv.Commands())
	assert.Equal(t, 2, attempts)
	assert.Equal(t, r.wait, elapsed)
	if assert.Len(t, waits, 1) {
		assert.Equal(t, r.wait, waits[0].Delay)
		assert.Equal(t, r.class, waits[0].Verdict.Class, waits[0].Verdict.Rule)
		if assert.NotNil(t, waits[0].Verdict.Reply) {
			assert.Equal(t, r.text, fmt.Sprintf("%d %s", waits[0].Verdict.Reply.Code, waits[0].Verdict.Reply.Msg))
		}
	}
	assert.Empty(t, differences(op.wanted(), harvest(t, srv)))
	assert.NotContains(t, strings.Join(srv.Commands(), "\n"), "secret")
}

// failed is what a failed operation looks like.
type failed struct {
	attempts int
	elapsed  time.Duration
	reason   error
	code     int // of the reply in the error; 0 = none
}

func (f failed) check(t *testing.T, err error, elapsed time.Duration) {
	t.Helper()
	var e *retry.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, f.attempts, e.Attempts, "attempts: %v", err)
	assert.Equal(t, f.elapsed, elapsed, "elapsed: %v", err)
	assert.Equal(t, f.elapsed, e.Elapsed)
	require.ErrorIs(t, err, f.reason)
	assert.Equal(t, f.reason, e.Reason)
	assert.NotErrorIs(t, err, retry.ErrBudget)
	var r *textproto.Error
	if f.code == 0 {
		assert.False(t, errors.As(err, &r), "no reply was expected: %v", err)
	} else if assert.ErrorAs(t, err, &r) {
		assert.Equal(t, f.code, r.Code)
	}
	assert.NotContains(t, err.Error(), "secret")
	assert.NotContains(t, err.Error(), "\n")
}

func TestFailuresThatEndATransaction(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []retrytest.Fault
		change func(*retry.Config)
		run    func(context.Context, *retry.Client) error
		want   failed
		dials  int
		count  map[string]int // commands the server must have seen so often
	}{
		{
			name:   "a permanent reply is not replayed",
			faults: []retrytest.Fault{{On: "STOR", Reply: "553 Name not allowed.", Times: -1}},
			want:   failed{attempts: 1, reason: retry.ErrPermanent, code: 553}, dials: 1, count: map[string]int{"STOR /new": 1},
		}, {
			name:   "a wrong password is sent once",
			change: func(c *retry.Config) { c.Password = "wrong-secret" },
			want:   failed{attempts: 1, reason: retry.ErrPermanent, code: 530}, dials: 1, count: map[string]int{"PASS ***": 1},
		}, {
			name:   "a wrong password that the server calls 430 is sent once",
			faults: []retrytest.Fault{{On: "PASS", Reply: "430 Invalid username or password", Times: -1}},
			want:   failed{attempts: 1, reason: retry.ErrPermanent, code: 430}, dials: 1, count: map[string]int{"PASS ***": 1},
		}, {
			name:   "a password that the server quotes is not shown",
			faults: []retrytest.Fault{{On: "PASS", Reply: "530 Login incorrect: \"secret\" is not the password", Times: -1}},
			want:   failed{attempts: 1, reason: retry.ErrPermanent, code: 530}, dials: 1,
		}, {
			name:   "exhausted attempts give the last reply",
			faults: []retrytest.Fault{{On: "STOR", Reply: "450 busy", Times: 2}, {On: "STOR", Nth: 1, Reply: "451 later", Times: -1}},
			change: func(c *retry.Config) { c.Policy.Attempts = 3 },
			want:   failed{attempts: 3, elapsed: 3 * time.Second, reason: retry.ErrAttempts, code: 451}, dials: 3, count: map[string]int{"STOR /new": 3},
		}, {
			name:   "seven attempts is the default",
			faults: []retrytest.Fault{{On: "STOR", Reply: "450 busy", Times: -1}},
			want:   failed{attempts: 7, elapsed: 63 * time.Second, reason: retry.ErrAttempts, code: 450}, dials: 7, count: map[string]int{"STOR /new": 7},
		}, {
			name:   "one attempt means no replay and no wait",
			faults: []retrytest.Fault{{On: "STOR", Reply: "450 busy", Times: -1}},
			change: func(c *retry.Config) { c.Policy.Attempts = 1 },
			want:   failed{attempts: 1, reason: retry.ErrAttempts, code: 450}, dials: 1,
		}, {
			name:   "no wait is begun that would end after the policy's time",
			faults: []retrytest.Fault{{On: "STOR", Reply: "450 busy", Times: -1}},
			change: func(c *retry.Config) { c.Policy.Elapsed = 4 * time.Second },
			want:   failed{attempts: 3, elapsed: 3 * time.Second, reason: retry.ErrElapsed, code: 450}, dials: 3,
		}, {
			name:   "no wait is begun that would end after the deadline",
			faults: []retrytest.Fault{{On: "STOR", Reply: "450 busy", Times: -1}},
			run: func(ctx context.Context, c *retry.Client) error {
				ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
				defer cancel()
				return c.Stor(ctx, "/new", retry.Bytes([]byte(body)))
			},
			want: failed{attempts: 3, elapsed: 3 * time.Second, reason: retry.ErrDeadline, code: 450}, dials: 3,
		}, {
			name:   "an answer that never changes ends even a policy without a limit",
			faults: []retrytest.Fault{{On: "STOR", Reply: "450 /new: in use for ever", Times: -1}},
			change: func(c *retry.Config) { c.Policy.Attempts = -1; c.Policy.Max = time.Second },
			want:   failed{attempts: 10, elapsed: 9 * time.Second, reason: retry.ErrPermanent, code: 450}, dials: 10,
		}, {
			name:   "an error that the caller declares permanent is not replayed",
			faults: []retrytest.Fault{{On: "SIZE", Reply: "450 busy", Times: -1}},
			run: func(ctx context.Context, c *retry.Client) error {
				return c.Do(ctx, func(_ context.Context, conn *ftp.ServerConn) error {
					_, err := conn.FileSize("/file")
					return backoff.Permanent(err)
				})
			},
			want: failed{attempts: 1, reason: retry.ErrPermanent, code: 450}, dials: 1,
		}, {
			name: "a server that is not there is dialled at every attempt",
			change: func(c *retry.Config) {
				c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
				c.Policy.Attempts = 4
			},
			want: failed{attempts: 4, elapsed: 7 * time.Second, reason: retry.ErrAttempts},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, false)
				plant(t, srv, before())
				srv.Inject(c.faults...)
				if c.change != nil {
					c.change(&cfg)
				}
				if c.run == nil {
					c.run = func(ctx context.Context, c *retry.Client) error {
						return c.Stor(ctx, "/new", retry.Bytes([]byte(body)))
					}
				}
				client, err := retry.New(cfg)
				require.NoError(t, err)
				defer client.Close()
				start := time.Now()
				err = c.run(t.Context(), client)
				c.want.check(t, err, time.Since(start))
				assert.Equal(t, c.dials, dials(srv))
				for command, n := range c.count {
					seen := 0
					for _, got := range srv.Commands() {
						if got == command {
							seen++
						}
					}
					assert.Equal(t, n, seen, command)
				}
			})
		})
	}
}
