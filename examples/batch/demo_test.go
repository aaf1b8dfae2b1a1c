package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheDemonstrationEndsWell(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir, []string{"TMPDIR=" + dir}, nil, "-demo", "-quick")
	require.Equal(t, allDone, p.wait(), p.err.String())
	require.Contains(t, p.out.String(), "all 120 files have arrived, each whole and each once")
	require.Contains(t, p.out.String(), "the server says that it restarted ")
	pages, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, pages, 1, "the report, and nothing else is left")
	require.Contains(t, p.out.String(), "report: "+pages[0])
	page, err := os.ReadFile(pages[0])
	require.NoError(t, err)
	require.Contains(t, string(page), "</html>")
}
