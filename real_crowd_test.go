//go:build linux

package ftpretry_test

import (
	"context"
	"fmt"
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

// crowds are the servers' own limits, each of them below what the client would like to have.
var crowds = []struct {
	name    string
	kind    ftpd.Kind
	options ftpd.Options
}{
	{"vsftpd max_clients", ftpd.VSFTPD, ftpd.Options{MaxClients: 3}},
	{"vsftpd max_per_ip", ftpd.VSFTPD, ftpd.Options{MaxPerIP: 3}},
	{"pure-ftpd -c", ftpd.PureFTPd, ftpd.Options{MaxClients: 3}},
	{"pure-ftpd -C", ftpd.PureFTPd, ftpd.Options{MaxPerIP: 3}},
	{"pure-ftpd -y", ftpd.PureFTPd, ftpd.Options{MaxPerUser: 3}},
	{"proftpd MaxClients", ftpd.ProFTPD, ftpd.Options{MaxClients: 3}},
	{"proftpd MaxConnectionsPerHost", ftpd.ProFTPD, ftpd.Options{MaxPerIP: 3}},
	{"proftpd MaxClientsPerHost", ftpd.ProFTPD, ftpd.Options{MaxLoginsPerIP: 3}},
	{"proftpd MaxClientsPerUser", ftpd.ProFTPD, ftpd.Options{MaxPerUser: 3}},
	{"proftpd MaxConnectionRate", ftpd.ProFTPD, ftpd.Options{ConnectionRate: 4}},
	{"pyftpdlib max_cons_per_ip", ftpd.Pyftpdlib, ftpd.Options{MaxPerIP: 3}},
	{countsData, ftpd.Pyftpdlib, ftpd.Options{MaxClients: 6}},
}

// countsData is a limit that as many sessions meet as there happen to be transfers: it moves, and is asked for again.
const countsData = "pyftpdlib max_cons, which counts data connections"

// TestRealMoreWorkersThanTheServerBears has sixteen workers upload, over as many sessions as they may have: none fails,
// although the server lets in three, and hardly any login is refused.
func TestRealMoreWorkersThanTheServerBears(t *testing.T) {
	ftpd.Require(t)
	const workers, files = 16, 500
	for _, crowd := range crowds {
		t.Run(crowd.name, func(t *testing.T) {
			t.Parallel()
			s := ftpd.Start(t, crowd.kind, crowd.options)
			var waits atomic.Int64
			cfg := realConfig(s, nil)
			cfg.MaxConns = workers
			cfg.Policy = policy.Policy{Initial: 50 * time.Millisecond, Max: 500 * time.Millisecond} // seven attempts, as by default
			cfg.Hooks = retry.Hooks{
				Wait: func(context.Context, retry.Wait) { waits.Add(1) },
			}
			c := realClient(t, cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			next := make(chan int)
			var all sync.WaitGroup
			start := time.Now()
			for range workers {
				all.Go(func() {
					for i := range next {
						assert.NoError(t, c.Stor(ctx, fmt.Sprintf("/%03d", i), retry.Bytes([]byte(body[i:][:20_000]))))
					}
				})
			}
			for i := range files {
				next <- i
			}
			close(next)
			all.Wait()
			dials := c.Stats().Dials
			t.Logf("%s: %d uploads by %d workers in %v, %d logins begun, %d waits", crowd.name, files, workers,
				time.Since(start).Round(time.Millisecond), dials, waits.Load())
			if crowd.name != countsData {
				assert.LessOrEqual(t, dials, int64(3+20), "logins that the server had to refuse")
			}
			for i := range files {
				got, err := os.ReadFile(filepath.Join(s.Root, fmt.Sprintf("%03d", i)))
				require.NoError(t, err, s.Log())
				require.NoError(t, equal("content", body[i:][:20_000], string(got)))
			}
		})
	}
}
