package batch_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// made is when the files of plant were last modified.
var made = time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC)

// plant makes local files and directories, whose names end in a slash.
func plant(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		where := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(where, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(where), 0o755))
		require.NoError(t, os.WriteFile(where, []byte("content of "+name), 0o644))
		require.NoError(t, os.Chtimes(where, made, made))
	}
}

// sow makes files and directories on a server.
func sow(t testing.TB, srv *retrytest.Server, names ...string) {
	t.Helper()
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			require.NoError(t, srv.Mkdir("/"+name))
			continue
		}
		require.NoError(t, srv.WriteFile("/"+name, []byte("content of "+strings.TrimPrefix(name, "in/"))))
		require.NoError(t, srv.Chtimes("/"+name, made))
	}
}

// local is what is in a local directory: names of files with content, of empty
// directories with a slash at their end.
func local(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(where string, d fs.DirEntry, err error) error {
		if err != nil || where == dir {
			return err
		}
		name, err := filepath.Rel(dir, where)
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if entries, err := os.ReadDir(where); err != nil || len(entries) == 0 {
				all[name+"/"] = ""
			}
			return nil
		case !d.Type().IsRegular():
			all[name] = "-> somewhere"
			return nil
		}
		text, err := os.ReadFile(where)
		all[name] = string(text)
		return err
	}))
	return all
}

// served is what is in a directory of the server, as local has it.
func served(t testing.TB, srv *retrytest.Server, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, name := range srv.Names() {
		rest, ok := strings.CutPrefix(name, dir+"/")
		if !ok || rest == "" {
			continue
		}
		all[rest] = ""
		if !strings.HasSuffix(name, "/") {
			text, err := srv.ReadFile(name)
			require.NoError(t, err)
			all[rest] = string(text)
		}
	}
	return all
}

func names[V any](m map[string]V) []string {
	var all []string
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// planned collects the steps of a mirror by name.
type planned struct {
	mu    sync.Mutex
	steps map[string]batch.Step
}

func (p *planned) tell(s batch.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.steps == nil {
		p.steps = make(map[string]batch.Step)
	}
	p.steps[s.Name] = s
}

// why is the reason for which a name was treated as it was.
func (p *planned) why(name string) string { return p.steps[name].Why }

// way is one direction of a mirror.
type way struct {
	name string
	up   bool
}

var ways = []way{{"up", true}, {"down", false}}

// field is a tree here, one on a server, and what moves between them.
type field struct {
	way
	t    *testing.T
	srv  *retrytest.Server
	dir  string
	r    batch.Runner
	plan planned
}

func newField(t *testing.T, w way, cfg retrytest.Config, change ...func(*retry.Config)) *field {
	t.Helper()
	srv := retrytest.NewServer(t, cfg)
	f := &field{way: w, t: t, srv: srv, dir: t.TempDir()}
	f.r = batch.Runner{Client: client(t, srv, change...), Workers: 4}
	return f
}

// source makes files at the source, goal at the goal.
func (f *field) source(names ...string) { f.t.Helper(); f.put(f.up, names) }
func (f *field) goal(names ...string)   { f.t.Helper(); f.put(!f.up, names) }

func (f *field) put(here bool, names []string) {
	f.t.Helper()
	if here {
		plant(f.t, f.dir, names...)
		return
	}
	for _, name := range names {
		sow(f.t, f.srv, "in/"+name)
	}
}

// sourceTree is what is there, and goalTree too.
func (f *field) sourceTree() map[string]string { f.t.Helper(); return f.tree(f.up) }
func (f *field) goalTree() map[string]string   { f.t.Helper(); return f.tree(!f.up) }

func (f *field) tree(here bool) map[string]string {
	f.t.Helper()
	if here {
		return local(f.t, f.dir)
	}
	return served(f.t, f.srv, "/in")
}

// run mirrors and returns the report of a run that came to its end.
func (f *field) run(m batch.Mirror) *batch.Report {
	f.t.Helper()
	rep, err := f.mirror(m)
	require.NoError(f.t, err)
	return rep
}

func (f *field) mirror(m batch.Mirror) (*batch.Report, error) {
	f.t.Helper()
	f.plan = planned{}
	m.Local, m.Remote, m.Plan = f.dir, "/in", f.plan.tell
	if f.up {
		return f.r.MirrorUp(f.t.Context(), m)
	}
	return f.r.MirrorDown(f.t.Context(), m)
}

// bothWays runs a test in both directions.
func bothWays(t *testing.T, test func(t *testing.T, w way)) {
	t.Helper()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { t.Parallel(); test(t, w) })
	}
}

// writingMDTM lets a client set times on a server like vsftpd.
func writingMDTM(c *retry.Config) { c.FTP = append(c.FTP, ftp.DialWithWritingMDTM(true)) }

func TestAMirrorIsAsItsSourceAndASecondRunFindsNothingToDo(t *testing.T) {
	t.Parallel()
	for server, test := range map[string]struct {
		retrytest.Config
		change func(*retry.Config)
	}{
		"any":                    {},
		"proftpd":                {Config: retrytest.Proftpd()},
		"pure-ftpd":              {Config: retrytest.PureFTPd()},
		"pyftpdlib":              {Config: retrytest.Pyftpdlib()},
		"vsftpd":                 {retrytest.Vsftpd(), writingMDTM},
		"vsftpd of its own time": {Config: retrytest.Vsftpd()},
		"without MDTM":           {Config: retrytest.Config{Without: []string{"MDTM"}}},
		"without MLSD and MFMT":  {Config: retrytest.Config{Without: []string{"MLSD", "MFMT"}}},
		"by LIST alone":          {Config: retrytest.Config{Without: []string{"MLSD", "MFMT", "MDTM"}}},
	} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, w way) {
				var changes []func(*retry.Config)
				if test.change != nil {
					changes = append(changes, test.change)
				}
				f := newField(t, w, test.Config, changes...)
				f.source("a", ".hidden", "d/b", "d/e/f/c", "d/e/g", "empty/", "deep/empty/", " blank", "with blank")

				rep := f.run(batch.Mirror{})

				assert.Zero(t, rep.Jobs.Failed, rep.Problems)
				assert.Equal(t, f.sourceTree(), f.goalTree())
				assert.Empty(t, rep.Notes)

				f.srv.ResetLog()
				rep = f.run(batch.Mirror{Delete: true})

				assert.Zero(t, rep.Jobs, f.plan.steps)
				for _, verb := range []string{"STOR", "RETR", "MKD", "DELE"} {
					for _, e := range f.srv.Log() {
						assert.NotEqual(t, verb, e.Command)
					}
				}
			})
		})
	}
}
