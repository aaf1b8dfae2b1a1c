package retry_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// spoil changes a byte of a file without changing its size.
func spoil(srv *retrytest.Server, name string) func() {
	return func() {
		b, err := srv.ReadFile(name)
		if err == nil && len(b) > 0 {
			b[len(b)/2] ^= 1
			_ = srv.WriteFile(name, b)
		}
	}
}

func TestVerifyHashUsesTheStrongestHashThatTheServerHas(t *testing.T) {
	for _, c := range []struct {
		name    string
		without []string
		want    string // the commands between SIZE and the end, joined
	}{
		{"a command of its own", nil, "XSHA512 /f"},
		{"HASH, set to another for a moment", []string{"XSHA512", "XSHA256", "XSHA1", "XMD5", "XCRC"}, "OPTS HASH SHA-512;HASH /f;OPTS HASH SHA-256"},
		{"a weaker command", []string{"HASH", "XSHA512"}, "XSHA256 /f"},
		{"SHA-1", []string{"HASH", "XSHA512", "XSHA256"}, "XSHA1 /f"},
		{"MD5", []string{"HASH", "XSHA512", "XSHA256", "XSHA1", "XSHA"}, "XMD5 /f"},
		{"CRC32", []string{"HASH", "XSHA512", "XSHA256", "XSHA1", "XSHA", "XMD5"}, "XCRC /f"},
		{"none: the size only", []string{"HASH", "XSHA512", "XSHA256", "XSHA1", "XSHA", "XMD5", "XCRC"}, ""},
		{"none, without FEAT", []string{"FEAT"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{Without: c.without})
			cl := client(t, srv, func(cfg *retry.Config) { cfg.Verify = retry.VerifyHash })
			ctx := t.Context()
			data := pattern(300_000)
			hashes := func() string {
				var out []string
				for _, line := range srv.Commands() {
					if strings.HasPrefix(line, "X") || strings.Contains(line, "HASH") {
						out = append(out, line)
					}
				}
				srv.ResetLog()
				return strings.Join(out, ";")
			}
			require.NoError(t, cl.Stor(ctx, "/f", retry.Bytes(data)))
			assert.Equal(t, c.want, hashes())
			var b bytes.Buffer
			_, err := cl.Retr(ctx, "/f", &b)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(data, b.Bytes()))
			assert.Equal(t, c.want, hashes())
			r, err := cl.Open(ctx, "/f")
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(data, got))
			assert.Equal(t, c.want, hashes())
			assert.EqualValues(t, 1, cl.Stats().Dials, "the session is kept")
		})
	}
}

func TestVerifyHashFindsWhatASizeDoesNot(t *testing.T) {
	data := pattern(100_000)
	// Spoiled once: it heals. Spoiled always: it ends, and says so.
	for _, times := range []int{1, -1} {
		srv := retrytest.NewServer(t, retrytest.Config{})
		ctx := t.Context()
		cl := client(t, srv, func(cfg *retry.Config) { cfg.Verify = retry.VerifyHash })
		check := func(err error) {
			t.Helper()
			if times == 1 {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, retry.ErrIncomplete)
				require.ErrorContains(t, err, "hash of the file")
			}
			srv.ClearFaults()
		}
		srv.Inject(retrytest.Fault{On: "SIZE", After: true, Run: spoil(srv, "/f"), Times: times})
		check(cl.Stor(ctx, "/f", retry.Bytes(data)))
		assert.Equal(t, 2, count(srv.Commands(), "STOR"), "what was found to be wrong is not built upon")

		srv.Inject(retrytest.Fault{On: "SIZE", Nth: 1, After: true, Times: times, Run: func() {
			for _, name := range srv.Names() {
				spoil(srv, name)()
			}
		}})
		_ = srv.Remove("/f")
		check(cl.WithUpload(retry.Atomic).Stor(ctx, "/f", retry.Bytes(data)))
		if times == 1 {
			got, err := srv.ReadFile("/f")
			require.NoError(t, err)
			assert.True(t, bytes.Equal(data, got))
		} else {
			assert.Empty(t, srv.Names(), "no temporary is left, and nothing that is wrong")
		}
	}
}

func TestVerifyHashFindsADownloadThatIsNotTheFile(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	data := pattern(100_000)
	require.NoError(t, srv.WriteFile("/f", data))
	cl := client(t, srv, func(cfg *retry.Config) { cfg.Verify = retry.VerifyHash })
	local := filepath.Join(t.TempDir(), "f")

	// The file changes under the download: a local file is started over.
	srv.Inject(retrytest.Fault{On: "XSHA512", After: true, Run: spoil(srv, "/f")})
	require.NoError(t, cl.RetrFile(t.Context(), "/f", local))
	assert.Equal(t, 2, count(srv.Commands(), "RETR"))
	got, err := os.ReadFile(local)
	require.NoError(t, err)
	want, err := srv.ReadFile("/f")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want, got))

	srv.Inject(retrytest.Fault{On: "XSHA512", Reply: "250 " + strings.Repeat("0", 128), Times: -1})
	_, err = cl.Retr(t.Context(), "/f", io.Discard)
	require.ErrorIs(t, err, retry.ErrIncomplete)
	srv.ClearFaults()

	// A server that will not say after all leaves it at the size.
	srv.Inject(retrytest.Fault{On: "XSHA512", Reply: "550 File too large to hash.", Times: -1})
	_, err = cl.Retr(t.Context(), "/f", io.Discard)
	require.NoError(t, err)
}
