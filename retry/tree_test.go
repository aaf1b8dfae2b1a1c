package retry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// treeOf plants a tree of ten files in three directories.
func treeOf(t *testing.T, srv *retrytest.Server) {
	t.Helper()
	for i := range 9 {
		require.NoError(t, srv.WriteFile(fmt.Sprintf("/tree/d%d/f%d", i/3, i), []byte("content")))
	}
	require.NoError(t, srv.WriteFile("/tree/f", nil))
	require.NoError(t, srv.WriteFile("/beside", nil))
}

func TestTheRemovalOfATreeIsRepeatedForTheEntryAtHandOnly(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	treeOf(t, srv)
	srv.Inject(
		retrytest.Fault{On: "DELE", Nth: 4, Reply: "450 Busy."},
		retrytest.Fault{On: "DELE", Nth: 7, After: true, Lose: true, Control: retrytest.FIN},
		retrytest.Fault{On: "RMD", Nth: 2, After: true, Lose: true, Control: retrytest.RST},
	)
	require.NoError(t, client(t, srv).RemoveDirRecur(t.Context(), "/tree"))
	assert.Equal(t, []string{"/beside"}, srv.Names())
	count := map[string]int{}
	for _, line := range srv.Commands() {
		verb, _, _ := strings.Cut(line, " ")
		count[verb]++
	}
	assert.Equal(t, 4, count["MLSD"], "each directory is listed once")
	assert.Equal(t, 10+3+2, count["DELE"], "once for each entry, and for the two that failed")
	assert.Equal(t, 4+1, count["RMD"])
}

func TestTheRemovalOfATreeThatWasBrokenOffIsFinishedByTheNextCall(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	treeOf(t, srv)
	once := client(t, srv, func(cfg *retry.Config) { cfg.Policy.Attempts = 1 })
	for calls := 0; ; calls++ {
		require.Less(t, calls, 20)
		srv.Inject(retrytest.Fault{On: "DELE", Nth: 3, Reply: "450 Busy."})
		before := len(srv.Names())
		err := once.RemoveDirRecur(t.Context(), "/tree")
		if err == nil {
			assert.Greater(t, calls, 2, "it was broken off")
			break
		}
		require.ErrorIs(t, err, retry.ErrAttempts)
		assert.Less(t, len(srv.Names()), before, "each call removes something")
	}
	assert.Equal(t, []string{"/beside"}, srv.Names())
}
