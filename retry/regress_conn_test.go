package retry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"math"
	"net"
	"os"
	"strings"
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

func TestAnotherLoginBeginsWhereItsUserDoes(t *testing.T) {
	// A server may keep the directory when the user changes. What the program
	// sees must not depend on whether the session was renewed meanwhile.
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		srv.Mkdir("/a")
		c := dial(t, srv)
		require.NoError(t, c.ChangeDir("/a"))
		require.NoError(t, c.Login("other", "x"))
		assert.Equal(t, 2, count(srv.Commands(), retrytest.Connect), "what the old session was in may be kept")
		before, err := c.CurrentDir()
		require.NoError(t, err)
		time.Sleep(time.Minute)
		srv.Kick(retrytest.FIN)
		after, err := c.CurrentDir()
		require.NoError(t, err)
		assert.Equal(t, before, after)
		require.NoError(t, c.Quit())
	})
}

func TestALoginThatIsMistakenLeavesTheOldOne(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	c := dial(t, srv)
	srv.ResetLog()
	require.ErrorIs(t, c.Login("a\r\nb", "x"), retry.ErrPermanent)
	assert.Empty(t, srv.Commands(), "something was sent")
	require.NoError(t, c.MakeDir("/d"), "the login was forgotten")
	require.NoError(t, c.Quit())
}

func TestOddArgumentsAreErrors(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", []byte("content"))
	ctx := context.Background()
	cl := client(t, srv)
	var (
		noBuffer *bytes.Buffer
		noReader *bytes.Reader
		noFile   *os.File
		zero     retry.Client
		zeroConn retry.Conn
	)
	for name, run := range map[string]func() error{
		"a reader that is nil":                     func() error { return cl.Stor(ctx, "/x", retry.Reader(nil)) },
		"a reader that is a nil pointer":           func() error { return cl.Stor(ctx, "/x", retry.Reader(noBuffer)) },
		"a seeker that is a nil pointer":           func() error { return cl.Stor(ctx, "/x", retry.Seeker(noReader)) },
		"a seeker that is a nil file":              func() error { return cl.Stor(ctx, "/x", retry.Seeker(noFile)) },
		"a reader that is a nil pointer, appended": func() error { return cl.Append(ctx, "/x", retry.Reader(noBuffer)) },
		"a ReaderAt of negative size":              func() error { return cl.Stor(ctx, "/x", retry.ReaderAt(strings.NewReader("x"), -1)) },
		"a ReaderAt that is shorter than said":     func() error { return cl.Stor(ctx, "/x", retry.ReaderAt(strings.NewReader("x"), 1000)) },
		"a directory as a file":                    func() error { return cl.Stor(ctx, "/x", retry.File(t.TempDir())) },
		"no source":                                func() error { return cl.Stor(ctx, "/x", nil) },
		"no destination":                           func() error { _, err := cl.Retr(ctx, "/f", nil); return err },
		"no function":                              func() error { return cl.Do(ctx, nil) },
		"an upload mode that there is not":         func() error { return cl.WithUpload(99).Stor(ctx, "/x", retry.Bytes(nil)) },
		"the zero Client":                          func() error { return zero.MakeDir(ctx, "/x") },
		"the zero Client, uploading":               func() error { return zero.Stor(ctx, "/x", retry.Bytes(nil)) },
		"the zero Client, opening":                 func() error { _, err := zero.Open(ctx, "/x"); return err },
		"the zero Client, downloading to a file":   func() error { return zero.RetrFile(ctx, "/x", t.TempDir()+"/x") },
		"the zero Conn":                            func() error { return zeroConn.NoOp() },
		"the zero Conn, uploading":                 func() error { return zeroConn.Stor("/x", strings.NewReader("x")) },
		"the zero Conn, downloading":               func() error { _, err := zeroConn.Retr("/x"); return err },
		"the zero Conn, logging in":                func() error { return zeroConn.Login("u", "secret") },
		"the zero Conn, removing a tree":           func() error { return zeroConn.RemoveDirRecur("/x") },
		"a Conn's reader that is a nil pointer": func() error {
			c := dial(t, srv)
			defer c.Quit()
			return c.Stor("/x", noReader)
		},
		"a Conn's offset that no file has": func() error {
			c := dial(t, srv)
			defer c.Quit()
			_, err := c.RetrFrom("/f", math.MaxUint64)
			return err
		},
		"a Conn's offset to write to that no file has": func() error {
			c := dial(t, srv)
			defer c.Quit()
			return c.StorFrom("/f", strings.NewReader("x"), math.MaxUint64)
		},
		"a Conn's type that there is not": func() error {
			c := dial(t, srv)
			defer c.Quit()
			return c.Type(ftp.TransferType(""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			require.NotPanics(t, func() { err = run() })
			var e *retry.Error
			require.ErrorAs(t, err, &e)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	assert.NotPanics(t, func() {
		_ = zero.Close()
		_ = zeroConn.Quit()
		_ = zeroConn.IsGetTimeSupported()
		_ = zero.Stats()
		_ = cl.Do(ctx, func(context.Context, *ftp.ServerConn) error { var e *retry.Error; return e })
		_ = new(retry.Error).Error()
	})
	assert.False(t, srv.Exists("/x"), "something is left of a mistaken call")
}

func TestAnAddressWithoutAPortGetsThatOfItsProtocol(t *testing.T) {
	for _, c := range []struct {
		addr     string
		implicit bool
		want     string
	}{{"h", false, "h:21"}, {"h:", false, "h:21"}, {"h", true, "h:990"}, {"h:", true, "h:990"}, {"h:2121", true, "h:2121"}} {
		var asked string
		cl, err := retry.New(retry.Config{
			Addr: c.addr, TLS: &tls.Config{MinVersion: tls.VersionTLS12}, ImplicitTLS: c.implicit,
			Policy: policy.Policy{Attempts: 1},
			Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
				asked = addr
				return nil, errBroken
			},
		})
		require.NoError(t, err)
		require.Error(t, cl.MakeDir(t.Context(), "/x"))
		assert.Equal(t, c.want, asked, "%q, implicit TLS %t", c.addr, c.implicit)
		require.NoError(t, cl.Close())
	}
}
