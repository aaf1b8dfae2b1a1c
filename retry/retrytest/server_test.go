package retrytest_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// login connects with the ftp package and logs in.
func login(t testing.TB, srv address, options ...ftp.DialOption) *ftp.ServerConn {
	t.Helper()
	dial := ftp.DialWithDialFunc(func(network, addr string) (net.Conn, error) {
		return srv.Dial(context.Background(), network, addr)
	})
	c, err := ftp.Dial(srv.Addr(), append([]ftp.DialOption{dial}, options...)...)
	require.NoError(t, err)
	require.NoError(t, c.Login("anonymous", "secret"))
	return c
}

func retr(t testing.TB, c *ftp.ServerConn, name string) []byte {
	t.Helper()
	r, err := c.Retr(name)
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return data
}

func checkTree(t *testing.T, srv faulty) {
	c := login(t, srv)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	require.NoError(t, c.Stor("a.txt", bytes.NewReader(data)))
	require.Equal(t, data, retr(t, c, "a.txt"))
	size, err := c.FileSize("a.txt")
	require.NoError(t, err)
	require.EqualValues(t, len(data), size)
	require.NoError(t, c.MakeDir("d"))
	require.NoError(t, c.ChangeDir("d"))
	require.NoError(t, c.Stor("b c.txt", bytes.NewReader([]byte("x"))))
	require.NoError(t, c.Append("b c.txt", bytes.NewReader([]byte("yz"))))
	list, err := c.List("")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "b c.txt", list[0].Name)
	require.EqualValues(t, 3, list[0].Size)
	names, err := c.NameList("/")
	require.NoError(t, err)
	require.Equal(t, []string{"a.txt", "d"}, names)
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, c.SetTime("/a.txt", at))
	got, err := c.GetTime("/a.txt")
	require.NoError(t, err)
	require.Equal(t, at, got)
	e, err := c.GetEntry("/a.txt")
	require.NoError(t, err)
	require.Equal(t, "/a.txt", e.Name)
	require.NoError(t, c.Rename("/a.txt", "/d/a.txt"))
	require.NoError(t, c.StorFrom("a.txt", bytes.NewReader([]byte("ZZ")), uint64(len(data)-2)))
	require.NoError(t, c.Delete("b c.txt"))
	require.Error(t, c.RemoveDir("/d"))
	require.NoError(t, c.RemoveDirRecur("/d"))
	require.Empty(t, srv.Names())
	require.NoError(t, c.Quit())
}

func TestTheTreeCanBeUsedThroughTheFTPPackage(t *testing.T) {
	everyFront(t, retrytest.Config{}, func(t *testing.T, srv faulty) {
		require.NoError(t, srv.Remove("/old.txt"))
		require.NoError(t, srv.Remove("/dir"))
		checkTree(t, srv)
	})
	t.Run("over sockets, on disk", func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{Root: t.TempDir()})
		checkTree(t, faulty{srv, srv, false})
	})
}

func TestAScriptedReplyComesOnce(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	c := login(t, srv)
	srv.Inject(retrytest.Fault{On: "STOR", Reply: "450 Requested file action not taken."})
	require.ErrorContains(t, c.Stor("a", bytes.NewReader(nil)), "450")
	require.Zero(t, srv.Pending())
	require.NoError(t, c.Stor("a", bytes.NewReader([]byte("x"))))
	t.Log(srv.Commands())
}
