package retry_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// fsTree is what the servers of these tests hold; nil is a directory.
var fsTree = map[string][]byte{
	"readme.txt":          []byte("read me"),
	"empty.bin":           {},
	"a name with blanks":  []byte("blanks"),
	"-rf":                 []byte("dash"),
	"in/deep/er/data.csv": []byte(strings.Repeat("1;2;3\n", 20_000)),
	"in/also.csv":         []byte("x"),
	"in/in/in":            []byte("a file named as its directory"),
	"void":                nil,
	"-l/file":             []byte("dash"),
}

// serveTree starts a server with fsTree and returns a client's view of it.
func serveTree(t *testing.T, cfg retrytest.Config, change ...func(*retry.Config)) (*retrytest.Server, fs.FS) {
	t.Helper()
	srv := retrytest.NewServer(t, cfg)
	stamp := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	for name, data := range fsTree {
		if data == nil {
			require.NoError(t, srv.Mkdir(name))
			continue
		}
		require.NoError(t, srv.WriteFile(name, data))
		require.NoError(t, srv.Chtimes(name, stamp))
	}
	conf := retry.Config{
		Addr: srv.Addr(), Dial: srv.Dial,
		Policy: policy.Policy{Initial: time.Millisecond, Max: 2 * time.Millisecond},
	}
	for _, f := range change {
		f(&conf)
	}
	c, err := retry.New(conf)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return srv, c.FS(t.Context())
}

// sent counts the commands that begin with one of the given verbs.
func sent(srv *retrytest.Server, verbs ...string) (n int) {
	for _, line := range srv.Commands() {
		verb, _, _ := strings.Cut(line, " ")
		if slices.Contains(verbs, verb) {
			n++
		}
	}
	return n
}

// listings are the two ways of a server to say what it has.
var listings = map[string]retrytest.Config{
	"with MLST":    {},
	"without MLST": {Without: []string{"MLSD"}},
}

func TestAServersFilesAreAFileSystem(t *testing.T) {
	for name, cfg := range map[string]retrytest.Config{
		"with MLST":                           {},
		"with MLST and dots in listings":      {Quirks: retrytest.Quirks{DotEntries: true}},
		"without MLST":                        {Without: []string{"MLSD"}},
		"without MLST, with dots in listings": {Without: []string{"MLSD"}, Quirks: retrytest.Quirks{DotEntries: true}},
		"with neither MLST, SIZE nor MDTM":    {Without: []string{"MLSD", "SIZE", "MDTM"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, fsys := serveTree(t, cfg)
			expected := make([]string, 0, len(fsTree))
			for name := range fsTree {
				expected = append(expected, name)
			}
			require.NoError(t, fstest.TestFS(fsys, expected...))
			for name, want := range fsTree {
				if want == nil {
					continue
				}
				got, err := fs.ReadFile(fsys, name)
				require.NoError(t, err)
				require.Equal(t, len(want), len(got), name)
				require.Equal(t, string(want), string(got), name)
			}
		})
	}
}

func TestAnEmptyServerIsAnEmptyFileSystem(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	c, err := retry.New(retry.Config{Addr: srv.Addr()})
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, fstest.TestFS(c.FS(t.Context())))
}

func TestTheRootOfAServerThatIsAwayIsAnError(t *testing.T) {
	for way, cfg := range listings {
		t.Run(way, func(t *testing.T) {
			srv, fsys := serveTree(t, cfg)
			info, err := fs.Stat(fsys, ".")
			require.NoError(t, err)
			require.True(t, info.IsDir())
			require.Equal(t, ".", info.Name())
			srv.Down()
			_, err = fsys.Open(".")
			require.ErrorIs(t, err, retry.ErrAttempts)
		})
	}
}

func TestAFileSystemOutlivesItsServersFaults(t *testing.T) {
	for name, faults := range map[string][]retrytest.Fault{
		"busy now and then": {
			{On: "MLST", Nth: 2, Reply: "450 Requested file action not taken."},
			{On: "MLSD", Nth: 3, Reply: "451 Requested action aborted: local error in processing."},
			{On: "LIST", Nth: 4, Times: 2, Reply: "450 File busy."},
			{On: "RETR", Nth: 2, Times: 2, Reply: "450 File busy."},
		},
		"no data connection": {
			{On: "EPSV", Nth: 2, Times: 2, Reply: "425 Can't open data connection."},
			{On: "RETR", Nth: 1, Reply: "425 Can't open data connection."},
		},
		"listings and files cut off": {
			{On: "MLSD", Nth: 2, Data: retrytest.FIN, At: 30, Reply: "426 Connection closed."},
			{On: "LIST", Nth: 2, Data: retrytest.RST, At: 30, Reply: "426 Connection closed."},
			{On: "RETR", Path: "in/deep/er/data.csv", Data: retrytest.FIN, At: 70_000, Reply: "426 Connection closed."},
			{On: "RETR", Path: "readme.txt", Data: retrytest.RST, At: 3, Lose: true, Control: retrytest.RST},
		},
		"sessions lost": {
			{On: retrytest.Connect, Reply: "421 Too many users.", Control: retrytest.FIN},
			{On: "MLST", Nth: 5, Lose: true, Control: retrytest.RST},
			{On: "SIZE", Nth: 2, Lose: true, Control: retrytest.FIN},
			{On: "RETR", Nth: 3, After: true, Lose: true, Control: retrytest.FIN},
			{On: "MLSD", Nth: 4, Push: "421 Timeout.", Control: retrytest.FIN},
			{On: "LIST", Nth: 4, Push: "421 Timeout.", Control: retrytest.FIN},
		},
	} {
		for way, cfg := range listings {
			t.Run(name+", "+way, func(t *testing.T) {
				srv, fsys := serveTree(t, cfg)
				srv.Inject(faults...)
				before := srv.Pending()
				require.NoError(t, fstest.TestFS(fsys, "in/deep/er/data.csv", "void"))
				require.Less(t, srv.Pending(), before, "no fault was met")
			})
		}
	}
}

func TestADownloadBeginsWithTheFirstRead(t *testing.T) {
	srv, fsys := serveTree(t, retrytest.Config{})
	f, err := fsys.Open("readme.txt")
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	require.EqualValues(t, 7, info.Size())
	require.Zero(t, sent(srv, "RETR", "EPSV", "PASV"))
	_, err = f.Read(make([]byte, 1))
	require.NoError(t, err)
	require.Equal(t, 1, sent(srv, "RETR"))
	require.NoError(t, f.Close())
	_, err = f.Read(make([]byte, 1))
	require.ErrorIs(t, err, fs.ErrClosed)
	_, err = f.Stat()
	require.ErrorIs(t, err, fs.ErrClosed)
	require.ErrorIs(t, f.Close(), fs.ErrClosed)
}

func TestReadFileAsksNothingBesidesTheDownload(t *testing.T) {
	srv, fsys := serveTree(t, listings["without MLST"])
	_, err := fs.ReadFile(fsys, "in/also.csv")
	require.NoError(t, err)
	require.Zero(t, sent(srv, "LIST", "MLST", "NLST"))
	require.Equal(t, 1, sent(srv, "RETR"))
}

func TestAFileLeftHalfReadLeavesItsPlaceToOthers(t *testing.T) {
	_, fsys := serveTree(t, retrytest.Config{}, func(c *retry.Config) { c.MaxConns = 1 })
	for range 3 {
		f, err := fsys.Open("in/deep/er/data.csv")
		require.NoError(t, err)
		_, err = io.ReadFull(f, make([]byte, 10))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	got, err := fs.ReadFile(fsys, "readme.txt")
	require.NoError(t, err)
	require.Equal(t, "read me", string(got))
}

func TestCloseEndsAReadThatWaitsForAServer(t *testing.T) {
	for name, fault := range map[string]retrytest.Fault{
		"that has stopped sending":  {On: "RETR", StallData: true, At: 5},
		"that has not begun":        {On: "RETR", Stall: true},
		"that is always busy":       {On: "RETR", Times: -1, Reply: "450 File busy."},
		"that greets no one":        {On: "SIZE", Stall: true},
		"whose reply does not come": {On: "RETR", After: true, Stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, fsys := serveTree(t, retrytest.Config{InMemory: true}, func(c *retry.Config) {
					c.Policy = policy.Policy{Attempts: -1, Initial: time.Hour, Max: time.Hour}
				})
				srv.Inject(fault)
				f, err := fsys.Open("in/deep/er/data.csv")
				require.NoError(t, err)
				read := make(chan error)
				go func() {
					_, err := io.Copy(io.Discard, f)
					read <- err
				}()
				synctest.Wait()
				start := time.Now()
				require.NoError(t, f.Close())
				require.EqualError(t, <-read, "read in/deep/er/data.csv: file already closed")
				require.Less(t, time.Since(start), 100*time.Millisecond)
			})
		})
	}
}

func TestTheContextBoundsAFileSystem(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("f", []byte("x")))
	c, err := retry.New(retry.Config{Addr: srv.Addr()})
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	fsys := c.FS(ctx)
	f, err := fsys.Open("f")
	require.NoError(t, err)
	cancel(why)
	_, err = f.Read(make([]byte, 1))
	require.ErrorIs(t, err, why)
	require.NoError(t, f.Close())
	_, err = fs.Stat(fsys, "f")
	require.ErrorIs(t, err, why)
	_, err = fs.ReadDir(fsys, ".")
	require.ErrorIs(t, err, why)
	var none context.Context
	_, err = c.FS(none).Open(".")
	require.ErrorContains(t, err, "context is nil")
}

func TestAFileSystemIsForManyGoroutines(t *testing.T) {
	srv, fsys := serveTree(t, retrytest.Config{}, func(c *retry.Config) { c.MaxConns = 2 })
	srv.Inject(
		retrytest.Fault{On: "MLST", Nth: 7, Times: 3, Reply: "450 File busy."},
		retrytest.Fault{On: "RETR", Nth: 5, Times: 3, Data: retrytest.RST, At: 1000, Lose: true, Control: retrytest.RST},
	)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			assert.NoError(t, fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				got, err := fs.ReadFile(fsys, name)
				assert.Equal(t, len(fsTree[name]), len(got), name)
				return err
			}))
		})
	}
	f, err := fsys.Open("in/deep/er/data.csv")
	require.NoError(t, err)
	var total sync.Map
	for i := range 3 { // one file, read by several: each byte goes to one of them
		wg.Go(func() {
			n, err := io.Copy(io.Discard, f)
			assert.NoError(t, err)
			total.Store(i, n)
		})
	}
	wg.Wait()
	sum := int64(0)
	total.Range(func(_, n any) bool { sum += n.(int64); return true })
	require.EqualValues(t, len(fsTree["in/deep/er/data.csv"]), sum)
	require.NoError(t, f.Close())
}
