package filelock_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/filelock"
)

func TestAFileIsForOneWriterOrForManyReaders(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	open := func() *os.File {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		require.NoError(t, err)
		return f
	}
	a, b, c := open(), open(), open()
	defer c.Close()
	require.NoError(t, filelock.Exclusive(a))
	require.Error(t, filelock.Exclusive(b))
	require.Error(t, filelock.Shared(b))
	require.NoError(t, a.Close())
	require.NoError(t, filelock.Shared(b))
	require.NoError(t, filelock.Shared(c))
	assert.Error(t, filelock.Exclusive(c))
	require.NoError(t, b.Close())
	require.NoError(t, filelock.Exclusive(c))
	d := open()
	defer d.Close()
	filelock.Release(c)
	assert.NoError(t, filelock.Exclusive(d), "although c is open")
}
