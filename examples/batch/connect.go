package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// passwordVariable holds the password. There is no flag for it: others on the
// same machine can read a command line.
const passwordVariable = "FTP_PASSWORD"

// client makes the client that the settings describe. It does not connect.
func (s *settings) client(hooks retry.Hooks) (*retry.Client, error) {
	switch {
	case s.addr == "":
		return nil, misuse("no server: give -addr host:port")
	case strings.ContainsAny(s.addr, "@/"):
		// Not repeated: such an address may hold a password.
		return nil, misuse("-addr is host:port and nothing else: the name goes into -user, the password into %s", passwordVariable)
	case s.netrc && s.passwordFile != "":
		return nil, misuse("-netrc and -password-file: give one of them")
	case s.ca != "" && !s.tls && !s.implicit:
		return nil, misuse("-ca is for TLS: give -tls too")
	}
	user, password, err := s.credentials()
	if err != nil {
		return nil, err
	}
	cfg := retry.Config{
		Addr: s.addr, User: user, Password: password, MaxConns: int(s.workers), Policy: s.policy, Hooks: hooks,
		ConnectTimeout: time.Duration(s.connect), ReplyTimeout: time.Duration(s.reply), StallTimeout: time.Duration(s.stall),
		ImplicitTLS: s.implicit, Dial: s.dial, TLS: s.trusted,
		Verify: map[string]retry.VerifyMode{"size": retry.VerifySize, "hash": retry.VerifyHash, "none": retry.VerifyNone}[s.verify.String()],
	}
	if s.tls || s.implicit {
		if cfg.TLS, err = s.trust(); err != nil {
			return nil, err
		}
	}
	return retry.New(cfg)
}

// credentials are user and password.
func (s *settings) credentials() (user, password string, err error) {
	if s.netrc {
		if user, password, err = s.fromNetrc(); err != nil {
			err = misuse("-netrc: %w", err)
		}
		return user, password, err
	}
	password, err = s.password()
	return s.user, password, err
}

// password is that of the user.
func (s *settings) password() (string, error) {
	if s.passwordFile != "" {
		text, err := os.ReadFile(s.passwordFile)
		if err != nil {
			return "", misuse("password file: %w", err)
		}
		first, _, _ := bytes.Cut(text, []byte("\n"))
		return string(bytes.TrimSuffix(first, []byte("\r"))), nil
	}
	word, ok := os.LookupEnv(passwordVariable)
	if s.user == "" || s.user == "anonymous" {
		return "", nil
	}
	if !ok {
		return "", misuse("no password for %s: set %s, or give -password-file or -netrc", shown(s.user), passwordVariable)
	}
	return word, nil
}

// trust is whom to believe over TLS.
func (s *settings) trust() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.ca == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, misuse("-ca: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(text) {
		return nil, misuse("-ca: %s holds no certificate in PEM form", shown(s.ca))
	}
	return cfg, nil
}

// knock logs in once. A wrong password or a server that cannot be reached is
// found here, and not once for each job: so many would lock the account.
func knock(ctx context.Context, client *retry.Client, deadline time.Time) error {
	if !deadline.IsZero() {
		var end context.CancelFunc
		ctx, end = context.WithDeadlineCause(ctx, deadline, batch.ErrDeadline)
		defer end()
	}
	err := client.Do(ctx, func(_ context.Context, conn *ftp.ServerConn) error { return conn.NoOp() })
	var failed *retry.Error
	if errors.As(err, &failed) {
		login := *failed
		login.Op = "login at " + client.Addr()
		return &login
	}
	return err
}
