package ftpretry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// operation is one of the library's operations, as the tables of this package
// run it: against a server with the tree of before, leaving the tree of after.
type operation struct {
	name  string
	verbs []string // its own commands, in order; those of the login and of data connections are left out
	// run does it, with a client or Conn of its own, and checks what it brings.
	run   func(ctx context.Context, t *testing.T, cfg retry.Config) error
	after func(tree map[string]string)
}

// body is large enough to be cut in many places, and differs at every offset.
var body = func() string {
	var b strings.Builder
	for i := 0; b.Len() < 200_000; i++ {
		fmt.Fprintf(&b, "line %d of the file;", i)
	}
	return b.String()
}()

// oldBody is longer than body.
var oldBody = strings.Repeat("old content ", 17_500)

// bodies are both of them as bytes: they are planted and harvested thousands of
// times.
var bodies = [][]byte{[]byte(body), []byte(oldBody)}

// stamp is the time that SetTime sets and GetTime expects.
var stamp = time.Date(2024, 2, 29, 12, 30, 15, 0, time.UTC)

// before is the tree that every operation begins with. A directory ends in "/".
func before() map[string]string {
	return map[string]string{
		"/old": oldBody, "/file": body, "/dir/": "", "/dir/one": "1", "/dir/two": "22",
		"/empty/": "", "/tree/": "", "/tree/sub/": "", "/tree/sub/leaf": "leaf", "/tree/top": "top",
	}
}

// plant puts a tree on a server.
func plant(t *testing.T, srv *retrytest.Server, tree map[string]string) {
	t.Helper()
	for name, content := range tree {
		var err error
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			err = srv.Mkdir(dir)
		} else if err = srv.WriteFile(name, toBytes(content)); err == nil {
			err = srv.Chtimes(name, stamp)
		}
		if err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatalf("planting %s: %v", name, err)
		}
	}
}

// harvest reads a server's tree.
func harvest(t *testing.T, srv *retrytest.Server) map[string]string {
	t.Helper()
	tree := map[string]string{}
	for _, name := range srv.Names() {
		for dir := path.Dir(strings.TrimSuffix(name, "/")); dir != "/"; dir = path.Dir(dir) {
			tree[dir+"/"] = ""
		}
		if strings.HasSuffix(name, "/") {
			tree[name] = ""
			continue
		}
		b, err := srv.ReadFile(name)
		if err != nil {
			t.Fatalf("harvesting %s: %v", name, err)
		}
		tree[name] = toString(b)
	}
	return tree
}

// toBytes is content, not to be changed.
func toBytes(content string) []byte {
	switch content {
	case body:
		return bodies[0]
	case oldBody:
		return bodies[1]
	}
	return []byte(content)
}

// toString is content.
func toString(content []byte) string {
	for _, known := range []string{body, oldBody} {
		if string(content) == known { // compared without a copy
			return known
		}
	}
	return string(content)
}

// differences says in what two trees differ, without their contents.
func differences(want, got map[string]string) string {
	var out []string
	for name, w := range want {
		if g, ok := got[name]; !ok {
			out = append(out, name+" is missing")
		} else if g != w {
			out = append(out, fmt.Sprintf("%s has %d bytes, not the right %d", name, len(g), len(w)))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			out = append(out, name+" is left over")
		}
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}

func equal(what, want, got string) error {
	if want != got {
		return fmt.Errorf("wrong result: %s: %d bytes, not the right %d", what, len(got), len(want))
	}
	return nil
}

// with runs f with a client.
func with(f func(ctx context.Context, t *testing.T, c *retry.Client) error) func(context.Context, *testing.T, retry.Config) error {
	return func(ctx context.Context, t *testing.T, cfg retry.Config) error {
		c, err := retry.New(cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		return f(ctx, t, c)
	}
}

// dialled runs f with a Conn that is logged in and in /dir.
func dialled(f func(t *testing.T, c *retry.Conn) error) func(context.Context, *testing.T, retry.Config) error {
	return func(ctx context.Context, t *testing.T, cfg retry.Config) error {
		c, err := retry.Dial(ctx, cfg)
		if err != nil {
			return err
		}
		defer c.Quit()
		if err := c.Login(cfg.User, cfg.Password); err != nil {
			return err
		}
		if err := c.ChangeDir("/dir"); err != nil {
			return err
		}
		return f(t, c)
	}
}

func names[E any](entries []E, name func(E) string) string {
	var out []string
	for _, e := range entries {
		if n := name(e); n != "." && n != ".." {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

func entryName(e *ftp.Entry) string { return e.Name }

// operations are all of them.
var operations = []operation{
	{name: "Stor", verbs: []string{"STOR", "SIZE"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.Stor(ctx, "/new", retry.Bytes([]byte(body)))
	}), after: func(m map[string]string) { m["/new"] = body }},
	{name: "Stor over a longer file", verbs: []string{"STOR", "SIZE"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.Stor(ctx, "/old", retry.Seeker(strings.NewReader(body)))
	}), after: func(m map[string]string) { m["/old"] = body }},
	{name: "Stor of nothing", verbs: []string{"STOR", "SIZE"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.Stor(ctx, "/old", retry.Bytes(nil))
	}), after: func(m map[string]string) { m["/old"] = "" }},
	{name: "Stor Atomic", verbs: []string{"STOR", "SIZE", "RNFR", "RNTO"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.WithUpload(retry.Atomic).Stor(ctx, "/old", retry.ReaderAt(strings.NewReader(body), int64(len(body))))
	}), after: func(m map[string]string) { m["/old"] = body }},
	{name: "StorFile", verbs: []string{"STOR", "SIZE"}, run: with(func(ctx context.Context, t *testing.T, c *retry.Client) error {
		local := filepath.Join(t.TempDir(), "local")
		if err := os.WriteFile(local, []byte(body), 0o600); err != nil {
			return err
		}
		return c.StorFile(ctx, "/new", local)
	}), after: func(m map[string]string) { m["/new"] = body }},
	{name: "Append", verbs: []string{"SIZE", "APPE"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.Append(ctx, "/old", retry.Bytes([]byte(body)))
	}), after: func(m map[string]string) { m["/old"] += body }},
	{name: "Append to nothing", verbs: []string{"SIZE", "APPE"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.Append(ctx, "/new", retry.Bytes([]byte(body)))
	}), after: func(m map[string]string) { m["/new"] = body }},
	{name: "Retr", verbs: []string{"SIZE", "RETR"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		var b bytes.Buffer
		n, err := c.Retr(ctx, "/file", &b)
		if err != nil {
			if !strings.HasPrefix(body, b.String()) {
				return fmt.Errorf("wrong bytes: %w", err)
			}
			return err
		}
		if n != int64(b.Len()) {
			return fmt.Errorf("wrong result: count %d of %d", n, b.Len())
		}
		return equal("content", body, b.String())
	})},
	{name: "RetrFile", verbs: []string{"SIZE", "RETR"}, run: with(func(ctx context.Context, t *testing.T, c *retry.Client) error {
		local := filepath.Join(t.TempDir(), "local")
		if err := c.RetrFile(ctx, "/file", local); err != nil {
			if _, e := os.Stat(local); !errors.Is(e, os.ErrNotExist) {
				return fmt.Errorf("wrong result: a file under its final name: %w", err)
			}
			return err
		}
		b, err := os.ReadFile(local)
		if err != nil {
			return err
		}
		return equal("content", body, string(b))
	})},
	{name: "Open", verbs: []string{"SIZE", "RETR"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		r, err := c.Open(ctx, "/file")
		if err != nil {
			return err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			if !strings.HasPrefix(body, string(b)) {
				return fmt.Errorf("wrong bytes: %w", err)
			}
			return err
		}
		return equal("content", body, string(b))
	})},
	{name: "List", verbs: []string{"MLSD"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		l, err := c.List(ctx, "/dir")
		if err != nil {
			return err
		}
		return equal("listing", "one two", names(l, entryName))
	})},
	{name: "NameList", verbs: []string{"NLST"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		l, err := c.NameList(ctx, "/dir")
		if err != nil {
			return err
		}
		return equal("names", "one two", names(l, filepath.Base))
	})},
	{name: "GetEntry", verbs: []string{"MLST"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		e, err := c.GetEntry(ctx, "/file")
		if err != nil {
			return err
		}
		return equal("size", fmt.Sprint(len(body)), fmt.Sprint(e.Size))
	})},
	{name: "FileSize", verbs: []string{"SIZE"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		n, err := c.FileSize(ctx, "/file")
		if err != nil {
			return err
		}
		return equal("size", fmt.Sprint(len(body)), fmt.Sprint(n))
	})},
	{name: "GetTime", verbs: []string{"MDTM"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		at, err := c.GetTime(ctx, "/file")
		if err != nil {
			return err
		}
		return equal("time", stamp.String(), at.String())
	})},
	{name: "SetTime", verbs: []string{"MFMT"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.SetTime(ctx, "/file", stamp)
	})},
	{name: "Rename", verbs: []string{"RNFR", "RNTO"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.Rename(ctx, "/file", "/dir/moved")
	}), after: func(m map[string]string) { m["/dir/moved"] = m["/file"]; delete(m, "/file") }},
	{name: "Delete", verbs: []string{"DELE"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.Delete(ctx, "/file")
	}), after: func(m map[string]string) { delete(m, "/file") }},
	{name: "MakeDir", verbs: []string{"MKD"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.MakeDir(ctx, "/made")
	}), after: func(m map[string]string) { m["/made/"] = "" }},
	{name: "RemoveDir", verbs: []string{"RMD"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.RemoveDir(ctx, "/empty")
	}), after: func(m map[string]string) { delete(m, "/empty/") }},
	{name: "RemoveDirRecur", verbs: []string{"MLSD", "DELE", "RMD"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return c.RemoveDirRecur(ctx, "/tree")
	}), after: func(m map[string]string) {
		for name := range m {
			if strings.HasPrefix(name, "/tree/") {
				delete(m, name)
			}
		}
	}},
	{name: "Do", verbs: []string{"CWD", "NLST"}, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		var l []string
		err := c.Do(ctx, func(_ context.Context, conn *ftp.ServerConn) (err error) {
			if err := conn.ChangeDir("/dir"); err != nil {
				return err
			}
			l, err = conn.NameList("")
			return err
		})
		if err != nil {
			return err
		}
		return equal("names", "one two", names(l, filepath.Base))
	})},
	{name: "Conn.Stor", verbs: []string{"CWD", "STOR", "SIZE"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		return c.Stor("new", strings.NewReader(body))
	}), after: func(m map[string]string) { m["/dir/new"] = body }},
	{name: "Conn.Append", verbs: []string{"CWD", "SIZE", "APPE"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		return c.Append("one", strings.NewReader(body))
	}), after: func(m map[string]string) { m["/dir/one"] += body }},
	{name: "Conn.StorFrom", verbs: []string{"CWD", "STOR", "SIZE"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		return c.StorFrom("two", strings.NewReader(body), 1)
	}), after: func(m map[string]string) { m["/dir/two"] = "2" + body }},
	{name: "Conn.Retr", verbs: []string{"CWD", "SIZE", "RETR"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		resp, err := c.Retr("../file")
		if err != nil {
			return err
		}
		b, err := io.ReadAll(resp)
		if err := errors.Join(err, resp.Close()); err != nil {
			return err
		}
		if err := equal("content", body, string(b)); err != nil {
			return err
		}
		return c.NoOp()
	})},
	{name: "Conn.RetrFrom", verbs: []string{"CWD", "SIZE", "RETR"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		resp, err := c.RetrFrom("/file", 777)
		if err != nil {
			return err
		}
		defer resp.Close()
		b, err := io.ReadAll(resp)
		if err != nil {
			return err
		}
		return equal("content", body[777:], string(b))
	})},
	{name: "Conn.List", verbs: []string{"CWD", "MLSD"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		l, err := c.List("")
		if err != nil {
			return err
		}
		return equal("listing", "one two", names(l, entryName))
	})},
	{name: "Conn.Rename", verbs: []string{"CWD", "RNFR", "RNTO"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		return c.Rename("one", "three")
	}), after: func(m map[string]string) { m["/dir/three"] = m["/dir/one"]; delete(m, "/dir/one") }},
	{name: "Conn.Delete", verbs: []string{"CWD", "DELE"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		return c.Delete("one")
	}), after: func(m map[string]string) { delete(m, "/dir/one") }},
	{name: "Conn.MakeDir", verbs: []string{"CWD", "MKD"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		return c.MakeDir("made")
	}), after: func(m map[string]string) { m["/dir/made/"] = "" }},
	{name: "Conn.RemoveDirRecur", verbs: []string{"CWD", "MLSD", "DELE", "RMD"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		return c.RemoveDirRecur("../tree/sub")
	}), after: func(m map[string]string) { delete(m, "/tree/sub/leaf"); delete(m, "/tree/sub/") }},
	{name: "Conn.Walk", verbs: []string{"CWD", "MLSD"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		var seen []string
		w := c.Walk("/tree")
		for w.Next() {
			seen = append(seen, w.Path())
		}
		if w.Err() != nil {
			return w.Err()
		}
		return equal("walk", "/tree/sub /tree/sub/leaf /tree/top", names(seen, func(s string) string { return s }))
	})},
	{name: "Conn.Type", verbs: []string{"CWD", "TYPE", "PWD"}, run: dialled(func(_ *testing.T, c *retry.Conn) error {
		if err := c.Type(ftp.TransferTypeASCII); err != nil {
			return err
		}
		dir, err := c.CurrentDir()
		if err != nil {
			return err
		}
		return equal("directory", "/dir", dir)
	})},
}

// wanted is the tree that op leaves.
func (op operation) wanted() map[string]string {
	tree := before()
	if op.after != nil {
		op.after(tree)
	}
	return tree
}

type serverConn = ftp.ServerConn

// writeFile makes a local file of n bytes.
func writeFile(name string, n int) error {
	return os.WriteFile(name, []byte(strings.Repeat("x", n)), 0o600)
}
