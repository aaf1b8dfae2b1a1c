package wire

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func noise(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := rand.Read(b)
	require.NoError(t, err)
	return b
}

func file(t testing.TB, content []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestWhatIsCopiedArrivesByEveryPath(t *testing.T) {
	for _, n := range []int{0, 1, firstChunk - 1, firstChunk, firstChunk + 1, 3 << 20} {
		content := noise(t, n)
		for name, source := range map[string]func() io.Reader{
			"a file, inside the kernel":    func() io.Reader { return file(t, content) },
			"memory, through a buffer":     func() io.Reader { return bytes.NewReader(content) },
			"a reader that gives a little": func() io.Reader { return &slowly{bytes.NewReader(content)} },
		} {
			t.Run("up from "+name, func(t *testing.T) {
				s, d, server := linked(t)
				told := 0
				s.Progress = func() { told++ }
				got := make(chan []byte, 1)
				go func() {
					b, _ := io.ReadAll(server)
					got <- b
				}()
				sent, err := d.ReadFrom(source())
				require.NoError(t, err)
				require.NoError(t, d.Close())
				assert.EqualValues(t, n, sent)
				assert.True(t, bytes.Equal(content, <-got))
				_, out := d.Bytes()
				assert.EqualValues(t, n, out)
				assert.EqualValues(t, n, s.Moved().Out)
				assert.Equal(t, n > 0, told > 0)
				assert.Nil(t, s.Data())
			})
		}
		for name, into := range map[string]func() (io.Writer, func() []byte){
			"a file, inside the kernel": func() (io.Writer, func() []byte) {
				f := file(t, nil)
				return f, func() []byte { b, _ := os.ReadFile(f.Name()); return b }
			},
			"memory, through a buffer": func() (io.Writer, func() []byte) {
				var b bytes.Buffer
				return &b, b.Bytes
			},
		} {
			t.Run("down to "+name, func(t *testing.T) {
				s, d, server := linked(t)
				go func() {
					_, _ = server.Write(content)
					_ = server.Close()
				}()
				w, got := into()
				received, err := d.WriteTo(w)
				require.NoError(t, err)
				assert.EqualValues(t, n, received)
				assert.True(t, bytes.Equal(content, got()))
				assert.EqualValues(t, n, s.Moved().In)
				if last := d.Last(); len(last) > 0 {
					assert.True(t, bytes.HasSuffix(content, last))
					assert.LessOrEqual(t, len(last), lastBytes)
				} else if name != "a file, inside the kernel" {
					assert.Zero(t, n)
				}
				require.NoError(t, d.Close())
				assert.EqualValues(t, n, s.Tail().In)
				assert.False(t, s.control.hurry, "it ended in order")
			})
		}
	}
}

// slowly gives a few bytes at a time, and now and then none.
type slowly struct{ r io.Reader }

func (s *slowly) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), 30_000)]) }

func TestTheFastPathsAreTakenWhereTheyCanBe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("nothing is copied inside the kernel")
		return
	}
	f := file(t, []byte("x"))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	assert.True(t, regular(f))
	assert.True(t, regular(struct{ *os.File }{f}), "a file that is embedded")
	for _, not := range []any{r, w, dir, struct{ io.Reader }{f}, &bytes.Buffer{}, nil} {
		assert.False(t, regular(not), "%T", not)
	}
}

func TestWhoseFaultAFailureIs(t *testing.T) {
	for _, err := range []error{syscall.EPIPE, syscall.ECONNRESET, syscall.ETIMEDOUT, os.ErrDeadlineExceeded, net.ErrClosed, &net.OpError{Op: "write", Err: syscall.ECONNRESET}} {
		assert.True(t, ofNetwork(err), "%v", err)
	}
	for _, err := range []error{syscall.EIO, syscall.ENOSPC, syscall.EBADF, os.ErrClosed, errTest, &os.PathError{Op: "read", Path: "f", Err: syscall.EIO}} {
		assert.False(t, ofNetwork(err), "%v", err)
	}
}

// failing is a reader and writer that fails after some bytes.
type failing struct{ good int }

func (f *failing) move(n int) (int, error) {
	n = min(n, f.good)
	f.good -= n
	if n == 0 {
		return 0, errTest
	}
	return n, nil
}

func (f *failing) Read(p []byte) (int, error) { return f.move(len(p)) }

func (f *failing) Write(p []byte) (int, error) {
	n, err := f.move(len(p))
	if err == nil && n < len(p) {
		err = errTest
	}
	return n, err
}

// liar returns counts that cannot be.
type liar struct{ n int }

func (l liar) Read([]byte) (int, error) { return l.n, nil }

func (l liar) Write([]byte) (int, error) { return l.n, nil }

func TestAFailureOfTheCallersResetsTheConnection(t *testing.T) {
	gone := func(t *testing.T) *os.File {
		f := file(t, []byte("content"))
		require.NoError(t, f.Close())
		return f
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, *Data) error
		want error
	}{
		{"a reader that fails", func(_ *testing.T, d *Data) error { _, err := d.ReadFrom(&failing{1000}); return err }, errTest},
		{"a reader that gives nothing for ever", func(_ *testing.T, d *Data) error { _, err := d.ReadFrom(liar{0}); return err }, io.ErrNoProgress},
		{"a reader that returns too much", func(_ *testing.T, d *Data) error { _, err := d.ReadFrom(liar{bufferSize + 1}); return err }, nil},
		{"a reader that returns less than nothing", func(_ *testing.T, d *Data) error { _, err := d.ReadFrom(liar{-1}); return err }, nil},
		{"a file that is closed", func(t *testing.T, d *Data) error { _, err := d.ReadFrom(gone(t)); return err }, os.ErrClosed},
		{"a writer that fails", func(_ *testing.T, d *Data) error { _, err := d.WriteTo(&failing{3}); return err }, errTest},
		{"a writer that takes less", func(_ *testing.T, d *Data) error { _, err := d.WriteTo(liar{1}); return err }, io.ErrShortWrite},
		{"a writer that takes less than nothing", func(_ *testing.T, d *Data) error { _, err := d.WriteTo(liar{-1}); return err }, io.ErrShortWrite},
		{"a writer that takes more than there is", func(_ *testing.T, d *Data) error { _, err := d.WriteTo(liar{1000}); return err }, io.ErrShortWrite},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, d, server := linked(t)
			_, err := io.WriteString(server, "content")
			require.NoError(t, err)
			err = c.run(t, d)
			var caller *CallerError
			require.ErrorAs(t, err, &caller)
			assert.Equal(t, caller, d.CallerError())
			if c.want != nil {
				assert.ErrorIs(t, err, c.want)
			}
			require.NoError(t, d.Close(), "it is closed already")
			_, err = io.Copy(io.Discard, server)
			assert.ErrorIs(t, err, syscall.ECONNRESET, "the server took the part for the whole")
			assert.Equal(t, error(caller), s.broken)
			assert.False(t, s.InStep())
		})
	}
}

// What a reader gives together with its failure may find the connection ended by
// a server that refuses the upload: it is the reader that can do no better.
func TestAReaderThatFailsOutranksAConnectionThatDoes(t *testing.T) {
	_, d, _ := linked(t)
	require.NoError(t, d.raw.Close())
	_, err := d.ReadFrom(&failing{4})
	require.ErrorIs(t, err, net.ErrClosed, "the reader had not failed yet")

	s, d, _ := linked(t)
	require.NoError(t, d.raw.Close())
	_, err = d.ReadFrom(failsAtOnce{})
	var caller *CallerError
	require.ErrorAs(t, err, &caller)
	assert.ErrorIs(t, err, errTest)
	assert.Equal(t, error(caller), s.broken)
}

// failsAtOnce gives bytes together with its failure.
type failsAtOnce struct{}

func (failsAtOnce) Read(p []byte) (int, error) { return copy(p, "some"), errTest }

// TestADownloadEndsAtItsLimit has the server send for ever, into memory and, by
// splice, into a file.
func TestADownloadEndsAtItsLimit(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	require.NoError(t, err)
	defer file.Close()
	for name, w := range map[string]io.Writer{"memory": new(bytes.Buffer), "file": file} {
		t.Run(name, func(t *testing.T) {
			const limit = 3 << 20
			s, d, server := linked(t)
			go func() {
				for piece := make([]byte, 64<<10); ; {
					if _, err := server.Write(piece); err != nil {
						return
					}
				}
			}()
			d.Limit(limit)
			n, err := d.WriteTo(w)
			require.ErrorIs(t, err, ErrOverrun)
			assert.Greater(t, n, int64(limit))
			assert.LessOrEqual(t, n, int64(limit+mostChunk))
			assert.False(t, s.InStep())
			assert.Nil(t, s.Data())
			_, err = s.control.Read(make([]byte, 1))
			require.ErrorIs(t, err, errGivenUp, "a reply is awaited that may never come")
		})
	}
}

func TestADownloadUpToItsLimitIsWhole(t *testing.T) {
	_, d, server := linked(t)
	go func() { _, _ = server.Write(make([]byte, 1000)); _ = server.Close() }()
	d.Limit(1000)
	n, err := d.WriteTo(io.Discard)
	require.NoError(t, err)
	assert.EqualValues(t, 1000, n)
}
