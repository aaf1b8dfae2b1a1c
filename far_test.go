package ftpretry_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ftpretry/ftpretry/retry"
)

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// distant makes every connection take as long as one to a server that is far
// away.
func distant(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		timer := time.NewTimer(20 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
			return dial(ctx, network, addr)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// brief is content that is sent together with STOR.
const brief = "content of a small file, and another line of it"

// ahead are the commands that are sent ahead, or right after such ones.
var ahead = []string{"SIZE", "MDTM", "MFMT", "EPSV", "PRET", "RNFR", "RNTO"}

// fromAfar are sequences of transfers, in which each sends ahead what the next
// one needs.
var fromAfar = []operation{
	{name: "three uploads", verbs: ahead, run: with(func(ctx context.Context, t *testing.T, c *retry.Client) error {
		return uploads(ctx, t, c, "/new1", "/dir/one", "/new3")
	}), after: func(m map[string]string) { m["/new1"], m["/dir/one"], m["/new3"] = brief, brief, brief }},
	{name: "three atomic uploads", verbs: ahead, run: with(func(ctx context.Context, t *testing.T, c *retry.Client) error {
		return uploads(ctx, t, c.WithUpload(retry.Atomic), "/new1", "/dir/one", "/new3")
	}), after: func(m map[string]string) { m["/new1"], m["/dir/one"], m["/new3"] = brief, brief, brief }},
	{name: "three downloads", verbs: ahead, run: with(func(ctx context.Context, _ *testing.T, c *retry.Client) error {
		return fetches(ctx, c, "/dir/one", "1", "/dir/two", "22", "/file", body)
	})},
	{name: "three downloads to files", verbs: ahead, run: with(func(ctx context.Context, t *testing.T, c *retry.Client) error {
		for _, name := range []string{"/dir/one", "/tree/top", "/tree/sub/leaf"} {
			local := filepath.Join(t.TempDir(), "local")
			if err := c.RetrFile(ctx, name, local); err != nil {
				return err
			}
			b, err := os.ReadFile(local)
			if err != nil {
				return err
			}
			if err := equal(name, before()[name], string(b)); err != nil {
				return err
			}
		}
		return nil
	})},
	{name: "one thing after another", verbs: ahead, run: with(func(ctx context.Context, t *testing.T, c *retry.Client) error {
		if err := fetches(ctx, c, "/dir/one", "1", "/dir/two", "22"); err != nil {
			return err
		}
		if err := errors.Join(c.Delete(ctx, "/tree/top"), uploads(ctx, t, c, "/new1"), c.WithUpload(retry.Atomic).Stor(ctx, "/new2", retry.Bytes([]byte(body)))); err != nil {
			return err
		}
		l, err := c.List(ctx, "/dir")
		if err == nil {
			err = equal("listing", "one two", names(l, entryName))
		}
		if err != nil {
			return err
		}
		if err := fetches(ctx, c, "/dir/two", "22", "/new1", brief); err != nil {
			return err
		}
		return errors.Join(c.Rename(ctx, "/new2", "/new3"), c.Append(ctx, "/new1", retry.Bytes([]byte(brief))), uploads(ctx, t, c.WithUpload(retry.Atomic), "/new4"))
	}), after: func(m map[string]string) {
		delete(m, "/tree/top")
		m["/new1"], m["/new3"], m["/new4"] = brief+brief, body, brief
	}},
}

// uploads stores a local file under each name.
func uploads(ctx context.Context, t *testing.T, c *retry.Client, names ...string) error {
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, []byte(brief), 0o600); err != nil {
		return err
	}
	for _, name := range names {
		if err := c.StorFile(ctx, name, local); err != nil {
			return err
		}
	}
	return nil
}

// fetches downloads files and compares them: name and content in turn.
func fetches(ctx context.Context, c *retry.Client, pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		var b bytes.Buffer
		if _, err := c.Retr(ctx, pairs[i], &b); err != nil {
			return err
		}
		if err := equal(pairs[i], pairs[i+1], b.String()); err != nil {
			return err
		}
	}
	return nil
}

// farPart is the part of the cases that is run, one in so many: the sequences are
// long. All of them: FTPRETRY_CASES=all go test -run FromAfar .
func farPart(usual int) int {
	if os.Getenv("FTPRETRY_CASES") == "all" {
		return 1
	}
	return usual
}

// TestEveryFaultAtEveryStepFromAfar is the enumeration where commands, ports and
// content are sent ahead.
func TestEveryFaultAtEveryStepFromAfar(t *testing.T) {
	enumerate(t, fromAfar, place{far: true, part: farPart(4)})
	enumerate(t, fromAfar[:3], place{far: true, pret: true, part: farPart(8)})
	enumerate(t, operations, place{far: true, part: farPart(16)})
}

// TestEveryFaultAtEveryStepFromAfarOverTLS is the same over TLS.
func TestEveryFaultAtEveryStepFromAfarOverTLS(t *testing.T) {
	enumerate(t, fromAfar[:3], place{far: true, secure: true, part: farPart(8)})
}
