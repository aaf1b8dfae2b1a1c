//go:build linux

package ftpretry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
)

// A night's job: many files, several at a time.
const (
	jobFiles   = 24
	jobWorkers = 3
	jobSize    = 1 << 20
)

func jobName(i int) string { return fmt.Sprintf("/file %02d", i) }

// jobContent differs from file to file and at every offset.
func jobContent(i int) []byte {
	b := make([]byte, jobSize+i)
	source := rand.NewChaCha8([32]byte{byte(i)})
	_, _ = source.Read(b)
	return b
}

// interruption calls once, in the middle of one file's content.
type interruption struct {
	io.ReaderAt
	at   int64
	once *sync.Once
	call func()
}

func (r *interruption) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > r.at {
		r.once.Do(r.call)
	}
	return r.ReaderAt.ReadAt(p, off)
}

// interruptedWriter is the same for a download.
type interruptedWriter struct {
	bytes.Buffer
	at   int
	once *sync.Once
	call func()
}

func (w *interruptedWriter) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if w.Len() > w.at {
		w.once.Do(w.call)
	}
	return n, err
}

// runJob runs the files through several workers and returns what failed.
func runJob(run func(i int) error) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	next := make(chan int)
	for range jobWorkers {
		all.Go(func() {
			for i := range next {
				if err := run(i); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	for i := range jobFiles {
		next <- i
	}
	close(next)
	all.Wait()
	return failed
}

func TestRealAServerThatDiesInTheMiddleOfAJob(t *testing.T) {
	ftpd.Require(t)
	for _, end := range []struct {
		name string
		call func(s *ftpd.Server)
	}{
		{"killed", func(s *ftpd.Server) { s.Kill(); s.Restart() }},
		{"restarted by its administrator", func(s *ftpd.Server) { s.Stop(); s.Restart() }},
	} {
		for _, o := range []struct {
			name    string
			options ftpd.Options
			mode    retry.UploadMode
		}{
			{"uploads", ftpd.Options{AllowStoreRestart: true}, retry.Direct},
			{"atomic uploads", ftpd.Options{AllowStoreRestart: true}, retry.Atomic},
			{"uploads over TLS", ftpd.Options{AllowStoreRestart: true, TLS: true}, retry.Direct},
			{"uploads where resuming is refused", ftpd.Options{}, retry.Direct},
		} {
			t.Run(end.name+", "+o.name, func(t *testing.T) {
				t.Parallel()
				realServers(t, func(t *testing.T, kind ftpd.Kind) {
					s := ftpd.Start(t, kind, o.options)
					c := jobClient(t, s, o.mode)
					ctx := realContext(t)
					var once sync.Once
					require.NoError(t, runJob(func(i int) error {
						var content io.ReaderAt = bytes.NewReader(jobContent(i))
						if i >= jobFiles/3 {
							content = &interruption{content, jobSize / 2, &once, func() { end.call(s) }}
						}
						return c.Stor(ctx, jobName(i), retry.ReaderAt(content, int64(jobSize+i)))
					}), s.Log())

					for i := range jobFiles {
						got, err := os.ReadFile(filepath.Join(s.Root, jobName(i)))
						require.NoError(t, err)
						assert.Equal(t, sha256.Sum256(jobContent(i)), sha256.Sum256(got), "%s, %d bytes", jobName(i), len(got))
					}
					left, err := os.ReadDir(s.Root)
					require.NoError(t, err)
					assert.Len(t, left, jobFiles, "nothing else is left")
					assert.Greater(t, c.Stats().Dials, int64(jobWorkers), "sessions that had to be replaced")
				})
			})
		}
		t.Run(end.name+", downloads", func(t *testing.T) {
			t.Parallel()
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, ftpd.Options{})
				for i := range jobFiles {
					require.NoError(t, os.WriteFile(filepath.Join(s.Root, jobName(i)), jobContent(i), 0o600))
				}
				s.Adopt()
				c := jobClient(t, s, retry.Direct)
				ctx := realContext(t)
				var once sync.Once
				require.NoError(t, runJob(func(i int) error {
					w := &interruptedWriter{at: jobSize / 2, once: &once, call: func() { end.call(s) }}
					if i < jobFiles/3 {
						w.at = 2 * jobSize
					}
					if _, err := c.Retr(ctx, jobName(i), w); err != nil {
						return err
					}
					if sha256.Sum256(jobContent(i)) != sha256.Sum256(w.Bytes()) {
						return fmt.Errorf("%s is damaged: %d bytes", jobName(i), w.Len())
					}
					return nil
				}), s.Log())
				assert.Greater(t, c.Stats().Dials, int64(jobWorkers), "sessions that had to be replaced")
			})
		})
	}
}

// jobClient waits for a server as long as the context lasts.
func jobClient(t *testing.T, s *ftpd.Server, mode retry.UploadMode) *retry.Client {
	t.Helper()
	cfg := realConfig(s, nil)
	cfg.Policy = policy.Policy{Attempts: -1, Initial: 50 * time.Millisecond, Max: 300 * time.Millisecond}
	cfg.Upload, cfg.MaxConns = mode, jobWorkers
	return realClient(t, cfg)
}

func TestRealACancelledUploadToADeadServerReturnsAtOnce(t *testing.T) {
	realServers(t, func(t *testing.T, kind ftpd.Kind) {
		s := ftpd.Start(t, kind, ftpd.Options{})
		ctx, cancel := context.WithCancelCause(realContext(t))
		var cancelled time.Time
		seen := realEvents{atWait: func() { cancelled = time.Now(); cancel(errors.New("the operator gave up")) }}
		c := realClient(t, realConfig(s, &seen))
		require.NoError(t, c.Stor(ctx, "/file", retry.Bytes([]byte("old"))))
		s.Kill()
		err := c.Stor(ctx, "/file", retry.Bytes([]byte(body)))
		assert.Less(t, time.Since(cancelled), 100*time.Millisecond)
		assert.ErrorContains(t, err, "the operator gave up")
	})
}
