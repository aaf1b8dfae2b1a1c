//go:build linux

package batch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// realRunner is a runner for a server; its client sets times where it can.
func realRunner(t *testing.T, s *ftpd.Server, change ...func(*retry.Config)) batch.Runner {
	t.Helper()
	cfg := retry.Config{
		Addr: s.Addr, User: s.User, Password: s.Password, MaxConns: 4,
		ConnectTimeout: 5 * time.Second, ReplyTimeout: 5 * time.Second, StallTimeout: 5 * time.Second,
		Policy: policy.Policy{Attempts: 10, Initial: 20 * time.Millisecond, Max: 200 * time.Millisecond},
	}
	for _, c := range change {
		c(&cfg)
	}
	c, err := retry.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return batch.Runner{Client: c, Workers: 4}
}

// realServers runs a test against every program.
func realServers(t *testing.T, test func(t *testing.T, s *ftpd.Server)) {
	t.Helper()
	ftpd.Require(t)
	for _, kind := range ftpd.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, ftpd.Start(t, kind, ftpd.Options{AllowStoreRestart: kind == ftpd.ProFTPD}))
		})
	}
}

// odd are names that have been trouble somewhere.
var odd = []string{
	"plain", ".hidden", "with blank", "[brackets]", "star*", "question?", "-dash", "a;b", "quote'\"", "caf\xc3\xa9", "100%",
	"d/e/f/g", "d/.h/i", "empty/", "deep/empty/", "x [y]/z", "-dir/w", "{a,b}/c", "~home",
}

func TestRealMirrorIsAsItsSourceAndASecondRunFindsNothingToDo(t *testing.T) {
	for name, change := range map[string]func(*retry.Config){"": func(*retry.Config) {}, "with MDTM that sets times": writingMDTM} {
		t.Run(name, func(t *testing.T) {
			realServers(t, func(t *testing.T, s *ftpd.Server) {
				if name != "" && s.Kind != ftpd.VSFTPD {
					return
				}
				up, down := t.TempDir(), t.TempDir()
				plant(t, up, odd...)
				if s.Kind != ftpd.PureFTPd { // prohibits it
					plant(t, up, `back\slash`)
				}
				r := realRunner(t, s, change)
				var plan planned

				rep, err := r.MirrorUp(t.Context(), batch.Mirror{Local: up, Remote: "/new/in"})
				require.NoError(t, err)
				assert.Zero(t, rep.Jobs.Failed+rep.Jobs.Unknown, rep.Problems)
				assert.Equal(t, local(t, up), local(t, filepath.Join(s.Root, "new", "in")))

				rep, err = r.MirrorUp(t.Context(), batch.Mirror{Local: up, Remote: "/new/in", Delete: true, Plan: plan.tell})
				require.NoError(t, err)
				assert.Zero(t, rep.Jobs, plan.steps)

				rep, err = r.MirrorDown(t.Context(), batch.Mirror{Local: down, Remote: "/new/in"})
				require.NoError(t, err)
				assert.Zero(t, rep.Jobs.Failed+rep.Jobs.Unknown, rep.Problems)
				assert.Equal(t, local(t, up), local(t, down))

				rep, err = r.MirrorDown(t.Context(), batch.Mirror{Local: down, Remote: "/new/in", Delete: true, Plan: plan.tell})
				require.NoError(t, err)
				assert.Zero(t, rep.Jobs, plan.steps)
			})
		})
	}
}

func TestRealMirrorDeletesWhatIsExtraneousAndNoMore(t *testing.T) {
	realServers(t, func(t *testing.T, s *ftpd.Server) {
		outside := filepath.Join(s.Root, "outside")
		at := filepath.Join(s.Root, "in")
		plant(t, outside, "precious", "d/precious")
		plant(t, at, "a", "x", "y/z/1", "y/z/.2", "y/e/", "keep.me", "w/keep.me", "w/x")
		s.Adopt()
		require.NoError(t, os.Symlink("../outside", filepath.Join(at, "link to a directory")))
		require.NoError(t, os.Symlink("../../outside", filepath.Join(at, "y", "link")))
		require.NoError(t, os.Symlink("../outside/precious", filepath.Join(at, "link to a file")))
		src := t.TempDir()
		plant(t, src, "a", "b")
		r := realRunner(t, s)
		var plan planned

		rep, err := r.MirrorUp(t.Context(), batch.Mirror{Local: src, Remote: "in", Delete: true, Exclude: []string{"keep.me"}, Plan: plan.tell})

		require.NoError(t, err)
		assert.Zero(t, rep.Jobs.Failed+rep.Jobs.Unknown, rep.Problems)
		assert.Equal(t, []string{"a", "b", "keep.me", "w/keep.me"}, names(local(t, at)), plan.steps)
		assert.Equal(t, []string{"d/precious", "precious"}, names(local(t, outside)))
	})
}

func TestRealMirrorDownOfLinks(t *testing.T) {
	realServers(t, func(t *testing.T, s *ftpd.Server) {
		at := filepath.Join(s.Root, "in")
		plant(t, at, "d/f", "f", "d/e/g")
		s.Adopt()
		require.NoError(t, os.Symlink("..", filepath.Join(at, "d", "up")))
		require.NoError(t, os.Symlink("../f", filepath.Join(at, "d", "file")))
		require.NoError(t, os.Symlink("nowhere", filepath.Join(at, "dangling")))
		dst := t.TempDir()
		r := realRunner(t, s)

		for range 2 {
			rep, err := r.MirrorDown(t.Context(), batch.Mirror{Local: dst, Remote: "in"})

			require.NoError(t, err)
			got := local(t, dst)
			if s.Kind == ftpd.Pyftpdlib { // shows links as what they lead to
				assert.Equal(t, map[string]string{"f": "content of f", "d/f": "content of d/f", "d/e/g": "content of d/e/g", "d/file": "content of f"}, got)
				require.Len(t, rep.Problems, 1)
				assert.Contains(t, rep.Problems[0].Error, "taken for a link to that")
				continue
			}
			assert.Equal(t, map[string]string{"f": "content of f", "d/f": "content of d/f", "d/e/g": "content of d/e/g"}, got)
			assert.Zero(t, rep.Jobs.Failed)
			assert.GreaterOrEqual(t, rep.Notes["a symbolic link is not copied"], int64(2)) // ProFTPD shows none that dangle
		}
	})
}
