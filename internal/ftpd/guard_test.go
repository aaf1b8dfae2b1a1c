//go:build linux

package ftpd

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// This test runs itself once more, with a disk and a server of each kind, and kills that run.
func TestRealNothingIsLeftOfATestThatIsKilled(t *testing.T) {
	Require(t)
	if os.Getenv("FTPRETRY_TO_BE_KILLED") == "1" {
		fmt.Printf("\nfolder %s\n", SmallDisk(t, "1m"))
		for _, kind := range Kinds() {
			s := Start(t, kind, Options{})
			fmt.Printf("\nfolder %s\n", s.dir)
		}
		fmt.Print("\nready\n")
		select {} // until it is killed
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "FTPRETRY_TO_BE_KILLED=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var folders []string
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		if folder, ok := strings.CutPrefix(lines.Text(), "folder "); ok {
			folders = append(folders, folder)
		}
	}
	require.Len(t, folders, 1+len(Kinds()))
	offspring := (&process{pid: cmd.Process.Pid}).family()
	assert.Greater(t, len(offspring), len(Kinds()), "the servers are running")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()

	assert.Eventually(t, func() bool { return len(alive(offspring)) == 0 }, limit, 10*time.Millisecond, "processes are left")
	for _, folder := range folders {
		assert.Eventually(t, func() bool { _, err := os.Stat(folder); return os.IsNotExist(err) }, limit, 10*time.Millisecond, folder)
	}
	left, err := filepath.Glob(fmt.Sprintf("/etc/pam.d/ftpretry-test-%d-*", cmd.Process.Pid))
	require.NoError(t, err)
	assert.Empty(t, left)
	mounts, err := os.ReadFile("/proc/mounts")
	require.NoError(t, err)
	assert.NotContains(t, string(mounts), folders[0])
}
