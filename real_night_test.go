//go:build linux

package ftpretry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
)

// A whole night's job: files of up to 64 KiB, half of them sent and half of them fetched.
const (
	nightFiles    = 2000
	nightWorkers  = 32
	nightRestarts = 5
)

// nightContent differs from file to file and at every offset.
func nightContent(i int) []byte {
	b := make([]byte, 1+(i*7919)%(64<<10))
	_, _ = rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), 1}).Read(b)
	return b
}

// TestRealANightOfRestarts moves 2,000 files by 32 workers over one client, while the server is restarted five times,
// killed or ended by its administrator: every file is right, none is lost, none is there twice or half. FTPRETRY_REAL_CASES=all does it over TLS too.
func TestRealANightOfRestarts(t *testing.T) {
	ftpd.Require(t)
	ways := map[string]ftpd.Options{"in clear text": {AllowStoreRestart: true}}
	if os.Getenv("FTPRETRY_REAL_CASES") == "all" {
		ways["over TLS"] = ftpd.Options{AllowStoreRestart: true, TLS: true}
	}
	for way, o := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			realServers(t, func(t *testing.T, kind ftpd.Kind) { realNight(t, ftpd.Start(t, kind, o)) })
		})
	}
}

func realNight(t *testing.T, s *ftpd.Server) {
	t.Helper()
	for i := 1; i < nightFiles; i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(s.Root, fmt.Sprintf("in%04d", i)), nightContent(i), 0o600))
	}
	s.Adopt()
	cfg := realConfig(s, nil)
	cfg.MaxConns = 12
	cfg.Policy = policy.Policy{Attempts: -1, Initial: 50 * time.Millisecond, Max: 300 * time.Millisecond}
	c := realClient(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()

	// Somebody who restarts the server in the middle of it all.
	var finished atomic.Int64
	restart := make(chan int, nightRestarts)
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		for n := range restart {
			if n%2 == 0 {
				s.Kill()
			} else {
				s.Stop()
			}
			s.Restart()
		}
	}()
	var workers sync.WaitGroup
	next := make(chan int)
	var failed, wrong, restarts atomic.Int64
	for range nightWorkers {
		workers.Go(func() {
			for i := range next {
				if err := nightFile(ctx, c, i); err != nil {
					failed.Add(1)
					t.Errorf("file %d: %v", i, err)
				}
				if n := finished.Add(1); n%(nightFiles/(nightRestarts+1)) == 0 && restarts.Load() < nightRestarts {
					restart <- int(restarts.Add(1))
				}
			}
		})
	}
	start := time.Now()
	for i := range nightFiles {
		next <- i
	}
	close(next)
	workers.Wait()
	took := time.Since(start)
	close(restart)
	<-restarted

	lost := 0
	for i := 0; i < nightFiles; i += 2 {
		got, err := os.ReadFile(filepath.Join(s.Root, fmt.Sprintf("out%04d", i)))
		switch {
		case err != nil:
			lost++
		case !bytes.Equal(nightContent(i), got):
			wrong.Add(1)
		}
	}
	left, err := os.ReadDir(s.Root)
	require.NoError(t, err)
	stats := c.Stats()
	t.Logf("%s: %d files by %d workers, %d restarts, %v: %d failed, %d lost, %d wrong, %d too many; %d attempts, replays %v, %d logins begun, %d KiB moved, %d KiB twice",
		s.Kind, finished.Load(), nightWorkers, restarts.Load(), took.Round(time.Millisecond), failed.Load(), lost, wrong.Load(), len(left)-nightFiles,
		stats.Attempts, stats.Replays, stats.Dials, (stats.Sent+stats.Received)>>10, stats.MovedTwice>>10)
	assert.Zero(t, failed.Load(), "failed")
	assert.Zero(t, lost, "lost")
	assert.Zero(t, wrong.Load(), "wrong")
	assert.Len(t, left, nightFiles, "files that are there twice, or half")
	assert.EqualValues(t, nightRestarts, restarts.Load())
	assert.Greater(t, stats.Dials, int64(cfg.MaxConns), "sessions that had to be replaced")
}

// nightFile moves one of them: even ones are sent, every other of these under a temporary name, odd ones fetched.
func nightFile(ctx context.Context, c *retry.Client, i int) error {
	content := nightContent(i)
	switch i % 4 {
	case 0:
		return c.Stor(ctx, fmt.Sprintf("/out%04d", i), retry.Bytes(content))
	case 2:
		return c.WithUpload(retry.Atomic).Stor(ctx, fmt.Sprintf("/out%04d", i), retry.Bytes(content))
	}
	h := sha256.New()
	n, err := c.Retr(ctx, fmt.Sprintf("/in%04d", i), struct{ io.Writer }{h})
	if err == nil && (n != int64(len(content)) || [sha256.Size]byte(h.Sum(nil)) != sha256.Sum256(content)) {
		err = fmt.Errorf("%d bytes came, not the right %d", n, len(content))
	}
	return err
}
