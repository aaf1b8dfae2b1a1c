//go:build linux

package ftpretry_test

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
)

// The tests named TestReal... run against vsftpd, ProFTPD, Pure-FTPd and pyftpdlib themselves: see internal/ftpd.

// realServers runs a test against every program at once, but those that cannot show what it tests.
func realServers(t *testing.T, run func(t *testing.T, kind ftpd.Kind), except ...ftpd.Kind) {
	t.Helper()
	ftpd.Require(t)
	for _, kind := range ftpd.Kinds() {
		if slices.Contains(except, kind) {
			continue
		}
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			run(t, kind)
		})
	}
}

// realContext bounds a test: what a real server makes last longer than this is a hang.
func realContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // only a hang takes as long
	t.Cleanup(cancel)
	return ctx
}

// realConfig is a client's for the server: waits so short that a test can wait for many of them.
func realConfig(s *ftpd.Server, seen *realEvents) retry.Config {
	cfg := retry.Config{
		Addr: s.Addr, User: s.User, Password: s.Password, TLS: s.TLS,
		ConnectTimeout: 5 * time.Second, ReplyTimeout: 3 * time.Second, StallTimeout: 3 * time.Second,
		Policy: policy.Policy{Attempts: 20, Initial: 50 * time.Millisecond, Max: 200 * time.Millisecond},
	}
	if s.Kind == ftpd.VSFTPD {
		// It has no MFMT, and takes MDTM with a time in place of it.
		cfg.FTP = append(cfg.FTP, ftp.DialWithWritingMDTM(true))
	}
	if seen != nil {
		cfg.Hooks = seen.hooks()
	}
	return cfg
}

func realClient(t *testing.T, cfg retry.Config) *retry.Client {
	t.Helper()
	c, err := retry.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// realEvents is what the hooks told, and what to do while an operation waits.
type realEvents struct {
	mu     sync.Mutex
	failed []retry.Failed
	waits  int
	done   []retry.Done
	atWait func() // called at the first wait
	once   sync.Once
}

func (e *realEvents) hooks() retry.Hooks {
	return retry.Hooks{
		Failed: func(_ context.Context, f retry.Failed) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.failed = append(e.failed, f)
		},
		Wait: func(context.Context, retry.Wait) {
			e.mu.Lock()
			e.waits++
			e.mu.Unlock()
			e.once.Do(func() {
				if e.atWait != nil {
					e.atWait()
				}
			})
		},
		Done: func(_ context.Context, d retry.Done) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.done = append(e.done, d)
		},
	}
}

// attempts is how many the last operation took.
func (e *realEvents) attempts() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.done) == 0 {
		return 0
	}
	return e.done[len(e.done)-1].Attempts
}

// most is the largest number of attempts that an operation took.
func (e *realEvents) most() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, d := range e.done {
		n = max(n, d.Attempts)
	}
	return n
}

// first returns the code that the first failure was judged by, and its words, for messages.
func (e *realEvents) first() (code int, f retry.Failed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.failed) == 0 {
		return 0, retry.Failed{}
	}
	f = e.failed[0]
	if f.Verdict.Reply != nil {
		code = f.Verdict.Reply.Code
	}
	return code, f
}

// plantReal puts a tree on the server's disk, in place of what is there.
func plantReal(t *testing.T, s *ftpd.Server, tree map[string]string) {
	t.Helper()
	old, err := os.ReadDir(s.Root)
	require.NoError(t, err)
	for _, e := range old {
		require.NoError(t, os.RemoveAll(filepath.Join(s.Root, e.Name())))
	}
	for name, content := range tree {
		local := filepath.Join(s.Root, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(local, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(local), 0o755))
		require.NoError(t, os.WriteFile(local, []byte(content), 0o600))
		require.NoError(t, os.Chtimes(local, stamp, stamp))
	}
	s.Adopt()
}

// harvestReal reads the server's disk.
func harvestReal(t *testing.T, s *ftpd.Server) map[string]string {
	t.Helper()
	tree := map[string]string{}
	require.NoError(t, filepath.WalkDir(s.Root, func(local string, d fs.DirEntry, err error) error {
		if err != nil || local == s.Root {
			return err
		}
		name := path.Clean("/" + filepath.ToSlash(strings.TrimPrefix(local, s.Root)))
		if d.IsDir() {
			tree[name+"/"] = ""
			return nil
		}
		content, err := os.ReadFile(local)
		tree[name] = string(content)
		return err
	}))
	return tree
}

// realWays are the ways to reach a server.
var realWays = map[string]ftpd.Options{
	"in clear text":                        {AllowStoreRestart: true},
	"over TLS":                             {AllowStoreRestart: true, TLS: true},
	"over TLS, where reuse is insisted on": {AllowStoreRestart: true, TLS: true, RequireReuse: true},
}

// realMissing says which operations a program cannot serve. They must fail at once and say so.
var realMissing = map[ftpd.Kind][]string{
	ftpd.VSFTPD:  {"GetEntry"},            // it has no MLST
	ftpd.ProFTPD: {"Conn.RemoveDirRecur"}, // 1.3.8 lists nothing whose path begins with ".."
}

func TestRealEveryOperationAtEveryServer(t *testing.T) {
	ftpd.Require(t)
	for way, options := range realWays {
		t.Run(way, func(t *testing.T) {
			t.Parallel() // proftpd sleeps for 0.4 s after each session
			var except []ftpd.Kind
			if options.RequireReuse {
				except = []ftpd.Kind{ftpd.PureFTPd, ftpd.Pyftpdlib} // they cannot insist
			}
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, options)
				for _, op := range operations {
					t.Run(op.name, func(t *testing.T) { realOperation(t, s, op) })
				}
			}, except...)
		})
	}
}

func realOperation(t *testing.T, s *ftpd.Server, op operation) {
	t.Helper()
	plantReal(t, s, before())
	var seen realEvents
	err := op.run(realContext(t), t, realConfig(s, &seen))
	if slices.Contains(realMissing[s.Kind], op.name) {
		require.ErrorIs(t, err, retry.ErrPermanent)
		return
	}
	require.NoError(t, err, s.Log())
	assert.Empty(t, differences(op.wanted(), harvestReal(t, s)))
	if strings.Contains(op.name, "RemoveDirRecur") {
		return // it tries DELE on directories too, which may be links to one
	}
	_, f := seen.first()
	assert.NoError(t, f.Err, "an attempt failed")
}

func TestRealATreeIsAFileSystem(t *testing.T) {
	realServers(t, func(t *testing.T, kind ftpd.Kind) {
		s := ftpd.Start(t, kind, ftpd.Options{})
		plantReal(t, s, before())
		c := realClient(t, realConfig(s, nil))
		require.NoError(t, fstest.TestFS(c.FS(realContext(t)), "old", "file", "dir/one", "dir/two", "tree/sub/leaf", "tree/top"))
	})
}

func TestRealAWrongPasswordIsSentOnce(t *testing.T) {
	realServers(t, func(t *testing.T, kind ftpd.Kind) {
		s := ftpd.Start(t, kind, ftpd.Options{})
		var seen realEvents
		cfg := realConfig(s, &seen)
		cfg.Password = "wrong"
		cfg.ReplyTimeout = 10 * time.Second // pure-ftpd thinks about it for several seconds
		_, err := realClient(t, cfg).FileSize(realContext(t), "/file")
		require.ErrorIs(t, err, retry.ErrPermanent)
		assert.NotContains(t, err.Error(), "wrong")
		assert.Equal(t, 1, seen.attempts())
	})
}

func TestRealWhatIsMissingIsToldAtOnce(t *testing.T) {
	ftpd.Require(t)
	for name, run := range map[string]func(ctx context.Context, t *testing.T, c *retry.Client) error{
		"FileSize": func(ctx context.Context, _ *testing.T, c *retry.Client) error {
			_, err := c.FileSize(ctx, "/none")
			return err
		},
		"GetTime": func(ctx context.Context, _ *testing.T, c *retry.Client) error {
			_, err := c.GetTime(ctx, "/none")
			return err
		},
		"Delete":    func(ctx context.Context, _ *testing.T, c *retry.Client) error { return c.Delete(ctx, "/none") },
		"RemoveDir": func(ctx context.Context, _ *testing.T, c *retry.Client) error { return c.RemoveDir(ctx, "/none") },
		"Rename":    func(ctx context.Context, _ *testing.T, c *retry.Client) error { return c.Rename(ctx, "/none", "/new") },
		"Stor": func(ctx context.Context, _ *testing.T, c *retry.Client) error {
			return c.Stor(ctx, "/none/new", retry.Bytes(nil))
		},
		"Retr": func(ctx context.Context, _ *testing.T, c *retry.Client) error {
			_, err := c.Retr(ctx, "/none", io.Discard)
			return err
		},
		"RetrFile": func(ctx context.Context, t *testing.T, c *retry.Client) error {
			local := filepath.Join(t.TempDir(), "local")
			err := c.RetrFile(ctx, "/none", local)
			assert.NoFileExists(t, local)
			return err
		},
		"Open": func(ctx context.Context, _ *testing.T, c *retry.Client) error {
			r, err := c.Open(ctx, "/none")
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.ReadAll(r)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, ftpd.Options{})
				var seen realEvents
				err := run(realContext(t), t, realClient(t, realConfig(s, &seen)))
				require.ErrorIs(t, err, retry.ErrPermanent)
				assert.Equal(t, 1, seen.attempts(), err)
				assert.Empty(t, harvestReal(t, s))
			})
		})
	}
}
