//go:build unix

package retry_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// pipe makes one with a name.
func pipe(t *testing.T, dir, name string) {
	t.Helper()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, name), 0o600))
}
