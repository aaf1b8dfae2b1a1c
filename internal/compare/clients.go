package main

import (
	"context"
	"errors"
	"net"
	"net/textproto"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

const (
	user, password = "user", "secret"
	attempts       = policy.DefaultAttempts // as many for every client
	dialTimeout    = 5 * time.Second        // as in the README of jlaffaye/ftp
	ioTimeout      = 30 * time.Second       // of the careful client, for each read and write
)

// client is one way to run a job against a server.
type client struct {
	name string
	run  func(ctx context.Context, srv *retrytest.Server, j job) (got string, err error)
}

// clients are those that are compared, ours last.
func clients() []client {
	return []client{{"naive", naive}, {"careful", careful}, {"ftpretry", ours}}
}

// naive is what a programmer writes today: dial with a timeout, log in, do it,
// quit, all of it in backoff.Retry, again after any error. The download is
// fairer than most: the error of closing it counts.
func naive(ctx context.Context, srv *retrytest.Server, j job) (got string, err error) {
	once := func() error {
		c, err := ftp.Dial(srv.Addr(), ftp.DialWithTimeout(dialTimeout), ftp.DialWithDialFunc(
			func(network, addr string) (net.Conn, error) { return srv.Dial(ctx, network, addr) }))
		if err != nil {
			return err
		}
		defer func() { _ = c.Quit() }()
		if err := c.Login(user, password); err != nil {
			return err
		}
		got, err = j.bare(c)
		return err
	}
	return got, backoff.Retry(once, patience(ctx))
}

// careful is a naive client whose programmer has been bitten: no read and no
// write, of control and data connections alike, lasts longer than ioTimeout,
// and a 5xx is final.
func careful(ctx context.Context, srv *retrytest.Server, j job) (got string, err error) {
	once := func() error {
		c, err := ftp.Dial(srv.Addr(), ftp.DialWithTimeout(dialTimeout), ftp.DialWithDialFunc(
			func(network, addr string) (net.Conn, error) {
				conn, err := srv.Dial(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return timed{conn}, nil
			}))
		if err != nil {
			return final(err)
		}
		defer func() { _ = c.Quit() }()
		if err := c.Login(user, password); err != nil {
			return final(err)
		}
		got, err = j.bare(c)
		return final(err)
	}
	return got, backoff.Retry(once, patience(ctx))
}

// ours is this library with the defaults of every setting but the jitter: the
// report must not depend on chance.
func ours(ctx context.Context, srv *retrytest.Server, j job) (got string, err error) {
	c, err := retry.New(retry.Config{
		Addr: srv.Addr(), Dial: srv.Dial, User: user, Password: password,
		Policy: policy.Policy{Jitter: -1},
	})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return j.ours(ctx, c)
}

// patience is the default policy of package backoff, with as many attempts as
// ours and, like ours, without jitter.
func patience(ctx context.Context) backoff.BackOff {
	waits := backoff.NewExponentialBackOff(backoff.WithRandomizationFactor(0))
	return backoff.WithContext(backoff.WithMaxRetries(waits, attempts-1), ctx)
}

// final keeps backoff.Retry from trying again after a 5xx.
func final(err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) && reply.Code >= 500 {
		return backoff.Permanent(err)
	}
	return err
}

// timed is a connection that bounds each read and each write.
type timed struct{ net.Conn }

// Read reads for ioTimeout at most.
func (c timed) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(ioTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write writes for ioTimeout at most.
func (c timed) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(ioTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
