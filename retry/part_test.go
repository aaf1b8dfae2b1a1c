package retry_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAPartFileThatIsReplacedMeanwhileIsNotRenamed(t *testing.T) {
	local := filepath.Join(t.TempDir(), "f")
	srv := memory(t, retrytest.Config{}, cutAt(5))
	srv.WriteFile("/f", []byte("0123456789"))
	cl := client(t, srv, meanwhile(func() {
		require.NoError(t, os.Remove(local+".part"))
		require.NoError(t, os.WriteFile(local+".part", []byte("else"), 0o600))
	}))
	err := cl.RetrFile(t.Context(), "/f", local)
	var e *retry.Error
	require.ErrorAs(t, err, &e)
	_, err = os.Stat(local)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestAPartFileThatSomebodyElseWritesToIsNotRenamed(t *testing.T) {
	local := filepath.Join(t.TempDir(), "f")
	srv := memory(t, retrytest.Config{}, cutAt(5))
	srv.WriteFile("/f", []byte("0123456789"))
	cl := client(t, srv, meanwhile(func() {
		f, err := os.OpenFile(local+".part", os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("beyond"), 100)
		require.NoError(t, errors.Join(err, f.Close()))
	}))
	require.ErrorContains(t, cl.RetrFile(t.Context(), "/f", local), "was changed by somebody else")
	_, err := os.Stat(local)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestWhatIsKnownOfAPartThatCannotBeWrittenDownEndsTheDownload(t *testing.T) {
	local := filepath.Join(t.TempDir(), "f")
	srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "USER", After: true, Run: func() {
		_ = os.MkdirAll(filepath.Join(local+".part.info", "full"), 0o700)
	}})
	srv.WriteFile("/f", []byte("content"))
	err := client(t, srv).RetrFile(t.Context(), "/f", local)
	var e *retry.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, retry.ErrPermanent)
	assert.Contains(t, e.Verdict.Rule, "the caller's own", "the server has nothing to do with it")
	assert.Equal(t, 1, e.Attempts)
	assert.NotContains(t, strings.Join(srv.Commands(), "\n"), "RETR", "nothing was downloaded that could not be kept")
	_, err = os.Stat(local)
	assert.ErrorIs(t, err, os.ErrNotExist)
}
