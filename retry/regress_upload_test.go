package retry_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAWholeUploadIsNotDeletedBecauseItsSourceWentAway(t *testing.T) {
	for _, c := range []struct {
		name  string
		cfg   retrytest.Config
		fault retrytest.Fault
		there string // in the end; "" = nothing
		goes  int    // in which wait the source goes
	}{
		{"the first attempt was executed", retrytest.Config{}, done("STOR"), "only copy", 1},
		{"the first attempt was cut after a part", retrytest.Config{}, lostAt("STOR", 4), "only", 1},
		{"two attempts were, on a server where none goes on", retrytest.Config{Without: []string{"REST"}},
			retrytest.Fault{On: "STOR", Times: 2, Data: retrytest.FIN, At: 4, Lose: true, Control: retrytest.FIN}, "only", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			local := filepath.Join(t.TempDir(), "f")
			require.NoError(t, os.WriteFile(local, []byte("only copy"), 0o600))
			srv := memory(t, c.cfg, c.fault)
			cl := client(t, srv, meanwhile(func() {
				if c.goes--; c.goes == 0 {
					_ = os.Remove(local) // by a cleaner of the spool
				}
			}))
			require.ErrorIs(t, cl.StorFile(t.Context(), "/f", local), os.ErrNotExist)
			holds(t, srv, "/f", c.there)
		})
	}
}

// late gives all of its content, and a failure where its end would be.
type late struct{ *strings.Reader }

func (l late) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

func TestAWholeUploadIsNotDeletedBecauseItsSourceFailedAtItsEnd(t *testing.T) {
	srv := memory(t, retrytest.Pyftpdlib()) // which takes a reset for the end
	err := client(t, srv).Stor(t.Context(), "/f", retry.Seeker(late{strings.NewReader("only copy")}))
	require.ErrorIs(t, err, errBroken)
	holds(t, srv, "/f", "only copy")
}

func TestWhatASourceThatFailedHasLeftIsRemoved(t *testing.T) {
	half := func() io.Reader { return io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), broken{}) }
	for name, cfg := range map[string]retrytest.Config{"default": {}, "a server that takes a reset for the end": retrytest.Pyftpdlib()} {
		for _, c := range []struct {
			name string
			run  func(*testing.T, *retrytest.Server) error
		}{
			{"Client.Stor", func(t *testing.T, srv *retrytest.Server) error {
				return client(t, srv).Stor(t.Context(), "/f", retry.Reader(half()))
			}},
			{"Client.Stor of an atomic upload", func(t *testing.T, srv *retrytest.Server) error {
				return client(t, srv).WithUpload(retry.Atomic).Stor(t.Context(), "/f", retry.Reader(half()))
			}},
			{"Conn.Stor", func(t *testing.T, srv *retrytest.Server) error {
				conn := dial(t, srv)
				defer conn.Quit()
				return conn.Stor("/f", half())
			}},
		} {
			t.Run(c.name+" on "+name, func(t *testing.T) {
				srv := memory(t, cfg)
				require.ErrorIs(t, c.run(t, srv), errBroken)
				assert.Empty(t, srv.Files(), "half a file looks like a whole one")
			})
		}
	}
}

func TestALocalFileThatGrowsMeanwhileIsNotCalledStored(t *testing.T) {
	local := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(local, []byte("old"), 0o600))
	srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "EPSV", After: true, Run: func() {
		f, err := os.OpenFile(local, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, _ = f.WriteString("more")
			_ = f.Close()
		}
	}})
	err := client(t, srv).StorFile(t.Context(), "/log", local)
	if err == nil {
		// What it was when the upload began would be as good an answer.
		holds(t, srv, "/log", "old")
		return
	}
	assert.ErrorContains(t, err, "source changed")
}

func TestATemporaryNameIsValidTextAndShortEnough(t *testing.T) {
	for _, name := range []string{"/x" + strings.Repeat("\u00e4", 110), "/" + strings.Repeat("n", 250), "/" + strings.Repeat("\u20ac", 80)} {
		srv := memory(t, retrytest.Config{})
		require.NoError(t, client(t, srv).WithUpload(retry.Atomic).Stor(t.Context(), name, retry.Bytes([]byte("x"))))
		for _, command := range srv.Commands() {
			if temp, ok := strings.CutPrefix(command, "STOR /"); ok {
				assert.True(t, utf8.ValidString(temp), "%q", temp)
				assert.LessOrEqual(t, len(temp), 255)
			}
		}
		assert.Len(t, srv.Files(), 1)
	}
}

func TestAnUploadIntoTheMiddleOfALongerFileIsDoneOnce(t *testing.T) {
	for name, cfg := range map[string]retrytest.Config{"default": {}, "vsftpd": retrytest.Vsftpd(), "pyftpdlib": retrytest.Pyftpdlib()} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, cfg)
			srv.WriteFile("/f", []byte("0123456789ABCDEFGHIJ"))
			conn := dial(t, srv)
			require.NoError(t, conn.StorFrom("/f", strings.NewReader("xxx"), 5))
			holds(t, srv, "/f", "01234xxx89ABCDEFGHIJ")
			assert.Equal(t, 1, count(srv.Commands(), "STOR"))
			require.NoError(t, conn.Quit())
		})
	}
}

// copier has a WriteTo that nobody may call: it would copy a string as a whole,
// and its failures could not be told from the connection's.
type copier struct {
	*strings.Reader
	called *bool
}

func (c copier) WriteTo(w io.Writer) (int64, error) {
	*c.called = true
	return c.Reader.WriteTo(w)
}

func (copier) Close() error { return nil }

// own is a Source of the caller's making.
type own struct{ copier }

func (o own) Open(int64) (io.ReadCloser, error) { return o.copier, nil }

func TestWriteToOfACallersReaderIsNotUsed(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *retrytest.Server, copier) error
	}{
		{"Seeker", func(t *testing.T, srv *retrytest.Server, r copier) error {
			return client(t, srv).Stor(t.Context(), "/f", retry.Seeker(r))
		}},
		{"Reader", func(t *testing.T, srv *retrytest.Server, r copier) error {
			return client(t, srv).Stor(t.Context(), "/f", retry.Reader(r))
		}},
		{"a Source of the caller's", func(t *testing.T, srv *retrytest.Server, r copier) error {
			return client(t, srv).Stor(t.Context(), "/f", own{r})
		}},
		{"Append", func(t *testing.T, srv *retrytest.Server, r copier) error {
			return client(t, srv).Append(t.Context(), "/f", retry.Seeker(r))
		}},
		{"Conn.Stor", func(t *testing.T, srv *retrytest.Server, r copier) error {
			conn := dial(t, srv)
			defer conn.Quit()
			return conn.Stor("/f", r)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			called := false
			srv := memory(t, retrytest.Config{})
			require.NoError(t, c.run(t, srv, copier{strings.NewReader("content"), &called}))
			assert.False(t, called)
			holds(t, srv, "/f", "content")
		})
	}
}

// cancelling ends a context and then itself, in order, when that has been noticed.
type cancelling struct{ cancel context.CancelFunc }

func (c cancelling) Read([]byte) (int, error) {
	c.cancel()
	time.Sleep(time.Millisecond) // virtual
	return 0, io.EOF
}

func TestAnAtomicUploadThatWasCancelledAtItsEndShowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		cl := client(t, srv)
		err := cl.WithUpload(retry.Atomic).Stor(ctx, "/f", retry.Reader(io.MultiReader(strings.NewReader("half"), cancelling{cancel})))
		require.ErrorIs(t, err, context.Canceled)
		assert.False(t, srv.Exists("/f"))
		_ = cl.Close()
	})
}
