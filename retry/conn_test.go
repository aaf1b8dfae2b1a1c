package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
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

// sameMethods holds the methods of ours against those of the ftp package's type:
// every one of them, under its name, with its arguments and results, but for the
// types that we replace.
func sameMethods(t *testing.T, theirs, ours reflect.Type, replaced map[reflect.Type]reflect.Type) {
	t.Helper()
	for i := range theirs.NumMethod() {
		want := theirs.Method(i)
		got, ok := ours.MethodByName(want.Name)
		if !assert.True(t, ok, "%s has no method %s", ours, want.Name) {
			continue
		}
		shape := func(m reflect.Method) string {
			var b strings.Builder
			for i := 1; i < m.Type.NumIn(); i++ {
				fmt.Fprintf(&b, "%s, ", m.Type.In(i))
			}
			for i := range m.Type.NumOut() {
				out := m.Type.Out(i)
				if r, ok := replaced[out]; ok {
					out = r
				}
				fmt.Fprintf(&b, "-> %s", out)
			}
			return b.String()
		}
		assert.Equal(t, shape(want), shape(got), want.Name)
	}
}

func TestConnHasEveryMethodOfServerConn(t *testing.T) {
	replaced := map[reflect.Type]reflect.Type{
		reflect.TypeFor[*ftp.Response](): reflect.TypeFor[*retry.Response](),
		reflect.TypeFor[*ftp.Walker]():   reflect.TypeFor[*retry.Walker](),
	}
	sameMethods(t, reflect.TypeFor[*ftp.ServerConn](), reflect.TypeFor[*retry.Conn](), replaced)
	sameMethods(t, reflect.TypeFor[*ftp.Response](), reflect.TypeFor[*retry.Response](), replaced)
	sameMethods(t, reflect.TypeFor[*ftp.Walker](), reflect.TypeFor[*retry.Walker](), replaced)
}

// dial returns a Conn that is logged in.
func dial(t *testing.T, srv *retrytest.Server, change ...func(*retry.Config)) *retry.Conn {
	t.Helper()
	cfg := retry.Config{Addr: srv.Addr(), Dial: srv.Dial, Policy: policy.Policy{Jitter: -1}}
	for _, f := range change {
		f(&cfg)
	}
	c, err := retry.Dial(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, c.Login("u", "secret"))
	return c
}

// spoken is what a server was told, but for the goodbye, which the ftp package
// sends without waiting for the server to read it.
func spoken(srv *retrytest.Server) []string {
	return slices.DeleteFunc(srv.Commands(), func(c string) bool { return c == "QUIT" })
}

func TestConnCostsNoRoundTripMoreThanServerConn(t *testing.T) {
	use := func(t *testing.T, c interface {
		Login(user, password string) error
		ChangeDir(string) error
		Type(ftp.TransferType) error
		Stor(string, io.Reader) error
		FileSize(string) (int64, error)
		Delete(string) error
		NoOp() error
		Quit() error
	}) {
		require.NoError(t, c.Login("u", "secret"))
		require.NoError(t, c.ChangeDir("/d"))
		require.NoError(t, c.Type(ftp.TransferTypeBinary))
		require.NoError(t, c.Stor("f", strings.NewReader("content")))
		_, err := c.FileSize("f")
		require.NoError(t, err)
		require.NoError(t, c.NoOp())
		require.NoError(t, c.Delete("f"))
		require.NoError(t, c.Quit())
	}
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.Mkdir("/d"))
	bare, err := ftp.Dial(srv.Addr())
	require.NoError(t, err)
	use(t, bare)
	want := spoken(srv)
	srv.ResetLog()
	c, err := retry.Dial(t.Context(), retry.Config{Addr: srv.Addr(), Verify: retry.VerifyNone})
	require.NoError(t, err)
	use(t, c)
	assert.Equal(t, want, spoken(srv))
}

func TestClientCostsNoRoundTripMoreThanServerConn(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/f", []byte("content")))
	bare, err := ftp.Dial(srv.Addr())
	require.NoError(t, err)
	require.NoError(t, bare.Login("u", "secret"))
	require.NoError(t, bare.Stor("/g", strings.NewReader("content")))
	resp, err := bare.Retr("/f")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp)
	require.NoError(t, err)
	require.NoError(t, resp.Close())
	_, err = bare.List("/")
	require.NoError(t, err)
	require.NoError(t, bare.Rename("/g", "/h"))
	require.NoError(t, bare.Quit())
	want := spoken(srv)

	for mode, extra := range map[retry.VerifyMode][]string{
		retry.VerifyNone: nil,
		retry.VerifySize: {"SIZE /g", "SIZE /f"},
	} {
		srv.ResetLog()
		c := client(t, srv, func(cfg *retry.Config) { cfg.Verify = mode })
		ctx := t.Context()
		require.NoError(t, c.Stor(ctx, "/g", retry.Bytes([]byte("content"))))
		_, err = c.Retr(ctx, "/f", io.Discard)
		require.NoError(t, err)
		_, err = c.List(ctx, "/")
		require.NoError(t, err)
		require.NoError(t, c.Rename(ctx, "/g", "/h"))
		require.NoError(t, c.Close())
		assert.ElementsMatch(t, append(extra, want...), spoken(srv))
	}
}

// TestConnIsAsItWasAfterAReconnect changes directory and type, loses the
// connection, and goes on.
func TestConnIsAsItWasAfterAReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, Users: map[string]string{"u": "secret"}})
		require.NoError(t, srv.WriteFile("/a/b/c/f", []byte("content")))
		c := dial(t, srv)
		require.NoError(t, c.ChangeDir("/a"))
		require.NoError(t, c.ChangeDir("b"))
		require.NoError(t, c.ChangeDir("c"))
		require.NoError(t, c.ChangeDirToParent())
		require.NoError(t, c.Type(ftp.TransferTypeASCII))
		srv.ResetLog()
		time.Sleep(time.Minute) // virtual
		srv.Kick(retrytest.FIN)
		l, err := c.NameList("c")
		require.NoError(t, err)
		assert.Equal(t, []string{"f"}, l)
		commands := strings.Join(srv.Commands(), "\n")
		assert.Contains(t, commands, strings.Join([]string{"CWD /a", "CWD b", "CWD c", "CDUP", "TYPE A"}, "\n"))
		dir, err := c.CurrentDir()
		require.NoError(t, err)
		assert.Equal(t, "/a/b", dir)

		// Told where it is, it remembers that and no longer the way.
		srv.ResetLog()
		time.Sleep(time.Minute)
		srv.Kick(retrytest.RST)
		require.NoError(t, c.NoOp())
		assert.Contains(t, strings.Join(srv.Commands(), "\n"), "CWD /a/b\nTYPE A")
		assert.NotContains(t, srv.Commands(), "CWD c")
		require.NoError(t, c.Quit())
	})
}

func TestConnDoesNotRememberEveryChangeOfDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		require.NoError(t, srv.Mkdir("/a/b"))
		c := dial(t, srv)
		require.NoError(t, c.ChangeDir("/a"))
		for range 500 {
			require.NoError(t, c.ChangeDir("b"))
			require.NoError(t, c.ChangeDirToParent())
		}
		srv.ResetLog()
		time.Sleep(time.Minute)
		srv.Kick(retrytest.FIN)
		dir, err := c.CurrentDir()
		require.NoError(t, err)
		assert.Equal(t, "/a", dir)
		assert.Less(t, len(srv.Commands()), 100)
		require.NoError(t, c.Quit())
	})
}

func TestConnMistakesAreErrorsAndNothingIsSent(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/f", []byte("content")))
	c, err := retry.Dial(t.Context(), retry.Config{Addr: srv.Addr()})
	require.NoError(t, err)
	srv.ResetLog()
	mistaken := func(want, err error) {
		t.Helper()
		var e *retry.Error
		require.ErrorAs(t, err, &e)
		assert.ErrorIs(t, err, want)
		assert.Equal(t, retry.ErrPermanent, e.Reason)
		assert.Zero(t, e.Attempts)
		assert.Empty(t, srv.Commands())
	}
	_, err = c.FileSize("/f")
	mistaken(retry.ErrNotLoggedIn, err)
	mistaken(retry.ErrNotLoggedIn, c.Stor("/g", strings.NewReader("x")))
	mistaken(retry.ErrNotLoggedIn, c.RemoveDirRecur("/"))
	_, err = c.Retr("/f")
	mistaken(retry.ErrNotLoggedIn, err)
	w := c.Walk("/")
	assert.False(t, w.Next())
	mistaken(retry.ErrNotLoggedIn, w.Err())
	mistaken(retry.ErrPath, c.Login("a\r\nDELE f", "x"))
	assert.False(t, c.IsGetTimeSupported() || c.IsSetTimeSupported() || c.IsTimePreciseInList())

	require.NoError(t, c.Login("u", "secret"))
	assert.True(t, c.IsGetTimeSupported() && c.IsSetTimeSupported() && c.IsTimePreciseInList())
	srv.ResetLog()
	mistaken(retry.ErrPath, c.Delete("a\nb"))
	mistaken(retry.ErrPath, c.Delete(""))
	mistaken(retry.ErrSource, c.Stor("/g", nil))

	resp, err := c.Retr("/f")
	require.NoError(t, err)
	srv.ResetLog()
	mistaken(retry.ErrInUse, c.NoOp())
	require.NoError(t, resp.Close())
	require.NoError(t, c.NoOp())

	require.NoError(t, c.Logout())
	srv.ResetLog()
	mistaken(retry.ErrNotLoggedIn, c.NoOp())
	require.NoError(t, c.Quit())
	srv.ResetLog()
	mistaken(retry.ErrClosed, c.NoOp())
	mistaken(retry.ErrClosed, c.Login("u", "secret"))
	require.NoError(t, c.Quit())
}

func TestConnContextEndsEverything(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	c, err := retry.Dial(ctx, retry.Config{Addr: srv.Addr()})
	require.NoError(t, err)
	require.NoError(t, c.Login("u", "secret"))
	over := errors.New("over")
	cancel(over)
	require.ErrorIs(t, c.NoOp(), over)
	require.NoError(t, c.Quit())
}

// A Response that is given up half-way costs its session, not the Conn.
func TestConnGoesOnAfterAResponseThatWasGivenUp(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/big", make([]byte, 20<<20)))
	c := dial(t, srv)
	require.NoError(t, c.ChangeDir("/"))
	resp, err := c.Retr("big")
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, resp, 100)
	require.NoError(t, err)
	require.NoError(t, resp.Close())
	n, err := c.FileSize("big")
	require.NoError(t, err)
	assert.EqualValues(t, 20<<20, n)
	require.NoError(t, c.Quit())
}

func TestResponseDeadlineEndsARead(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{Faults: []retrytest.Fault{{On: "RETR", StallData: true, At: 10, Times: -1}}})
	require.NoError(t, srv.WriteFile("/f", make([]byte, 1000)))
	c := dial(t, srv, func(cfg *retry.Config) { cfg.Policy.Attempts = 1 })
	resp, err := c.Retr("/f")
	require.NoError(t, err)
	_, err = io.ReadFull(resp, make([]byte, 10)) // all that comes
	require.NoError(t, err)
	require.NoError(t, resp.SetDeadline(time.Now().Add(20*time.Millisecond)))
	n, err := io.Copy(io.Discard, resp)
	assert.Zero(t, n)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Error(t, resp.Close())
	require.NoError(t, c.Quit())
}
