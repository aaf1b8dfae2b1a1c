package retry_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// lost loses the first reply to a command that was not executed; done loses the
// reply to one that was.
func lost(verb string) retrytest.Fault {
	return retrytest.Fault{On: verb, Lose: true, Control: retrytest.RST}
}

func done(verb string) retrytest.Fault {
	return retrytest.Fault{On: verb, After: true, Lose: true, Control: retrytest.RST}
}

// always has a server give the same reply to a command for ever.
func always(verb, reply string) retrytest.Fault {
	return retrytest.Fault{On: verb, Times: -1, Reply: reply}
}

func TestARefusedReplayIsSuccessOnlyWhereTheServerShowsItsEffect(t *testing.T) {
	del := func(c *retry.Client) error { return c.Delete(context.Background(), "/f") }
	remove := func(name string) func(*retry.Client) error {
		return func(c *retry.Client) error { return c.RemoveDir(context.Background(), name) }
	}
	mkd := func(c *retry.Client) error { return c.MakeDir(context.Background(), "/x") }
	const deny = "550 Permission denied."
	noSize := retrytest.Config{Without: []string{"SIZE", "MLST", "MLSD"}, Quirks: retrytest.Quirks{HideDotFiles: true}}
	// As vsftpd answers for a directory that may not be read.
	nothing := retrytest.Fault{On: "NLST", Times: -1, Data: retrytest.FIN, Reply: "226 Transfer done."}
	for _, c := range []struct {
		name   string
		cfg    retrytest.Config
		files  []string // what is there before; a name that ends in / is a directory
		faults []retrytest.Fault
		run    func(*retry.Client) error
		ok     bool
		there  string // must be there in the end
		gone   string // must not be
	}{
		{"a deletion that was executed is done", retrytest.Config{}, []string{"/f"},
			[]retrytest.Fault{done("DELE")}, del, true, "", "/f"},
		{"a file that may be neither deleted nor looked at is not taken for deleted", retrytest.Config{}, []string{"/f"},
			[]retrytest.Fault{lost("DELE"), {On: "DELE", Nth: 2, Times: -1, Reply: deny}, always("MLST", deny), always("SIZE", deny)}, del, false, "/f", ""},
		{"a file that may not be deleted and shows its size is not taken for deleted", retrytest.Config{}, []string{"/f"},
			[]retrytest.Fault{lost("DELE"), {On: "DELE", Nth: 2, Times: -1, Reply: deny}, always("MLST", deny)}, del, false, "/f", ""},
		{"a dot directory that the listing hides is not taken for removed", retrytest.Vsftpd(), []string{"/.d/f"},
			[]retrytest.Fault{lost("RMD")}, remove("/.d"), false, "/.d/f", ""},
		{"a directory in a directory that lists nothing is not taken for removed", retrytest.Vsftpd(), []string{"/p/d/f"},
			[]retrytest.Fault{lost("RMD"), nothing}, remove("/p/d"), false, "/p/d/f", ""},
		{"a dot file that the listing hides is not taken for deleted", noSize, []string{"/.f", "/other"},
			[]retrytest.Fault{lost("DELE"), {On: "DELE", Nth: 2, Times: -1, Reply: deny}}, func(c *retry.Client) error { return c.Delete(context.Background(), "/.f") }, false, "/.f", ""},
		{"a file in a directory that lists nothing is not taken for deleted", noSize, []string{"/f", "/other"},
			[]retrytest.Fault{lost("DELE"), {On: "DELE", Nth: 2, Times: -1, Reply: deny}, nothing}, del, false, "/f", ""},
		{"a file in other letters is not taken for another", noSize, []string{"/F", "/other"},
			[]retrytest.Fault{lost("DELE"), {On: "DELE", Nth: 2, Times: -1, Reply: deny}}, del, false, "/F", ""},
		{"a directory that is not empty is not taken for removed", retrytest.Config{}, []string{"/d/f"},
			[]retrytest.Fault{lost("RMD")}, remove("/d"), false, "/d/f", ""},
		{"a directory whose removal was executed is removed", retrytest.Vsftpd(), []string{"/d/", "/other"},
			[]retrytest.Fault{done("RMD")}, remove("/d"), true, "", "/d"},
		{"a file is not taken for the directory that was to be made", retrytest.Config{}, []string{"/x"},
			[]retrytest.Fault{lost("MKD")}, mkd, false, "/x", ""},
		{"a file is not taken for the directory where there is no MLST", retrytest.Vsftpd(), []string{"/x"},
			[]retrytest.Fault{lost("MKD")}, mkd, false, "/x", ""},
		{"a directory that was made is made", retrytest.Vsftpd(), nil,
			[]retrytest.Fault{done("MKD")}, mkd, true, "/x", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := memory(t, c.cfg, c.faults...)
			for _, name := range c.files {
				if name[len(name)-1] == '/' {
					srv.Mkdir(name[:len(name)-1])
				} else {
					srv.WriteFile(name, []byte("content"))
				}
			}
			err := c.run(client(t, srv))
			if c.ok {
				assert.NoError(t, err)
			} else {
				assert.Error(t, err)
			}
			if c.there != "" {
				assert.True(t, srv.Exists(c.there), "%s is gone: %q", c.there, srv.Commands())
			}
			if c.gone != "" {
				assert.False(t, srv.Exists(c.gone), "%s is there: %q", c.gone, srv.Commands())
			}
		})
	}
}

func TestARenamingIsNotRunAgainOverSomebodyElsesFile(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     retrytest.Config
		fault   retrytest.Fault
		between func(*retrytest.Server) // while the client waits for its replay
		want    error
		in, out string // "" = must not be there
	}{
		{"it was executed and a new file has come under the old name", retrytest.Config{}, done("RNTO"),
			func(s *retrytest.Server) { s.WriteFile("/in", []byte("second")) }, retry.ErrOutcomeUnknown, "second", "first"},
		{"so too where there is no MLST", retrytest.Vsftpd(), done("RNTO"),
			func(s *retrytest.Server) { s.WriteFile("/in", []byte("second")) }, retry.ErrOutcomeUnknown, "second", "first"},
		{"it was executed", retrytest.Config{}, done("RNTO"), func(*retrytest.Server) {}, nil, "", "first"},
		{"it was not executed", retrytest.Config{}, lost("RNTO"), func(*retrytest.Server) {}, nil, "", "first"},
		{"both names are gone", retrytest.Config{}, done("RNTO"),
			func(s *retrytest.Server) { _ = s.Remove("/out") }, retry.ErrOutcomeUnknown, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := memory(t, c.cfg, c.fault)
			srv.WriteFile("/in", []byte("first"))
			srv.WriteFile("/other", nil)
			cl := client(t, srv, func(cfg *retry.Config) {
				cfg.Hooks.Wait = func(context.Context, retry.Wait) { c.between(srv) }
			})
			err := cl.Rename(t.Context(), "/in", "/out")
			if c.want == nil {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, c.want)
			}
			for name, want := range map[string]string{"/in": c.in, "/out": c.out} {
				if want == "" {
					assert.False(t, srv.Exists(name), name)
				} else {
					holds(t, srv, name, want)
				}
			}
		})
	}
}

func TestAnAtomicUploadIsNotTakenForRenamedOnTheWordOfADenial(t *testing.T) {
	for _, verify := range []retry.VerifyMode{retry.VerifySize, retry.VerifyNone} {
		// The old target has the size of the new one, as every report of fixed
		// length has.
		srv := memory(t, retrytest.Config{}, lost("RNTO"), always("MLST", "550 Permission denied"))
		srv.WriteFile("/f", []byte("old"))
		cl := client(t, srv, func(cfg *retry.Config) { cfg.Upload, cfg.Verify = retry.Atomic, verify })
		err := cl.Stor(t.Context(), "/f", retry.Bytes([]byte("new")))
		if err == nil {
			holds(t, srv, "/f", "new")
			assert.Len(t, srv.Files(), 1, "a temporary file is left")
		}
	}
}

func TestAnAtomicUploadWhoseTemporaryNameVanishedProvesItsTarget(t *testing.T) {
	// RNTO is lost; on the replay RNFR is refused, and nothing that the server
	// says of the temporary name can be believed.
	srv := memory(t, retrytest.Config{}, lost("RNTO"),
		retrytest.Fault{On: "RNFR", Nth: 2, Times: -1, Reply: "550 Permission denied"},
		always("MLST", "550 Permission denied"), always("NLST", "550 Permission denied"),
		retrytest.Fault{On: "SIZE", Nth: 2, Reply: "550 Permission denied"}) // that of the old target, of the same size, is told
	srv.WriteFile("/f", []byte("old"))
	cl := client(t, srv, func(cfg *retry.Config) { cfg.Upload = retry.Atomic })
	err := cl.Stor(t.Context(), "/f", retry.Bytes([]byte("new")))
	require.ErrorIs(t, err, retry.ErrOutcomeUnknown)
	holds(t, srv, "/f", "old")
	assert.Len(t, srv.Files(), 2, "the only whole copy of the upload was removed")
}

func TestA421ThatWasPushedOnAnIdleSessionDoesNotSpeakOfTheCommand(t *testing.T) {
	// pyftpdlib pushes a 421 about its listener and stays open: the command
	// that meets it was executed.
	for _, c := range []struct {
		name string
		run  func(*retry.Client) error
		gone bool
	}{
		{"a deletion", func(c *retry.Client) error { return c.Delete(context.Background(), "/a") }, true},
		{"a directory that is made", func(c *retry.Client) error { return c.MakeDir(context.Background(), "/a") }, false},
		{"a directory that is removed", func(c *retry.Client) error { return c.RemoveDir(context.Background(), "/a") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{})
			switch c.name {
			case "a deletion":
				srv.WriteFile("/a", nil)
			case "a directory that is removed":
				srv.Mkdir("/a")
			}
			cl := client(t, srv)
			require.NoError(t, cl.SetTime(t.Context(), "/", time.Unix(1e9, 0)))
			srv.Push("421 Passive data channel timed out.")
			require.NoError(t, c.run(cl))
			assert.Equal(t, !c.gone, srv.Exists("/a"))
		})
	}
}

func TestA421MayComeAfterTheCommandWasExecuted(t *testing.T) {
	// RFC 959, section 4.2: "may be a reply to any command if the service knows
	// it must shut down". It says nothing of the command.
	ctx := context.Background()
	for _, c := range []struct {
		name, verb string
		before     string // what is there; a name that ends in / is a directory
		run        func(*retry.Client) error
		after      []string
	}{
		{"a deletion", "DELE", "/a", func(c *retry.Client) error { return c.Delete(ctx, "/a") }, []string{}},
		{"a directory that is removed", "RMD", "/a/", func(c *retry.Client) error { return c.RemoveDir(ctx, "/a") }, []string{}},
		{"a directory that is made", "MKD", "", func(c *retry.Client) error { return c.MakeDir(ctx, "/a") }, []string{"/a/"}},
		{"a renaming", "RNTO", "/a", func(c *retry.Client) error { return c.Rename(ctx, "/a", "/b") }, []string{"/b"}},
		{"an atomic upload", "RNTO", "", func(c *retry.Client) error {
			return c.WithUpload(retry.Atomic).Stor(ctx, "/a", retry.Bytes([]byte("x")))
		}, []string{"/a"}},
		{"an upload", "STOR", "", func(c *retry.Client) error { return c.Stor(ctx, "/a", retry.Bytes([]byte("x"))) }, []string{"/a"}},
		{"an append", "APPE", "", func(c *retry.Client) error { return c.Append(ctx, "/a", retry.Bytes([]byte("x"))) }, []string{"/a"}},
	} {
		for _, used := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				srv := memory(t, retrytest.Config{}, retrytest.Fault{On: c.verb, After: true, Reply: "421 Shutting down.", Control: retrytest.FIN})
				if name, dir := strings.CutSuffix(c.before, "/"); dir {
					srv.Mkdir(name)
				} else if name != "" {
					srv.WriteFile(name, nil)
				}
				cl := client(t, srv)
				if used {
					_, err := cl.List(ctx, "/")
					require.NoError(t, err)
				}
				require.NoError(t, c.run(cl))
				assert.ElementsMatch(t, c.after, srv.Names())
				if c.verb == "APPE" || c.verb == "STOR" {
					holds(t, srv, "/a", "x")
				}
			})
		}
	}
}
