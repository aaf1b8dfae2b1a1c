package retrytest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// A connection in memory has to be what a socket is to its user. The far end
// is the server's; a greeting and an echo by replies are all that is needed.
func TestConnectionsInMemoryBehaveLikeSockets(t *testing.T) {
	for name, check := range map[string]func(t *testing.T, srv *retrytest.Server, c *rawClient){
		"addresses are those of TCP": func(t *testing.T, srv *retrytest.Server, c *rawClient) {
			assert.Equal(t, "192.0.2.1:21", srv.Addr())
			assert.Equal(t, srv.Addr(), c.conn.RemoteAddr().(*net.TCPAddr).String())
			assert.NotEmpty(t, c.conn.LocalAddr().(*net.TCPAddr).Port)
		},
		"a read ends at its deadline": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			start := time.Now()
			require.NoError(t, c.conn.SetReadDeadline(start.Add(time.Second)))
			_, err := c.conn.Read(make([]byte, 1))
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			var netErr *net.OpError
			require.ErrorAs(t, err, &netErr)
			assert.True(t, netErr.Timeout())
			assert.Equal(t, time.Second, time.Since(start))
			_, err = c.conn.Read(make([]byte, 1))
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.NoError(t, c.conn.SetReadDeadline(time.Time{}))
			c.want("NOOP", "200")
		},
		"a deadline in the past ends a read that waits": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			require.NoError(t, c.conn.SetDeadline(time.Time{}))
			var wait sync.WaitGroup
			wait.Go(func() {
				_, err := c.conn.Read(make([]byte, 1))
				assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			})
			synctest.Wait()
			require.NoError(t, c.conn.SetReadDeadline(time.Unix(1, 0)))
			wait.Wait()
		},
		"a deadline that is moved ends a read at the later time": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			start := time.Now()
			require.NoError(t, c.conn.SetReadDeadline(start.Add(time.Second)))
			var wait sync.WaitGroup
			wait.Go(func() {
				_, err := c.conn.Read(make([]byte, 1))
				assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
				assert.Equal(t, 3*time.Second, time.Since(start))
			})
			synctest.Wait()
			require.NoError(t, c.conn.SetReadDeadline(start.Add(3*time.Second)))
			wait.Wait()
		},
		"a write that nobody reads ends at its deadline": func(t *testing.T, srv *retrytest.Server, c *rawClient) {
			srv.Inject(retrytest.Fault{On: "STOR", StallData: true})
			c.passive()
			c.want("STOR a", "150")
			require.NoError(t, c.data.SetWriteDeadline(time.Now().Add(time.Second)))
			n, err := c.data.Write(make([]byte, 1<<20))
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.Positive(t, n)
			assert.Less(t, n, 1<<20)
		},
		"a closed connection says so": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			require.NoError(t, c.conn.Close())
			_, err := c.conn.Read(make([]byte, 1))
			assert.ErrorIs(t, err, net.ErrClosed)
			_, err = c.conn.Write([]byte("x"))
			assert.ErrorIs(t, err, net.ErrClosed)
			assert.ErrorIs(t, c.conn.Close(), net.ErrClosed)
		},
		"closing ends a read that waits": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			var wait sync.WaitGroup
			wait.Go(func() {
				_, err := c.conn.Read(make([]byte, 1))
				assert.ErrorIs(t, err, net.ErrClosed)
			})
			synctest.Wait()
			require.NoError(t, c.conn.Close())
			wait.Wait()
		},
		"the first write after the server's close is lost, the next one fails": func(t *testing.T, srv *retrytest.Server, c *rawClient) {
			srv.Kick(retrytest.FIN)
			c.closed(io.EOF)
			_, err := c.conn.Write([]byte("lost"))
			require.NoError(t, err)
			_, err = c.conn.Write([]byte("fails"))
			assert.ErrorIs(t, err, syscall.EPIPE)
			c.closed(io.EOF)
		},
		"after a reset, writes and reads fail": func(t *testing.T, srv *retrytest.Server, c *rawClient) {
			srv.Kick(retrytest.RST)
			_, err := c.conn.Write([]byte("x"))
			assert.ErrorIs(t, err, syscall.ECONNRESET)
			c.closed(syscall.ECONNRESET)
		},
		"a half-closed connection still reads": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			c.send("NOOP")
			require.NoError(t, c.conn.(interface{ CloseWrite() error }).CloseWrite())
			_, err := c.conn.Write([]byte("x"))
			require.ErrorIs(t, err, syscall.EPIPE)
			require.Equal(t, "200 NOOP ok.", c.reply())
			c.closed(io.EOF)
		},
		"closing with unread input loses the output under way": func(t *testing.T, srv *retrytest.Server, c *rawClient) {
			srv.Inject(retrytest.Fault{On: "STOR", StallData: true})
			srv.Push("421 Timeout.")
			synctest.Wait()
			before := len(srv.Commands())
			c.send("NOOP")
			require.NoError(t, c.conn.Close())
			synctest.Wait()
			// The reset overtakes the command, or comes after it was read.
			assert.LessOrEqual(t, len(srv.Commands()), before+1)
			assert.Zero(t, srv.Sessions())
		},
		"a port that nobody listens on refuses": func(t *testing.T, srv *retrytest.Server, _ *rawClient) {
			_, err := srv.Dial(context.Background(), "tcp", "192.0.2.1:22")
			assert.ErrorIs(t, err, syscall.ECONNREFUSED)
			for _, addr := range []string{"192.0.2.1", "192.0.2.1:ftp:1", "192.0.2.1:ftp"} {
				_, err = srv.Dial(context.Background(), "tcp", addr)
				var netErr *net.OpError
				assert.ErrorAs(t, err, &netErr)
			}
		},
		"a context that has ended keeps from dialling": func(t *testing.T, srv *retrytest.Server, _ *rawClient) {
			why := errors.New("enough")
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(why)
			_, err := srv.Dial(ctx, "tcp", srv.Addr())
			assert.ErrorIs(t, err, why)
		},
		"a port given up resets who connected to it": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			c.passive()
			c.want("EPSV", "229")
			_, err := c.data.Read(make([]byte, 1))
			assert.ErrorIs(t, err, syscall.ECONNRESET)
		},
		"a port takes only so many connections that nobody accepts": func(t *testing.T, srv *retrytest.Server, c *rawClient) {
			c.passive()
			addr, n := c.data.RemoteAddr().String(), 1
			for {
				conn, err := srv.Dial(context.Background(), "tcp", addr)
				if err != nil {
					assert.ErrorIs(t, err, syscall.ECONNREFUSED)
					break
				}
				defer func() { _ = conn.Close() }()
				n++
			}
			assert.Equal(t, 128, n)
		},
		"bytes arrive in order and whole": func(t *testing.T, srv *retrytest.Server, c *rawClient) {
			data := make([]byte, 1<<20)
			for i := range data {
				data[i] = byte(i ^ i>>8)
			}
			c.passive()
			c.want("STOR a", "150")
			for rest := data; len(rest) > 0; {
				n, err := c.data.Write(rest[:min(len(rest), 1+len(rest)%70001)])
				require.NoError(t, err)
				rest = rest[n:]
			}
			require.NoError(t, c.data.Close())
			require.Equal(t, "226 Transfer complete.", c.reply())
			got, _, _ := c.download("RETR a")
			require.True(t, bytes.Equal(data, []byte(got)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
				check(t, srv, session(t, srv))
			})
		})
	}
}
