package ftpretry_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
)

// evil is a server that says what it likes: by verb, the reply to a command, or
// what it does in place of one. What is not in it is answered as it should be.
type evil map[string]func(c net.Conn)

func says(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// honest are the replies of a server that means well.
var honest = map[string]string{
	"USER": "331 Password.\r\n", "PASS": "230 In.\r\n", "FEAT": "211-Have\r\n SIZE\r\n MDTM\r\n REST STREAM\r\n211 End\r\n", "TYPE": "200 Ok.\r\n",
	"EPSV": "229 Here (|||2000|)\r\n", "SIZE": "213 1000\r\n", "MDTM": "213 20240102030405\r\n", "REST": "350 Go on.\r\n",
	"RETR": "150 Here it comes.\r\n", "STOR": "150 Send it.\r\n", "LIST": "150 Here it comes.\r\n", "QUIT": "221 Bye.\r\n",
}

// serve answers commands until the client hangs up.
func (e evil) serve(c net.Conn) {
	defer c.Close()
	if greet, ok := e["CONNECT"]; ok {
		greet(c)
	} else {
		says("220 Ready.\r\n")(c)
	}
	for lines := bufio.NewScanner(c); lines.Scan(); {
		verb, _, _ := strings.Cut(lines.Text(), " ")
		switch do, ok := e[verb]; {
		case ok:
			do(c)
		case honest[verb] != "":
			says(honest[verb])(c)
		default:
			says("502 No.\r\n")(c)
		}
	}
}

// config is a client's of that server. data is what a data connection is like.
func (e evil) config(data func(net.Conn)) retry.Config {
	return retry.Config{
		Addr: "h:21", User: "u", Password: "secret", Policy: policy.Policy{Attempts: 2, Initial: time.Second, Jitter: -1},
		ConnectTimeout: 10 * time.Second, ReplyTimeout: 20 * time.Second, StallTimeout: 30 * time.Second,
		Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
			if addr != "h:21" && data == nil {
				<-ctx.Done() // nobody answers there
				return nil, ctx.Err()
			}
			ours, theirs := net.Pipe()
			if addr == "h:21" {
				go e.serve(theirs)
			} else {
				go func() { defer theirs.Close(); data(theirs) }()
			}
			return ours, nil
		},
	}
}

// silent says nothing, until the client hangs up.
func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// TestWhateverAServerDoesTheClientEnds is a server that breaks the protocol, or
// that wants to do harm by it: an error that says what is wrong, within the
// timeouts and in little memory.
func TestWhateverAServerDoesTheClientEnds(t *testing.T) {
	collectOften(t)
	get := func(ctx context.Context, c *retry.Client) error { _, err := c.Retr(ctx, "/f", io.Discard); return err }
	put := func(ctx context.Context, c *retry.Client) error {
		return c.Stor(ctx, "/f", retry.Bytes([]byte(body[:1000])))
	}
	list := func(ctx context.Context, c *retry.Client) error { _, err := c.List(ctx, "/d"); return err }
	size := func(ctx context.Context, c *retry.Client) error { _, err := c.FileSize(ctx, "/f"); return err }
	mtime := func(ctx context.Context, c *retry.Client) error { _, err := c.GetTime(ctx, "/f"); return err }
	content := func(c net.Conn) { _, _ = io.WriteString(c, body[:1000]) }
	whole := says("150 So.\r\n226 Done.\r\n")
	endlessLine := func(c net.Conn) { _, _ = io.WriteString(c, "213 "); repeat(c, strings.Repeat("9", 1000)) }
	endlessLines := func(c net.Conn) { repeat(c, "213-and so on, and so on, and so on, and so on\r\n") }
	drop := func(text string) func(net.Conn) {
		return func(c net.Conn) { says(text)(c); _ = c.Close() }
	}
	for _, c := range []struct {
		name   string
		evil   evil
		data   func(net.Conn)
		run    func(context.Context, *retry.Client) error
		want   string // "" = it may succeed
		within time.Duration
	}{
		{"a line without end in reply to SIZE", evil{"SIZE": endlessLine}, content, size, "reply longer than 64 KiB", time.Second},
		{"lines without end in reply to SIZE", evil{"SIZE": endlessLines}, content, size, "reply longer than 64 KiB", time.Second},
		{"lines without end in reply to FEAT", evil{"FEAT": endlessLines}, content, size, "reply longer than 64 KiB", time.Second},
		{"lines without end in reply to STOR", evil{"STOR": endlessLines}, content, put, "reply longer than 64 KiB", 2 * time.Second},
		{"lines without end after the data", evil{"RETR": func(c net.Conn) { says("150 So.\r\n")(c); endlessLines(c) }}, content, get, "reply longer than 64 KiB", 2 * time.Second},
		{"150 without end", evil{"RETR": func(c net.Conn) { repeat(c, "150 Here it comes.\r\n") }}, content, get, "150", 70 * time.Second},
		{"lines without end in reply to QUIT", evil{"SIZE": says("450 Busy.\r\n"), "QUIT": endlessLines}, content, size, "450", 3 * time.Second},
		{"a byte a second in reply to SIZE", evil{"SIZE": func(c net.Conn) {
			for range 1000 {
				time.Sleep(time.Second)
				if _, err := io.WriteString(c, "2"); err != nil {
					return
				}
			}
		}}, content, size, "reply", 50 * time.Second},
		{"a digit a second in reply to SIZE", evil{"SIZE": func(c net.Conn) {
			says("213 ")(c)
			for range 1000 {
				time.Sleep(time.Second)
				if _, err := io.WriteString(c, "2"); err != nil {
					return
				}
			}
		}}, content, size, "no end of a reply to SIZE within", 50 * time.Second},
		{"a size that is negative", evil{"SIZE": says("213 -1000\r\n"), "RETR": whole}, content, get, "", time.Minute},
		{"a size beyond all", evil{"SIZE": says("213 99999999999999999999999999\r\n"), "RETR": whole}, content, get, "", time.Minute},
		{"the largest size", evil{"SIZE": says("213 9223372036854775807\r\n"), "RETR": whole}, content, get, "9223372036854775807", time.Minute},
		{"a size that is none", evil{"SIZE": says("213 large\r\n")}, content, size, "large", time.Minute},
		{"a file of which nobody tells the size", evil{"FEAT": says("211-Have\r\n MLST type*;\r\n211 End\r\n"), "SIZE": says("550 No.\r\n"),
			"MLST": says("250-So\r\n type=file; f\r\n250 End\r\n"), "RETR": whole}, func(net.Conn) {}, get, "neither SIZE, MLST nor a usable LIST", time.Second},
		{"a file of which nobody tells anything", evil{"FEAT": says("211-Have\r\n MLST type*;\r\n211 End\r\n"), "SIZE": says("550 No.\r\n"),
			"MLST": says("250-So\r\n \r\n250 End\r\n"), "RETR": whole}, func(net.Conn) {}, get, "neither SIZE, MLST nor a usable LIST", time.Second},
		{"a time that is none", evil{"MDTM": says("213 99999999999999\r\n")}, content, mtime, "99999999999999", time.Minute},
		{"a data connection that nobody takes", evil{}, nil, get, "no connection to h:2000 within 10s", 25 * time.Second},
		{"a data connection that never begins to send", evil{}, silent, get, "stalled", 82 * time.Second},
		{"one that never begins to take", evil{}, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); <-time.After(time.Hour) }, put, "stalled", 142 * time.Second},
		{"one that is never ended", evil{}, func(c net.Conn) { content(c); silent(c) }, get, "stalled", 82 * time.Second},
		{"a listing that never begins", evil{}, silent, list, "stalled", 82 * time.Second},
		{"a transfer that is never confirmed", evil{}, content, get, "no end of a reply to RETR within", 50 * time.Second},
		{"a listing that is never confirmed", evil{}, says("a\r\n"), list, "no end of a reply to LIST within", 50 * time.Second},
		{"226 before the data, and no data", evil{"RETR": whole}, silent, get, "stalled", 82 * time.Second},
		{"226 before the data, and half of them", evil{"RETR": whole}, says(body[:500]), get, "transfer incomplete", 5 * time.Second},
		{"226 before the data, and all of them", evil{"RETR": whole}, content, get, "", 5 * time.Second},
		{"226 without 150", evil{"RETR": says("226 Done.\r\n")}, content, get, "226", 5 * time.Second},
		{"226 to an upload of which nothing was taken", evil{"STOR": says("150 So.\r\n226 Done.\r\n"), "SIZE": says("213 0\r\n")}, func(net.Conn) {}, put, "pipe", 5 * time.Second},
		{"a reply to what nobody asked", evil{"SIZE": says("213 1000\r\n213 2000\r\n221 Bye.\r\n")}, content, get, "out of step", 70 * time.Second},
		{"a hang-up in each reply", evil{"SIZE": drop("21")}, content, size, "EOF", 5 * time.Second},
		{"replies of another protocol in the middle", evil{"SIZE": says("HTTP/1.1 400 Bad Request\r\n\r\n")}, content, size, "not an FTP reply", 5 * time.Second},
		{"NUL and control characters", evil{"SIZE": says("550 \x00\x1b[2J\a\x7f\r\n")}, content, size, `\x00\x1b[2J\a\x7f`, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, err := retry.New(c.evil.config(c.data))
				require.NoError(t, err)
				idle := heapInUse()
				start := time.Now()
				err = c.run(t.Context(), client)
				took := time.Since(start)
				assert.Less(t, int64(heapInUse())-int64(idle), int64(mostMemory))
				if c.want != "" {
					var e *retry.Error
					require.ErrorAs(t, err, &e)
					assert.ErrorContains(t, err, c.want)
					assert.Less(t, len(err.Error()), 1500)
				}
				assert.LessOrEqual(t, took, c.within, "%v", err)
				require.NoError(t, client.Close())
				time.Sleep(2 * time.Hour) // virtual: what the server still does ends by then
			})
		})
	}
}
