package retry_test

import (
	"io"
	"io/fs"
	"net/textproto"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

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
