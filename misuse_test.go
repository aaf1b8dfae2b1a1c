package ftpretry_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
	"github.com/ftpretry/ftpretry/transient"
)

func TestMistakesInAConfigAreNamed(t *testing.T) {
	for want, cfg := range map[string]retry.Config{
		`config: Addr is "": want "host:port" or "host"`:                                                      {},
		`config: Addr is ":21": want a host before the port`:                                                  {Addr: ":21"},
		`config: Addr is "host:0": want a port from 1 to 65535`:                                               {Addr: "host:0"},
		`config: Addr is "host:65536": want a port from 1 to 65535`:                                           {Addr: "host:65536"},
		`config: Addr is "host:ftp": want a port from 1 to 65535`:                                             {Addr: "host:ftp"},
		`config: Addr is "ftp://host": want "host:port" without scheme, user or path`:                         {Addr: "ftp://host"},
		`config: Addr is "user@host": want "host:port" without scheme, user or path`:                          {Addr: "user@host"},
		`config: MaxConns is -1: want 1 or more, or 0 for 4`:                                                  {Addr: "h", MaxConns: -1},
		`config: ConnectTimeout is -1s: want a positive duration, or 0 for 30s`:                               {Addr: "h", ConnectTimeout: -time.Second},
		`config: ReplyTimeout is -1s: want a positive duration, or 0 for 2m0s`:                                {Addr: "h", ReplyTimeout: -time.Second},
		`config: StallTimeout is -1s: want a positive duration, or 0 for 1m0s`:                                {Addr: "h", StallTimeout: -time.Second},
		`config: IdleTimeout is -1s: want a positive duration, or 0 for 1m0s`:                                 {Addr: "h", IdleTimeout: -time.Second},
		`config: ImplicitTLS is set without TLS: want TLS set too, to &tls.Config{} at least`:                 {Addr: "h", ImplicitTLS: true},
		`config: User is "a\nb": want a name without line ends and NUL`:                                       {Addr: "h", User: "a\nb"},
		`config: Password is not sendable: want one without line ends and NUL`:                                {Addr: "h", Password: "a\x00b"},
		`config: MaxListEntries is -1: want 1 or more, or 0 for 1000000`:                                      {Addr: "h", MaxListEntries: -1},
		`config: MaxListBytes is -1: want 1 or more, or 0 for 268435456`:                                      {Addr: "h", MaxListBytes: -1},
		`config: Upload is 7: want Direct or Atomic`:                                                          {Addr: "h", Upload: 7},
		`config: Verify is -1: want VerifySize, VerifyNone or VerifyHash`:                                     {Addr: "h", Verify: -1},
		`config: FTP is an option for TLS: want Config.TLS set instead, so that nothing is sent in the clear`: {Addr: "h", FTP: []ftp.DialOption{ftp.DialWithTLS(&tls.Config{})}},
		`config: FTP is an empty option: want options made by the ftp package's functions`:                    {Addr: "h", FTP: []ftp.DialOption{{}}},
		`policy: jitter "2": want at most 1, or a negative number for none`:                                   {Addr: "h", Policy: policy.Policy{Jitter: 2}},
		`policy: initial "-1s": want a duration that is not negative`:                                         {Addr: "h", Policy: policy.Policy{Initial: -time.Second}},
		`policy: storage.max "1s": want at least storage.initial, which is 1m`:                                {Addr: "h", Policy: policy.Policy{Classes: map[transient.Class]policy.Policy{transient.Storage: {Initial: time.Minute, Max: time.Second}}}},
	} {
		_, err := retry.New(cfg)
		assert.EqualError(t, err, want)
		_, err = retry.Dial(t.Context(), cfg)
		assert.EqualError(t, err, want)
	}
	_, err := retry.New(retry.Config{Addr: "h", FTP: []ftp.DialOption{ftp.DialWithExplicitTLS(&tls.Config{})}})
	var e *retry.ConfigError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "FTP", e.Field)
}

func TestAddressesAreCompleted(t *testing.T) {
	for addr, want := range map[string]string{
		"host": "host:21", "host:": "host:21", "host:2121": "host:2121", "::1": "[::1]:21", "[::1]": "[::1]:21", "[::1]:22": "[::1]:22",
	} {
		var dialled string
		c, err := retry.New(retry.Config{Addr: addr, Policy: policy.Policy{Attempts: 1}, Dial: func(_ context.Context, _, a string) (net.Conn, error) {
			dialled = a
			return nil, net.ErrClosed
		}})
		require.NoError(t, err, addr)
		_, err = c.FileSize(t.Context(), "x")
		require.Error(t, err)
		assert.Equal(t, want, dialled)
	}
}

// mistaken is an operation that cannot be meant.
func TestMistakesInACallAreErrorsAndNothingIsSent(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	c, err := retry.New(retry.Config{Addr: srv.Addr()})
	require.NoError(t, err)
	closed, err := retry.New(retry.Config{Addr: srv.Addr()})
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	require.NoError(t, closed.Close())
	content := retry.Bytes([]byte("x"))
	ctx := t.Context()
	var none context.Context
	for name, test := range map[string]struct {
		run  func() error
		want string
		is   error
	}{
		"a path with LF":             {func() error { return c.Delete(ctx, "a\nb") }, `DELE "a\nb": permanent failure: cannot be sent over FTP: it holds CR, LF or NUL`, retry.ErrPath},
		"a path with CR":             {func() error { return c.Stor(ctx, "a\rb", content) }, `STOR "a\rb": permanent failure: cannot be sent over FTP: it holds CR, LF or NUL`, retry.ErrPath},
		"a path with NUL":            {func() error { _, err := c.List(ctx, "a\x00b"); return err }, `LIST "a\x00b": permanent failure: cannot be sent over FTP: it holds CR, LF or NUL`, retry.ErrPath},
		"an empty path":              {func() error { return c.MakeDir(ctx, "") }, `MKD: permanent failure: cannot be sent over FTP: it is empty`, retry.ErrPath},
		"a rename to LF":             {func() error { return c.Rename(ctx, "a", "b\n") }, `RNFR a: permanent failure: cannot be sent over FTP: it holds CR, LF or NUL`, retry.ErrPath},
		"removing an empty path":     {func() error { return c.RemoveDirRecur(ctx, "") }, `LIST: permanent failure: cannot be sent over FTP: it is empty`, retry.ErrPath},
		"an empty path for a time":   {func() error { return c.SetTime(ctx, "", time.Now()) }, `MFMT: permanent failure: cannot be sent over FTP: it is empty`, retry.ErrPath},
		"no source":                  {func() error { return c.Stor(ctx, "a", nil) }, `STOR a: permanent failure: source is nil: use retry.File, Bytes, ReaderAt, Seeker or Reader`, retry.ErrSource},
		"a source of no reader":      {func() error { return c.Append(ctx, "a", retry.Reader(nil)) }, `APPE a: permanent failure: source is nil: use retry.File, Bytes, ReaderAt, Seeker or Reader`, retry.ErrSource},
		"no destination":             {func() error { _, err := c.Retr(ctx, "a", nil); return err }, `RETR a: permanent failure: destination is nil: use io.Discard to drop the data`, nil},
		"no function":                {func() error { return c.Do(ctx, nil) }, `DO: permanent failure: function is nil: give Do one to run`, nil},
		"no context":                 {func() error { return c.Delete(none, "a") }, `DELE a: permanent failure: context is nil: use context.Background()`, nil},
		"no context for a reader":    {func() error { _, err := c.Open(none, "a"); return err }, `RETR a: permanent failure: context is nil: use context.Background()`, nil},
		"a local file that is not":   {func() error { return c.StorFile(ctx, "a", "/no/such/file") }, `STOR a: permanent failure: stat /no/such/file: no such file or directory`, nil},
		"a local directory":          {func() error { return c.StorFile(ctx, "a", "/") }, `STOR a: permanent failure: / is a directory: upload its files one by one`, nil},
		"a local name that is not":   {func() error { return c.RetrFile(ctx, "a", "/no/such/file") }, `RETR a: permanent failure: open /no/such/file.part: no such file or directory`, nil},
		"a source of negative size":  {func() error { return c.Stor(ctx, "a", retry.ReaderAt(strings.NewReader("x"), -1)) }, `STOR a: permanent failure: source size is -1: want 0 or more`, nil},
		"a policy that is not valid": {func() error { return c.WithPolicy(policy.Policy{Jitter: 2}).Delete(ctx, "a") }, `DELE a: permanent failure: policy: jitter "2": want at most 1, or a negative number for none`, nil},
		"an upload mode that is not": {func() error { return c.WithUpload(7).Stor(ctx, "a", content) }, `STOR a: permanent failure: config: Upload is 7: want Direct or Atomic`, nil},
		"NUL in a command of Do": {func() error {
			return c.Do(ctx, func(_ context.Context, conn *serverConn) error { return conn.Delete("a\x00b") })
		}, `DO: permanent failure: command contains NUL: not sent`, nil},
		"a client that nobody made": {func() error { var z retry.Client; _ = z.Stats(); _ = z.Close(); return z.Delete(ctx, "a") }, `DELE a: permanent failure: made by nobody: use New or Dial`, nil},
		"a reader of a zero client": {func() error { var z retry.Client; _, err := z.Open(ctx, "a"); return err }, `RETR a: permanent failure: made by nobody: use New or Dial`, nil},
		"a tree of a zero client":   {func() error { var z retry.Client; return z.RemoveDirRecur(ctx, "a") }, `LIST a: permanent failure: made by nobody: use New or Dial`, nil},
		"a Conn that nobody made": {func() error {
			var z retry.Conn
			z.IsGetTimeSupported()
			_ = z.Quit()
			_ = z.Login("a", "b")
			_, _ = z.Retr("a")
			_ = z.Stor("a", nil)
			return z.Delete("a")
		}, `DELE a: permanent failure: made by nobody: use New or Dial`, nil},
		"a local name that is empty": {func() error { return c.RetrFile(ctx, "a", "") }, `RETR a: permanent failure: local name is empty`, nil},
		"a local directory to fill":  {func() error { return c.RetrFile(ctx, "a", os.TempDir()) }, `RETR a: permanent failure: ` + os.TempDir() + ` is a directory: give the name of a file`, nil},
		"a client that is closed":    {func() error { return closed.Delete(ctx, "a") }, `DELE a: permanent failure: closed: make a new one`, retry.ErrClosed},
		"a closed client's Open":     {func() error { _, err := closed.Open(ctx, "a"); return err }, `RETR a: permanent failure: closed: make a new one`, retry.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.run()
			require.EqualError(t, err, test.want)
			var e *retry.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, retry.ErrPermanent, e.Reason)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			if name == "NUL in a command of Do" {
				assert.NotContains(t, strings.Join(srv.Commands(), " "), "DELE")
				srv.ResetLog()
				return
			}
			assert.Empty(t, srv.Commands(), "something was sent")
		})
	}
}
