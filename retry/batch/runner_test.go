package batch_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// client is a client of a server in memory.
func client(t testing.TB, srv *retrytest.Server, change ...func(*retry.Config)) *retry.Client {
	t.Helper()
	cfg := retry.Config{Addr: srv.Addr(), Dial: srv.Dial, MaxConns: 8}
	for _, c := range change {
		c(&cfg)
	}
	c, err := retry.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// files makes n local files and the jobs that upload them to /f0, /f1 ...
func files(t testing.TB, n int) (dir string, jobs []batch.Job) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		name := fmt.Sprintf("f%d", i)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("content of "+name), 0o600))
		jobs = append(jobs, batch.Job{Kind: batch.Upload, Local: filepath.Join(dir, name), Remote: "/" + name})
	}
	return dir, jobs
}

// ended collects the results of a run.
type ended struct {
	mu  sync.Mutex
	all []batch.Result
}

func (e *ended) hooks() batch.Hooks {
	return batch.Hooks{Ended: func(r batch.Result) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.all = append(e.all, r)
	}}
}

func TestEveryKindOfJobDoesWhatItSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		require.NoError(t, srv.WriteFile("/there", []byte("from the server")))
		require.NoError(t, srv.WriteFile("/unwanted", []byte("x")))
		require.NoError(t, srv.WriteFile("/old", []byte("renamed")))
		require.NoError(t, srv.Mkdir("/present"))
		dir, jobs := files(t, 2)
		to := filepath.Join(dir, "new", "there")
		set := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		jobs[1].Time = set
		jobs = append(jobs,
			batch.Job{Kind: batch.Download, Remote: "/there", Local: to, Time: set},
			batch.Job{Kind: batch.Delete, Remote: "/unwanted"},
			batch.Job{Kind: batch.Rename, Remote: "/old", To: "/new"},
			batch.Job{Kind: batch.MakeDir, Remote: "/made"},
			batch.Job{Kind: batch.MakeDir, Remote: "/present"},
		)
		var got ended
		r := batch.Runner{Client: client(t, srv), Hooks: got.hooks()}

		rep, err := r.Run(t.Context(), slices.Values(jobs))

		require.NoError(t, err)
		assert.Equal(t, batch.Counts{Total: 7, Done: 7}, rep.Jobs)
		assert.Len(t, got.all, 7)
		for _, res := range got.all {
			assert.NoError(t, res.Err)
			assert.Equal(t, batch.Done, res.State)
		}
		assert.Equal(t, []string{"/f0", "/f1", "/made/", "/new", "/present/", "/there"}, srv.Names())
		text, err := os.ReadFile(to)
		require.NoError(t, err)
		assert.Equal(t, "from the server", string(text))
		info, err := os.Stat(to)
		require.NoError(t, err)
		assert.True(t, info.ModTime().Equal(set), info.ModTime())
		info, err = srv.Stat("/f1")
		require.NoError(t, err)
		assert.True(t, info.ModTime().Equal(set), info.ModTime())
		assert.EqualValues(t, 2*len("content of f0"), rep.Uploaded)
		assert.EqualValues(t, len("from the server"), rep.Downloaded)
		assert.Empty(t, rep.Stopped)
	})
}

func TestAJobThatCannotBeRunFailsAndIsReported(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		job  batch.Job
		want string
	}{
		"no kind":           {batch.Job{Remote: "/a"}, "job has no kind"},
		"a kind of no name": {batch.Job{Kind: 99, Remote: "/a"}, "job has no kind"},
		"no remote name":    {batch.Job{Kind: batch.Delete}, "delete has no name on the server"},
		"no local name":     {batch.Job{Kind: batch.Upload, Remote: "/a"}, "upload has no local file"},
		"no new name":       {batch.Job{Kind: batch.Rename, Remote: "/a"}, "rename has no new name"},
		"no such file here": {batch.Job{Kind: batch.Upload, Remote: "/a", Local: "/no/such/file"}, "no such file"},
		"a device":          {batch.Job{Kind: batch.Upload, Remote: "/a", Local: os.DevNull}, "is no regular file"},
		"a name with CR":    {batch.Job{Kind: batch.Delete, Remote: "/a\r\nDELE b"}, "cannot be sent over FTP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("/gone", nil))
			var got ended
			r := batch.Runner{Client: client(t, srv), Hooks: got.hooks()}
			rep, err := r.Run(t.Context(), slices.Values([]batch.Job{test.job, {Kind: batch.Delete, Remote: "/gone"}}))
			require.NoError(t, err, "a job's failure is its own")
			assert.Equal(t, batch.Counts{Total: 2, Done: 1, Failed: 1}, rep.Jobs)
			require.Len(t, rep.Problems, 1)
			assert.Contains(t, rep.Problems[0].Error, test.want)
			assert.Len(t, got.all, 2)
			_, err = json.Marshal(rep)
			assert.NoError(t, err)
		})
	}
}
