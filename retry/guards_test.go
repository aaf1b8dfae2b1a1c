package retry_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// TestADownloadIsNotContinuedOfAFileThatOnlyItsTimeTellsApart replaces the file
// by one that is alike in size, and in the bytes around the cut.
func TestADownloadIsNotContinuedOfAFileThatOnlyItsTimeTellsApart(t *testing.T) {
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	replaced := func(t *testing.T, size int) (srv *retrytest.Server, later []byte, do func()) {
		first := pattern(size)
		later = bytes.Clone(first)
		later[0] ^= 1
		srv = memory(t, retrytest.Config{}, cutAt(60_000))
		srv.WriteFile("/f", first)
		require.NoError(t, srv.Chtimes("/f", at))
		return srv, later, func() {
			srv.WriteFile("/f", later)
			require.NoError(t, srv.Chtimes("/f", at.Add(time.Hour)))
		}
	}
	t.Run("into a local file", func(t *testing.T) {
		srv, later, do := replaced(t, 100_000)
		local := filepath.Join(t.TempDir(), "f")
		require.NoError(t, client(t, srv, meanwhile(do)).RetrFile(t.Context(), "/f", local))
		got, err := os.ReadFile(local)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(later, got))
	})
	t.Run("into a writer, if it is large", func(t *testing.T) {
		srv, _, do := replaced(t, 16<<20)
		_, err := client(t, srv, meanwhile(do)).Retr(t.Context(), "/f", io.Discard)
		require.ErrorIs(t, err, retry.ErrChanged)
	})
}

func TestADownloadIsNotContinuedWithoutKnowingThatTheFileIsTheSame(t *testing.T) {
	const no = "550 Permission denied."
	deny := func(verb string, nth int) retrytest.Fault {
		return retrytest.Fault{On: verb, Nth: nth, Times: -1, Reply: no}
	}
	srv := memory(t, retrytest.Config{}, cutAt(60_000), deny("SIZE", 2), deny("MLST", 1), deny("LIST", 1))
	srv.WriteFile("/f", pattern(100_000))
	_, err := client(t, srv).Retr(t.Context(), "/f", io.Discard)
	require.ErrorIs(t, err, retry.ErrChanged)
	assert.ErrorContains(t, err, "no longer reports its size")
}

func TestADownloadThatNothingProvesIsNotCalledWhole(t *testing.T) {
	srv := script(t, answers{
		"RETR": sends("content"), // many servers tell the size here
		"SIZE": says("502 No."),
		"LIST": says("502 No."),
	}.to)
	_, err := srv.client(t).Retr(t.Context(), "/f", io.Discard)
	require.ErrorIs(t, err, retry.ErrIncomplete)
	assert.ErrorContains(t, err, "VerifyNone", "it says what to do")
}

// The name of the upload shows a file after a renaming whose reply was lost,
// but not this one.
func TestARenamingIsNotTakenForDoneWhereTheTargetIsAnotherFile(t *testing.T) {
	srv := memory(t, retrytest.Config{}, done("RNTO"))
	cl := client(t, srv, meanwhile(func() { srv.WriteFile("/f", []byte("of somebody else")) })).WithUpload(retry.Atomic)
	err := cl.Stor(t.Context(), "/f", retry.Bytes([]byte("ours")))
	require.ErrorIs(t, err, retry.ErrOutcomeUnknown)
	assert.ErrorContains(t, err, "has not its 4 bytes")
	holds(t, srv, "/f", "of somebody else")
}

func TestADirectoryThatWasThereIsNotMade(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	require.NoError(t, srv.Mkdir("/d"))
	require.ErrorIs(t, client(t, srv).MakeDir(t.Context(), "/d"), retry.ErrPermanent)
}

// breaks gives a few bytes, then fails.
type breaks struct{}

func (breaks) Open(int64) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(bytes.NewReader([]byte("some")), breaks{})), nil
}
func (breaks) Read([]byte) (int, error) { return 0, errors.New("the caller's disk is gone") }

func TestWhatIsLongerThanTheUploadThatBrokeOffIsNotRemoved(t *testing.T) {
	srv := memory(t, retrytest.Config{}, always("SIZE", "213 999"))
	require.ErrorContains(t, client(t, srv).Stor(t.Context(), "/f", breaks{}), "disk is gone")
	assert.Zero(t, count(srv.Commands(), "DELE"))
	srv = memory(t, retrytest.Config{})
	require.ErrorContains(t, client(t, srv).Stor(t.Context(), "/f", breaks{}), "disk is gone")
	assert.Empty(t, srv.Names(), "what it has left itself is")
}
