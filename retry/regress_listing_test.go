package retry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAListingOfADirectoryThatCouldNotBeOpenedIsAnError(t *testing.T) {
	const reply = "226 Transfer done (but failed to open directory)."
	srv := memory(t, retrytest.Vsftpd(), retrytest.Fault{On: "LIST", After: true, Times: -1, Reply: reply}, retrytest.Fault{On: "NLST", After: true, Times: -1, Reply: reply})
	srv.Mkdir("/d")
	c := client(t, srv)
	_, err := c.List(t.Context(), "/d")
	require.ErrorIs(t, err, retry.ErrPermanent)
	_, err = c.NameList(t.Context(), "/d")
	require.ErrorIs(t, err, retry.ErrPermanent)
	var e *retry.Error
	require.True(t, errors.As(err, &e))
	assert.Equal(t, 1, e.Attempts)
}

func TestARecursiveRemovalUsesTheNameAsItWasGiven(t *testing.T) {
	// "link/../b" is not "b" where link is a symbolic link, and "./-x" without
	// its "./" is an option.
	for _, dir := range []string{"link/../b", "./-x", "//d", "d/"} {
		srv := script(t, func(s *scriptedSession, verb, _ string) bool {
			switch verb {
			case "LIST":
				s.send("150 Here.", "-rw-r--r-- 1 u u 3 Jan 1 2020 f\r\n")
			case "DELE", "RMD":
				s.say("250 Gone.")
			default:
				return false
			}
			return true
		})
		require.NoError(t, srv.client(t).RemoveDirRecur(t.Context(), dir))
		assert.Subset(t, srv.told(), []string{"LIST " + dir, "DELE " + strings.TrimRight(dir, "/") + "/f", "RMD " + dir})
	}
}
