package wire

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestADataConnectionThatMayBeIdleIsKeptAlive asks the kernel.
func TestADataConnectionThatMayBeIdleIsKeptAlive(t *testing.T) {
	t.Parallel()
	write := func(t *testing.T, d *Data) {
		t.Helper()
		_, err := bytes.NewReader(make([]byte, 4096)).WriteTo(d)
		require.NoError(t, err)
	}
	nothing := func(*testing.T, *Session, *Data, *net.TCPConn) {}
	for name, c := range map[string]struct {
		config func(*Config)
		run    func(*testing.T, *Session, *Data, *net.TCPConn)
		kept   bool
	}{
		"a transfer that has not begun": {run: nothing},
		"one that may be awaited for long": {
			config: func(c *Config) { c.Reply = 10 * time.Minute }, run: nothing, kept: true,
		},
		"an upload by one write": {run: func(t *testing.T, _ *Session, d *Data, _ *net.TCPConn) { write(t, d) }},
		"an upload by two writes": {kept: true, run: func(t *testing.T, _ *Session, d *Data, _ *net.TCPConn) {
			write(t, d)
			write(t, d)
		}},
		"an upload from a reader that may take its time": {kept: true, run: func(t *testing.T, _ *Session, d *Data, _ *net.TCPConn) {
			_, err := d.ReadFrom(strings.NewReader("x"))
			require.NoError(t, err)
		}},
		"an upload of a file by more than one chunk": {kept: true, run: func(t *testing.T, _ *Session, d *Data, server *net.TCPConn) {
			go func() { _, _ = io.Copy(io.Discard, server) }()
			f := file(t, nil)
			require.NoError(t, f.Truncate(2*firstChunk))
			_, err := d.ReadFrom(f)
			require.NoError(t, err)
		}},
		"a download": {kept: true, run: func(t *testing.T, _ *Session, d *Data, server *net.TCPConn) {
			_, err := server.Write([]byte("x"))
			require.NoError(t, err)
			_, err = d.Read(make([]byte, 1))
			require.NoError(t, err)
		}},
		"a download into a file": {kept: true, run: func(t *testing.T, _ *Session, d *Data, server *net.TCPConn) {
			require.NoError(t, server.CloseWrite())
			_, err := d.WriteTo(file(t, nil))
			require.NoError(t, err)
		}},
		"one that a server tells of line by line": {kept: true, run: func(_ *testing.T, s *Session, _ *Data, _ *net.TCPConn) {
			s.control.reply.open = true
			s.control.arm()
		}},
		"one that the caller has made": {
			config: func(c *Config) {
				c.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
					return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, addr)
				}
			},
			run: func(t *testing.T, _ *Session, d *Data, _ *net.TCPConn) { write(t, d); write(t, d) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d, server := linked(t, func(cfg *Config) {
				if c.config != nil {
					c.config(cfg)
				}
			})
			c.run(t, s, d, server)
			assert.Equal(t, c.kept, option(t, d.raw, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) != 0)
			if control := s.control.raw; c.kept {
				require.NotZero(t, option(t, control, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE), "of the control connection")
				for _, name := range []int{syscall.TCP_KEEPIDLE, syscall.TCP_KEEPINTVL, syscall.TCP_KEEPCNT} {
					assert.Equal(t, option(t, control, syscall.IPPROTO_TCP, name), option(t, d.raw, syscall.IPPROTO_TCP, name), "as net.Dialer does it")
				}
			}
		})
	}
}

// option is what the kernel says of a socket.
func option(t *testing.T, conn net.Conn, level, name int) (value int) {
	t.Helper()
	rc, err := conn.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, rc.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), level, name) }))
	require.NoError(t, err)
	return value
}
