package retry_test

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAnUploadThatCannotBeReadIsToldBeforeAnythingIsSent(t *testing.T) {
	used := retry.Reader(strings.NewReader("once"))
	other := memory(t, retrytest.Config{})
	require.NoError(t, client(t, other).Stor(t.Context(), "/f", used))
	for name, test := range map[string]struct {
		path string
		src  retry.Source
		sent bool // a session was opened
		why  error
	}{
		"a file that is not there":      {path: "/f", src: retry.File(filepath.Join(t.TempDir(), "none"))},
		"a directory":                   {path: "/f", src: retry.File(t.TempDir())},
		"a path that cannot be sent":    {path: "/a\r\nb", src: retry.Bytes([]byte("x"))},
		"no source":                     {path: "/f"},
		"a reader that is used up":      {path: "/f", src: used, sent: true, why: retry.ErrNotReplayable},
		"a source that opens nothing":   {path: "/f", src: nothing{}, sent: true},
		"a source of a negative length": {path: "/f", src: retry.ReaderAt(strings.NewReader(""), -1)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, mode := range []retry.UploadMode{retry.Direct, retry.Atomic} {
				srv := memory(t, retrytest.Config{})
				srv.WriteFile("/f", []byte("old"))
				cl := client(t, srv).WithUpload(mode)
				err := cl.Stor(t.Context(), test.path, test.src)
				var e *retry.Error
				require.ErrorAs(t, err, &e)
				assert.LessOrEqual(t, e.Attempts, 1)
				if test.why != nil {
					assert.Equal(t, test.why, e.Reason)
				}
				assert.Equal(t, test.sent, len(srv.Commands()) > 0, "%q", srv.Commands())
				assert.Zero(t, count(srv.Commands(), "STOR"))
				holds(t, srv, "/f", "old")
			}
		})
	}
}

// nothing is a mistaken Source.
type nothing struct{}

func (nothing) Open(int64) (io.ReadCloser, error) { return nil, nil }

// A server that shows the old file until the new one is complete: what it shows
// is more than was sent.
func TestAnUploadIsNotBuiltUponMoreThanWasSent(t *testing.T) {
	data := pattern(100_000)
	srv := memory(t, retrytest.Config{Quirks: retrytest.Quirks{HiddenStores: true}}, lostAt("STOR", 40_000))
	srv.WriteFile("/f", pattern(120_000))
	require.NoError(t, client(t, srv).Stor(t.Context(), "/f", retry.Bytes(data)))
	holds(t, srv, "/f", string(data))
	assert.Empty(t, restsBefore(srv, "STOR"))
}

// The size after the rest was sent is not the right one: what it was sent to was
// not what it seemed.
func TestASeamThatIsNotProvenIsNotBuiltUponAgain(t *testing.T) {
	data := pattern(100_000)
	srv := memory(t, retrytest.Config{}, lostAt("STOR", 40_000), retrytest.Fault{On: "SIZE", Nth: 2, Reply: "213 99999"})
	require.NoError(t, client(t, srv).Stor(t.Context(), "/f", retry.Bytes(data)))
	holds(t, srv, "/f", string(data))
	assert.Len(t, restsBefore(srv, "STOR"), 1)
}

func TestAnUploadThatGoesOnWaitsForABusyServer(t *testing.T) {
	data := pattern(100_000)
	srv := memory(t, retrytest.Config{}, lostAt("STOR", 40_000), retrytest.Fault{On: "STOR", Nth: 2, Reply: "450 Busy."})
	var r tape
	require.NoError(t, client(t, srv, func(cfg *retry.Config) { cfg.Hooks = r.hooks() }).Stor(t.Context(), "/f", retry.Bytes(data)))
	holds(t, srv, "/f", string(data))
	assert.Len(t, restsBefore(srv, "STOR"), 2, "450 says nothing against REST")
	assert.Len(t, r.waits, 2)
}

func TestAnUploadThatGoesOnIsHeldAgainstTheServersHash(t *testing.T) {
	data := pattern(100_000)
	for name, verify := range map[string]retry.VerifyMode{"which was asked for": retry.VerifyHash, "which was not asked for": retry.VerifySize} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, lostAt("STOR", 40_000))
			cl := client(t, srv, func(cfg *retry.Config) { cfg.Verify = verify })
			require.NoError(t, cl.Stor(t.Context(), "/f", retry.Bytes(data)))
			holds(t, srv, "/f", string(data))
			assert.Len(t, restsBefore(srv, "STOR"), 1)
			assert.Equal(t, 1, count(srv.Commands(), "XSHA512 /f"))

			// What is appended has no hash of its own.
			require.NoError(t, cl.Append(t.Context(), "/f", retry.Bytes(data)))
			srv.Inject(lostAt("APPE", 40_000))
			require.NoError(t, cl.Append(t.Context(), "/f", retry.Bytes(data)))
			holds(t, srv, "/f", strings.Repeat(string(data), 3))
			assert.Equal(t, 1, count(srv.Commands(), "XSHA512 /f"))
		})
	}
}

// changing gives its content once as it is, and later what Open makes of it.
type changing struct {
	content []byte
	opened  int
	later   func(nth int, offset int64) (io.ReadCloser, error) // nil = what it has
}

func (c *changing) Open(offset int64) (io.ReadCloser, error) {
	if c.opened++; c.later != nil {
		if r, err := c.later(c.opened, offset); r != nil || err != nil {
			return r, err
		}
	}
	return io.NopCloser(bytes.NewReader(c.content[offset:])), nil
}

// An upload went on, and its source is read once more for the hash of it all.
func TestASourceThatIsAnotherWhenItIsHashedEndsTheUpload(t *testing.T) {
	data := pattern(100_000)
	const hashing = 4 // after the first attempt, the look at its end, and the rest
	for name, test := range map[string]struct {
		then func() (io.ReadCloser, error)
		want string
	}{
		"it cannot be opened":  {func() (io.ReadCloser, error) { return nil, errBroken }, "disk broken"},
		"it fails":             {func() (io.ReadCloser, error) { return io.NopCloser(broken{}), nil }, "disk broken"},
		"it has become longer": {func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(append(data, 1))), nil }, "source changed"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, lostAt("STOR", 40_000))
			src := &changing{content: data, later: func(nth int, offset int64) (io.ReadCloser, error) {
				if nth < hashing {
					return nil, nil
				}
				require.Zero(t, offset)
				return test.then()
			}}
			err := client(t, srv).Stor(t.Context(), "/f", src)
			require.ErrorIs(t, err, retry.ErrPermanent)
			assert.ErrorContains(t, err, test.want)
			assert.Equal(t, hashing, src.opened)
		})
	}
}

func TestEveryReaderThatASourceGivesIsClosed(t *testing.T) {
	data := pattern(100_000)
	for name, run := range map[string]func(*retry.Client, retry.Source) error{
		"Stor": func(c *retry.Client, src retry.Source) error { return c.Stor(t.Context(), "/f", src) },
		"Atomic": func(c *retry.Client, src retry.Source) error {
			return c.WithUpload(retry.Atomic).Stor(t.Context(), "/f", src)
		},
		"Append": func(c *retry.Client, src retry.Source) error { return c.Append(t.Context(), "/f", src) },
	} {
		t.Run(name, func(t *testing.T) {
			open := 0
			src := &changing{}
			src.later = func(_ int, offset int64) (io.ReadCloser, error) {
				open++
				return closing{bytes.NewReader(data[offset:]), func() { open-- }}, nil
			}
			srv := memory(t, retrytest.Config{}, lostAt("STOR", 40_000), lostAt("APPE", 40_000))
			require.NoError(t, run(client(t, srv), src))
			holds(t, srv, "/f", string(data))
			assert.GreaterOrEqual(t, src.opened, 3)
			assert.Zero(t, open)
		})
	}
}

// closing is a reader that tells that it was closed.
type closing struct {
	io.Reader
	closed func()
}

func (c closing) Close() error {
	c.closed()
	return nil
}

// Only what is broken off by the caller's own source is removed. What the
// network breaks off is all that the server has got, and what is more than that
// is not the upload's to remove.
func TestWhatADirectUploadLeavesIsNotRemoved(t *testing.T) {
	half := func() io.Reader { return io.MultiReader(strings.NewReader("half"), broken{}) }
	unseen := []retrytest.Fault{always("SIZE", "550 No."), always("MLST", "550 No."), always("LIST", "550 No.")}
	for name, test := range map[string]struct {
		faults []retrytest.Fault
		run    func(*testing.T, *retrytest.Server) error
		want   string
	}{
		"where it was given up": {[]retrytest.Fault{{On: "STOR", Times: -1, Data: retrytest.FIN, At: 3, Reply: "426 Cut."}}, func(t *testing.T, srv *retrytest.Server) error {
			return client(t, srv, func(cfg *retry.Config) { cfg.Policy.Attempts = 1 }).Stor(t.Context(), "/f", retry.Bytes([]byte("content")))
		}, "con"},
		"where it was to a place within the file": {nil, func(t *testing.T, srv *retrytest.Server) error {
			return dial(t, srv).StorFrom("/f", half(), 2)
		}, "olhalf"},
		"where it was an append": {nil, func(t *testing.T, srv *retrytest.Server) error {
			return client(t, srv).Append(t.Context(), "/f", retry.Reader(half()))
		}, "oldhalf"},
		"where nobody knows how long it is": {unseen, func(t *testing.T, srv *retrytest.Server) error {
			return client(t, srv).Stor(t.Context(), "/f", retry.Reader(half()))
		}, "half"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, test.faults...)
			srv.WriteFile("/f", []byte("old"))
			require.Error(t, test.run(t, srv))
			assert.Zero(t, count(srv.Commands(), "DELE"))
			holds(t, srv, "/f", test.want)
		})
	}
}

// A small file is sent together with STOR where the server is far away, and its
// source fails.
func TestASourceThatFailsWhileItIsSentAheadIsTheCallersFault(t *testing.T) {
	for name, fault := range map[string]retrytest.Fault{
		"the server takes it":    {On: "NONE"},
		"the server refuses it":  {On: "STOR", Nth: 2, Reply: "553 No."},
		"the server is busy":     {On: "STOR", Nth: 2, Times: -1, Reply: "450 Busy."},
		"the connection is lost": {On: "STOR", Nth: 2, Lose: true, Control: retrytest.RST},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memory(t, retrytest.Config{}, fault)
				cl := client(t, srv, faraway)
				require.NoError(t, cl.Stor(t.Context(), "/g", retry.Bytes([]byte("content"))))
				err := cl.Stor(t.Context(), "/f", retry.ReaderAt(failsAfter("some"), 1000))
				require.ErrorIs(t, err, errBroken)
				require.ErrorIs(t, err, retry.ErrPermanent)
				assert.Equal(t, []string{"/g"}, srv.Names())
				require.NoError(t, cl.Close())
			})
		})
	}
}

// An upload of which nothing was sent, for there was no port for it, leaves
// nothing to be sent ahead of another one's content.
func TestWhatWasToBeSentAheadIsForgottenWithItsUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		cl := client(t, srv, faraway)
		require.NoError(t, cl.Stor(t.Context(), "/g", retry.Bytes([]byte("content"))))
		time.Sleep(10 * time.Second) // whatever was asked for ahead is stale
		srv.Inject(retrytest.Fault{On: "EPSV", Reply: "502 No."}, retrytest.Fault{On: "PASV", Reply: "502 No."})
		require.Error(t, cl.Stor(t.Context(), "/none", retry.Bytes([]byte("never sent"))))
		data := pattern(100_000)
		require.NoError(t, cl.Stor(t.Context(), "/f", retry.Bytes(data)))
		holds(t, srv, "/f", string(data))
		assert.EqualValues(t, 1, cl.Stats().Dials, "it is the same session")
		require.NoError(t, cl.Close())
	})
}

type failsAfter string

func (f failsAfter) ReadAt(p []byte, at int64) (int, error) {
	if at >= int64(len(f)) {
		return 0, errBroken
	}
	n := copy(p, f[at:])
	if n < len(p) {
		return n, errBroken
	}
	return n, nil
}

func TestBytesThatAreMovedAgainAreCounted(t *testing.T) {
	data := pattern(100_000)
	noRest := retrytest.Config{Quirks: retrytest.Quirks{AppendRestartRefused: true}}
	never := retrytest.Fault{On: "STOR", Nth: 3, Lose: true, Control: retrytest.FIN}
	for name, test := range map[string]struct {
		cfg    retrytest.Config
		faults []retrytest.Fault
		left   int // by an earlier run
		built  int // of that
		twice  int64
	}{
		"none where an upload goes on":             {twice: 0, faults: []retrytest.Fault{lostAt("STOR", 40_000)}},
		"all that was there where it must not":     {cfg: noRest, twice: 40_000, faults: []retrytest.Fault{lostAt("STOR", 40_000)}},
		"no more where it is not taken once more":  {cfg: noRest, twice: 40_000, faults: []retrytest.Fault{lostAt("STOR", 40_000), never}},
		"again where it is cut there again":        {cfg: noRest, twice: 50_000, faults: []retrytest.Fault{lostAt("STOR", 40_000), lostAt("STOR", 10_000)}},
		"none of what an earlier run has sent":     {left: 30_000, built: 30_000},
		"none of that where it is not built upon":  {cfg: noRest, left: 30_000},
		"but what was sent to it and is cut again": {left: 30_000, built: 30_000, twice: 20_000, faults: []retrytest.Fault{lostAt("STOR", 20_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, test.cfg, test.faults...)
			cl := client(t, srv)
			ctx := t.Context()
			if test.left > 0 {
				cl = cl.WithUpload(retry.Atomic)
				ctx = retry.WithTemp(ctx, retry.Temp{Name: "/f.ABCDEFGH23.ftpretry", Left: true})
				srv.WriteFile("/f.ABCDEFGH23.ftpretry", data[:test.left])
			}
			require.NoError(t, cl.Stor(ctx, "/f", retry.Bytes(data)))
			holds(t, srv, "/f", string(data))
			stats := cl.Stats()
			assert.EqualValues(t, stats.Sent+int64(test.built)-100_000, stats.MovedTwice)
			assert.GreaterOrEqual(t, stats.MovedTwice, test.twice)
		})
	}
}
