package retry_test

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// rests are the REST commands that a server was sent.
func rests(srv *retrytest.Server) []string {
	return slices.DeleteFunc(srv.Commands(), func(c string) bool { return !strings.HasPrefix(c, "REST ") })
}

// restsBefore are those that were followed by verb: before an upload goes on, the
// end of what is there is read.
func restsBefore(srv *retrytest.Server, verb string) (found []string) {
	commands := srv.Commands()
	for i, c := range commands[:len(commands)-1] {
		if strings.HasPrefix(c, "REST ") && strings.HasPrefix(commands[i+1], verb+" ") {
			found = append(found, c)
		}
	}
	return found
}

// lostAt cuts everything after n bytes of a transfer.
func lostAt(verb string, n int64) retrytest.Fault {
	return retrytest.Fault{On: verb, Data: retrytest.FIN, At: n, Lose: true, Control: retrytest.FIN}
}

func TestADownloadGoesOnOnlyWhereItStopped(t *testing.T) {
	data := pattern(100_000)
	other := bytes.Repeat([]byte("another file "), 10_000)[:len(data)]
	for name, test := range map[string]struct {
		cfg       retrytest.Config
		faults    []retrytest.Fault
		meanwhile []byte // the file after the cut
		rests     int
		err       error
		most      int64 // bytes received
	}{
		"a server that can":                       {rests: 1, most: 101_100},
		"a server that ignores REST":              {cfg: retrytest.Config{Quirks: retrytest.Quirks{RestartIgnored: true}}, rests: 1, most: 165_000},
		"a server that refuses REST":              {cfg: retrytest.Config{Without: []string{"REST"}}, rests: 1, most: 145_000},
		"a server that refuses it late":           {faults: []retrytest.Fault{{On: "RETR", Nth: 2, Reply: "451 /f: Restart not permitted, try again"}}, rests: 1, most: 145_000},
		"with 501":                                {faults: []retrytest.Fault{{On: "REST", Reply: "501 REST not compatible with server configuration"}}, rests: 1, most: 145_000},
		"with 554":                                {faults: []retrytest.Fault{{On: "RETR", Nth: 2, Reply: "554 REST: invalid /f argument"}}, rests: 1, most: 145_000},
		"a file that has changed in size":         {meanwhile: data[:70_000], err: retry.ErrChanged},
		"a file that has changed only in content": {meanwhile: other, rests: 1, err: retry.ErrChanged},
		"the same without times and MLST":         {cfg: retrytest.Config{Without: []string{"MDTM", "MLSD"}}, meanwhile: other, rests: 1, err: retry.ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			// Into a plain writer, a local file, and through a reader.
			for _, way := range []string{"Retr", "RetrFile", "Open"} {
				srv := retrytest.NewServer(t, test.cfg)
				require.NoError(t, srv.WriteFile("/f", data))
				cut := lostAt("RETR", 40_000)
				if test.meanwhile != nil {
					cut.Run = nil
					srv.Inject(retrytest.Fault{On: "USER", Nth: 2, After: true, Run: func() { _ = srv.WriteFile("/f", test.meanwhile) }})
				}
				srv.Inject(cut)
				srv.Inject(test.faults...)
				c := client(t, srv)
				var got []byte
				var err error
				switch way {
				case "Retr":
					var b bytes.Buffer
					_, err = c.Retr(t.Context(), "/f", &b)
					got = b.Bytes()
				case "Open":
					r, e := c.Open(t.Context(), "/f")
					require.NoError(t, e)
					got, err = io.ReadAll(r)
					require.NoError(t, r.Close())
				case "RetrFile":
					got, err = retrieve(t, c, "/f")
				}
				if way == "RetrFile" && test.meanwhile != nil {
					// A local file is started over.
					require.NoError(t, err)
					assert.True(t, bytes.Equal(test.meanwhile, got))
					continue
				}
				require.ErrorIs(t, err, test.err, way)
				if test.err != nil {
					assert.True(t, bytes.HasPrefix(data, got), "%s: bytes of two files", way)
					continue
				}
				assert.True(t, bytes.Equal(data, got), way)
				assert.Len(t, rests(srv), test.rests, way)
				assert.LessOrEqual(t, c.Stats().Received, test.most, way)
			}
		})
	}
}

// What a server has refused once it is not asked for again.
func TestARefusedRestartIsRemembered(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{Without: []string{"REST"}})
	data := pattern(100_000)
	require.NoError(t, srv.WriteFile("/f", data))
	c := client(t, srv)
	for range 3 {
		srv.Inject(lostAt("RETR", 50_000), lostAt("STOR", 50_000))
		var b bytes.Buffer
		_, err := c.Retr(t.Context(), "/f", &b)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(data, b.Bytes()))
		require.NoError(t, c.Stor(t.Context(), "/g", retry.Bytes(data)))
	}
	assert.Len(t, rests(srv), 2, "once for downloads, once for uploads")
}

func TestUploadsDoNotBuildUponAnOldFile(t *testing.T) {
	data := pattern(100_000)
	for name, test := range map[string]struct {
		cfg    retrytest.Config
		faults []retrytest.Fault
		old    []byte
		rests  int
	}{
		"an upload that was cut":                      {faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 1},
		"cut twice":                                   {faults: []retrytest.Fault{lostAt("STOR", 40_000), lostAt("STOR", 20_000)}, rests: 2},
		"one whose reply was lost":                    {faults: []retrytest.Fault{{On: "STOR", After: true, Lose: true, Control: retrytest.FIN}}, rests: 1},
		"one that was called complete":                {faults: []retrytest.Fault{{On: "STOR", Data: retrytest.FIN, At: 40_000, Reply: "226 Done."}}, rests: 1},
		"one that was refused":                        {faults: []retrytest.Fault{{On: "STOR", Reply: "450 busy"}}, old: data[:30_000]},
		"one that was never answered":                 {faults: []retrytest.Fault{{On: "STOR", Lose: true, Control: retrytest.FIN}}, old: data[:30_000]},
		"onto a longer file":                          {faults: []retrytest.Fault{lostAt("STOR", 40_000)}, old: bytes.Repeat([]byte("o"), 300_000), rests: 1},
		"on a server that hides what is not complete": {cfg: retrytest.Config{Quirks: retrytest.Quirks{HiddenStores: true}}, faults: []retrytest.Fault{lostAt("STOR", 40_000)}, old: data[:30_000], rests: 1},
		"on one that deletes what failed":             {cfg: retrytest.Config{Quirks: retrytest.Quirks{DeleteFailedUploads: true}}, faults: []retrytest.Fault{lostAt("STOR", 40_000)}},
		"on one that refuses":                         {cfg: retrytest.Config{Quirks: retrytest.Quirks{AppendRestartRefused: true}}, faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 1},
		"on one that clamps":                          {cfg: retrytest.Config{Quirks: retrytest.Quirks{RestartClamped: true, RestartTruncates: true}}, faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 1},
		"on one that appends":                         {cfg: retrytest.Config{Quirks: retrytest.Quirks{RestartAppends: true}}, faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 1},
		"on one that ignores the offset":              {cfg: retrytest.Config{Quirks: retrytest.Quirks{RestartIgnored: true}}, faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 0},
		"on one that ignores it and has no hash":      {cfg: retrytest.Config{Without: []string{"HASH", "XCRC", "XMD5", "XSHA1", "XSHA256", "XSHA512"}, Quirks: retrytest.Quirks{RestartIgnored: true}}, faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 0},
		"on one without SIZE":                         {cfg: retrytest.Config{Without: []string{"SIZE", "MLSD"}}, faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 1},
		"as vsftpd is":                                {cfg: retrytest.Vsftpd(), faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 1},
		"as ProFTPD is":                               {cfg: retrytest.Proftpd(), faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 1},
		"as Pure-FTPd is":                             {cfg: retrytest.PureFTPd(), faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 1},
		"as pyftpdlib is":                             {cfg: retrytest.Pyftpdlib(), faults: []retrytest.Fault{lostAt("STOR", 40_000)}, rests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, mode := range []retry.UploadMode{retry.Direct, retry.Atomic} {
				srv := retrytest.NewServer(t, test.cfg)
				if test.old != nil {
					require.NoError(t, srv.WriteFile("/f", test.old))
				}
				srv.Inject(test.faults...)
				c := client(t, srv, func(cfg *retry.Config) { cfg.Upload = mode })
				require.NoError(t, c.Stor(t.Context(), "/f", retry.Bytes(data)))
				got, err := srv.ReadFile("/f")
				require.NoError(t, err)
				assert.True(t, bytes.Equal(data, got), "%d bytes", len(got))
				assert.Equal(t, []string{"/f"}, srv.Names())
				if mode == retry.Direct {
					assert.Len(t, restsBefore(srv, "STOR"), test.rests, "%v", srv.Commands())
				}
			}
		})
	}
}

// retrieve downloads into a local file and reads that.
func retrieve(t *testing.T, c *retry.Client, path string) ([]byte, error) {
	t.Helper()
	local := t.TempDir() + "/local"
	if err := c.RetrFile(t.Context(), path, local); err != nil {
		return nil, err
	}
	return os.ReadFile(local)
}

func TestASizeFromAListingSparesTheQuestion(t *testing.T) {
	data := pattern(100_000)
	for name, test := range map[string]struct {
		size  int64
		cut   bool
		asked int
	}{
		"the right one":                 {size: 100_000},
		"one that is out of date":       {size: 70_000, asked: 1},
		"one that was larger":           {size: 170_000, asked: 1},
		"the right one, and a cut":      {size: 100_000, cut: true, asked: 1},
		"one out of date, and a cut":    {size: 70_000, cut: true, asked: 1},
		"a large one of old, and a cut": {size: 170_000, cut: true, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("/f", data))
			if test.cut {
				srv.Inject(lostAt("RETR", 40_000))
			}
			var b bytes.Buffer
			n, err := client(t, srv).Retr(retry.WithSize(t.Context(), test.size), "/f", &b)
			require.NoError(t, err)
			assert.EqualValues(t, len(data), n)
			assert.True(t, bytes.Equal(data, b.Bytes()))
			asked := slices.DeleteFunc(srv.Commands(), func(c string) bool { return !strings.HasPrefix(c, "SIZE ") })
			assert.Len(t, asked, test.asked)
		})
	}
}

// A file that changes under every attempt does not keep a download going for
// ever.
func TestADownloadOfAFileThatNeverStaysTheSameEnds(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/f", pattern(100_000)))
	size := 100_000
	srv.Inject(retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 40_000, Lose: true, Control: retrytest.FIN, Times: -1, Run: func() {
		size++
		_ = srv.WriteFile("/f", pattern(size))
	}})
	c := client(t, srv, func(cfg *retry.Config) { cfg.Policy.Attempts = 5 })
	err := c.RetrFile(t.Context(), "/f", t.TempDir()+"/local")
	require.Error(t, err)
	var e *retry.Error
	require.ErrorAs(t, err, &e)
	assert.LessOrEqual(t, e.Attempts, 6)
}
