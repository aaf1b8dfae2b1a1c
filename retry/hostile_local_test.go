package retry_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// left are the names in a directory.
func left(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// contains fails the test unless the local file has this content.
func contains(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.True(t, want == string(got), "%s has %d bytes, not these %d", filepath.Base(name), len(got), len(want))
}

func TestADownloadIsMadeDurableBeforeItIsRenamed(t *testing.T) {
	srv := memory(t, retrytest.Config{}, cutAt(5))
	srv.WriteFile("/f", []byte("content"))
	cl := client(t, srv)

	t.Run("the file, then its name", func(t *testing.T) {
		local := filepath.Join(t.TempDir(), "f")
		var synced []string
		defer retry.OnSync(func(f *os.File) error {
			info, err := f.Stat()
			require.NoError(t, err)
			what := "directory"
			if !info.IsDir() {
				what = filepath.Base(f.Name())
				contains(t, f.Name(), "content")
			}
			if _, err := os.Lstat(local); err == nil {
				what += ", renamed"
			}
			synced = append(synced, what)
			return f.Sync()
		})()
		require.NoError(t, cl.RetrFile(t.Context(), "/f", local))
		assert.Equal(t, []string{"f.part", "directory, renamed"}, synced)
		contains(t, local, "content")
	})
	t.Run("or not at all", func(t *testing.T) {
		local := filepath.Join(t.TempDir(), "f")
		require.NoError(t, os.WriteFile(local, []byte("old"), 0o600))
		defer retry.OnSync(func(*os.File) error { return errBroken })()
		err := cl.RetrFile(t.Context(), "/f", local)
		require.ErrorIs(t, err, errBroken)
		require.ErrorIs(t, err, retry.ErrPermanent)
		assert.ErrorContains(t, err, "could not be made durable")
		contains(t, local, "old")
	})
	t.Run("where a directory cannot be, the file is", func(t *testing.T) {
		local := filepath.Join(t.TempDir(), "f")
		defer retry.OnSync(func(f *os.File) error {
			if info, err := f.Stat(); err == nil && info.IsDir() {
				return errors.ErrUnsupported
			}
			return nil
		})()
		require.NoError(t, cl.RetrFile(t.Context(), "/f", local))
		contains(t, local, "content")
	})
}

// What is in the way of a download is replaced only where it is a file.
func TestADownloadReplacesFilesOnly(t *testing.T) {
	for name, test := range map[string]struct {
		plant func(t *testing.T, dir string)
		why   string // "" = it works
		after func(t *testing.T, dir string)
	}{
		"a file": {plant: func(t *testing.T, dir string) { write(t, dir, "f", "old") }},
		"a link to a file, which stays": {plant: func(t *testing.T, dir string) {
			write(t, dir, "other", "PRECIOUS")
			require.NoError(t, os.Symlink("other", filepath.Join(dir, "f")))
		}, after: func(t *testing.T, dir string) {
			contains(t, filepath.Join(dir, "other"), "PRECIOUS")
			info, err := os.Lstat(filepath.Join(dir, "f"))
			require.NoError(t, err)
			assert.True(t, info.Mode().IsRegular())
		}},
		"a link to nothing":                    {plant: func(t *testing.T, dir string) { link(t, dir, "none", "f") }},
		"a link to a directory":                {plant: func(t *testing.T, dir string) { link(t, dir, ".", "f") }, why: "is a directory"},
		"a link to a device":                   {plant: func(t *testing.T, dir string) { link(t, dir, os.DevNull, "f") }, why: "not a regular file"},
		"a pipe":                               {plant: func(t *testing.T, dir string) { pipe(t, dir, "f") }, why: "not a regular file"},
		"a pipe for the part":                  {plant: func(t *testing.T, dir string) { pipe(t, dir, "f.part") }, why: "f.part is not a regular file: remove it"},
		"a pipe for what is known of the part": {plant: func(t *testing.T, dir string) { pipe(t, dir, "f.part.info") }, why: "f.part.info is not a regular file: remove it"},
		"a link for what is known of the part": {plant: func(t *testing.T, dir string) {
			write(t, dir, "other", "PRECIOUS")
			link(t, dir, "other", "f.part.info")
		}, why: "not a regular file", after: func(t *testing.T, dir string) { contains(t, filepath.Join(dir, "other"), "PRECIOUS") }},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(name, "pipe") {
				return // has none with a name
			}
			dir := t.TempDir()
			test.plant(t, dir)
			before := left(t, dir)
			srv := memory(t, retrytest.Config{})
			srv.WriteFile("/f", []byte("content"))
			err := client(t, srv).RetrFile(t.Context(), "/f", filepath.Join(dir, "f"))
			if test.why == "" {
				require.NoError(t, err)
				contains(t, filepath.Join(dir, "f"), "content")
			} else {
				require.ErrorContains(t, err, test.why)
				require.ErrorIs(t, err, retry.ErrPermanent)
				assert.Empty(t, srv.Commands(), "something was sent")
				assert.Equal(t, before, left(t, dir))
			}
			if test.after != nil {
				test.after(t, dir)
			}
		})
	}
	t.Run("a device", func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		require.ErrorContains(t, client(t, srv).RetrFile(t.Context(), "/f", os.DevNull), "not a regular file")
		info, err := os.Stat(os.DevNull)
		require.NoError(t, err)
		assert.False(t, info.Mode().IsRegular())
		assert.NoFileExists(t, os.DevNull+".part")
	})
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
}

func link(t *testing.T, dir, to, name string) {
	t.Helper()
	require.NoError(t, os.Symlink(to, filepath.Join(dir, name)))
}

// A link that somebody plants for what is known of the part, after the look at
// it, is not followed.
func TestALinkThatIsPlantedMeanwhileIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "other", "PRECIOUS")
	srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "USER", After: true, Run: func() { link(t, dir, "other", "f.part.info") }})
	srv.WriteFile("/f", []byte("content"))
	require.NoError(t, client(t, srv).RetrFile(t.Context(), "/f", filepath.Join(dir, "f")))
	contains(t, filepath.Join(dir, "other"), "PRECIOUS")
	contains(t, filepath.Join(dir, "f"), "content")
	assert.Equal(t, []string{"f", "other"}, left(t, dir))
}

// What only some may read stays so.
func TestADownloadHasThePermissionsOfTheFileThatItReplaces(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // permissions are another matter there
	}
	for _, mode := range []os.FileMode{0o600, 0o640, 0o666, 0o444} {
		dir := t.TempDir()
		local := filepath.Join(dir, "f")
		write(t, dir, "f", "old")
		require.NoError(t, os.Chmod(local, mode))
		var during os.FileMode
		srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "RETR", After: true, Run: func() {
			info, err := os.Stat(local + ".part")
			if assert.NoError(t, err) {
				during = info.Mode().Perm()
			}
		}})
		srv.WriteFile("/f", []byte("content"))
		require.NoError(t, client(t, srv).RetrFile(t.Context(), "/f", local))
		info, err := os.Stat(local)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm())
		assert.Zero(t, during&^(mode|0o600), "%o may be read meanwhile by whom %o does not let", during, mode)
	}
}

// A machine that was started anew may have lost what it had not written yet, and
// kept the length of the file.
func TestAPartOfBeforeTheMachineWasStartedIsNotContinued(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // others do not tell
	}
	data := pattern(200_000)
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/f", data))
	local := filepath.Join(t.TempDir(), "local")
	half(t, srv, local)
	info, err := os.ReadFile(local + ".part.info")
	require.NoError(t, err)
	now, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	before := bytes.Replace(info, bytes.TrimSpace(now), []byte("of-before"), 1)
	require.NotEqual(t, info, before)
	require.NoError(t, os.WriteFile(local+".part.info", before, 0o600))
	f, err := os.OpenFile(local+".part", os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, 10_000), 1000) // a hole
	require.NoError(t, errors.Join(err, f.Close()))
	require.NoError(t, client(t, srv).RetrFile(t.Context(), "/f", local))
	contains(t, local, string(data))
}

func TestTimesThatAreFarAwayAreKeptOrLeft(t *testing.T) {
	for name, at := range map[string]time.Time{
		"before 1970":                          time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC),
		"after the last day of some systems":   time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC),
		"after the last day of package os":     time.Date(2300, 1, 2, 3, 4, 5, 0, time.UTC),
		"before the first day of package os":   time.Date(1600, 1, 2, 3, 4, 5, 0, time.UTC),
		"the last that a server can tell":      time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		"the first, which is Go's for no time": time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		"the second after that":                time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{})
			srv.WriteFile("/f", []byte("content"))
			require.NoError(t, srv.Chtimes("/f", at))
			dir := t.TempDir()
			began := time.Now()
			cl := client(t, srv)
			require.NoError(t, cl.RetrFile(t.Context(), "/f", filepath.Join(dir, "f")))
			contains(t, filepath.Join(dir, "f"), "content")
			info, err := os.Stat(filepath.Join(dir, "f"))
			require.NoError(t, err)
			got := info.ModTime()
			assert.True(t, got.Equal(at) || got.After(began.Add(-time.Minute)), "%s has become %s", at, got)
			if !got.Equal(at) {
				return
			}
			require.NoError(t, cl.StorFile(t.Context(), "/g", filepath.Join(dir, "f")))
			info, err = srv.Stat("/g")
			require.NoError(t, err)
			assert.True(t, info.ModTime().Equal(at), "%s has become %s", at, info.ModTime())
		})
	}
}

func TestNamesThatAreOddAreNamesLikeOthers(t *testing.T) {
	long := strings.Repeat("\u00e4", 127) // 254 bytes
	for _, name := range []string{"100%d.csv", "%s%n", "a\nb", "a\x1b[31m", " ", "-rf", "\xff\xfe", strings.Repeat("n", 246), strings.Repeat("n", 255), long, "x.part", "x.part.info"} {
		srv := memory(t, retrytest.Config{}, cutAt(3))
		srv.WriteFile("/f", []byte("content"))
		dir := t.TempDir()
		local := filepath.Join(dir, name)
		cl := client(t, srv)
		require.NoError(t, cl.RetrFile(t.Context(), "/f", local), "%q", name)
		contains(t, local, "content")
		assert.Equal(t, []string{name}, left(t, dir))
		require.NoError(t, cl.StorFile(t.Context(), "/g", local), "%q", name)
		holds(t, srv, "/g", "content")

		require.NoError(t, os.Remove(local))
		require.NoError(t, os.Mkdir(local, 0o700))
		for _, err := range []error{cl.RetrFile(t.Context(), "/f", local), cl.StorFile(t.Context(), "/g", local)} {
			require.ErrorContains(t, err, "directory")
			assert.Zero(t, strings.IndexFunc(err.Error(), func(r rune) bool { return r < ' ' })+1, "%q", err)
			assert.NotContains(t, err.Error(), "%!")
		}
	}
	for _, name := range []string{"/100%d.csv", "/%s%n", "/a;b", "/ ", "/-rf"} {
		srv := memory(t, retrytest.Config{}, cutAt(3))
		dir := t.TempDir()
		cl := client(t, srv)
		write(t, dir, "f", "content")
		require.NoError(t, cl.StorFile(t.Context(), name, filepath.Join(dir, "f")), name)
		holds(t, srv, name, "content")
		require.NoError(t, cl.WithUpload(retry.Atomic).StorFile(t.Context(), name, filepath.Join(dir, "f")), name)
		require.NoError(t, cl.RetrFile(t.Context(), name, filepath.Join(dir, "g")), name)
		contains(t, filepath.Join(dir, "g"), "content")
		assert.Equal(t, []string{name}, srv.Names())
	}
}

// Two long names that begin alike have parts of their own.
func TestLongNamesThatBeginAlikeDoNotShareAPart(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", []byte("content"))
	srv.WriteFile("/g", []byte("other"))
	dir := t.TempDir()
	one, two := filepath.Join(dir, strings.Repeat("n", 254)+"1"), filepath.Join(dir, strings.Repeat("n", 254)+"2")
	cl := client(t, srv)
	var second error
	srv.Inject(retrytest.Fault{On: "RETR", After: true, Run: func() {
		for _, name := range left(t, dir) {
			assert.True(t, retry.IsPart(name), name)
		}
		second = cl.RetrFile(context.Background(), "/g", two)
	}})
	require.NoError(t, cl.RetrFile(t.Context(), "/f", one))
	require.NoError(t, second)
	contains(t, one, "content")
	contains(t, two, "other")
	assert.Len(t, left(t, dir), 2)
}

func TestWhatIsNoFileIsNotUploaded(t *testing.T) {
	dir := t.TempDir()
	link(t, dir, os.DevNull, "device")
	link(t, dir, ".", "directory")
	names := []string{os.DevNull, filepath.Join(dir, "device"), filepath.Join(dir, "directory"), filepath.Join(dir, "none")}
	if runtime.GOOS != "windows" {
		pipe(t, dir, "pipe")
		names = append(names, filepath.Join(dir, "pipe"))
	}
	for _, name := range names {
		srv := memory(t, retrytest.Config{})
		require.ErrorIs(t, client(t, srv).StorFile(t.Context(), "/f", name), retry.ErrPermanent, name)
		assert.Empty(t, srv.Commands(), name)
	}
	write(t, dir, "file", "content")
	link(t, dir, "file", "link")
	srv := memory(t, retrytest.Config{})
	require.NoError(t, client(t, srv).StorFile(t.Context(), "/f", filepath.Join(dir, "link")))
	holds(t, srv, "/f", "content")
}

// Whatever becomes of a local file between two attempts, or during one, the
// server has it whole as it was or is, or there is an error and nothing that
// looks whole.
func TestALocalFileThatIsChangedMeanwhileIsNotCalledStored(t *testing.T) {
	was := pattern(100_000)
	is := bytes.Clone(was)
	is[0], is[99_999] = is[0]^1, is[99_999]^1 // the same in size, and around the cut
	old := time.Now().Add(-time.Hour)
	replace := func(t *testing.T, dir string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), is, 0o600))
		require.NoError(t, os.Chtimes(filepath.Join(dir, "new"), old, old)) // as cp -p does
		require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "f")))
	}
	rewrite := func(t *testing.T, dir string) {
		f, err := os.OpenFile(filepath.Join(dir, "f"), os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.Write(is)
		require.NoError(t, errors.Join(err, f.Close()))
	}
	for name, test := range map[string]struct {
		change  func(t *testing.T, dir string)
		between bool // two attempts
		begun   bool // the first of which has sent something
		want    []byte
	}{
		"replaced during an attempt":                   {change: replace, want: was},
		"replaced between two of which one was begun":  {change: replace, between: true, begun: true},
		"replaced before anything was sent":            {change: replace, between: true, want: is},
		"rewritten during an attempt":                  {change: rewrite},
		"rewritten between two of which one was begun": {change: rewrite, between: true, begun: true},
		"rewritten before anything was sent":           {change: rewrite, between: true, want: is},
		"replaced by a pipe between two":               {between: true, begun: true, change: func(t *testing.T, dir string) { _ = os.Remove(filepath.Join(dir, "f")); pipe(t, dir, "f") }},
		"replaced by a directory between two": {between: true, begun: true, change: func(t *testing.T, dir string) {
			_ = os.Remove(filepath.Join(dir, "f"))
			_ = os.Mkdir(filepath.Join(dir, "f"), 0o700)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				return // does not let go of a file that is open
			}
			for _, mode := range []retry.UploadMode{retry.Direct, retry.Atomic} {
				dir := t.TempDir()
				local := filepath.Join(dir, "f")
				require.NoError(t, os.WriteFile(local, was, 0o600))
				require.NoError(t, os.Chtimes(local, old, old))
				srv := memory(t, retrytest.Config{Without: []string{"HASH", "XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512"}})
				change := func(*retry.Config) {}
				switch {
				case !test.between:
					srv.Inject(retrytest.Fault{On: "STOR", After: true, Run: func() { test.change(t, dir) }})
				case test.begun:
					srv.Inject(lostAt("STOR", 50_000))
					change = meanwhile(func() { test.change(t, dir) })
				default:
					srv.Inject(retrytest.Fault{On: "STOR", Reply: "450 Busy."})
					change = meanwhile(func() { test.change(t, dir) })
				}
				err := client(t, srv, change).WithUpload(mode).StorFile(t.Context(), "/f", local)
				if test.want != nil {
					require.NoError(t, err)
					holds(t, srv, "/f", string(test.want))
					continue
				}
				var e *retry.Error
				require.ErrorAs(t, err, &e)
				require.ErrorIs(t, err, retry.ErrPermanent)
				assert.Contains(t, e.Verdict.Rule, "the caller's own")
				for _, name := range srv.Names() {
					got, err := srv.ReadFile(name)
					require.NoError(t, err)
					assert.Less(t, len(got), len(was), "%s looks whole", name)
				}
			}
		})
	}
}
