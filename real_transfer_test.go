//go:build linux

package ftpretry_test

import (
	"context"
	"errors"
	"io"
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

// cutter dials connections of which the first data connection to carry so many bytes breaks there, in either direction.
type cutter struct {
	control string
	after   int64
	cuts    atomic.Int64
}

func (c *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil || addr == c.control || c.cuts.Load() > 0 {
		return conn, err
	}
	return &cutConn{TCPConn: conn.(*net.TCPConn), left: c.after, cutter: c}, nil
}

type cutConn struct {
	*net.TCPConn
	left   int64
	cutter *cutter
}

func (c *cutConn) Read(p []byte) (int, error)  { return c.pass(c.TCPConn.Read, p) }
func (c *cutConn) Write(p []byte) (int, error) { return c.pass(c.TCPConn.Write, p) }

// The ways around Read and Write are closed.
func (c *cutConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{c}, r) }
func (c *cutConn) WriteTo(w io.Writer) (int64, error)  { return io.Copy(w, struct{ io.Reader }{c}) }

func (c *cutConn) pass(move func([]byte) (int, error), p []byte) (int, error) {
	n, err := move(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.left > 0 || err != nil {
		return n, err
	}
	// Gone on the wire too, as with a router that forgot the connection: the server gets a reset.
	c.cutter.cuts.Add(1)
	_ = c.SetLinger(0)
	_ = c.Close()
	return n, syscall.ECONNRESET
}

func TestRealATransferThatIsCutArrivesWhole(t *testing.T) {
	ftpd.Require(t)
	for way, options := range map[string]ftpd.Options{
		"in clear text": {AllowStoreRestart: true},
		"over TLS":      {AllowStoreRestart: true, TLS: true},
	} {
		for _, name := range []string{
			"Stor", "Stor over a longer file", "Stor Atomic", "StorFile", "Append", "Append to nothing",
			"Retr", "RetrFile", "Open", "Conn.Stor", "Conn.Append", "Conn.Retr", "Conn.RetrFrom",
		} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				realServers(t, func(t *testing.T, kind ftpd.Kind) {
					s := ftpd.Start(t, kind, options)
					for _, after := range []int64{1, 70_000, int64(len(body)) - 1000} {
						if options.TLS && after == 1 {
							after = 10_000 // behind the handshake
						}
						realCut(t, s, named(t, name), after)
					}
				})
			})
		}
	}
}

func realCut(t *testing.T, s *ftpd.Server, op operation, after int64) {
	t.Helper()
	plantReal(t, s, before())
	cfg := realConfig(s, nil)
	if s.Kind == ftpd.Pyftpdlib {
		cfg.ReplyTimeout = time.Second // 1.5.7 says nothing at all to an upload that was reset
	}
	cut := &cutter{control: s.Addr, after: after}
	cfg.Dial = cut.dial
	require.NoError(t, op.run(realContext(t), t, cfg), "cut after %d bytes\n%s", after, s.Log())
	assert.Empty(t, differences(op.wanted(), harvestReal(t, s)), "cut after %d bytes", after)
	assert.EqualValues(t, 1, cut.cuts.Load(), "connections cut after %d bytes", after)
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
	for _, name := range []string{"Stor", "Stor Atomic", "Append to nothing", "Conn.Stor"} {
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
