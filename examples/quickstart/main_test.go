package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// localTree makes a small tree to send.
func localTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string]string{"a.txt": "alpha", "empty": "", "sub/b.txt": "beta", "sub/deeper/c.txt": strings.Repeat("gamma", 1000), ".hidden": "x"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, path.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644))
	}
	return dir
}

// requireRemoved checks that the directory that the output speaks of is gone.
func requireRemoved(t *testing.T, srv *retrytest.Server, output string) {
	t.Helper()
	told := regexp.MustCompile(`(?m)^upload to (\S+)$`).FindStringSubmatch(output)
	require.NotNil(t, told, output)
	require.False(t, srv.Exists(told[1]), told[1])
}

func TestTheDemonstrationMeetsEveryFaultAndSucceeds(t *testing.T) {
	for name, where := range map[string]string{"in this module": ".", "elsewhere, with made-up files": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(where)
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), nil, &out), out.String())
			text := out.String()
			var waited time.Duration
			for _, wait := range regexp.MustCompile(`(?m)^ +wait +(\S+),`).FindAllStringSubmatch(text, -1) {
				d, err := time.ParseDuration(wait[1])
				require.NoError(t, err)
				waited += d
			}
			require.Positive(t, waited)
			require.Less(t, waited, 5*time.Second, "nobody waits long for a demonstration")
			require.Regexp(t, `(?m)^faults met\s+11 of 11$`, text)
			// A session that was ended may be seen to be dead before it is used.
			require.Regexp(t, `(?m)^replays\s+busy 2, storage 1, overload [12], datachannel \d, security 1, network \d$`, text)
			require.Regexp(t, `(?m)^all \d+ files identical$`, text)
			for _, want := range []string{"STOR: 450 ", "STOR: 451 ", "STOR: 452 ", "AUTH: 431 ", "RETR: 426 ", "MLSD: 425 ", "421 Too many users", "verdict  storage", "wait     ", "no wait  "} {
				require.Contains(t, text, want)
			}
			require.NotContains(t, text, "gave up")
			for line := range strings.Lines(text) {
				require.LessOrEqual(t, len(line), width+1, line)
			}
		})
	}
}

func TestAServerOfTheUsersIsLeftAsItWas(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{Users: map[string]string{"u": "open sesame"}})
	require.NoError(t, srv.WriteFile("in/keep.txt", []byte("mine")))
	srv.Inject(retrytest.Fault{On: "STOR", Nth: 2, Reply: "450 File busy."})
	t.Setenv(passwordVariable, "open sesame")
	var out bytes.Buffer
	args := []string{"-addr", srv.Addr(), "-user", "u", "-dir", "/in", "-tree", localTree(t), "-policy", "initial=1ms", "-v"}
	require.NoError(t, run(t.Context(), args, &out), out.String())
	require.Contains(t, out.String(), "all 4 files identical")
	require.Contains(t, out.String(), "450 File busy.")
	require.NotContains(t, out.String(), "sesame")
	require.Equal(t, map[string][]byte{"/in/keep.txt": []byte("mine")}, srv.Files())
	requireRemoved(t, srv, out.String())
}

func TestAFileThatComesBackDifferentIsAFailure(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	srv.Inject(retrytest.Fault{On: "RETR", Nth: 2, Run: func() {
		for name := range srv.Files() {
			if path.Base(name) == "b.txt" {
				require.NoError(t, srv.WriteFile(name, []byte("BETA")))
			}
		}
	}})
	var out bytes.Buffer
	err := run(t.Context(), []string{"-addr", srv.Addr(), "-tree", localTree(t)}, &out)
	require.ErrorContains(t, err, "sub/b.txt came back different")
	require.Contains(t, out.String(), "1 of 4 files did not make it")
	requireRemoved(t, srv, out.String())
}

func TestAFileThatIsNotListedIsAFailure(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{Without: []string{"MLSD"}, Quirks: retrytest.Quirks{HideDotFiles: true}})
	srv.Inject(retrytest.Fault{On: "LIST", Run: func() {
		for name := range srv.Files() {
			if path.Base(name) == "empty" {
				require.NoError(t, srv.Remove(name))
			}
		}
	}})
	var out bytes.Buffer
	require.Error(t, run(t.Context(), []string{"-addr", srv.Addr(), "-tree", localTree(t)}, &out))
	require.NotContains(t, out.String(), "files identical")
}

func TestWhatWasBegunIsRemovedAfterAnInterrupt(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	srv.Inject(retrytest.Fault{On: "STOR", Nth: 2, Run: cancel, Stall: true})
	var out bytes.Buffer
	err := run(ctx, []string{"-addr", srv.Addr(), "-tree", localTree(t)}, &out)
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, out.String(), "gave up")
	requireRemoved(t, srv, out.String())
}

func TestTheCommandLineIsChecked(t *testing.T) {
	for what, row := range map[string]struct {
		args []string
		want string
	}{
		"a name for a server that lets everybody in": {[]string{"-user", "u"}, "give -addr too"},
		"TLS without a server":                       {[]string{"-tls"}, "give -addr too"},
		"an argument too many":                       {[]string{"x"}, `unexpected argument "x"`},
		"no policy":                                  {[]string{"-policy", "attempts=some"}, "attempts"},
		"no files":                                   {[]string{"-tree", t.TempDir()}, "has no files"},
		"no directory":                               {[]string{"-tree", "no/such"}, "no/such"},
		"no address":                                 {[]string{"-addr", "a b", "-tree", localTree(t)}, "Addr"},
	} {
		t.Run(what, func(t *testing.T) {
			var out bytes.Buffer
			require.ErrorContains(t, run(t.Context(), row.args, &out), row.want)
		})
	}
	var out bytes.Buffer
	require.ErrorIs(t, run(t.Context(), []string{"-h"}, &out), flag.ErrHelp)
	require.Contains(t, out.String(), "-policy")
}

func TestTLSIsForTheServersOwnName(t *testing.T) {
	for addr, name := range map[string]string{"ftp.example.com:2121": "ftp.example.com", "ftp.example.com": "ftp.example.com", "[::1]:21": "::1"} {
		s, err := connectTo(&options{addr: addr, tls: true}, tree{})
		require.NoError(t, err)
		require.Equal(t, &tls.Config{ServerName: name}, s.config.TLS)
		s.close()
	}
}
