package retry_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAnOpenDownloadWaitsBeforeItGoesOn(t *testing.T) {
	// Data and control connection are lost together, which is how a dead idle
	// session looks too: but this one was not idle, and twenty cuts in a row
	// without a wait would be an attack on a server in trouble.
	synctest.Test(t, func(t *testing.T) {
		const cuts, wait = 20, 300 * time.Millisecond
		data := pattern(1 << 20)
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "RETR", Times: cuts, Data: retrytest.RST, At: 20_000, Lose: true, Control: retrytest.RST})
		srv.WriteFile("/f", data)
		var r tape
		cl := client(t, srv, func(cfg *retry.Config) {
			cfg.Policy = policy.Policy{Initial: wait, Max: wait, Jitter: -1}
			cfg.Hooks = r.hooks()
		})
		_, err := cl.FileSize(t.Context(), "/f")
		require.NoError(t, err, "its session will have been idle")
		start := time.Now()
		open, err := cl.Open(t.Context(), "/f")
		require.NoError(t, err)
		got, err := io.ReadAll(open)
		require.NoError(t, err)
		require.NoError(t, open.Close())
		assert.True(t, bytes.Equal(data, got))
		assert.Len(t, r.waits, cuts)
		assert.GreaterOrEqual(t, time.Since(start), cuts*wait)
		assert.Zero(t, cl.Stats().Redials)
		_ = cl.Close()
	})
}

func TestAnOpenDownloadIsToldAndCounted(t *testing.T) {
	for _, c := range []struct {
		name string
		read int64 // of 200000 bytes; then it is closed
	}{
		{"one that is read to its end", 200_000},
		{"one that is closed early", 50_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memory(t, retrytest.Config{})
				srv.WriteFile("/f", pattern(200_000))
				var r tape
				cl := client(t, srv, func(cfg *retry.Config) { cfg.Hooks = r.hooks() })
				open, err := cl.Open(t.Context(), "/f")
				require.NoError(t, err)
				for left := c.read; left > 0; left -= 10_000 {
					time.Sleep(150 * time.Millisecond)
					_, err := io.CopyN(io.Discard, open, 10_000)
					require.NoError(t, err)
				}
				if c.read == 200_000 {
					_, err := open.Read(make([]byte, 1))
					require.Equal(t, io.EOF, err)
				}
				require.NoError(t, open.Close())
				assert.Equal(t, strings.Repeat("P", len(r.progress)), strings.TrimPrefix(r.letters.String(), "ALCD"), "one operation, and progress")
				assert.GreaterOrEqual(t, len(r.progress), int(c.read/10_000))
				assert.GreaterOrEqual(t, r.progress[len(r.progress)-1].Bytes, c.read-10_000)
				assert.EqualValues(t, 200_000, r.progress[0].Total)
				stats := cl.Stats()
				assert.GreaterOrEqual(t, stats.Received, c.read)
				assert.EqualValues(t, 1, stats.Attempts)
				_ = cl.Close()
			})
		})
	}
}

func TestAnOpenDownloadMayBeClosedInAHook(t *testing.T) {
	for _, hook := range []string{"Failed", "Wait", "Attempt", "Progress"} {
		t.Run(hook, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open io.ReadCloser
				hang := func() {
					if open != nil {
						_ = open.Close()
					}
				}
				srv := memory(t, retrytest.Config{}, cutAt(20_000))
				srv.WriteFile("/f", pattern(200_000))
				cl := client(t, srv, func(cfg *retry.Config) {
					cfg.MaxConns = 1
					switch hook {
					case "Failed":
						cfg.Hooks.Failed = func(context.Context, retry.Failed) { hang() }
					case "Wait":
						cfg.Hooks.Wait = func(context.Context, retry.Wait) { hang() }
					case "Attempt":
						cfg.Hooks.Attempt = func(context.Context, retry.Attempt) { hang() }
					case "Progress":
						cfg.Hooks.Progress = func(context.Context, retry.Progress) { hang() }
					}
				})
				var err error
				open, err = cl.Open(t.Context(), "/f")
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, open)
				require.Error(t, err)
				_, err = open.Read(make([]byte, 1))
				require.Error(t, err)
				require.NoError(t, stor(t.Context(), cl.WithHooks(retry.Hooks{})), "its place was not given back")
				_ = cl.Close()
			})
		})
	}
}

func TestADeadlineOfTheCallersEndsADownload(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault retrytest.Fault
	}{
		{"that stalls each time", retrytest.Fault{On: "RETR", StallData: true, At: 1000, Times: -1}},
		{"whose server then does not answer", retrytest.Fault{On: "RETR", StallData: true, At: 1000, Control: retrytest.FIN}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memory(t, retrytest.Config{}, c.fault)
				srv.WriteFile("/f", pattern(100_000))
				conn := dial(t, srv)
				r, err := conn.Retr("/f")
				require.NoError(t, err)
				start := time.Now()
				require.NoError(t, r.SetDeadline(start.Add(5*time.Second)))
				_, err = io.Copy(io.Discard, r)
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				var e *retry.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, os.ErrDeadlineExceeded, e.Reason)
				assert.Less(t, time.Since(start), 17*time.Second, "five, and the short wait for the transfer's reply")
				require.Error(t, r.Close())
				require.NoError(t, conn.Quit())
			})
		})
	}
}
