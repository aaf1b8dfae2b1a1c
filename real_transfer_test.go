package ftpretry_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/transient"
)

// cutter dials connections of which the first data connection breaks after some bytes, in either direction.
type cutter struct {
	control string
	after   int64
	cuts    atomic.Int64
}

func (c *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil || addr == c.control || !c.cuts.CompareAndSwap(0, 1) {
		return conn, err
	}
	return &cutConn{Conn: conn, left: c.after}, nil
}

type cutConn struct {
	net.Conn
	left int64
}

func (c *cutConn) Read(p []byte) (int, error)  { return c.pass(c.Conn.Read, p) }
func (c *cutConn) Write(p []byte) (int, error) { return c.pass(c.Conn.Write, p) }

func (c *cutConn) pass(move func([]byte) (int, error), p []byte) (int, error) {
	if c.left == 0 {
		// Gone on the wire too, as with a router that forgot the connection: the server gets a reset.
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		_ = c.Conn.Close()
		return 0, syscall.ECONNRESET
	}
	n, err := move(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == nil && n < len(p) && c.left == 0 {
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		_ = c.Conn.Close()
		return n, syscall.ECONNRESET
	}
	return n, err
}

func TestRealATransferThatIsCutArrivesWhole(t *testing.T) {
	ftpd.Require(t)
	for _, name := range []string{
		"Stor", "Stor over a longer file", "Stor Atomic", "StorFile", "Append",
		"Retr", "RetrFile", "Open", "Conn.Stor", "Conn.Append", "Conn.Retr", "Conn.RetrFrom",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, ftpd.Options{AllowStoreRestart: true})
				for _, after := range []int64{1, 70_000, int64(len(body)) - 1000} {
					plantReal(t, s, before())
					var seen realEvents
					cfg := realConfig(s, &seen)
					if kind == ftpd.Pyftpdlib {
						cfg.ReplyTimeout = time.Second // 1.5.7 says nothing at all to an upload that was reset
					}
					cut := &cutter{control: s.Addr, after: after}
					cfg.Dial = cut.dial

					op := named(t, name)
					require.NoError(t, op.run(realContext(t), t, cfg), "cut after %d bytes\n%s", after, s.Log())
					assert.Empty(t, differences(op.wanted(), harvestReal(t, s)), "cut after %d bytes", after)
					_, f := seen.first()
					assert.Error(t, f.Err, "nothing was cut after %d bytes", after)
				}
			})
		})
	}
}

func TestRealADownloadGoesOnWhereTheServerRefusesREST(t *testing.T) {
	ftpd.Require(t)
	for _, name := range []string{"Retr", "RetrFile", "Open", "Conn.Retr"} {
		t.Run(name, func(t *testing.T) {
			s := ftpd.Start(t, ftpd.ProFTPD, ftpd.Options{RefuseRetrRestart: true})
			plantReal(t, s, before())
			cfg := realConfig(s, nil)
			cut := &cutter{control: s.Addr, after: 70_000}
			cfg.Dial = cut.dial
			require.NoError(t, named(t, name).run(realContext(t), t, cfg), s.Log())
			assert.EqualValues(t, 1, cut.cuts.Load())
		})
	}
}

func TestRealARefusedRestartOfAnUploadIsToldAtOnce(t *testing.T) {
	s := ftpd.Start(t, ftpd.ProFTPD, ftpd.Options{})
	for _, name := range []string{"Append", "Conn.StorFrom"} {
		t.Run(name, func(t *testing.T) {
			plantReal(t, s, before())
			var seen realEvents
			err := named(t, name).run(realContext(t), t, realConfig(s, &seen))
			require.ErrorIs(t, err, retry.ErrPermanent)
			code, f := seen.first()
			assert.Equal(t, 451, code, f.Err)
			assert.Equal(t, 1, seen.most(), "attempts")
			assert.Empty(t, differences(before(), harvestReal(t, s)))
		})
	}
}

func TestRealNothingIsListedAsNothing(t *testing.T) {
	ftpd.Require(t)
	for way, options := range realWays {
		if options.RequireReuse {
			continue
		}
		t.Run(way, func(t *testing.T) {
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, options)
				plantReal(t, s, before())
				var seen realEvents
				c := realClient(t, realConfig(s, &seen))
				listed, err := c.NameList(realContext(t), "/empty")
				require.NoError(t, err)
				assert.Empty(t, names(listed, filepath.Base))
				assert.Equal(t, 1, seen.attempts())

				entries, err := c.List(realContext(t), "/empty")
				require.NoError(t, err)
				assert.Empty(t, names(entries, entryName))
				assert.Equal(t, 1, seen.attempts())
			})
		})
	}
}

// realFull is what each server says to an upload when its disk is full, or to the end of one. 0: pyftpdlib 1.5.7 often
// says nothing at all.
var realFull = map[ftpd.Kind][]int{
	ftpd.VSFTPD: {451}, ftpd.ProFTPD: {451, 452}, ftpd.PureFTPd: {451, 552}, ftpd.Pyftpdlib: {426, 0},
}

func TestRealADiskThatStaysFullIsToldTruthfully(t *testing.T) {
	ftpd.Require(t)
	for name, mode := range map[string]retry.UploadMode{"under the final name": retry.Direct, "under a temporary name": retry.Atomic} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, ftpd.Options{Root: ftpd.SmallDisk(t, "1m")})
				plantReal(t, s, map[string]string{"/big": "old"})
				var seen realEvents
				cfg := realConfig(s, &seen)
				cfg.Upload, cfg.Policy.Attempts, cfg.ReplyTimeout = mode, 2, time.Second
				big := retry.Bytes([]byte(strings.Repeat("0123456789", 400_000)))

				err := realClient(t, cfg).Stor(realContext(t), "/big", big)

				require.Error(t, err)
				var failure *retry.Error
				require.ErrorAs(t, err, &failure)
				code := 0
				if failure.Verdict.Reply != nil {
					code = failure.Verdict.Reply.Code
				}
				assert.Contains(t, realFull[kind], code, err)
				assert.True(t, failure.Verdict.Transient() || errors.Is(err, retry.ErrPermanent), err)
				t.Logf("%v: %v", failure.Verdict.Class, err)
				if mode == retry.Atomic {
					assert.Empty(t, differences(map[string]string{"/big": "old"}, harvestReal(t, s)))
				}
			})
		})
	}
}

func TestRealADiskThatIsClearedWhileTheClientWaits(t *testing.T) {
	ftpd.Require(t)
	for _, name := range []string{"Stor", "Stor Atomic", "Conn.Stor"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, ftpd.Options{AllowStoreRestart: true, Root: ftpd.SmallDisk(t, "2m")})
				plantReal(t, s, before())
				filler := filepath.Join(s.Root, "filler")
				fill(t, filler, 100_000)
				seen := realEvents{atWait: func() { _ = os.Remove(filler) }}
				cfg := realConfig(s, &seen)
				cfg.ReplyTimeout = time.Second

				op := named(t, name)
				require.NoError(t, op.run(realContext(t), t, cfg), s.Log())

				assert.Empty(t, differences(op.wanted(), harvestReal(t, s)))
				code, f := seen.first()
				assert.Contains(t, realFull[kind], code, f.Err)
				assert.NotEqual(t, transient.Permanent, f.Verdict.Class)
				assert.Greater(t, seen.most(), 1, "attempts")
			})
		})
	}
}

// fill writes a file until only some bytes are left on its disk.
func fill(t *testing.T, name string, leave int64) {
	t.Helper()
	var disk syscall.Statfs_t
	require.NoError(t, syscall.Statfs(filepath.Dir(name), &disk))
	free := int64(disk.Bavail)*disk.Bsize - leave
	require.NoError(t, os.WriteFile(name, make([]byte, free), 0o600))
}
