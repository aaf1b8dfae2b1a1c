package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// secret is the password in all tests: no output may hold it.
const secret = "open sesame"

// without in the environment of a process leaves the password out of it.
const without = "-"

// program is the command, built once.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "ftpretry-batch-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		program = filepath.Join(dir, "batch")
		if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// process is one run of the command.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err output
}

// output is what a process has written so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// launch starts the command in dir, with the password in its environment and
// the variables env, and no others of FTPRETRY_.
func launch(t *testing.T, dir string, env []string, in io.Reader, args ...string) *process {
	t.Helper()
	p := prepare(t, dir, env, in, args...)
	require.NoError(t, p.cmd.Start())
	return p
}

// prepare is launch up to the start.
func prepare(t *testing.T, dir string, env []string, in io.Reader, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	p := &process{t: t, cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Dir = dir
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, prefix) })
	p.cmd.Env = append(append(p.cmd.Env, passwordVariable+"="+secret), env...)
	if slices.Contains(env, without) {
		p.cmd.Env = slices.DeleteFunc(p.cmd.Env, func(v string) bool { return strings.HasPrefix(v, passwordVariable) })
	}
	p.cmd.Stdin = in
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	return p
}

// wait returns the exit status, -1 for a process that was killed, and holds
// what every output must be.
func (p *process) wait() int {
	p.t.Helper()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(p.t, err)
	}
	for _, text := range []string{p.out.String(), p.err.String()} {
		require.NotContains(p.t, text, secret)
		require.NotContains(p.t, text, "\x1b", "a terminal's commands, and this is none")
		require.NotContains(p.t, text, "goroutine ")
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// ran runs the command to its end.
func ran(t *testing.T, dir string, args ...string) (status int, out, errs string) {
	t.Helper()
	p := launch(t, dir, nil, nil, args...)
	status = p.wait()
	return status, p.out.String(), p.err.String()
}

// ranWith is ran with a standard input.
func ranWith(t *testing.T, dir, in string, args ...string) (status int, out, errs string) {
	t.Helper()
	p := launch(t, dir, nil, strings.NewReader(in), args...)
	status = p.wait()
	return status, p.out.String(), p.err.String()
}

// server is one that asks for the password.
func server(t *testing.T, cfg retrytest.Config) *retrytest.Server {
	t.Helper()
	cfg.Users = map[string]string{"u": secret}
	return retrytest.NewServer(t, cfg)
}

// to are the flags that lead to srv.
func to(srv *retrytest.Server, more ...string) []string {
	return append([]string{"-addr", srv.Addr(), "-user", "u", "-policy", "initial=1ms"}, more...)
}

// put writes files below a new directory, and returns it.
func put(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

// join makes one command line.
func join(parts ...[]string) []string { return slices.Concat(parts...) }
