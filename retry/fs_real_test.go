//go:build linux

package retry_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry"
)

// realTree puts fsTree and what is hard to list below root.
func realTree(t *testing.T, root string) {
	t.Helper()
	for name, data := range fsTree {
		local := filepath.Join(root, name)
		if data == nil {
			require.NoError(t, os.MkdirAll(local, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(local), 0o755))
		require.NoError(t, os.WriteFile(local, data, 0o644))
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, ".hidden"), []byte("x"), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(root, ".hid"), 0o755))
}

func TestRealServersFilesAreAFileSystem(t *testing.T) {
	ftpd.Require(t)
	for _, kind := range ftpd.Kinds() {
		for way, options := range map[string][]ftp.DialOption{"as it is": nil, "by LIST": {ftp.DialWithDisabledMLSD(true)}} {
			t.Run(string(kind)+", "+way, func(t *testing.T) {
				srv := ftpd.Start(t, kind, ftpd.Options{})
				realTree(t, srv.Root)
				c, err := retry.New(retry.Config{Addr: srv.Addr, User: srv.User, Password: srv.Password, FTP: options})
				require.NoError(t, err)
				t.Cleanup(func() { _ = c.Close() })
				fsys := c.FS(t.Context())

				expected := make([]string, 0, len(fsTree))
				for name := range fsTree {
					expected = append(expected, name)
				}
				require.NoError(t, fstest.TestFS(fsys, expected...))
				for _, name := range []string{"gone", "gone/x", ".gone", "readme.txt/x"} {
					_, err := fs.Stat(fsys, name)
					require.ErrorIs(t, err, fs.ErrNotExist, name)
					_, err = fs.ReadFile(fsys, name)
					require.ErrorIs(t, err, fs.ErrNotExist, name)
					_, err = fs.ReadDir(fsys, name)
					require.Error(t, err, name)
				}
				for _, name := range []string{"readme.txt", ".hidden", "-rf", "in/in/in"} {
					_, err := fs.ReadDir(fsys, name)
					require.ErrorContains(t, err, "not a directory", name)
					require.NotErrorIs(t, err, fs.ErrNotExist, name)
				}
				for _, name := range []string{"in", ".hid", "void"} {
					_, err := fs.ReadFile(fsys, name)
					require.ErrorContains(t, err, "is a directory", name)
					require.NotErrorIs(t, err, fs.ErrNotExist, name)
				}
				got, err := fs.ReadFile(fsys, ".hidden")
				require.NoError(t, err)
				require.Equal(t, "x", string(got))
				info, err := fs.Stat(fsys, ".hid")
				require.NoError(t, err)
				require.True(t, info.IsDir())
			})
		}
	}
}

func TestRealLinksAreListedAsTheServerTellsThem(t *testing.T) {
	ftpd.Require(t)
	for _, kind := range ftpd.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			srv := ftpd.Start(t, kind, ftpd.Options{})
			realTree(t, srv.Root)
			for name, target := range map[string]string{"link": "readme.txt", "linked": "in", "lost": "nowhere"} {
				require.NoError(t, os.Symlink(target, filepath.Join(srv.Root, name)))
			}
			require.NoError(t, os.Mkdir(filepath.Join(srv.Root, "locked"), 0o700))
			c, err := retry.New(retry.Config{
				Addr: srv.Addr, User: srv.User, Password: srv.Password,
				FTP: []ftp.DialOption{ftp.DialWithDisabledMLSD(true)}, // MLSD as the ftp package reads it knows no links
			})
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
			fsys := c.FS(t.Context())
			for _, name := range []string{"link", "linked", "lost"} {
				info, err := fs.Stat(fsys, name)
				require.NoError(t, err)
				require.Equal(t, fs.ModeSymlink, info.Mode().Type(), name)
			}
			got, err := fs.ReadFile(fsys, "link")
			require.NoError(t, err)
			require.Equal(t, "read me", string(got))
			entries, err := fs.ReadDir(fsys, "linked")
			require.NoError(t, err)
			require.Len(t, entries, 3)
			for _, name := range []string{"link", "lost"} {
				_, err = fs.ReadDir(fsys, name)
				require.Error(t, err, name)
			}
			_, err = fs.ReadFile(fsys, "lost")
			require.Error(t, err)
			entries, err = fs.ReadDir(fsys, "locked")
			require.Empty(t, entries)
			if kind == ftpd.VSFTPD {
				require.ErrorIs(t, err, fs.ErrPermission) // the others say that it is empty, or that it is not
			}
		})
	}
}
