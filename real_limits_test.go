//go:build linux

package ftpretry_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"net"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/transient"
)

// named returns an operation of the table.
func named(t *testing.T, name string) operation {
	t.Helper()
	i := slices.IndexFunc(operations, func(op operation) bool { return op.name == name })
	require.GreaterOrEqual(t, i, 0, "operation %s", name)
	return operations[i]
}

// occupy holds a session until leave is called.
func occupy(t *testing.T, s *ftpd.Server) (conn *ftp.ServerConn, leave func()) {
	t.Helper()
	conn, err := ftp.Dial(s.Addr, ftp.DialWithTimeout(5*time.Second))
	require.NoError(t, err)
	require.NoError(t, conn.Login(s.User, s.Password))
	var left atomic.Bool
	leave = func() {
		if left.CompareAndSwap(false, true) {
			_ = conn.Quit()
		}
	}
	t.Cleanup(leave)
	return conn, leave
}

func TestRealAPlaceThatIsFreedWhileTheClientWaits(t *testing.T) {
	ftpd.Require(t)
	for _, row := range []struct {
		name    string
		options ftpd.Options
		code    map[ftpd.Kind]int
		except  []ftpd.Kind
	}{
		{
			"of all sessions", ftpd.Options{MaxClients: 1},
			map[ftpd.Kind]int{ftpd.VSFTPD: 421, ftpd.ProFTPD: 530, ftpd.PureFTPd: 421},
			[]ftpd.Kind{ftpd.Pyftpdlib}, // its limit counts data connections too
		},
		{
			"of the sessions from one address", ftpd.Options{MaxPerIP: 1},
			map[ftpd.Kind]int{ftpd.VSFTPD: 421, ftpd.ProFTPD: 530, ftpd.PureFTPd: 421, ftpd.Pyftpdlib: 421},
			nil,
		},
	} {
		for _, name := range []string{"Stor Atomic", "Append", "RetrFile", "List", "Rename", "Conn.Retr"} {
			t.Run(row.name+", "+name, func(t *testing.T) {
				t.Parallel()
				realServers(t, func(t *testing.T, kind ftpd.Kind) {
					o := row.options
					o.AllowStoreRestart = true
					s := ftpd.Start(t, kind, o)
					plantReal(t, s, before())
					_, leave := occupy(t, s)
					seen := realEvents{atWait: leave}

					op := named(t, name)
					require.NoError(t, op.run(realContext(t), t, realConfig(s, &seen)), s.Log())

					assert.Empty(t, differences(op.wanted(), harvestReal(t, s)))
					code, f := seen.first()
					assert.Equal(t, row.code[kind], code, f.Err)
					assert.Equal(t, transient.Overload, f.Verdict.Class, f.Err)
					assert.Greater(t, seen.most(), 1, "attempts")
				}, row.except...)
			})
		}
	}
}

func TestRealALimitThatStaysIsToldAsSuch(t *testing.T) {
	code := map[ftpd.Kind]int{ftpd.VSFTPD: 421, ftpd.ProFTPD: 530, ftpd.PureFTPd: 421, ftpd.Pyftpdlib: 421}
	realServers(t, func(t *testing.T, kind ftpd.Kind) {
		s := ftpd.Start(t, kind, ftpd.Options{MaxPerIP: 1})
		occupy(t, s)
		cfg := realConfig(s, nil)
		cfg.Policy.Attempts = 2
		_, err := realClient(t, cfg).FileSize(realContext(t), "/file")
		require.ErrorIs(t, err, retry.ErrAttempts)
		var failure *retry.Error
		require.ErrorAs(t, err, &failure)
		require.NotNil(t, failure.Verdict.Reply, err)
		assert.Equal(t, code[kind], failure.Verdict.Reply.Code)
		assert.Equal(t, 2, failure.Attempts)
	})
}

func TestRealASessionThatWasEndedWhileIdleIsReplacedWithoutAWait(t *testing.T) {
	realServers(t, func(t *testing.T, kind ftpd.Kind) {
		s := ftpd.Start(t, kind, ftpd.Options{IdleTimeout: 2 * time.Second})
		plantReal(t, s, before())
		var seen realEvents
		var local atomic.Value
		cfg := realConfig(s, &seen)
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil && addr == s.Addr {
				local.Store(conn.LocalAddr().(*net.TCPAddr).Port)
			}
			return conn, err
		}
		c := realClient(t, cfg)
		conn, err := retry.Dial(realContext(t), cfg)
		require.NoError(t, err)
		defer conn.Quit()

		for _, size := range []func() (int64, error){
			func() (int64, error) { return c.FileSize(realContext(t), "/file") },
			func() (int64, error) { return conn.FileSize("/file") },
		} {
			if local.Load() != nil {
				require.NoError(t, conn.Login(s.User, s.Password))
			}
			_, err := size()
			require.NoError(t, err)
			port := local.Load().(int)
			require.Eventually(t, func() bool { return hungUpOn(port) }, 10*time.Second, 50*time.Millisecond, "the server ends the session")

			n, err := size()
			require.NoError(t, err)
			assert.EqualValues(t, len(body), n)
			assert.Equal(t, 1, seen.attempts())
			assert.Zero(t, seen.waits)
			assert.NotEqual(t, port, local.Load(), "a new connection")
		}
	}, ftpd.PureFTPd) // its shortest time is a minute
}

// hungUpOn reports whether the server has ended the connection from that local port, by the kernel's table (proc(5)).
func hungUpOn(port int) bool {
	table, err := os.Open("/proc/net/tcp")
	if err != nil {
		return false
	}
	defer table.Close()
	const established = "01"
	for lines := bufio.NewScanner(table); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 3 && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) && fields[3] == established {
			return false
		}
	}
	return true
}

func TestRealPassivePortsThatAreFreedWhileTheClientWaits(t *testing.T) {
	ftpd.Require(t)
	for way, options := range map[string]ftpd.Options{"in clear text": {}, "over TLS": {TLS: true}} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, options)
				for _, name := range []string{"Stor", "Retr", "List"} {
					t.Run(name, func(t *testing.T) {
						plantReal(t, s, before())
						seen := realEvents{atWait: s.TakePorts()}
						op := named(t, name)
						require.NoError(t, op.run(realContext(t), t, realConfig(s, &seen)), s.Log())
						assert.Empty(t, differences(op.wanted(), harvestReal(t, s)))
						assert.Greater(t, seen.attempts(), 1)
					})
				}
			}, ftpd.ProFTPD, ftpd.Pyftpdlib) // they go outside their range
		})
	}
}

func TestRealTwoSessionsShareOnePassivePort(t *testing.T) {
	ftpd.Require(t)
	s := ftpd.Start(t, ftpd.VSFTPD, ftpd.Options{PassivePorts: 1})
	plantReal(t, s, before())
	other, leave := occupy(t, s)
	// Its listing is not read, so that its data connection keeps the port.
	response, err := other.Retr("/file")
	require.NoError(t, err)
	seen := realEvents{atWait: func() { _ = response.Close(); leave() }}
	op := named(t, "Stor")
	require.NoError(t, op.run(realContext(t), t, realConfig(s, &seen)))
	assert.Empty(t, differences(op.wanted(), harvestReal(t, s)))
	assert.Greater(t, seen.attempts(), 1)
}
