package ftpretry_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// crashVariable makes the test binary a program that downloads one file, to be
// killed meanwhile: the server's address and the local name.
const crashVariable = "FTPRETRY_TO_CRASH"

// download is that program.
func download(addr, local string) error {
	client, err := retry.New(retry.Config{Addr: addr})
	if err != nil {
		return err
	}
	return errors.Join(client.RetrFile(context.Background(), "/file", local), client.Close())
}

// TestADownloadWhoseProcessWasKilledGoesOnInTheNext kills a process by SIGKILL
// in the middle of RetrFile.
func TestADownloadWhoseProcessWasKilledGoesOnInTheNext(t *testing.T) {
	t.Parallel()
	const size, cut = 8 << 20, 5 << 20
	srv := retrytest.NewServer(t, retrytest.Config{})
	content := []byte(strings.Repeat("sixteen bytes...", size/16))
	copy(content[cut-100:], "something that is not everywhere")
	require.NoError(t, srv.WriteFile("/file", content))
	srv.Inject(retrytest.Fault{On: "RETR", StallData: true, At: cut})
	local := filepath.Join(t.TempDir(), "local")
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), crashVariable+"="+srv.Addr()+" "+local)
	require.NoError(t, victim.Start())
	got := func() int64 {
		info, err := os.Stat(local + ".part")
		if err != nil {
			return 0
		}
		return info.Size()
	}
	assert.Eventually(t, func() bool { return got() == cut }, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, victim.Process.Kill())
	require.Error(t, victim.Wait())
	_, err := os.Stat(local)
	require.ErrorIs(t, err, os.ErrNotExist, "nothing under the final name")

	client, err := retry.New(retry.Config{Addr: srv.Addr()})
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.RetrFile(t.Context(), "/file", local))
	whole, err := os.ReadFile(local)
	require.NoError(t, err)
	assert.True(t, string(whole) == string(content))
	assert.LessOrEqual(t, client.Stats().Received, int64(size-cut+1024), "what had come is not asked for again")
	left, err := filepath.Glob(local + ".*")
	require.NoError(t, err)
	assert.Empty(t, left)
}
