package ftpretry_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
)

// endlessly is a data connection on which the server never stops. peak is the
// most heap there was while it spoke.
type endlessly struct {
	net.Conn
	line func(n int) string

	n    int
	rest string
	peak *atomic.Uint64
}

func (e *endlessly) Read(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		if e.rest == "" {
			e.rest = e.line(e.n)
			if e.n++; e.n%50_000 == 0 {
				e.peak.Store(max(e.peak.Load(), heapInUse()))
			}
		}
		n := copy(p[done:], e.rest)
		e.rest, done = e.rest[n:], done+n
	}
	return done, nil
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// neverEnding has every data connection of the server be such a one.
func neverEnding(cfg *retry.Config, line func(n int) string) (peak *atomic.Uint64) {
	peak = new(atomic.Uint64)
	dial, control := cfg.Dial, cfg.Addr
	cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil || addr == control {
			return conn, err
		}
		return &endlessly{Conn: conn, line: line, peak: peak}, nil
	}
	return peak
}

// listers are the operations that read a listing.
var listers = map[string]func(context.Context, *retry.Client) error{
	"List":           func(ctx context.Context, c *retry.Client) error { _, err := c.List(ctx, "/dir"); return err },
	"NameList":       func(ctx context.Context, c *retry.Client) error { _, err := c.NameList(ctx, "/dir"); return err },
	"RemoveDirRecur": func(ctx context.Context, c *retry.Client) error { return c.RemoveDirRecur(ctx, "/dir") },
	"Do": func(ctx context.Context, c *retry.Client) error {
		return c.Do(ctx, func(_ context.Context, conn *ftp.ServerConn) error { _, err := conn.List("/dir"); return err })
	},
	"FS": func(ctx context.Context, c *retry.Client) error {
		dir, err := c.FS(ctx).Open("dir")
		if err != nil {
			return err
		}
		defer dir.Close()
		_, err = dir.(interface {
			ReadDir(int) ([]fs.DirEntry, error)
		}).ReadDir(-1)
		return err
	},
}

// TestAListingWithoutEndIsGivenUp bounds it by entries, by bytes and by the
// line: it ends in one attempt, in no time, with memory that is that of the
// bound and not of the listing.
func TestAListingWithoutEndIsGivenUp(t *testing.T) {
	collectOften(t)
	const most = 8 << 20
	for _, c := range []struct {
		name, want string
		line       func(n int) string
	}{
		{"of entries", "more than 5000 entries: raise Config.MaxListEntries", func(n int) string {
			return fmt.Sprintf("type=file;size=1;modify=20240102030405; %08d\r\n", n)
		}},
		{"of lines that are no entries", "more than 5000 entries", func(int) string { return "what\r\n" }},
		{"of long lines", "longer than 1048576 bytes: raise Config.MaxListBytes", func(int) string { return strings.Repeat("x", 60<<10) + "\r\n" }},
		{"of one line", "line of more than 64 KiB", func(int) string { return "type=file;size=1; xxxxxxxxxxxxxxxx" }},
		{"of NUL", "line of more than 64 KiB", func(int) string { return "\x00\x00\x00\x00\x00\x00\x00\x00" }},
	} {
		for name, run := range listers {
			t.Run(name+" "+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, cfg := bed(t, false)
					plant(t, srv, before())
					cfg.MaxListEntries, cfg.MaxListBytes = 5000, 1<<20
					peak := neverEnding(&cfg, c.line)
					client, err := retry.New(cfg)
					require.NoError(t, err)
					idle := heapInUse()
					err = run(t.Context(), client)
					require.ErrorIs(t, err, retry.ErrPermanent)
					require.ErrorContains(t, err, c.want)
					assert.NotContains(t, err.Error(), "\n")
					assert.Less(t, int64(max(peak.Load(), heapInUse()))-int64(idle), int64(most))
					var e *retry.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, 1, e.Attempts)
					for _, command := range srv.Commands() {
						assert.NotContains(t, command, "DELE /dir/", "half a listing was acted upon")
					}
					require.NoError(t, client.Close())
				})
			})
		}
	}
}

// TestAListingWithoutEndTakesBoundedMemory has the bounds of a zero Config, for
// listings that hold nothing that is kept, and those that its comment names for
// the listings that do.
func TestAListingWithoutEndTakesBoundedMemory(t *testing.T) {
	collectOften(t)
	const most = 32 << 20
	for _, c := range []struct {
		name, want string
		entries    int
		line       func(n int) string
	}{
		{"of short lines", "more than 1000000 entries", 0, func(int) string { return "what\r\n" }},
		{"of long lines", "longer than 268435456 bytes", 0, func(int) string { return strings.Repeat("x", 60<<10) + "\r\n" }},
		{"of entries", "more than 100000 entries", 100_000, func(n int) string {
			return fmt.Sprintf("type=file;size=1;modify=20240102030405; file-%08d.csv\r\n", n)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, cfg := bed(t, false)
				plant(t, srv, before())
				cfg.MaxListEntries = c.entries
				peak := neverEnding(&cfg, c.line)
				client, err := retry.New(cfg)
				require.NoError(t, err)
				runtime.GC()
				idle := heapInUse()
				_, err = client.List(t.Context(), "/dir")
				require.ErrorIs(t, err, retry.ErrPermanent)
				require.ErrorContains(t, err, c.want)
				assert.Less(t, int64(max(peak.Load(), heapInUse()))-int64(idle), int64(most))
				require.NoError(t, client.Close())
			})
		})
	}
}
