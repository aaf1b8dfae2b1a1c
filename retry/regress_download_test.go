package retry_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// cutAt ends the first download after n bytes.
func cutAt(n int64) retrytest.Fault {
	return retrytest.Fault{On: "RETR", Data: retrytest.RST, At: n, Reply: "426 Cut."}
}

// meanwhile has something happen while the client waits for its replay.
func meanwhile(do func()) func(*retry.Config) {
	return func(c *retry.Config) { c.Hooks.Wait = func(context.Context, retry.Wait) { do() } }
}

func TestADownloadNeverMixesTwoFiles(t *testing.T) {
	a, b := bytes.Repeat([]byte("A"), 100_000), bytes.Repeat([]byte("B"), 100_000)
	// The same before the cut, as far as it can be compared.
	alike := append([]byte("of another version"), bytes.Repeat([]byte("A"), 150_000)...)
	for _, c := range []struct {
		name   string
		verify retry.VerifyMode
		later  []byte
	}{
		{"the file is replaced by a longer one that is alike", retry.VerifySize, alike},
		{"the file is replaced by a longer one that is alike, nobody wanting to verify", retry.VerifyNone, alike},
		{"the file is replaced by another of the same size", retry.VerifySize, b},
		{"the file is replaced by another of the same size, nobody wanting to verify", retry.VerifyNone, b},
		{"the file grows by what is not its own", retry.VerifySize, append(b, b...)},
		{"the file grows, nobody wanting to verify", retry.VerifyNone, append(b, b...)},
		{"the file shrinks, nobody wanting to verify", retry.VerifyNone, b[:60_000]},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := func(dst io.Writer) (int64, error) {
				srv := memory(t, retrytest.Config{}, cutAt(50_000))
				srv.WriteFile("/f", a)
				cl := client(t, srv, func(cfg *retry.Config) { cfg.Verify = c.verify },
					meanwhile(func() { srv.WriteFile("/f", c.later) }))
				return cl.Retr(t.Context(), "/f", dst)
			}
			var buf bytes.Buffer
			_, err := run(&buf)
			require.ErrorIs(t, err, retry.ErrChanged)
			assert.True(t, bytes.HasPrefix(a, buf.Bytes()), "what was delivered of the one is followed by the other")

			f, err := os.Create(filepath.Join(t.TempDir(), "f"))
			require.NoError(t, err)
			defer f.Close()
			_, err = run(f)
			require.NoError(t, err, "a file can be emptied and filled anew")
			got, err := os.ReadFile(f.Name())
			require.NoError(t, err)
			assert.True(t, bytes.Equal(c.later, got))
		})
	}
}

func TestWhatTheDestinationHeldBeforeIsNotTouched(t *testing.T) {
	const old = "PRECIOUS OLD CONTENT\n"
	for _, c := range []struct {
		name string
		flag int
		seek int64
	}{
		{"a file that is opened for appending", os.O_APPEND, 0},
		{"a file with something behind the position", 0, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, cutAt(5))
			srv.WriteFile("/f", []byte("0123456789"))
			name := filepath.Join(t.TempDir(), "log")
			require.NoError(t, os.WriteFile(name, []byte(old), 0o644))
			f, err := os.OpenFile(name, os.O_WRONLY|c.flag, 0)
			require.NoError(t, err)
			defer f.Close()
			_, err = f.Seek(c.seek, io.SeekStart)
			require.NoError(t, err)
			cl := client(t, srv, meanwhile(func() { srv.WriteFile("/f", []byte("x")) }))
			_, err = cl.Retr(t.Context(), "/f", f)
			require.ErrorIs(t, err, retry.ErrChanged)
			got, err := os.ReadFile(name)
			require.NoError(t, err)
			if c.flag == os.O_APPEND {
				assert.Equal(t, old+"01234", string(got))
			} else {
				assert.Len(t, got, len(old), "what was behind the position was cut off")
			}
		})
	}
}

func TestTwoDownloadsIntoOneLocalFileDoNotMix(t *testing.T) {
	data := pattern(1 << 20)
	local := filepath.Join(t.TempDir(), "f")
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", data)
	other := client(t, srv)
	var second error
	cl := client(t, srv, meanwhile(func() { second = other.RetrFile(t.Context(), "/f", local) }))
	srv.Inject(cutAt(700_000))
	require.NoError(t, cl.RetrFile(t.Context(), "/f", local))
	var e *retry.Error
	require.ErrorAs(t, second, &e)
	assert.ErrorContains(t, second, "another download")
	got, err := os.ReadFile(local)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, got))
	_, err = os.Stat(local + ".part")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestAMistakenLocalNameIsToldBeforeAnythingIsSent(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", []byte("content"))
	for _, c := range []struct {
		name, remote string
		local        func(dir string) string
		after        func(t *testing.T, dir string)
	}{
		{"no name", "/f", func(string) string { return "" }, func(*testing.T, string) {}},
		{"a directory", "/f", func(dir string) string {
			require.NoError(t, os.Mkdir(filepath.Join(dir, "g"), 0o755))
			return filepath.Join(dir, "g")
		}, func(*testing.T, string) {}},
		{"a directory that does not exist", "/f", func(dir string) string { return filepath.Join(dir, "no", "f") }, func(*testing.T, string) {}},
		{"a link in place of the part", "/f", func(dir string) string {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "victim"), []byte("PRECIOUS"), 0o600))
			require.NoError(t, os.Symlink(filepath.Join(dir, "victim"), filepath.Join(dir, "f.part")))
			return filepath.Join(dir, "f")
		}, func(t *testing.T, dir string) {
			got, err := os.ReadFile(filepath.Join(dir, "victim"))
			require.NoError(t, err)
			assert.Equal(t, "PRECIOUS", string(got))
		}},
		{"a path that cannot be sent, with a part that is there", "a\r\nb", func(dir string) string {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "h.part"), []byte("PARTIAL"), 0o600))
			return filepath.Join(dir, "h")
		}, func(t *testing.T, dir string) {
			got, err := os.ReadFile(filepath.Join(dir, "h.part"))
			require.NoError(t, err, "a mistaken call removed the part")
			assert.Equal(t, "PARTIAL", string(got))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var r tape
			cl := client(t, srv, func(cfg *retry.Config) { cfg.Hooks = r.hooks() })
			srv.ResetLog()
			err := cl.RetrFile(t.Context(), c.remote, c.local(dir))
			var e *retry.Error
			require.ErrorAs(t, err, &e)
			assert.ErrorIs(t, err, retry.ErrPermanent)
			assert.Empty(t, srv.Commands(), "something was sent")
			require.Len(t, r.done, 1)
			assert.Equal(t, err, r.done[0].Err, "the hook was told something else")
			c.after(t, dir)
		})
	}
}

func TestARenamingOfThePartThatFailsIsAnErrorLikeAnyOther(t *testing.T) {
	local := filepath.Join(t.TempDir(), "f")
	srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "RETR", After: true, Run: func() { _ = os.MkdirAll(filepath.Join(local, "full"), 0o755) }})
	srv.WriteFile("/f", []byte("content"))
	var r tape
	err := client(t, srv, func(cfg *retry.Config) { cfg.Hooks = r.hooks() }).RetrFile(t.Context(), "/f", local)
	var e *retry.Error
	require.ErrorAs(t, err, &e)
	require.Len(t, r.done, 1)
	assert.Equal(t, err, r.done[0].Err)
	require.ErrorIs(t, err, retry.ErrPermanent)
	assert.Contains(t, e.Verdict.Rule, "the caller's own", "the server has nothing to do with it")
	assert.Equal(t, 1, e.Attempts)
	assert.ErrorContains(t, err, "download is complete but could not be renamed")
}

func TestACutWhileSkippingIsNotAChangeOfTheFile(t *testing.T) {
	data := pattern(100_000)
	srv := memory(t, retrytest.Config{},
		always("REST", "502 REST not implemented"),
		cutAt(50_000),
		retrytest.Fault{On: "RETR", Nth: 2, Data: retrytest.FIN, At: 20_000, Lose: true, Control: retrytest.FIN})
	srv.WriteFile("/f", data)
	var buf bytes.Buffer
	_, err := client(t, srv).Retr(t.Context(), "/f", &buf)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, buf.Bytes()))
}

func TestADownloadWhoseReplyIsLostAfterTheLastByteIsWhole(t *testing.T) {
	data := pattern(100_000)
	for name, cfg := range map[string]retrytest.Config{
		"default": {}, "vsftpd": retrytest.Vsftpd(), "proftpd": retrytest.Proftpd(), "pure-ftpd": retrytest.PureFTPd(), "pyftpdlib": retrytest.Pyftpdlib(),
	} {
		for _, size := range []int{0, 1, 500, len(data)} {
			srv := memory(t, cfg, retrytest.Fault{On: "RETR", After: true, Lose: true, Control: retrytest.FIN})
			srv.WriteFile("/f", data[:size])
			var buf bytes.Buffer
			n, err := client(t, srv).Retr(t.Context(), "/f", &buf)
			require.NoError(t, err, "%s, %d bytes", name, size)
			assert.EqualValues(t, size, n)
			assert.True(t, bytes.Equal(data[:size], buf.Bytes()), "%s, %d bytes", name, size)
		}
	}
}

func TestASizeInTheOpeningReplyThatIsNotTheDatasIsNoFailure(t *testing.T) {
	for _, size := range []string{"213 7", "550 No such file."} {
		for _, verify := range []retry.VerifyMode{retry.VerifyNone, retry.VerifySize} {
			if size != "213 7" && verify == retry.VerifySize {
				continue // nothing could prove it
			}
			srv := script(t, func(s *scriptedSession, verb, _ string) bool {
				switch verb {
				case "RETR":
					s.send("150 Opening BINARY mode data connection for f (4096 bytes).", "content")
				case "SIZE":
					s.say("%s", size)
				case "LIST":
					s.say("550 No such file.")
				default:
					return false
				}
				return true
			})
			var buf bytes.Buffer
			_, err := srv.client(t, func(cfg *retry.Config) { cfg.Verify = verify }).Retr(t.Context(), "f", &buf)
			assert.NoError(t, err, "SIZE answered %s, verify %d", size, verify)
			assert.Equal(t, "content", buf.String())
		}
	}
}

func TestAnOffsetBeyondTheEndIsTheCallersMistake(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", []byte("content"))
	c := dial(t, srv)
	_, err := c.RetrFrom("/f", 100)
	require.ErrorIs(t, err, retry.ErrPermanent)
	assert.NotErrorIs(t, err, retry.ErrChanged)
	assert.NotContains(t, err.Error(), "delivered", "nothing was")
	r, err := c.RetrFrom("/f", 7)
	require.NoError(t, err)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Empty(t, rest)
	require.NoError(t, r.Close())
	require.NoError(t, c.Quit())
}

func TestADownloadToAFileThatCannotBeReadIsWholeWhereNothingIsLeftToDownload(t *testing.T) {
	data := pattern(100_000)
	srv := retrytest.NewServer(t, retrytest.PureFTPd())
	require.NoError(t, srv.WriteFile("/f", data))
	srv.Inject(
		retrytest.Fault{On: "RETR", After: true, Lose: true, Control: retrytest.FIN},
		retrytest.Fault{On: "RETR", Nth: 2, Times: -1, Reply: "226 Nothing left to download"})
	name := filepath.Join(t.TempDir(), "f")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer f.Close()
	_, err = client(t, srv).Retr(t.Context(), "/f", f)
	require.NoError(t, err)
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
}
