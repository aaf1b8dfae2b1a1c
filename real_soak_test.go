//go:build linux

package ftpretry_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// TestRealSoak is TestSoak with a real server behind the proxy; FTPRETRY_REAL_CASES=all soaks all four.
func TestRealSoak(t *testing.T) {
	ftpd.Require(t)
	kinds := []ftpd.Kind{ftpd.VSFTPD}
	if os.Getenv("FTPRETRY_REAL_CASES") == "all" {
		kinds = ftpd.Kinds()
	}
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			server := ftpd.Start(t, kind, ftpd.Options{AllowStoreRestart: true})
			before := runtime.NumGoroutine()
			proxy, err := retrytest.StartProxy(server.Addr, retrytest.ProxyConfig{LogSize: -1})
			require.NoError(t, err)
			defer proxy.Close()
			s := &soak{server: proxy, look: func(name string) ([]byte, bool) {
				content, err := os.ReadFile(filepath.Join(server.Root, name))
				return content, err == nil
			}}
			cfg := soakConfig(proxy.Addr())
			cfg.User, cfg.Password = server.User, server.Password
			s.run(t, cfg)
			proxy.Close()
			settles(t, before)
		})
	}
}
