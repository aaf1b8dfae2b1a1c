package wire

import (
	"context"
	"crypto/tls"
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

// lowWater is how many bytes the kernel waits for.
func lowWater(t testing.TB, conn net.Conn) (n int) {
	t.Helper()
	rc, err := conn.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, rc.Control(func(fd uintptr) {
		n, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT)
	}))
	require.NoError(t, err)
	return n
}

func TestAFastDownloadIsGatheredAndASlowOneIsNot(t *testing.T) {
	_, d, _ := linked(t)
	const enough = gatherStretch * time.Second / gatherRate // for one stretch
	synctest.Test(t, func(t *testing.T) {
		for i, row := range []struct {
			says string
			n    int
			took time.Duration
			on   bool
		}{
			{"how long the first stretch took is not known", gatherStretch, 0, false},
			{"half a stretch says nothing", gatherStretch / 2, enough / 2, false},
			{"a fast one", gatherStretch / 2, enough / 2, true},
			{"a fast one of many", 32 * gatherStretch, 32 * enough, true},
			{"a slow one", gatherStretch, enough + time.Millisecond, false},
			{"a fast one again", gatherStretch, enough, true},
		} {
			time.Sleep(row.took)
			d.paced(row.n)
			require.Equal(t, row.on, d.gathering.on, "%d: %s", i, row.says)
			want := 1
			if row.on {
				want = gatherSize
			}
			require.Equal(t, want, lowWater(t, d.raw), row.says)
		}
	})
}

func TestThereIsNoGatheringWhereItCannotBeHad(t *testing.T) {
	p := greet(t)
	d := p.transfer()
	d.gather(true)
	assert.False(t, d.gathering.on, "no TCP")
	_, d, _ = linked(t)
	d.tls = tls.Client(d.raw, &tls.Config{MinVersion: tls.VersionTLS12})
	d.gather(true)
	assert.False(t, d.gathering.on, "TLS asks for a few bytes at a time")
	assert.Equal(t, 1, lowWater(t, d.raw))
}

// arrivals tells of each Write.
type arrivals chan int

func (a arrivals) Write(p []byte) (int, error) {
	a <- len(p)
	return len(p), nil
}

// TestWhatIsGatheredIsNotHeldBackFromALineThatFallsSilent sends less than the
// kernel waits for, and nothing more until it has come.
func TestWhatIsGatheredIsNotHeldBackFromALineThatFallsSilent(t *testing.T) {
	t.Parallel()
	ends := func(t *testing.T, server net.Conn, done <-chan error) {
		t.Helper()
		require.NoError(t, server.Close())
		require.NoError(t, <-done)
	}
	t.Run("through a buffer", func(t *testing.T) {
		t.Parallel()
		_, d, server := linked(t)
		d.gather(true)
		got, done := make(arrivals), make(chan error, 1)
		go func() { _, err := d.WriteTo(got); done <- err }()
		for range 3 {
			_, err := io.WriteString(server, "a few")
			require.NoError(t, err)
			assert.Equal(t, 5, <-got)
		}
		ends(t, server, done)
	})
	t.Run("inside the kernel", func(t *testing.T) {
		t.Parallel()
		_, d, server := linked(t)
		d.gather(true)
		f, done := file(t, nil), make(chan error, 1)
		go func() { _, err := d.WriteTo(f); done <- err }()
		for i := range 3 {
			_, err := io.WriteString(server, "a few")
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				info, err := f.Stat()
				return err == nil && info.Size() == int64(5*(i+1))
			}, 20*time.Second, time.Millisecond)
		}
		ends(t, server, done)
	})
}

// TestADownloadThatIsGatheredStallsAndIsCutAsAnyOther holds the deadlines that
// gathering sets against those that it must not undo.
func TestADownloadThatIsGatheredStallsAndIsCutAsAnyOther(t *testing.T) {
	for name, into := range map[string]func(testing.TB) io.Writer{
		"through a buffer":  func(testing.TB) io.Writer { return io.Discard },
		"inside the kernel": func(t testing.TB) io.Writer { return file(t, nil) },
	} {
		t.Run(name+", silent for too long", func(t *testing.T) {
			t.Parallel()
			_, d, server := linked(t, func(c *Config) { c.Stall = 300 * time.Millisecond })
			d.gather(true)
			_, err := io.WriteString(server, "a few")
			require.NoError(t, err)
			n, err := d.WriteTo(into(t))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.ErrorContains(t, err, "nothing moved for 300ms")
			assert.EqualValues(t, 5, n)
		})
		t.Run(name+", past the caller's deadline", func(t *testing.T) {
			t.Parallel()
			_, d, _ := linked(t, func(c *Config) { c.Stall = time.Hour })
			d.gather(true)
			require.NoError(t, d.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
			_, err := d.WriteTo(into(t))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		})
		t.Run(name+", cancelled", func(t *testing.T) {
			t.Parallel()
			s, d, _ := linked(t, func(c *Config) { c.Stall = time.Hour })
			ctx, cancel := context.WithCancel(t.Context())
			s.Bind(ctx, time.Now())
			d.gather(true)
			time.AfterFunc(20*time.Millisecond, cancel)
			_, err := d.WriteTo(into(t))
			require.ErrorIs(t, err, context.Canceled)
		})
		t.Run(name+", ended", func(t *testing.T) {
			t.Parallel()
			_, d, server := linked(t, func(c *Config) { c.Stall = time.Hour })
			d.gather(true)
			_, err := io.WriteString(server, "a few")
			require.NoError(t, err)
			require.NoError(t, server.Close())
			n, err := d.WriteTo(into(t))
			require.NoError(t, err)
			assert.EqualValues(t, 5, n)
		})
	}
}
