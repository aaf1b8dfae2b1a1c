package retry_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func atomically(cfg *retry.Config) { cfg.Upload = retry.Atomic }

func TestTheTemporaryNameIsAsConfigured(t *testing.T) {
	for pattern, want := range map[string]string{
		"":                      `^/d/report\.csv\.[A-Z2-7]{10}\.ftpretry$`,
		".{name}.{random}.tmp":  `^/d/\.report\.csv\.[A-Z2-7]{10}\.tmp$`,
		"upload-{random}":       `^/d/upload-[A-Z2-7]{10}$`,
		"{random}.{name}.part+": `^/d/[A-Z2-7]{10}\.report\.csv\.part\+$`,
	} {
		srv := retrytest.NewServer(t, retrytest.Config{})
		require.NoError(t, srv.Mkdir("/d"))
		c := client(t, srv, atomically, func(cfg *retry.Config) { cfg.TempName = pattern })
		require.NoError(t, c.Stor(t.Context(), "/d/report.csv", retry.Bytes([]byte("x"))))
		stored := ""
		for _, line := range srv.Commands() {
			if name, ok := strings.CutPrefix(line, "STOR "); ok {
				stored = name
			}
		}
		assert.Regexp(t, want, stored)
		assert.Equal(t, []string{"/d/report.csv"}, srv.Names())
	}
	for _, pattern := range []string{"tmp", "{name}", "{random}", "{name}{random}", "{name}{name}{random}.x", "{random}{random}.x", "../{random}.x", "a/{random}", "{random}\n.x", "{nam}.{random}"} {
		_, err := retry.New(retry.Config{Addr: "h", TempName: pattern})
		assert.ErrorContains(t, err, "config: TempName is", pattern)
	}
}

func TestLongNamesHaveTemporaryNamesThatFit(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	c := client(t, srv, atomically)
	name := "/" + strings.Repeat("\u00e4", 125) // 250 bytes
	require.NoError(t, c.Stor(t.Context(), name, retry.Bytes([]byte("x"))))
	for _, line := range srv.Commands() {
		if temp, ok := strings.CutPrefix(line, "STOR "); ok {
			assert.LessOrEqual(t, len(temp), 256)
			assert.Equal(t, temp, strings.ToValidUTF8(temp, "?"))
		}
	}
}

// IIS refuses to rename onto a name that exists.
func TestAServerThatDoesNotRenameOntoAnExistingFile(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		srv := retrytest.NewServer(t, retrytest.Config{Quirks: retrytest.Quirks{KeepOnRename: true}})
		require.NoError(t, srv.WriteFile("/f", []byte("old")))
		c := client(t, srv, atomically, func(cfg *retry.Config) { cfg.ReplaceByDelete = allowed })
		err := c.Stor(t.Context(), "/f", retry.Bytes([]byte("new")))
		got, _ := srv.ReadFile("/f")
		if allowed {
			require.NoError(t, err)
			assert.Equal(t, "new", string(got))
		} else {
			require.ErrorIs(t, err, retry.ErrPermanent)
			assert.ErrorContains(t, err, "Config.ReplaceByDelete")
			assert.ErrorIs(t, err, fs.ErrExist)
			assert.Equal(t, "old", string(got))
		}
		assert.Equal(t, []string{"/f"}, srv.Names(), "the temporary is left")
		require.NoError(t, c.Stor(t.Context(), "/g", retry.Bytes([]byte("new"))))
	}
}

func TestTheTemporaryIsRemovedHoweverAnUploadEnds(t *testing.T) {
	broken := errors.New("source is broken")
	for name, test := range map[string]struct {
		faults []retrytest.Fault
		src    retry.Source
		left   bool
	}{
		"given up":               {faults: []retrytest.Fault{{On: "RNTO", Reply: "450 busy", Times: -1}}},
		"refused":                {faults: []retrytest.Fault{{On: "RNTO", Reply: "553 no", Times: -1}}},
		"broken off by the data": {faults: []retrytest.Fault{{On: "STOR", Data: retrytest.RST, At: 3, Reply: "552 Quota exceeded", Times: -1}}},
		"its source failed":      {src: retry.Reader(io.MultiReader(strings.NewReader("half"), failing{broken}))},
		"never begun":            {faults: []retrytest.Fault{{On: "STOR", Reply: "553 no", Times: -1}}},
		"and it cannot be": {left: true, faults: []retrytest.Fault{
			{On: "RNTO", Reply: "553 no", Times: -1}, {On: "DELE", Reply: "550 Permission denied.", Times: -1}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, Faults: test.faults})
				require.NoError(t, srv.WriteFile("/f", []byte("old")))
				c := client(t, srv, atomically, func(cfg *retry.Config) { cfg.Policy.Attempts = 3 })
				src := test.src
				if src == nil {
					src = retry.Bytes([]byte("new content"))
				}
				err := c.Stor(t.Context(), "/f", src)
				require.Error(t, err)
				got, _ := srv.ReadFile("/f")
				assert.Equal(t, "old", string(got))
				if test.left {
					assert.Len(t, srv.Names(), 2)
					assert.ErrorContains(t, err, "left behind: /f.")
				} else {
					assert.Equal(t, []string{"/f"}, srv.Names())
				}
				require.NoError(t, c.Close())
			})
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// The tidying up ends with the caller's context, a moment after it.
func TestCancellationWhileTidyingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, Faults: []retrytest.Fault{
			{On: "RNTO", Reply: "553 no"}, {On: "DELE", Stall: true, Times: -1}}})
		c := client(t, srv, atomically)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Stor(ctx, "/f", retry.Bytes([]byte("new"))) }()
		time.Sleep(time.Second)
		start := time.Now()
		cancel()
		require.Error(t, <-done)
		assert.LessOrEqual(t, time.Since(start), 100*time.Millisecond)
		require.NoError(t, c.Close())
	})
}

func TestCleanTempRemovesWhatKilledRunsHaveLeft(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	old := time.Now().Add(-48 * time.Hour)
	for name, at := range map[string]time.Time{
		"/d/a.csv.ABCDEFGH23.ftpretry": old,
		"/d/b.csv.ABCDEFGH24.ftpretry": time.Now(), // of an upload that is under way
		"/d/a.csv":                     old,
		"/d/notes.ftpretry":            old,
		"/d/c.csv.abcdefgh23.ftpretry": old,
		"/d/d.csv.ABCDEFGH25.ftpretry": old,
	} {
		require.NoError(t, srv.WriteFile(name, []byte("x")))
		require.NoError(t, srv.Chtimes(name, at))
	}
	c := client(t, srv)
	srv.Inject(retrytest.Fault{On: "DELE", Path: "/d/d.csv.ABCDEFGH25.ftpretry", Reply: "550 Permission denied.", Times: -1})
	removed, err := c.CleanTemp(t.Context(), "/d", 24*time.Hour)
	assert.Equal(t, []string{"/d/a.csv.ABCDEFGH23.ftpretry"}, removed)
	require.ErrorIs(t, err, retry.ErrPermanent)
	assert.Len(t, srv.Names(), 5)
	_, err = c.CleanTemp(t.Context(), "/d", -1)
	require.Error(t, err)
	_, err = c.CleanTemp(t.Context(), "/none", 0)
	require.Error(t, err)
}
