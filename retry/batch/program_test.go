package batch_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// programs are what this test binary can be instead of tests, in a process of
// its own: to be killed, or to have its memory measured.
var programs = map[string]func(args []string) error{
	"nightly": nightly,
	"many":    many,
}

// asProgram is the environment variable that names one of them.
const asProgram = "FTPRETRY_TEST_PROGRAM"

func TestMain(m *testing.M) {
	run := programs[os.Getenv(asProgram)]
	if run == nil {
		os.Exit(m.Run())
	}
	if err := run(os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// program is one of the programs, ready to be started.
func program(ctx context.Context, t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asProgram+"="+name)
	return cmd
}
