package batch_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAReportOfADryRunDoesNotSayThatAllIsDone(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	dir, _ := files(t, 3)
	r := batch.Runner{Client: client(t, srv)}
	rep, err := r.MirrorUp(t.Context(), batch.Mirror{Local: dir, Remote: "/out", DryRun: true})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, rep.WriteText(&b))
	t.Log(b.String(), rep.Jobs)
	assert.NotContains(t, b.String(), "All ")
}

func TestAReportOfADeletionThatWasNotDaredDoesNotSayThatAllIsDone(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/out/z", []byte("p")))
	require.NoError(t, srv.WriteFile("/out/a\tb", []byte("p")))
	dir, _ := files(t, 1)
	r := batch.Runner{Client: client(t, srv)}
	rep, err := r.MirrorUp(t.Context(), batch.Mirror{Local: dir, Remote: "/out", Delete: true})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, rep.WriteText(&b))
	t.Log(srv.Names(), b.String(), rep.Jobs)
	assert.NotContains(t, b.String(), "All ")
}
