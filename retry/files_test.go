package retry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// half leaves a download half done, as a run does that is cancelled or killed.
func half(t *testing.T, srv *retrytest.Server, local string, change ...func(*retry.Config)) {
	t.Helper()
	srv.Inject(retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 60_000, Lose: true, Control: retrytest.FIN})
	c := client(t, srv, append(change, func(cfg *retry.Config) { cfg.Policy.Attempts = 1 })...)
	require.ErrorIs(t, c.RetrFile(t.Context(), "/f", local), retry.ErrAttempts)
	_, err := os.Stat(local)
	require.ErrorIs(t, err, os.ErrNotExist, "nothing under the final name")
	info, err := os.Stat(local + ".part")
	require.NoError(t, err)
	require.EqualValues(t, 60_000, info.Size())
	srv.ResetLog()
}

func TestRetrFileContinuesWhatAnEarlierRunHasLeft(t *testing.T) {
	data, other := pattern(200_000), bytes.Repeat([]byte("other"), 40_000)
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for name, test := range map[string]struct {
		meanwhile func(t *testing.T, srv *retrytest.Server, local string)
		verify    retry.VerifyMode
		continues bool
		want      []byte
	}{
		"of the same file":          {continues: true},
		"of the same file, by hash": {continues: true, verify: retry.VerifyHash},
		"unless its hash is another": {verify: retry.VerifyHash, meanwhile: func(t *testing.T, _ *retrytest.Server, local string) {
			left, err := os.ReadFile(local + ".part")
			require.NoError(t, err)
			left[10] ^= 1
			require.NoError(t, os.WriteFile(local+".part", left, 0o600))
		}},
		"unless its time is another": {meanwhile: func(t *testing.T, srv *retrytest.Server, _ string) {
			require.NoError(t, srv.Chtimes("/f", at.Add(time.Second)))
		}},
		"unless its size is another": {want: data[:150_000], meanwhile: func(t *testing.T, srv *retrytest.Server, _ string) {
			require.NoError(t, srv.WriteFile("/f", data[:150_000]))
			require.NoError(t, srv.Chtimes("/f", at))
		}},
		"unless what is there is not of it": {want: other, meanwhile: func(t *testing.T, srv *retrytest.Server, _ string) {
			require.NoError(t, srv.WriteFile("/f", other))
			require.NoError(t, srv.Chtimes("/f", at))
		}},
		"unless nobody knows what it is of": {meanwhile: func(t *testing.T, _ *retrytest.Server, local string) {
			require.NoError(t, os.Remove(local+".part.info"))
		}},
		"unless what is known of it is damaged": {meanwhile: func(t *testing.T, _ *retrytest.Server, local string) {
			require.NoError(t, os.WriteFile(local+".part.info", []byte("{"), 0o600))
		}},
		"unless it has grown longer than the file": {meanwhile: func(t *testing.T, _ *retrytest.Server, local string) {
			require.NoError(t, os.WriteFile(local+".part", make([]byte, 300_000), 0o600))
		}},
		"unless it is of a server that tells no times": {meanwhile: func(t *testing.T, srv *retrytest.Server, local string) {
			require.NoError(t, os.WriteFile(local+".part.info", []byte(fmt.Sprintf(`{"Addr":%q,"Path":"/f","Size":200000}`, srv.Addr())), 0o600))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("/f", data))
			require.NoError(t, srv.Chtimes("/f", at))
			local := filepath.Join(t.TempDir(), "local")
			half(t, srv, local)
			if test.meanwhile != nil {
				test.meanwhile(t, srv, local)
			}
			c := client(t, srv, func(cfg *retry.Config) { cfg.Verify = test.verify })
			require.NoError(t, c.RetrFile(t.Context(), "/f", local))
			want := test.want
			if want == nil {
				want = data
			}
			got, err := os.ReadFile(local)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(want, got))
			rest := slices.ContainsFunc(srv.Commands(), func(c string) bool { return strings.HasPrefix(c, "REST ") })
			if test.continues {
				assert.True(t, rest)
				assert.LessOrEqual(t, c.Stats().Received, int64(140_000+1024))
			} else if strings.Contains(name, "nobody") || strings.Contains(name, "damaged") || strings.Contains(name, "longer") || strings.Contains(name, "times") {
				assert.False(t, rest)
			}
			entries, err := os.ReadDir(filepath.Dir(local))
			require.NoError(t, err)
			assert.Len(t, entries, 1, "nothing is left beside the file")
		})
	}
}

// The two files are alike where they are compared: in size, in time, and in the
// bytes around the cut.
func TestWhatIsLeftOfAnotherFileIsNotContinued(t *testing.T) {
	data := pattern(200_000)
	alike := bytes.Clone(data)
	alike[0] ^= 1
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	serve := func(t *testing.T, path string, content []byte) *retrytest.Server {
		srv := retrytest.NewServer(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile(path, content))
		require.NoError(t, srv.Chtimes(path, at))
		return srv
	}
	t.Run("of another name", func(t *testing.T) {
		srv := serve(t, "/f", data)
		require.NoError(t, srv.WriteFile("/g", alike))
		require.NoError(t, srv.Chtimes("/g", at))
		local := filepath.Join(t.TempDir(), "local")
		half(t, srv, local)
		require.NoError(t, client(t, srv).RetrFile(t.Context(), "/g", local))
		got, err := os.ReadFile(local)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(alike, got))
	})
	t.Run("of another server", func(t *testing.T) {
		srv, other := serve(t, "/f", data), serve(t, "/f", alike)
		local := filepath.Join(t.TempDir(), "local")
		half(t, srv, local)
		require.NoError(t, client(t, other).RetrFile(t.Context(), "/f", local))
		got, err := os.ReadFile(local)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(alike, got))
	})
}

func TestFilesKeepTheirModificationTime(t *testing.T) {
	at := time.Date(2023, 2, 1, 10, 20, 30, 0, time.UTC)
	for _, mode := range []retry.UploadMode{retry.Direct, retry.Atomic} {
		srv := retrytest.NewServer(t, retrytest.Config{})
		dir := t.TempDir()
		local := filepath.Join(dir, "local")
		require.NoError(t, os.WriteFile(local, []byte("content"), 0o600))
		require.NoError(t, os.Chtimes(local, at, at))
		c := client(t, srv, func(cfg *retry.Config) { cfg.Upload = mode })
		require.NoError(t, c.StorFile(t.Context(), "/f", local))
		info, err := srv.Stat("/f")
		require.NoError(t, err)
		assert.True(t, info.ModTime().Equal(at), info.ModTime())
		back := filepath.Join(dir, "back")
		require.NoError(t, c.RetrFile(t.Context(), "/f", back))
		info, err = os.Stat(back)
		require.NoError(t, err)
		assert.True(t, info.ModTime().Equal(at), info.ModTime())
	}
	// Where the server can neither set nor tell times, it is done without.
	srv := retrytest.NewServer(t, retrytest.Config{Without: []string{"MFMT", "MDTM", "MLSD"}})
	local := filepath.Join(t.TempDir(), "local")
	require.NoError(t, os.WriteFile(local, []byte("content"), 0o600))
	c := client(t, srv)
	require.NoError(t, c.StorFile(t.Context(), "/f", local))
	require.NoError(t, c.RetrFile(t.Context(), "/f", local))
}

func TestTwoDownloadsIntoOneFileAreRefused(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	data := pattern(300_000)
	require.NoError(t, srv.WriteFile("/f", data))
	local := filepath.Join(t.TempDir(), "local")
	c := client(t, srv)
	var second error
	srv.Inject(retrytest.Fault{On: "RETR", After: true, Run: func() { second = c.RetrFile(context.Background(), "/f", local) }})
	require.NoError(t, c.RetrFile(t.Context(), "/f", local))
	require.ErrorIs(t, second, retry.ErrPermanent)
	assert.ErrorContains(t, second, "written by another download")
	got, err := os.ReadFile(local)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, got))
}

func TestAPartFileThatIsNoFileIsLeftAlone(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/f", []byte("content")))
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(victim, filepath.Join(dir, "local.part")))
	err := client(t, srv).RetrFile(t.Context(), "/f", filepath.Join(dir, "local"))
	require.ErrorContains(t, err, "not a regular file")
	got, err := os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(got))
}

// A missing remote file leaves nothing behind, and what was there before stays.
func TestAFailedDownloadLeavesTheOldFileAlone(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	dir := t.TempDir()
	local := filepath.Join(dir, "local")
	require.NoError(t, os.WriteFile(local, []byte("old"), 0o600))
	err := client(t, srv).RetrFile(t.Context(), "/none", local)
	var e *retry.Error
	require.ErrorAs(t, err, &e)
	require.True(t, errors.Is(err, retry.ErrPermanent))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	got, err := os.ReadFile(local)
	require.NoError(t, err)
	assert.Equal(t, "old", string(got))
}
