package ftpretry_test

import (
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// zeros is content of a size.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

// collectOften has garbage collected as often as in any program, until the end of
// a test that no other one runs beside.
func collectOften(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
}

// TestATransferOfAGibibyteNeedsNoMemoryOfItsSize measures the heap while the
// bytes move, server and all, against the heap of the idle client.
func TestATransferOfAGibibyteNeedsNoMemoryOfItsSize(t *testing.T) {
	const size, most = 1 << 30, 8 << 20
	collectOften(t)
	srv := retrytest.NewServer(t, retrytest.Config{Quirks: retrytest.Quirks{Discard: true}})
	require.NoError(t, srv.Truncate("/large", size))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	var peak uint64
	told := 0
	c, err := retry.New(retry.Config{Addr: srv.Addr(), Hooks: retry.Hooks{Progress: func(context.Context, retry.Progress) {
		peak = max(peak, heap())
		told++
	}}})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.FileSize(t.Context(), "/large")
	require.NoError(t, err)
	for name, run := range map[string]func() error{
		"download": func() error { _, err := c.Retr(t.Context(), "/large", &sink{}); return err },
		"upload":   func() error { return c.Stor(t.Context(), "/to", retry.Reader(&zeros{size})) },
	} {
		runtime.GC()
		idle := heap()
		peak, told = 0, 0
		require.NoError(t, run(), name)
		require.Positive(t, told)
		assert.Less(t, int64(peak)-int64(idle), int64(most), name)
	}
}
