package ftpretry_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
)

// conversing are operations for a server that says anything.
var conversing = []func(ctx context.Context, c *retry.Client) error{
	func(ctx context.Context, c *retry.Client) error { _, err := c.FileSize(ctx, "/f"); return err },
	func(ctx context.Context, c *retry.Client) error { _, err := c.Retr(ctx, "/f", io.Discard); return err },
	func(ctx context.Context, c *retry.Client) error {
		return c.Stor(ctx, "/f", retry.Bytes([]byte("content")))
	},
	func(ctx context.Context, c *retry.Client) error {
		return c.WithUpload(retry.Atomic).Stor(ctx, "/f", retry.Bytes([]byte("content")))
	},
	func(ctx context.Context, c *retry.Client) error {
		return c.Append(ctx, "/f", retry.Bytes([]byte("content")))
	},
	func(ctx context.Context, c *retry.Client) error { _, err := c.List(ctx, "/d"); return err },
	func(ctx context.Context, c *retry.Client) error { _, err := c.NameList(ctx, "/d"); return err },
	func(ctx context.Context, c *retry.Client) error { _, err := c.GetEntry(ctx, "/f"); return err },
	func(ctx context.Context, c *retry.Client) error { _, err := c.GetTime(ctx, "/f"); return err },
	func(ctx context.Context, c *retry.Client) error { return c.Rename(ctx, "/f", "/g") },
	func(ctx context.Context, c *retry.Client) error { return c.MakeDir(ctx, "/d") },
	func(ctx context.Context, c *retry.Client) error { return c.RemoveDirRecur(ctx, "/d") },
	func(ctx context.Context, c *retry.Client) error {
		return c.Do(ctx, func(_ context.Context, conn *ftp.ServerConn) error { _, err := conn.CurrentDir(); return err })
	},
	func(ctx context.Context, c *retry.Client) error {
		_, err := fs.ReadDir(c.FS(ctx), "d")
		var known *retry.Error
		if err != nil && !errors.As(err, &known) {
			return nil // the errors of package fs are its own
		}
		return err
	},
}

// conversation is a server that has these replies, one for each command, and
// then hangs up; data is what its data connections bring.
func conversation(replies []string, data []byte) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, addr string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if addr != "h:21" {
				go func() { _, _ = io.Copy(io.Discard, theirs) }()
				_, _ = theirs.Write(data)
				return
			}
			commands := bufio.NewReader(theirs)
			for _, reply := range replies {
				if _, err := io.WriteString(theirs, reply); err != nil {
					return
				}
				if _, err := commands.ReadString('\n'); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}
}

// FuzzServer has a server say anything at all: nothing panics, hangs or takes
// memory for it, and every error is one of ours.
func FuzzServer(f *testing.F) {
	const in = "220 Ready.\f331 Password.\f230 In.\f211-Have\n SIZE\n MLST type*;size*;\n MDTM\n MFMT\n UTF8\n211 End\f200 Binary.\f200 UTF8.\f"
	for _, after := range []string{
		"213 7\f229 (|||2000|)\f150 So.\r\n226 Done.\f213 7\f221 Bye.\f", "229 (|||2000|)\f150 So.\r\n226 Done.\f213 7\f221 Bye.\f",
		"213 -7\f229 (|||0|)\f227 )(\f", "500 No.\f227 (127,0,0,1,256,0)\f", "229 (|||65536|)\f227 (1,2,3,4,,)\f", "257 \"\f", "257 \"/a\"b\"\f",
		"250-x\n \n250 End\f", "250-x\n type=file;size=x; f\n250 End\f", "250-x\n =; \n250 End\f", "213 99999999999999999999999\f", "213 20249999999999\f",
		"229 (|||2000|)\f226 Done.\f", "229 (|||2000|)\f150 So.\r\n150 So.\r\n226 Done.\r\n226 Done.\f", "421 Going.\f", "229 (|||2000|)\f150 (999999999999999999 bytes)\r\n226\f",
		"213 7\r\n213 8\f", "213-7\n213-8\n214 9\f", "350 Go.\f250 Gone.\f", "350 Go.\f", "220 Ready.\f", "\x00\f", "213 \x00\x1b[2J\f", "2\f", "213 7",
	} {
		for op := range conversing {
			f.Add(in+strings.ReplaceAll(after, "\f", "\r\n\f"), []byte("content"), byte(op))
		}
	}
	f.Add("SSH-2.0-x\r\n", []byte(nil), byte(0))
	f.Add("220-"+strings.Repeat("x", 70_000), []byte(nil), byte(0))
	f.Add(strings.ReplaceAll(in, "\f", "\r\n\f"), []byte("type=file;size=1; ../../x\r\ntype=dir; a/b\r\ntype=dir; \x00\r\n"), byte(11))
	f.Fuzz(func(t *testing.T, text string, data []byte, op byte) {
		replies := strings.Split(text, "\f")
		synctest.Test(t, func(t *testing.T) {
			client, err := retry.New(retry.Config{
				Addr: "h:21", User: "u", Password: "secret", Policy: policy.Policy{Attempts: 2, Initial: 1, Max: 1},
				ConnectTimeout: time.Second, ReplyTimeout: time.Second, StallTimeout: time.Second,
				Dial: conversation(replies, data),
			})
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err = conversing[int(op)%len(conversing)](t.Context(), client)
			runtime.ReadMemStats(&after)
			var known *retry.Error
			assert.True(t, err == nil || errors.As(err, &known), "%v", err)
			if err != nil {
				assert.False(t, bytes.ContainsAny([]byte(err.Error()), "\r\n\x00\x1b"), "%q", err)
			}
			assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20+1000*len(data)+20*len(text)), "memory grows with what is said")
			_ = client.Close()
		})
	})
}
