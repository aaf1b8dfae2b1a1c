package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// tree is the files to send. Names are slash-separated and sorted.
type tree struct {
	root        string
	dirs, names []string
	sizes       []int64 // of names
}

// file is one of them: the number-th in the order of sending, from 1.
type file struct {
	number int
	size   int64
}

func (t tree) local(name string) string { return filepath.Join(t.root, filepath.FromSlash(name)) }

func (t tree) bytes() (sum int64) {
	for _, n := range t.sizes {
		sum += n
	}
	return sum
}

func (t tree) largest() (big file) {
	for i, n := range t.sizes {
		if n >= big.size {
			big = file{i + 1, n}
		}
	}
	return big
}

// findTree reads what there is below root; without root, below this module, or
// in a directory of made-up files, which forget removes.
func findTree(root string) (t tree, forget func(), err error) {
	forget = func() {}
	if root == "" {
		root = moduleRoot()
	}
	if root == "" {
		if root, err = os.MkdirTemp("", "ftpretry-tree-"); err != nil {
			return t, nil, err
		}
		forget = func() { _ = os.RemoveAll(root) }
		if err := makeUp(root); err != nil {
			forget()
			return t, nil, err
		}
	}
	switch t, err = readTree(root); {
	case err != nil:
		err = fmt.Errorf("cannot read the files of %s: %w", root, err)
	case len(t.names) == 0:
		err = fmt.Errorf("%s has no files: give another -tree", root)
	}
	if err != nil {
		forget()
		return t, nil, err
	}
	return t, forget, nil
}

// readTree leaves out what is hidden, and what is neither file nor directory.
func readTree(root string) (t tree, err error) {
	t.root = root
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case strings.HasPrefix(d.Name(), ".") && d.IsDir():
			return fs.SkipDir
		case strings.HasPrefix(d.Name(), "."):
			return nil
		case d.IsDir():
			t.dirs = append(t.dirs, name)
		case d.Type().IsRegular():
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			t.names, t.sizes = append(t.names, name), append(t.sizes, info.Size())
		}
		return nil
	})
	return t, err
}

// moduleRoot is where ftpretry's own source is, "" outside of it.
func moduleRoot() string {
	dir, err := os.Getwd()
	for err == nil {
		mod, readErr := os.ReadFile(filepath.Join(dir, "go.mod"))
		if readErr == nil {
			if bytes.Contains(mod, []byte("module github.com/ftpretry/ftpretry\n")) {
				return dir
			}
			return ""
		}
		if filepath.Dir(dir) == dir {
			return ""
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// makeUp fills dir with a few files of all sizes.
func makeUp(dir string) error {
	for i := range 24 {
		name := filepath.Join(dir, path.Join("day", fmt.Sprintf("%02d", i%5)), fmt.Sprintf("report-%02d.csv", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		line := fmt.Sprintf("%d;made up;%d\n", i, i*i)
		if err := os.WriteFile(name, bytes.Repeat([]byte(line), i*i*50), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// content is what two files have in common if they are the same.
type content struct {
	size uint64
	hash [sha256.Size]byte
}

func read(name string) (c content, err error) {
	f, err := os.Open(name)
	if err != nil {
		return c, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, f)
	c.size = uint64(n)
	h.Sum(c.hash[:0])
	return c, err
}
