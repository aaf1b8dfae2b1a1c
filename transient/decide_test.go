package transient_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/ftpretry/ftpretry/transient"
)

func TestSeveralRepliesInOneFailure(t *testing.T) {
	rows := map[string]struct {
		first, second string
		want          Class
		code          int
	}{
		"a permanent reply outranks a transient one":             {"450 File busy", "550 No such file", Permanent, 550},
		"an aborted transfer's 226 says nothing beside its 426":  {"426 Transfer aborted", "226 Abort successful", DataChannel, 426},
		"a reply out of step says nothing beside a full house":   {"229 Extended passive (|||1|)", "421 Too many users", Overload, 421},
		"pure-ftpd's two replies to ABOR ask for the longer":     {"426 ABORT", "451 Transfer aborted", Busy, 451},
		"a full disk outranks the cut it caused":                 {"426 Data connection closed", "452 No space left on device", Storage, 452},
		"a full house outranks a busy file":                      {"450 File busy", "421 Too many users", Overload, 421},
		"a lack of security resources outranks a cut":            {"425 Can't open", "431 Need unavailable resource", Security, 431},
		"a greeting that promises says nothing beside a 4xx":     {"120 Service ready in 5 minutes", "451 Local error", Busy, 451},
		"nor beside the lowest of them":                          {"120 Service ready in 5 minutes", "400 Handshake failed", Busy, 400},
		"the first of equals stays":                              {"450 File busy", "451 Local error", Busy, 0},
		"proftpd's two replies to one transfer agree":            {"451 Sorry, the maximum number of data transfers (1) from this user are currently being used.", "451 a: Too many transfers", Overload, 451},
		"vsftpd's two oopses agree":                              {"500 OOPS: vsf_sysutil_bind", "500 OOPS: priv_sock_get_int", Overload, 500},
		"two replies out of step are one connection out of step": {"227 Passive", "250 Done", Network, 0},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			first, second := reply(t, r.first), reply(t, r.second)
			for order, err := range map[string]error{
				"as they came":   errors.Join(first, second),
				"turned":         errors.Join(second, first),
				"with a symptom": errors.Join(io.EOF, fmt.Errorf("a: %w", errors.Join(second, syscall.EPIPE)), first),
			} {
				f := Failure{Command: "STOR", Path: "in/a.csv", Err: err}
				if first.Code == 120 {
					f.Command, f.Path = "", ""
				}
				v := Classify(f)
				assert.Equal(t, r.want.String(), v.Class.String(), order)
				require.NotNil(t, v.Reply, order)
				if r.code != 0 {
					assert.Equal(t, r.code, v.Reply.Code, order)
				}
			}
			if r.code == 0 {
				assert.Same(t, first, Classify(Failure{Command: "STOR", Err: errors.Join(first, second)}).Reply)
			}
		})
	}
}

func TestOurOwnFaultOutranksTheReply(t *testing.T) {
	full := &textproto.Error{Code: 421, Msg: "Too many users"}
	for name, fault := range map[string]error{
		"the caller gave up":             context.Canceled,
		"the caller's time is up":        fmt.Errorf("waiting: %w", context.DeadlineExceeded),
		"the certificate does not pass":  x509.UnknownAuthorityError{},
		"package net says canceled, too": canceledDial(t),
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{errors.Join(fault, full), errors.Join(full, fault)} {
				v := Classify(Failure{Command: "STOR", Err: err})
				assert.Equal(t, Permanent, v.Class)
				assert.Nil(t, v.Reply, "it was not the reply that decided")
				assert.Zero(t, v.Wait)
			}
		})
	}
	t.Run("a permanent reply beside it is the better story", func(t *testing.T) {
		refused := &textproto.Error{Code: 534, Msg: "Request denied for policy reasons"}
		v := Classify(Failure{Command: "AUTH", Err: errors.Join(x509.UnknownAuthorityError{}, refused)})
		assert.Equal(t, Permanent, v.Class)
		assert.Same(t, refused, v.Reply)
	})
}

// canceledDial returns what package net makes of a context canceled before the
// dial: an error of its own, not context.Canceled.
func canceledDial(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:1")
	require.Error(t, err)
	return err
}

// asReply is a reply to errors.As only.
type asReply struct{ reply *textproto.Error }

func (asReply) Error() string { return "in disguise" }
func (a asReply) As(target any) bool {
	p, ok := target.(**textproto.Error)
	if ok {
		*p = a.reply
	}
	return ok
}

// endless wraps itself.
type endless struct{ beside error }

func (*endless) Error() string     { return "endless" }
func (e *endless) Unwrap() []error { return []error{e.beside, e} }

func TestTreesThatAreOdd(t *testing.T) {
	full := &textproto.Error{Code: 421, Msg: "Too many users"}
	var noReply *textproto.Error
	var noOp *net.OpError
	rows := map[string]struct {
		err  error
		want Class
	}{
		"no error":                                  {nil, Unknown},
		"an error nothing is known of":              {errors.New("boom"), Unknown},
		"an unknown error beside a known one":       {errors.Join(errors.New("boom"), io.EOF), Network},
		"a reply behind an As method":               {asReply{full}, Overload},
		"an As method that hands out no reply":      {asReply{nil}, Unknown},
		"a nil reply in an interface":               {noReply, Unknown},
		"a nil network error beside a reply":        {errors.Join(noOp, full), Overload},
		"a nil network error alone":                 {fmt.Errorf("dial: %w", noOp), Unknown},
		"a tree that contains itself":               {&endless{beside: full}, Unknown},
		"the same with a reply that is permanent":   {&endless{beside: &textproto.Error{Code: 550}}, Permanent},
		"a reply with no text":                      {&textproto.Error{Code: 450}, Busy},
		"a reply with no code":                      {&textproto.Error{Msg: "too many users"}, Permanent},
		"a reply with a negative code":              {&textproto.Error{Code: -450, Msg: "too many users"}, Permanent},
		"joined with nothing":                       {errors.Join(nil, full, nil), Overload},
		"a permanent reply deep under transient":    {errors.Join(full, fmt.Errorf("%w", errors.Join(io.EOF, fmt.Errorf("%w", &textproto.Error{Code: 552, Msg: "Quota exceeded"})))), Permanent},
		"fmt.Errorf with two wrapped errors counts": {fmt.Errorf("%w and %w", syscall.EPIPE, full), Overload},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			v := Classify(Failure{Command: "STOR", Path: "in/a.csv", Err: r.err})
			assert.Equal(t, r.want.String(), v.Class.String(), v.Rule)
			assert.NotEmpty(t, v.Rule)
		})
	}
}

func TestOfSeveralHintsTheLongestIsKept(t *testing.T) {
	err := errors.Join(
		&textproto.Error{Code: 450, Msg: "busy, try again in 5 minutes"},
		&textproto.Error{Code: 421, Msg: "too many users, try again in 30 seconds"})
	v := Classify(Failure{Command: "RETR", Err: err})
	assert.Equal(t, 421, v.Reply.Code)
	assert.Equal(t, 5*time.Minute, v.Wait)
}

func TestAClassBeyondTheListIsNotTransient(t *testing.T) {
	assert.False(t, Verdict{Class: Network + 1}.Transient())
	assert.False(t, Verdict{Class: -1}.Transient())
	for c := Busy; c <= Network; c++ {
		assert.True(t, Verdict{Class: c}.Transient(), c.String())
	}
	assert.False(t, Verdict{}.Transient())
	assert.False(t, Verdict{Class: Permanent}.Transient())
}
