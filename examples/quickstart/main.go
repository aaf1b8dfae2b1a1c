// Quickstart sends a tree of files through an FTP server that keeps failing,
// and shows that it arrives whole.
//
// Without arguments it starts a server of its own, with a script of faults. With
// -addr it does the same against a real one, in a directory of its own that it
// removes at the end:
//
//	go run ./examples/quickstart
//	FTP_PASSWORD=... go run ./examples/quickstart -addr ftp.example.com:21 -user u -dir in -tls
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/retry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run is main, for tests too.
func run(ctx context.Context, args []string, out io.Writer) error {
	opt, err := parse(args, out)
	if err != nil {
		return err
	}
	files, forget, err := findTree(opt.tree)
	if err != nil {
		return err
	}
	defer forget()
	server, err := connectTo(opt, files)
	if err != nil {
		return err
	}
	defer server.close()
	show := &display{out: out, verbose: opt.verbose}
	show.opening(files, server)

	cfg := server.config
	cfg.Policy = opt.policy
	cfg.Hooks = show.hooks()
	client, err := retry.New(cfg)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	remote := path.Join(opt.dir, "ftpretry-"+rand.Text()[:8])
	start := time.Now()
	if err := client.MakeDir(ctx, remote); err != nil {
		return fmt.Errorf("cannot make a directory to work in: %w", err)
	}
	result, err := roundTrip(ctx, client, files, remote, show)
	show.summary(result, files, client.Stats(), server, time.Since(start))
	return errors.Join(err, remove(ctx, client, remote))
}

// result is how many files got how far.
type result struct{ sent, listed, received, same int }

// roundTrip is the job, and nothing in it knows of faults: it uploads the files
// into the directory remote, lists and downloads them, and compares.
func roundTrip(ctx context.Context, client *retry.Client, files tree, remote string, show *display) (r result, err error) {
	show.phase("upload to %s", remote)
	want := make(map[string]content, len(files.names))
	for _, name := range files.dirs {
		if err := client.MakeDir(ctx, path.Join(remote, name)); err != nil {
			return r, err
		}
	}
	for _, name := range files.names {
		if want[name], err = read(files.local(name)); err != nil {
			return r, err
		}
		if err := client.StorFile(ctx, path.Join(remote, name), files.local(name)); err != nil {
			return r, err
		}
		r.sent++
	}

	show.phase("list")
	sizes, err := list(ctx, client, remote, files.dirs)
	if err != nil {
		return r, err
	}
	r.listed = len(sizes)

	show.phase("download and compare")
	back, err := os.MkdirTemp("", "ftpretry-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(back) }()
	local := filepath.Join(back, "file")
	var wrong []error
	for _, name := range files.names {
		if err := client.RetrFile(ctx, path.Join(remote, name), local); err != nil {
			return r, err
		}
		r.received++
		got, err := read(local)
		if err != nil {
			return r, err
		}
		if got != want[name] || sizes[name] != got.size {
			wrong = append(wrong, fmt.Errorf("%s came back different", name))
			continue
		}
		r.same++
	}
	if r.listed != len(files.names) {
		wrong = append(wrong, fmt.Errorf("%d files were sent, but %d are listed", r.sent, r.listed))
	}
	return r, errors.Join(wrong...)
}

// list returns the size of every file that the server lists.
func list(ctx context.Context, client *retry.Client, remote string, dirs []string) (map[string]uint64, error) {
	sizes := make(map[string]uint64)
	for _, dir := range append([]string{""}, dirs...) {
		entries, err := client.List(ctx, path.Join(remote, dir))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Type == ftp.EntryTypeFile {
				sizes[path.Join(dir, e.Name)] = e.Size
			}
		}
	}
	return sizes, nil
}

// remove takes the directory away, also after ctx has ended. It tells no hooks.
func remove(ctx context.Context, client *retry.Client, remote string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := client.WithHooks(retry.Hooks{}).RemoveDirRecur(ctx, remote); err != nil {
		return fmt.Errorf("%s is left on the server: %w", remote, err)
	}
	return nil
}
