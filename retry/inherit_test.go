package retry_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAnUploadGoesOnWithTheTemporaryOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	content := pattern(100_000)
	other := bytes.Repeat([]byte("z"), 60_000)
	for name, test := range map[string]struct {
		there []byte // nil = nothing
		cfg   retrytest.Config
		sent  int64 // bytes that the server receives
		left  bool
	}{
		"what is there is not sent again":              {there: content[:60_000], sent: 40_000, left: true},
		"all of it is there":                           {there: content, sent: 0, left: true},
		"an empty file is there":                       {there: []byte{}, sent: 100_000, left: true},
		"nothing is there":                             {sent: 100_000, left: true},
		"more is there than the content has":           {there: append(content[:100_000:100_000], 1), sent: 100_000, left: true},
		"other bytes are there, as their end shows":    {there: other, sent: 100_000, left: true},
		"other bytes are there, as the hash shows":     {there: append(other[:50_000:50_000], content[50_000:60_000]...), sent: 140_000, left: true},
		"the server does not resume uploads":           {there: content[:60_000], sent: 100_000, left: true, cfg: retrytest.Proftpd()},
		"what is there is not said to be this content": {there: content[:60_000], sent: 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, test.cfg)
			c := client(t, srv, atomically)
			temp := c.TempName("/f", "ABCDEFGHIJ")
			if test.there != nil {
				require.NoError(t, srv.WriteFile(temp, test.there))
			}
			local := filepath.Join(t.TempDir(), "f")
			require.NoError(t, os.WriteFile(local, content, 0o600))
			var done retry.Done
			told := c.WithHooks(retry.Hooks{Done: func(_ context.Context, d retry.Done) { done = d }})

			err := told.StorFile(retry.WithTemp(t.Context(), retry.Temp{Name: temp, Left: test.left}), "/f", local)

			require.NoError(t, err)
			assert.Equal(t, []string{"/f"}, srv.Names())
			got, err := srv.ReadFile("/f")
			require.NoError(t, err)
			assert.True(t, bytes.Equal(content, got))
			var sent int64
			for _, e := range srv.Log() {
				if e.Command == "STOR" {
					sent += e.Bytes
					assert.Equal(t, temp, e.Arg)
				}
			}
			assert.Equal(t, test.sent, sent)
			assert.Equal(t, sent, done.Moved)
		})
	}
}

func TestATemporaryIsKeptForTheNextRunUnlessThereIsNoUseInOne(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply string
		keep  bool
		left  bool
	}{
		"a failure that may heal":                  {"452 Disk full.", true, true},
		"a failure that may heal, and not asked":   {"452 Disk full.", false, false},
		"a failure that never heals, though asked": {"553 Not this name.", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, retrytest.Config{})
			srv.Inject(retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 500, Reply: test.reply, Times: -1})
			c := client(t, srv, atomically).WithPolicy(policy.Policy{Attempts: 1})
			temp := c.TempName("/f", "ABCDEFGHIJ")
			ctx := retry.WithTemp(t.Context(), retry.Temp{Name: temp, Keep: test.keep})
			require.Error(t, c.Stor(ctx, "/f", retry.Bytes(pattern(1000))))
			assert.Equal(t, test.left, srv.Exists(temp))
			assert.False(t, srv.Exists("/f"))
		})
	}
}

func TestWhatAnEarlierRunMayHaveDoneIsDoneWhereTheServerShowsIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		there   []string
		run     func(context.Context, *retry.Client) error
		done    bool
		unknown bool
		after   []string
	}{
		"a file that is gone is deleted": {
			run:  func(ctx context.Context, c *retry.Client) error { return c.Delete(ctx, "/a") },
			done: true, after: []string{},
		},
		"a file that is there is deleted now": {
			there: []string{"/a"},
			run:   func(ctx context.Context, c *retry.Client) error { return c.Delete(ctx, "/a") },
			done:  true, after: []string{},
		},
		"a directory that is gone is removed": {
			run:  func(ctx context.Context, c *retry.Client) error { return c.RemoveDir(ctx, "/a") },
			done: true, after: []string{},
		},
		"a file that has its new name is renamed": {
			there: []string{"/b"},
			run:   func(ctx context.Context, c *retry.Client) error { return c.Rename(ctx, "/a", "/b") },
			done:  true, after: []string{"/b"},
		},
		"a file that has its old name is renamed now": {
			there: []string{"/a"},
			run:   func(ctx context.Context, c *retry.Client) error { return c.Rename(ctx, "/a", "/b") },
			done:  true, after: []string{"/b"},
		},
		"with a file under both names nobody knows": {
			there:   []string{"/a", "/b"},
			run:     func(ctx context.Context, c *retry.Client) error { return c.Rename(ctx, "/a", "/b") },
			unknown: true, after: []string{"/a", "/b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, retrytest.Config{})
			for _, f := range test.there {
				require.NoError(t, srv.WriteFile(f, []byte("x")))
			}
			err := test.run(retry.WithMaybeDone(t.Context()), client(t, srv))
			assert.Equal(t, test.done, err == nil, "%v", err)
			assert.Equal(t, test.unknown, errors.Is(err, retry.ErrOutcomeUnknown), "%v", err)
			assert.ElementsMatch(t, test.after, srv.Names())
		})
	}
}
