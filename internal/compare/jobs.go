package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/retry"
)

// job is one operation, written for both clients. Each returns what it read, so
// that it can be compared with want.
type job struct {
	name  string
	bare  func(c *ftp.ServerConn) (got string, err error)
	ours  func(ctx context.Context, c *retry.Client) (got string, err error)
	want  string
	after func(tree map[string]string) // what it does to the server's tree; nil = nothing
}

// body is large enough to be cut in many places, and differs at every offset.
var body = func() string {
	var b strings.Builder
	for i := 0; b.Len() < 200_000; i++ {
		fmt.Fprintf(&b, "line %d of the file;", i)
	}
	return b.String()
}()

// before is the tree that every job begins with. A directory ends in "/".
func before() map[string]string {
	return map[string]string{
		"/log": "what was there before\n", "/file": body,
		"/dir/": "", "/dir/one": "1", "/dir/two": "22", "/empty/": "",
	}
}

// wanted is the tree that the job leaves.
func (j job) wanted() map[string]string {
	tree := before()
	if j.after != nil {
		j.after(tree)
	}
	return tree
}

// command makes a job of an operation that reads nothing.
func command(name string, bare func(*ftp.ServerConn) error, ours func(context.Context, *retry.Client) error, after func(map[string]string)) job {
	return job{
		name: name, after: after,
		bare: func(c *ftp.ServerConn) (string, error) { return "", bare(c) },
		ours: func(ctx context.Context, c *retry.Client) (string, error) { return "", ours(ctx, c) },
	}
}

// jobs are all of them. Every attempt reads its upload from the beginning and
// collects its download in an empty buffer.
func jobs() []job {
	return []job{
		command("Stor",
			func(c *ftp.ServerConn) error { return c.Stor("/new", strings.NewReader(body)) },
			func(ctx context.Context, c *retry.Client) error {
				return c.Stor(ctx, "/new", retry.Bytes([]byte(body)))
			},
			func(m map[string]string) { m["/new"] = body }),
		command("Append",
			func(c *ftp.ServerConn) error { return c.Append("/log", strings.NewReader(body)) },
			func(ctx context.Context, c *retry.Client) error {
				return c.Append(ctx, "/log", retry.Bytes([]byte(body)))
			},
			func(m map[string]string) { m["/log"] += body }),
		{name: "Retr", want: body,
			bare: func(c *ftp.ServerConn) (string, error) {
				r, err := c.Retr("/file")
				if err != nil {
					return "", err
				}
				b, err := io.ReadAll(r)
				return string(b), errors.Join(err, r.Close())
			},
			ours: func(ctx context.Context, c *retry.Client) (string, error) {
				var b bytes.Buffer
				_, err := c.Retr(ctx, "/file", &b)
				return b.String(), err
			}},
		{name: "List", want: "one (1 bytes), two (2 bytes)",
			bare: func(c *ftp.ServerConn) (string, error) { return entries(c.List("/dir")) },
			ours: func(ctx context.Context, c *retry.Client) (string, error) { return entries(c.List(ctx, "/dir")) }},
		{name: "NameList", want: "one, two",
			bare: func(c *ftp.ServerConn) (string, error) { return names(c.NameList("/dir")) },
			ours: func(ctx context.Context, c *retry.Client) (string, error) { return names(c.NameList(ctx, "/dir")) }},
		{name: "FileSize", want: fmt.Sprint(len(body)),
			bare: func(c *ftp.ServerConn) (string, error) { return number(c.FileSize("/file")) },
			ours: func(ctx context.Context, c *retry.Client) (string, error) { return number(c.FileSize(ctx, "/file")) }},
		command("Delete",
			func(c *ftp.ServerConn) error { return c.Delete("/file") },
			func(ctx context.Context, c *retry.Client) error { return c.Delete(ctx, "/file") },
			func(m map[string]string) { delete(m, "/file") }),
		command("MakeDir",
			func(c *ftp.ServerConn) error { return c.MakeDir("/made") },
			func(ctx context.Context, c *retry.Client) error { return c.MakeDir(ctx, "/made") },
			func(m map[string]string) { m["/made/"] = "" }),
		command("RemoveDir",
			func(c *ftp.ServerConn) error { return c.RemoveDir("/empty") },
			func(ctx context.Context, c *retry.Client) error { return c.RemoveDir(ctx, "/empty") },
			func(m map[string]string) { delete(m, "/empty/") }),
		command("Rename",
			func(c *ftp.ServerConn) error { return c.Rename("/file", "/dir/moved") },
			func(ctx context.Context, c *retry.Client) error { return c.Rename(ctx, "/file", "/dir/moved") },
			func(m map[string]string) { m["/dir/moved"] = m["/file"]; delete(m, "/file") }),
	}
}

func entries(list []*ftp.Entry, err error) (string, error) {
	var out []string
	for _, e := range list {
		if e.Name != "." && e.Name != ".." {
			out = append(out, fmt.Sprintf("%s (%d bytes)", e.Name, e.Size))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", "), err
}

func names(list []string, err error) (string, error) {
	var out []string
	for _, name := range list {
		out = append(out, path.Base(name))
	}
	slices.Sort(out)
	return strings.Join(out, ", "), err
}

func number(n int64, err error) (string, error) { return fmt.Sprint(n), err }
