package retry_test

import (
	"context"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// forged is a data connection on which the server says something else.
type forged struct {
	net.Conn
	says io.Reader
}

func (f *forged) Read(p []byte) (int, error) { return f.says.Read(p) }

// forge has every listing of the server be the given lines.
func forge(lines ...string) func(*retry.Config) {
	text := strings.Join(lines, "\r\n") + "\r\n"
	return func(c *retry.Config) {
		control := c.Addr
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil || addr == control {
				return conn, err
			}
			return &forged{conn, strings.NewReader(text)}, nil
		}
	}
}

func forgedFS(t *testing.T, cfg retrytest.Config, lines ...string) fs.FS {
	t.Helper()
	_, fsys := serveTree(t, cfg, forge(lines...))
	return fsys
}

func TestNamesThatLeadElsewhereAreNotListed(t *testing.T) {
	const facts = "type=file;size=1;modify=20240102030405; "
	fsys := forgedFS(t, retrytest.Config{},
		facts+"good", facts+"..", facts+".", facts, facts+"a/b", facts+"../../etc/passwd", facts+"/etc/passwd",
		facts+"nul\x00", facts+"also good", facts+"latin\xe4", facts+"good",
		"type=cdir;modify=20240102030405; /home/u", "type=pdir;modify=20240102030405; /home",
		"type=file;size=99999999999999999999; overflow", "type=file;size=18446744073709551615; huge", "no facts at all")
	for _, list := range []func() ([]fs.DirEntry, error){
		func() ([]fs.DirEntry, error) { return fs.ReadDir(fsys, ".") },
		func() ([]fs.DirEntry, error) {
			dir, err := fsys.Open("in")
			require.NoError(t, err)
			return dir.(fs.ReadDirFile).ReadDir(-1)
		},
	} {
		entries, err := list()
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
			info, err := e.Info()
			require.NoError(t, err)
			require.GreaterOrEqual(t, info.Size(), int64(0))
		}
		require.Equal(t, []string{"also good", "good", "huge"}, names)
		require.ErrorIs(t, err, fs.ErrInvalid, "what is left out is told")
		require.ErrorContains(t, err, "which is not a name")
	}
}

func TestADirectoryReadInPiecesTellsOfWrongNamesAtItsEnd(t *testing.T) {
	fsys := forgedFS(t, retrytest.Config{}, "type=file;size=1; one", "type=file;size=1; t/wo", "type=dir; three")
	dir, err := fsys.Open("in")
	require.NoError(t, err)
	d := dir.(fs.ReadDirFile)
	for _, want := range []string{"one", "three"} {
		entries, err := d.ReadDir(1)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, want, entries[0].Name())
	}
	_, err = d.ReadDir(1)
	require.ErrorIs(t, err, fs.ErrInvalid)
	_, err = d.ReadDir(1)
	require.ErrorIs(t, err, io.EOF)
}

func TestTheCurrentDirectoryUnderItsWholeNameIsNoMistake(t *testing.T) {
	fsys := forgedFS(t, retrytest.Config{}, "type=cdir; /home/u", "type=pdir; /home", "type=file;size=1; f")
	entries, err := fs.ReadDir(fsys, ".")
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestALinkIsListedAsOne(t *testing.T) {
	fsys := forgedFS(t, retrytest.Config{Without: []string{"MLSD"}},
		"lrwxrwxrwx    1 ftp      ftp             7 Jan 02  2024 latest -> v1.2",
		"-rw-r--r--    1 ftp      ftp            12 Jan 02  2024 file",
		"drwxr-xr-x    2 ftp      ftp          4096 Jan 02  2024 dir")
	entries, err := fs.ReadDir(fsys, ".")
	require.NoError(t, err)
	modes := map[string]fs.FileMode{}
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		modes[e.Name()] = info.Mode()
		same, err := fs.Stat(fsys, e.Name())
		require.NoError(t, err)
		require.Equal(t, fs.FormatFileInfo(info), fs.FormatFileInfo(same))
	}
	require.Equal(t, map[string]fs.FileMode{"dir": fs.ModeDir | 0o555, "file": 0o444, "latest": fs.ModeSymlink | 0o777}, modes)
	info, err := entries[2].Info()
	require.NoError(t, err)
	require.Equal(t, "v1.2", info.Sys().(*ftp.Entry).Target)
}

func TestAListingOfTheThingItselfIsNotItsContent(t *testing.T) {
	srv, fsys := serveTree(t, retrytest.Config{Without: []string{"MLSD"}}, forge(
		"lrwxrwxrwx    1 ftp      ftp            10 Jan 02  2024 link -> readme.txt",
		"-rw-r--r--    1 ftp      ftp            12 Jan 02  2024 readme.txt",
		"drwx------    2 ftp      ftp          4096 Jan 02  2024 void"))
	require.NoError(t, srv.WriteFile("link", nil))
	for _, file := range []string{"readme.txt", "link"} {
		_, err := fs.ReadDir(fsys, file)
		require.ErrorContains(t, err, "not a directory", file)
	}
	_, err := fs.ReadDir(fsys, "void")
	require.ErrorIs(t, err, fs.ErrPermission, "vsftpd shows a directory that may not be read in place of its content")
	entries, err := fs.ReadDir(fsys, "in")
	require.NoError(t, err)
	require.Len(t, entries, 3, "nothing of it is called as the directory is")
}

func TestALinkToNothingIsNotTheContentOfNothing(t *testing.T) {
	srv, fsys := serveTree(t, retrytest.Config{Without: []string{"MLSD"}},
		forge("lrwxrwxrwx    1 ftp      ftp             4 Jan 02  2024 link -> gone"))
	// LIST is answered, as vsftpd does, although there is no such thing.
	require.NoError(t, srv.Mkdir("gone"))
	srv.Inject(retrytest.Fault{On: "LIST", Nth: 2, Run: func() { assert.NoError(t, srv.Remove("gone")) }})
	_, err := fs.ReadDir(fsys, "gone")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestALinkIsADirectoryIfItCanBeEntered(t *testing.T) {
	srv, fsys := serveTree(t, retrytest.Config{Without: []string{"MLSD"}}, func(c *retry.Config) {
		forge("lrwxrwxrwx    1 ftp      ftp             4 Jan 02  2024 linked -> void")(c)
		// LIST of the link is answered with nothing; that of its directory is forged.
		forged := c.Dial
		listings := 0
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != c.Addr {
				listings++
			}
			if listings == 1 {
				return (&net.Dialer{}).DialContext(ctx, network, addr)
			}
			return forged(ctx, network, addr)
		}
	})
	require.NoError(t, srv.Mkdir("linked"))
	entries, err := fs.ReadDir(fsys, "linked")
	require.NoError(t, err)
	require.Empty(t, entries)
}
