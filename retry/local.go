package retry

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// rootKey is where WithRoot keeps a root.
type rootKey struct{}

// WithRoot returns a context with which RetrFile writes inside root only: a
// local name has to be below root.Name(), and every name that it makes, the
// temporary ones too, is opened through root, which follows no symbolic link
// that leads out of it. It is for local names that come from a server.
//
// The root must stay open for as long as the context is used.
func WithRoot(ctx context.Context, root *os.Root) context.Context {
	return context.WithValue(ctx, rootKey{}, root)
}

// RootOf returns the root of [WithRoot], nil where ctx has none.
func RootOf(ctx context.Context) *os.Root {
	root, _ := ctx.Value(rootKey{}).(*os.Root)
	return root
}

// localFiles is where a download writes: *os.Root, or the whole system.
type localFiles interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	ReadFile(name string) ([]byte, error)
	Rename(oldname, newname string) error
	Remove(name string) error
	Chtimes(name string, atime, mtime time.Time) error
}

// localOf returns where local is and its name there.
func localOf(ctx context.Context, local string) (localFiles, string, error) {
	var root *os.Root
	if ctx != nil {
		root = RootOf(ctx)
	}
	if root == nil {
		return wholeSystem{}, local, nil
	}
	name, err := filepath.Rel(root.Name(), local)
	if err != nil || !filepath.IsLocal(name) {
		return nil, "", fmt.Errorf("%s is not below %s: give a name in that directory", printable(local), printable(root.Name()))
	}
	return root, name, nil
}

// wholeSystem are the functions of package os.
type wholeSystem struct{}

func (wholeSystem) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (wholeSystem) Stat(name string) (fs.FileInfo, error)  { return os.Stat(name) }
func (wholeSystem) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }
func (wholeSystem) ReadFile(name string) ([]byte, error)   { return os.ReadFile(name) }
func (wholeSystem) Rename(oldname, newname string) error   { return os.Rename(oldname, newname) }
func (wholeSystem) Remove(name string) error               { return os.Remove(name) }
func (wholeSystem) Chtimes(name string, atime, mtime time.Time) error {
	return os.Chtimes(name, atime, mtime)
}
