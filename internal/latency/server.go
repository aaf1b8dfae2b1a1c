//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/ftpretry/ftpretry/internal/ftpd"
)

// source is the folder on the server from which files are downloaded.
const source = "out"

// serve runs a server until standard input ends. The servers of ftpd belong to
// a test, so that this is one.
func serve(o options) {
	testing.Init()
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "latency", F: func(t *testing.T) {
		t.Setenv("FTPRETRY_REAL", "1")
		root := filepath.Join(o.dir, "root")
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		s := ftpd.Start(t, ftpd.Kind(o.server), ftpd.Options{Host: farIP, Root: root, TLS: o.tls})
		at := site{Addr: s.Addr, User: s.User, Password: s.Password, Root: s.Root, TLS: o.tls}
		text, err := json.Marshal(at)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(string(text))
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is what is waited for
	}}}, nil, nil)
}

// plant writes the files that are to be moved, on either side.
func plant(s site, o options, many int) error {
	counts := []int{many}
	if o.trips {
		counts = append(counts, fewRounds*o.sessions)
	}
	for _, n := range counts {
		far := filepath.Join(s.Root, source)
		if n != o.files {
			far += strconv.Itoa(n)
		}
		for _, dir := range []string{far, filepath.Join(o.dir, fmt.Sprint("files-", n))} {
			if err := refresh(s, o, dir); err != nil {
				return err
			}
			random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // content only
			for i := range n {
				b := make([]byte, o.size)
				for k := range b {
					b[k] = byte(random.Uint32())
				}
				if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), b, 0o644); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// refresh makes dir an empty folder that belongs to the server's account.
func refresh(s site, o options, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	like, err := os.Stat(s.Root)
	if err != nil {
		return err
	}
	who, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("the owner of %s cannot be told", s.Root)
	}
	return os.Chown(dir, int(who.Uid), int(who.Gid))
}

// alike compares n files, and sees that there are no others.
func alike(from, to string, n int) error {
	there, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	if len(there) != n {
		return fmt.Errorf("%d files have arrived of %d", len(there), n)
	}
	return filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		want, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(to, e.Name()))
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%s has arrived as something else", e.Name())
		}
		return err
	})
}
