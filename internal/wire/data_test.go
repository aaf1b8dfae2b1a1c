package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATransferIsGivenUpOnlyWhenNothingMoves(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(server net.Conn)
		run   func(*Data) error
		took  time.Duration // until it is given up; 0 = it is not
	}{
		{"an upload that nobody takes", func(net.Conn) {}, func(d *Data) error { _, err := d.Write(make([]byte, 100)); return err }, stallTime},
		{"a download that does not begin", func(net.Conn) {}, func(d *Data) error { _, err := d.WriteTo(io.Discard); return err }, stallTime},
		{"an upload that is taken a byte at a time", func(server net.Conn) {
			for range 100 {
				time.Sleep(stallTime * 3 / 4)
				_, _ = server.Read(make([]byte, 1))
			}
		}, func(d *Data) error { _, err := d.Write(make([]byte, 100)); return err }, 0},
		{"a download that comes a byte at a time", func(server net.Conn) {
			for range 100 {
				time.Sleep(stallTime * 3 / 4)
				_, _ = server.Write([]byte("x"))
			}
			_ = server.Close()
		}, func(d *Data) error { _, err := d.WriteTo(io.Discard); return err }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				defer p.over()
				d := p.transfer()
				go c.serve(p.data)
				start := time.Now()
				err := c.run(d)
				if c.took == 0 {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				assert.ErrorContains(t, err, "nothing moved for 10s")
				assert.Equal(t, c.took, time.Since(start))
				var caller *CallerError
				assert.False(t, errors.As(err, &caller))
				assert.True(t, p.control.hurry)
			})
		})
	}
}

func TestAPauseOfTheCallersIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		d := p.transfer()
		go func() {
			for range 3 {
				_, _ = io.WriteString(p.data, "x")
			}
		}()
		for range 3 {
			time.Sleep(10 * stallTime)
			_, err := d.Read(make([]byte, 1))
			require.NoError(t, err)
		}
	})
}

func TestADeadlineOfTheCallersIsKept(t *testing.T) {
	for _, set := range []func(*Data, time.Time) error{(*Data).SetDeadline, (*Data).SetReadDeadline, (*Data).SetWriteDeadline} {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			d := p.transfer()
			start := time.Now()
			require.NoError(t, set(d, start.Add(3*time.Second)))
			_, err := d.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.Equal(t, 3*time.Second, time.Since(start))
			_, err = d.Write([]byte("x"))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.NoError(t, set(d, time.Time{}))
			start = time.Now()
			_, err = d.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the stall's is left")
			assert.Equal(t, stallTime, time.Since(start))
		})
	}
}

func TestTheEndOfADataConnectionIsKnown(t *testing.T) {
	t.Run("a download that ended in order", func(t *testing.T) {
		s, d, server := linked(t)
		_, err := io.WriteString(server, "some text")
		require.NoError(t, err)
		require.NoError(t, server.Close())
		got, err := io.ReadAll(struct{ io.Reader }{d})
		require.NoError(t, err)
		assert.Equal(t, "some text", string(got))
		assert.False(t, s.InStep(), "it is still open")
		require.NoError(t, d.Close())
		assert.True(t, s.InStep())
		assert.Equal(t, byte('t'), s.Tail().Last)
		assert.EqualValues(t, 9, s.Tail().In)
		assert.Equal(t, s.Tail().At, s.Spoke())
	})
	t.Run("a download that was reset", func(t *testing.T) {
		s, d, server := linked(t)
		require.NoError(t, server.SetLinger(0))
		require.NoError(t, server.Close())
		_, err := d.WriteTo(io.Discard)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.NoError(t, d.Close())
		assert.True(t, s.control.hurry)
	})
	t.Run("an upload that is cut off by us", func(t *testing.T) {
		_, d, server := linked(t)
		_, err := d.Write([]byte("half"))
		require.NoError(t, err)
		d.Abort()
		d.Abort()
		_, err = io.Copy(io.Discard, server)
		assert.ErrorIs(t, err, syscall.ECONNRESET)
	})
	t.Run("a session that is closed", func(t *testing.T) {
		s, d, server := linked(t)
		s.Close()
		_, err := io.Copy(io.Discard, server)
		assert.ErrorIs(t, err, syscall.ECONNRESET, "an upload under way must not look whole")
		_, err = d.Write([]byte("x"))
		require.Error(t, err)
		assert.Nil(t, s.Data())
	})
}
