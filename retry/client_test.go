package retry_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// quick is a policy whose waits do not hold a test up.
var quick = policy.Policy{Initial: time.Millisecond, Max: 2 * time.Millisecond}

// client returns a client for srv.
func client(t testing.TB, srv *retrytest.Server, change ...func(*retry.Config)) *retry.Client {
	t.Helper()
	cfg := retry.Config{Addr: srv.Addr(), User: "u", Password: "secret", Dial: srv.Dial, Policy: quick}
	for _, f := range change {
		f(&cfg)
	}
	c, err := retry.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestEveryOperationWorksWithoutFaults(t *testing.T) {
	ctx := context.Background()
	srv := retrytest.NewServer(t, retrytest.Config{})
	c := client(t, srv)
	data := pattern(100_000)
	require.NoError(t, c.MakeDir(ctx, "/d"))
	require.NoError(t, c.Stor(ctx, "/d/a", retry.Bytes(data)))
	got, err := srv.ReadFile("/d/a")
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
	n, err := c.FileSize(ctx, "/d/a")
	require.NoError(t, err)
	require.EqualValues(t, len(data), n)
	var buf bytes.Buffer
	n, err = c.Retr(ctx, "/d/a", &buf)
	require.NoError(t, err)
	require.EqualValues(t, len(data), n)
	require.True(t, bytes.Equal(data, buf.Bytes()))
	require.NoError(t, c.Append(ctx, "/d/a", retry.Reader(bytes.NewReader([]byte("tail")))))
	got, _ = srv.ReadFile("/d/a")
	require.True(t, bytes.HasSuffix(got, []byte("tail")))
	require.Len(t, got, len(data)+4)
	r, err := c.Open(ctx, "/d/a")
	require.NoError(t, err)
	all, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, got, all)
	local := filepath.Join(t.TempDir(), "x")
	require.NoError(t, c.RetrFile(ctx, "/d/a", local))
	require.NoError(t, c.StorFile(ctx, "/d/b", local))
	entries, err := c.List(ctx, "/d")
	require.NoError(t, err)
	require.Len(t, entries, 2)
	names, err := c.NameList(ctx, "/d")
	require.NoError(t, err)
	require.Len(t, names, 2)
	require.NoError(t, c.Rename(ctx, "/d/b", "/d/c"))
	require.NoError(t, c.Delete(ctx, "/d/c"))
	require.NoError(t, c.WithUpload(retry.Atomic).Stor(ctx, "/d/at", retry.Bytes(data)))
	require.NoError(t, c.RemoveDirRecur(ctx, "/d"))
	require.Empty(t, srv.Files())
	_, err = os.Stat(local + ".part")
	require.ErrorIs(t, err, os.ErrNotExist)
	t.Logf("%+v", c.Stats())
	t.Log(srv.Commands())
}
