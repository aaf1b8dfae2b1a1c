package retry_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/textproto"
	"path"
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

func TestWhatIsMissingIsErrNotExist(t *testing.T) {
	bare := retrytest.Config{Without: []string{"MLSD", "SIZE", "MDTM"}}
	for _, row := range []struct {
		what, name string
		cfg        retrytest.Config
		faults     []retrytest.Fault
	}{
		{"a name that is not there", "gone.txt", listings["with MLST"], nil},
		{"a name that is not there, found out by listing", "gone.txt", listings["without MLST"], nil},
		{"a name that is not there, where nothing but LIST works", "gone.txt", bare, nil},
		{"a name in a directory that is not there", "gone/x/y.txt", listings["with MLST"], nil},
		{"a name in a directory that is not there, found out by listing", "gone/x/y.txt", listings["without MLST"], nil},
		{"a hidden name that is not there", ".gone", listings["without MLST"], nil},
		{"a hidden name that is not there, where nothing but LIST works", ".gone", bare, nil},
		{"a name in a file", "readme.txt/x", listings["without MLST"], nil},
		{"a refusal that does not say why", "gone.txt", listings["with MLST"], []retrytest.Fault{
			{On: "MLST", Times: -1, Reply: "550 Failed."}, {On: "SIZE", Times: -1, Reply: "550 Could not get file size."},
			{On: "RETR", Times: -1, Reply: "550 Failed to open file."},
		}},
		{"refusals of everything that do not say why", "gone/x.txt", listings["without MLST"], []retrytest.Fault{
			{On: "LIST", Times: -1, Reply: "550 Failed."}, {On: "SIZE", Times: -1, Reply: "550 Could not get file size."},
			{On: "CWD", Times: -1, Reply: "550 Failed to change directory."}, {On: "RETR", Times: -1, Reply: "550 Failed to open file."},
		}},
		{"a 450 that means for ever", "gone.txt", listings["without MLST"], []retrytest.Fault{
			{On: "LIST", Times: -1, Reply: "450 gone.txt: No such file or directory"},
		}},
		{"a listing of nothing for a directory that is not there", "void", listings["without MLST"], nil},
	} {
		t.Run(row.what, func(t *testing.T) {
			srv, fsys := serveTree(t, row.cfg)
			ask := map[string]func() error{
				"open":    func() error { _, err := fsys.Open(row.name); return err },
				"stat":    func() error { _, err := fs.Stat(fsys, row.name); return err },
				"read":    func() error { _, err := fs.ReadFile(fsys, row.name); return err },
				"readdir": func() error { _, err := fs.ReadDir(fsys, row.name); return err },
			}
			if row.name == "void" {
				// It goes away between its own listing and that of its parent.
				srv.Inject(retrytest.Fault{On: "LIST", Nth: 2, Run: func() { assert.NoError(t, srv.Remove("void")) }})
				ask = map[string]func() error{"readdir": ask["readdir"]}
			}
			srv.Inject(row.faults...)
			for op, call := range ask {
				err := call()
				require.ErrorIs(t, err, fs.ErrNotExist, op)
				var asPath *fs.PathError
				require.ErrorAs(t, err, &asPath, op)
				require.Equal(t, []string{op, row.name}, []string{asPath.Op, asPath.Path})
				var cause *retry.Error
				require.ErrorAs(t, err, &cause, op)
				require.Equal(t, 1, cause.Attempts, op)
				require.ErrorIs(t, err, retry.ErrPermanent, op)
				var reply *textproto.Error
				require.ErrorAs(t, err, &reply, op)
			}
		})
	}
}

func TestWhatIsThereIsNeverErrNotExist(t *testing.T) {
	always := func(verb, reply string) retrytest.Fault {
		return retrytest.Fault{On: verb, Times: -1, Reply: reply}
	}
	for _, row := range []struct {
		what   string
		faults []retrytest.Fault
		known  error
		code   int
	}{
		{"denied", []retrytest.Fault{always("MLST", "550 Permission denied."), always("RETR", "550 Access is denied.")}, fs.ErrPermission, 550},
		{"too busy", []retrytest.Fault{always("*", "451 Local error.")}, retry.ErrAttempts, 451},
		{"out of sessions, in words that say otherwise", []retrytest.Fault{always("*", "421 Free session not found, too many users.")}, retry.ErrAttempts, 421},
		{"out of sessions", []retrytest.Fault{always("*", "421 Too many users.")}, retry.ErrAttempts, 421},
	} {
		t.Run(row.what, func(t *testing.T) {
			srv, fsys := serveTree(t, retrytest.Config{})
			srv.Inject(row.faults...)
			_, opened := fsys.Open("readme.txt")
			_, read := fs.ReadFile(fsys, "readme.txt")
			for _, err := range []error{opened, read} {
				require.ErrorIs(t, err, row.known)
				require.NotErrorIs(t, err, fs.ErrNotExist)
				var reply *textproto.Error
				require.ErrorAs(t, err, &reply)
				require.Equal(t, row.code, reply.Code)
			}
		})
	}
}

func TestWhereListingsAreRefusedTheThingItselfIsAsked(t *testing.T) {
	srv, fsys := serveTree(t, retrytest.Config{})
	srv.Inject(retrytest.Fault{On: "MLST", Times: -1, Reply: "550 Failed."}, retrytest.Fault{On: "MLSD", Times: -1, Reply: "550 Failed."})
	info, err := fs.Stat(fsys, "in")
	require.NoError(t, err)
	require.True(t, info.IsDir())
	info, err = fs.Stat(fsys, "in/also.csv")
	require.NoError(t, err)
	require.EqualValues(t, 1, info.Size())
	srv.Inject(retrytest.Fault{On: "SIZE", Times: -1, Reply: "502 Not implemented."})
	_, err = fs.Stat(fsys, "in/also.csv")
	require.Error(t, err)
	require.NotErrorIs(t, err, fs.ErrNotExist, "nothing has said so")
	_, err = fs.ReadDir(fsys, "in")
	require.Error(t, err)
	require.NotErrorIs(t, err, fs.ErrNotExist)
}

func TestAWordOfTheNameIsNotTheServersWord(t *testing.T) {
	srv, fsys := serveTree(t, retrytest.Config{})
	const name = "in/not found.txt"
	require.NoError(t, srv.WriteFile(name, []byte("here")))
	srv.Inject(retrytest.Fault{On: "MLST", Times: -1, Reply: "550 Not Found.txt: Failed."},
		retrytest.Fault{On: "RETR", Reply: "550 in/not found.txt: Failed."})
	info, err := fs.Stat(fsys, name)
	require.NoError(t, err, "the listing has it")
	require.EqualValues(t, 4, info.Size())
	_, err = fs.ReadFile(fsys, name)
	require.Error(t, err)
	require.NotErrorIs(t, err, fs.ErrNotExist)
}

func TestNamesThatAreNoneAreRefusedUnsent(t *testing.T) {
	srv, fsys := serveTree(t, retrytest.Config{})
	for _, name := range []string{"", "/readme.txt", "in/", "./in", "in/../readme.txt", "..", "in//also.csv", "a\nb", "a\rb", "a\x00b", "\xff"} {
		_, opened := fsys.Open(name)
		_, stat := fs.Stat(fsys, name)
		_, read := fs.ReadFile(fsys, name)
		_, listed := fs.ReadDir(fsys, name)
		for _, err := range []error{opened, stat, read, listed} {
			var asPath *fs.PathError
			require.ErrorAs(t, err, &asPath, "%q", name)
			require.ErrorIs(t, err, fs.ErrInvalid, "%q", name)
		}
	}
	require.Empty(t, srv.Commands())
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
	_, err = c.FS(nil).Open(".") //nolint:staticcheck // a nil context is what is tested
	require.ErrorContains(t, err, "context is nil")
}

func TestFilesAndDirectoriesAreNotTakenForEachOther(t *testing.T) {
	for way, cfg := range listings {
		t.Run(way, func(t *testing.T) {
			_, fsys := serveTree(t, cfg)
			_, err := fs.ReadDir(fsys, "readme.txt")
			require.ErrorContains(t, err, "not a directory")
			_, err = fs.ReadDir(fsys, "in/in/in")
			require.ErrorContains(t, err, "not a directory")
			for _, dir := range []string{".", "in", "void"} {
				_, err = fs.ReadFile(fsys, dir)
				require.ErrorContains(t, err, "is a directory", dir)
				f, err := fsys.Open(dir)
				require.NoError(t, err)
				_, err = f.Read(make([]byte, 1))
				require.ErrorContains(t, err, "is a directory", dir)
				info, err := f.Stat()
				require.NoError(t, err)
				require.True(t, info.IsDir())
				require.Equal(t, path.Base(dir), info.Name())
				require.NoError(t, f.Close())
				_, err = f.(fs.ReadDirFile).ReadDir(-1)
				require.ErrorIs(t, err, fs.ErrClosed)
			}
			entries, err := fs.ReadDir(fsys, "in/in")
			require.NoError(t, err)
			require.Len(t, entries, 1)
			require.Equal(t, fs.FileMode(0), entries[0].Type())
			entries, err = fs.ReadDir(fsys, "void")
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
}

func TestNamesThatAListingHidesCanBeOpened(t *testing.T) {
	srv, fsys := serveTree(t, retrytest.Config{Without: []string{"MLSD"}, Quirks: retrytest.Quirks{HideDotFiles: true}})
	require.NoError(t, srv.WriteFile(".profile", []byte("shh")))
	require.NoError(t, srv.WriteFile(".git/head", []byte("ref")))
	stamp := time.Date(2020, 2, 29, 12, 30, 59, 0, time.UTC)
	require.NoError(t, srv.Chtimes(".profile", stamp))
	f, err := fsys.Open(".profile")
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	require.EqualValues(t, 3, info.Size())
	require.Equal(t, stamp, info.ModTime().UTC())
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "shh", string(got))
	require.NoError(t, f.Close())
	info, err = fs.Stat(fsys, ".git")
	require.NoError(t, err)
	require.True(t, info.IsDir())
	sub, err := fs.Sub(fsys, ".git")
	require.NoError(t, err)
	got, err = fs.ReadFile(sub, "head")
	require.NoError(t, err)
	require.Equal(t, "ref", string(got))
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
