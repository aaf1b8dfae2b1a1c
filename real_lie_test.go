//go:build linux

package ftpretry_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry"
)

// swallower dials connections of which the first to carry so many bytes to the server loses the rest without a word, as
// behind a proxy that gave up: the server reads the end of a shorter file, and calls it complete.
type swallower struct {
	control string
	after   int64
	losses  atomic.Int64
}

func (s *swallower) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil || addr == s.control || s.losses.Load() > 0 {
		return conn, err
	}
	return &swallowConn{TCPConn: conn.(*net.TCPConn), left: s.after, swallower: s}, nil
}

type swallowConn struct {
	*net.TCPConn
	left      int64
	swallower *swallower
}

func (c *swallowConn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

func (c *swallowConn) Write(p []byte) (int, error) {
	if c.left == 0 {
		return len(p), nil
	}
	n, err := c.TCPConn.Write(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.left == 0 && err == nil {
		c.swallower.losses.Add(1)
		return len(p), c.CloseWrite()
	}
	return n, err
}

func TestRealA226ForATruncatedUploadIsNotBelieved(t *testing.T) {
	ftpd.Require(t)
	for _, name := range []string{"Stor", "Stor over a longer file", "Stor Atomic", "StorFile", "Append", "Append to nothing", "Conn.Stor"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, ftpd.Options{AllowStoreRestart: true})
				plantReal(t, s, before())
				cfg := realConfig(s, nil)
				proxy := &swallower{control: s.Addr, after: 70_000}
				cfg.Dial = proxy.dial
				op := named(t, name)
				require.NoError(t, op.run(realContext(t), t, cfg), s.Log())
				assert.Empty(t, differences(op.wanted(), harvestReal(t, s)))
				assert.EqualValues(t, 1, proxy.losses.Load(), "uploads that lost their end")
			})
		})
	}
}

// realTidying are servers that do not leave what an upload that was cut has written.
var realTidying = map[string]struct {
	kind    ftpd.Kind
	options ftpd.Options
}{
	"vsftpd with delete_failed_uploads": {ftpd.VSFTPD, ftpd.Options{DeleteFailedUploads: true}},
	"proftpd with DeleteAbortedStores":  {ftpd.ProFTPD, ftpd.Options{DeleteFailedUploads: true, AllowStoreRestart: true}},
	"proftpd with HiddenStores":         {ftpd.ProFTPD, ftpd.Options{HiddenStores: true, AllowStoreRestart: true}},
}

func TestRealAnUploadThatIsCutArrivesWholeWhereTheServerTidiesUp(t *testing.T) {
	ftpd.Require(t)
	for name, server := range realTidying {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ftpd.Start(t, server.kind, server.options)
			for _, name := range []string{"Stor", "Stor over a longer file", "Stor Atomic", "StorFile", "Conn.Stor"} {
				t.Run(name, func(t *testing.T) {
					for _, after := range []int64{1, 70_000, int64(len(body)) - 1000} {
						realCut(t, s, named(t, name), after)
					}
				})
			}
		})
	}
}

// vsftpd removes the whole file, what was there before included, after it has said 426.
func TestRealAnAppendWhoseFileTheServerRemovedIsNotCalledASuccess(t *testing.T) {
	ftpd.Require(t)
	for name, server := range realTidying {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ftpd.Start(t, server.kind, server.options)
			for _, after := range []int64{1, 70_000, int64(len(body)) - 1000} {
				plantReal(t, s, before())
				cfg := realConfig(s, nil)
				cut := &cutter{control: s.Addr, after: after}
				cfg.Dial = cut.dial
				op := named(t, "Append")
				err := op.run(realContext(t), t, cfg)
				if err == nil {
					assert.Empty(t, differences(op.wanted(), harvestReal(t, s)), "called a success, cut after %d bytes", after)
					continue
				}
				require.ErrorIs(t, err, retry.ErrOutcomeUnknown)
				t.Log(err)
			}
		})
	}
}
