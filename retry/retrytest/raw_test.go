package retrytest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait of a test for something that has to come. It is
// virtual inside a synctest bubble.
const patience = 10 * time.Second

// address is where a client connects: a server, or a proxy before one.
type address interface {
	Addr() string
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
}

// rawClient speaks FTP line by line, so that a test sees every reply.
type rawClient struct {
	t    testing.TB
	srv  address
	conn net.Conn
	in   *bufio.Reader
	tls  *tls.Config // data connections are TLS
	data net.Conn
}

// connect opens a control connection without reading the greeting.
func connect(t testing.TB, srv address) *rawClient {
	t.Helper()
	conn, err := srv.Dial(context.Background(), "tcp", srv.Addr())
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { _ = conn.Close() })
	return &rawClient{t: t, srv: srv, conn: conn, in: bufio.NewReader(conn)}
}

// session opens a control connection, reads the greeting and logs in.
func session(t testing.TB, srv address) *rawClient {
	t.Helper()
	c := connect(t, srv)
	require.Equal(t, "220 ready", c.reply())
	c.want("USER u", "331")
	c.want("PASS p", "230")
	return c
}

// line reads one line of a reply; an error stands for itself in angle brackets.
func (c *rawClient) line() string {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return fmt.Sprintf("%s<%v>", line, err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// reply reads a whole reply, its lines separated by \n.
func (c *rawClient) reply() string {
	first := c.line()
	if len(first) < 4 || first[3] != '-' {
		return first
	}
	all := first
	for {
		next := c.line()
		all += "\n" + next
		if strings.HasPrefix(next, first[:3]+" ") || strings.HasPrefix(next, "<") {
			return all
		}
	}
}

func (c *rawClient) send(line string) {
	c.t.Helper()
	_, err := c.conn.Write([]byte(line + "\r\n"))
	require.NoError(c.t, err)
}

// want sends a command and requires the reply to begin as given.
func (c *rawClient) want(line, reply string) string {
	c.t.Helper()
	c.send(line)
	got := c.reply()
	require.Truef(c.t, strings.HasPrefix(got, reply), "%s: got %q, want %q", line, got, reply)
	return got
}

// passive opens a data connection.
func (c *rawClient) passive() {
	c.t.Helper()
	var port int
	_, err := fmt.Sscanf(c.want("EPSV", "229"), "229 Entering Extended Passive Mode (|||%d|)", &port)
	require.NoError(c.t, err)
	c.data, err = c.srv.Dial(context.Background(), "tcp", fmt.Sprintf("%s:%d", c.conn.RemoteAddr().(*net.TCPAddr).IP, port))
	require.NoError(c.t, err)
	require.NoError(c.t, c.data.SetDeadline(time.Now().Add(patience)))
	data := c.data
	c.t.Cleanup(func() { _ = data.Close() })
	if c.tls != nil {
		c.data = tls.Client(c.data, c.tls)
	}
}

// download runs a command with a data connection, and returns what came over
// it, the final reply and how the data ended.
func (c *rawClient) download(line string) (data, reply string, end error) {
	c.t.Helper()
	c.passive()
	c.want(line, "150")
	got, err := io.ReadAll(c.data)
	_ = c.data.Close()
	return string(got), c.reply(), err
}

// upload runs a command with a data connection, and returns the final reply
// and how sending went.
func (c *rawClient) upload(line, data string) (reply string, err error) {
	c.t.Helper()
	c.passive()
	c.want(line, "150")
	_, err = io.WriteString(c.data, data)
	if closeErr := c.data.Close(); err == nil {
		err = closeErr
	}
	return c.reply(), err
}

// closed requires the control connection to end as given.
func (c *rawClient) closed(how error) {
	c.t.Helper()
	_, err := c.in.ReadByte()
	require.ErrorIs(c.t, err, how)
}

// silent requires that nothing comes on the control connection. It is for
// synctest bubbles, where a second takes no time.
func (c *rawClient) silent() {
	c.t.Helper()
	require.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(time.Second)))
	_, err := c.in.ReadByte()
	var netErr net.Error
	require.ErrorAs(c.t, err, &netErr)
	require.True(c.t, netErr.Timeout(), "not silent: %v", err)
	require.NoError(c.t, c.conn.SetDeadline(time.Now().Add(patience)))
}

// eventually polls for what another goroutine is about to do. It yields, and
// never sleeps.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); {
		require.Truef(t, time.Now().Before(end), "never: %s", what)
		runtime.Gosched()
	}
}
