package wire

import (
	"errors"
	"io"
	"math"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhatTheKernelStillHoldsTellsASlowLineFromAStalledOne fills a real socket
// and looks at it after each thing that its receiver does.
func TestWhatTheKernelStillHoldsTellsASlowLineFromAStalledOne(t *testing.T) {
	t.Parallel()
	_, d, server := linked(t)
	d.upload = true
	// settled is what the kernel holds once the receiver's kernel has
	// acknowledged all that it will, of its own accord after 200 ms at most.
	settled := func() int {
		t.Helper()
		held, same := -1, time.Now()
		require.Eventually(t, func() bool {
			n, ok := unsent(d.raw)
			require.True(t, ok)
			if n != held {
				held, same = n, time.Now()
			}
			return time.Since(same) > 250*time.Millisecond
		}, 20*time.Second, 10*time.Millisecond)
		return held
	}
	fill(t, d)
	full := settled()
	require.Positive(t, full)
	assert.True(t, d.sluggish(), "the first time there is nothing to compare with")
	assert.False(t, d.sluggish(), "nothing was taken since")

	_, err := io.CopyN(io.Discard, server, int64(full)/8)
	require.NoError(t, err)
	require.Less(t, settled(), full)
	assert.True(t, d.sluggish(), "some was taken, although there is no room to write")
	assert.False(t, d.sluggish(), "nothing was taken since")

	// What was moved in between begins the comparison anew: the kernel may hold
	// as much as ever.
	_, err = io.CopyN(io.Discard, server, int64(full)/2)
	require.NoError(t, err)
	fill(t, d)
	require.Positive(t, settled())
	assert.True(t, d.sluggish(), "the buffer was filled again since")
	assert.False(t, d.sluggish(), "nothing was taken since")

	d.upload, d.unsent = false, 0
	assert.False(t, d.sluggish(), "a download holds nothing")
}

// TestASlowReceiverOfAnUploadIsNotCalledStalled has receivers that take a
// megabyte a second, far less than a third of a full send buffer within the time
// of a stall, and some that stop.
func TestASlowReceiverOfAnUploadIsNotCalledStalled(t *testing.T) {
	const (
		stall, rate, size = 100 * time.Millisecond, 1 << 20, 3 << 19
		endless           = 1 << 30 // more than the buffers of both sides grow to
	)
	for name, source := range map[string]func(testing.TB, int64) io.Reader{
		"a file, inside the kernel": func(t testing.TB, n int64) io.Reader {
			f := file(t, nil)
			require.NoError(t, f.Truncate(n))
			return f
		},
		"through a buffer": func(_ testing.TB, n int64) io.Reader { return io.LimitReader(zeros{}, n) },
	} {
		for end, most := range map[string]int64{"taken to its end": math.MaxInt64, "taken for a while": 1 << 19} {
			t.Run(name+", "+end, func(t *testing.T) {
				t.Parallel()
				_, d, server := linked(t, func(c *Config) { c.Stall = stall })
				n := int64(size)
				if most < size {
					n = endless
				}
				from := source(t, n)
				fill(t, d) // so that the first write has no room
				go func() {
					start := time.Now()
					for taken := int64(0); taken < most; {
						time.Sleep(stall / 10)
						due := min(int64(time.Since(start).Seconds()*rate), most)
						n, err := io.CopyN(io.Discard, server, due-taken)
						taken += n
						if err != nil {
							return
						}
					}
				}()
				start := time.Now()
				sent, err := d.ReadFrom(from)
				if most > size {
					require.NoError(t, err)
					assert.EqualValues(t, size, sent)
					return
				}
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				assert.ErrorContains(t, err, "data connection stalled")
				var caller *CallerError
				assert.False(t, errors.As(err, &caller))
				assert.Less(t, time.Since(start), 20*time.Second)
			})
		}
	}
}

// fill writes until there is no room any more, and none comes in a while. It
// asks the kernel itself: a write with a deadline that expires before it begins
// says nothing of room.
func fill(t testing.TB, d *Data) {
	t.Helper()
	rc, err := d.raw.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	refusals, content := 0, make([]byte, 1<<20)
	require.Eventually(t, func() bool {
		var n int
		var err error
		if rc.Write(func(fd uintptr) bool { n, err = syscall.Write(int(fd), content); return true }) != nil {
			return false
		}
		if err == nil {
			d.sentBytes(n)
			refusals = 0
			return false
		}
		refusals++
		return errors.Is(err, syscall.EAGAIN) && refusals > 10
	}, 20*time.Second, time.Millisecond)
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
