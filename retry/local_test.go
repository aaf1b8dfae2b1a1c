package retry_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestWithRootADownloadStaysInside(t *testing.T) {
	for name, test := range map[string]struct {
		local string // below the directory that holds root and outside
		ok    bool
	}{
		"a file":                               {"root/f", true},
		"a file in a directory":                {"root/sub/f", true},
		"a file in a link to a directory here": {"root/inner/f", true},
		"a name beside the root":               {"outside/f", false},
		"a name that goes up":                  {"root/../outside/f", false},
		"a link that leads out":                {"root/out/f", false},
		"a temporary name that leads out":      {"root/trap", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("/f", []byte("abc")))
			dir := t.TempDir()
			for _, d := range []string{"root", "root/sub", "outside"} {
				require.NoError(t, os.Mkdir(filepath.Join(dir, d), 0o700))
			}
			require.NoError(t, os.Symlink("../outside", filepath.Join(dir, "root", "out")))
			require.NoError(t, os.Symlink("sub", filepath.Join(dir, "root", "inner")))
			require.NoError(t, os.Symlink("../outside/info", filepath.Join(dir, "root", "trap.part.info")))
			root, err := os.OpenRoot(filepath.Join(dir, "root"))
			require.NoError(t, err)
			defer root.Close()

			local := filepath.Join(dir, "root") + "/../" + test.local
			err = client(t, srv).RetrFile(retry.WithRoot(t.Context(), root), "/f", local)
			left, readErr := os.ReadDir(filepath.Join(dir, "outside"))
			require.NoError(t, readErr)
			assert.Empty(t, left, "nothing is written outside")
			if !test.ok {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			got, err := os.ReadFile(local)
			require.NoError(t, err)
			assert.Equal(t, "abc", string(got))
		})
	}
}
