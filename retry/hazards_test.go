package retry_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// What real servers do to a transfer, each by itself.

func TestAFileThatGrowsDuringTheDownloadIsDeliveredAsItIsAtTheEnd(t *testing.T) {
	first, more := pattern(50_000), []byte("and more")
	for name, faults := range map[string]func(grow func()) []retrytest.Fault{
		"before the data": func(grow func()) []retrytest.Fault { return []retrytest.Fault{{On: "RETR", After: true, Run: grow}} },
		"after the data": func(grow func()) []retrytest.Fault {
			return []retrytest.Fault{{On: "RETR", After: true, Run: func() {}}, {On: "SIZE", Nth: 1, After: true, Run: func() {}}, {On: "RETR", Nth: 2, After: true, Run: func() {}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("/f", first))
			srv.Inject(faults(func() { _ = srv.WriteFile("/f", append(bytes.Clone(first), more...)) })...)
			var b bytes.Buffer
			n, err := client(t, srv).Retr(t.Context(), "/f", &b)
			require.NoError(t, err)
			want, err := srv.ReadFile("/f")
			require.NoError(t, err)
			assert.EqualValues(t, len(want), n)
			assert.True(t, bytes.Equal(want, b.Bytes()))
		})
	}
}

func TestAFileThatShrinksDuringTheDownloadIsNotCalledWhole(t *testing.T) {
	data := pattern(50_000)
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/f", data))
	srv.Inject(retrytest.Fault{On: "RETR", After: true, Run: func() { _ = srv.WriteFile("/f", data[:20_000]) }})
	var b bytes.Buffer
	_, err := client(t, srv).Retr(t.Context(), "/f", &b)
	require.ErrorIs(t, err, retry.ErrChanged)

	require.NoError(t, srv.WriteFile("/f", data))
	srv.Inject(retrytest.Fault{On: "RETR", After: true, Run: func() { _ = srv.WriteFile("/f", data[:20_000]) }})
	got, err := retrieve(t, client(t, srv), "/f")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data[:20_000], got), "a local file is started over")
}

func TestASourceThatChangesDuringTheUpload(t *testing.T) {
	for name, src := range map[string]retry.Source{
		"shrinks":           retry.ReaderAt(strings.NewReader("only this"), 1000),
		"ends short":        &sizedSource{content: "short", claim: 10},
		"goes on":           retry.Seeker(&grown{Reader: strings.NewReader("content and more of it"), claim: 7}),
		"fails on the way":  retry.Reader(io.MultiReader(strings.NewReader("half"), failing{io.ErrClosedPipe})),
		"fails when opened": &sizedSource{err: io.ErrClosedPipe},
	} {
		t.Run(name, func(t *testing.T) {
			for _, mode := range []retry.UploadMode{retry.Direct, retry.Atomic} {
				srv := retrytest.NewServer(t, retrytest.Config{})
				err := client(t, srv, func(cfg *retry.Config) { cfg.Upload = mode }).Stor(t.Context(), "/f", src)
				if name == "ends short" {
					// A Source of the caller's own that does not tell its size.
					require.NoError(t, err)
					return
				}
				var e *retry.Error
				require.ErrorAs(t, err, &e)
				assert.LessOrEqual(t, e.Attempts, 1)
				require.ErrorIs(t, err, retry.ErrPermanent)
				assert.Empty(t, srv.Names(), "something is left that looks whole")
				if strings.HasPrefix(name, "fails on") {
					return // a Reader is consumed
				}
			}
		})
	}
}

// sizedSource is a caller's own Source.
type sizedSource struct {
	content string
	claim   int64
	err     error
}

func (s *sizedSource) Open(offset int64) (io.ReadCloser, error) {
	if s.err != nil {
		return nil, s.err
	}
	return io.NopCloser(strings.NewReader(s.content[offset:])), nil
}

// grown is a seeker whose end is not where its content ends.
type grown struct {
	*strings.Reader
	claim int64
}

func (g *grown) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return g.claim, nil
	}
	return g.Reader.Seek(offset, whence)
}

func TestHazardsOfReplies(t *testing.T) {
	data := pattern(100_000)
	for name, test := range map[string]struct {
		fault retrytest.Fault
		took  time.Duration // at most, virtual
	}{
		"426, then 226 after it (every server, after ABOR)":       {fault: retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 1000, Reply: "426 Cut.\n226 Abort successful."}},
		"two refusals to one command (ProFTPD, transfer limit)":   {fault: retrytest.Fault{On: "RETR", Reply: "451 Sorry, the maximum number of data transfers (1) from this user are currently being used.\n451 f: Too many transfers"}},
		"no final reply (Pure-FTPd)":                              {fault: retrytest.Fault{On: "RETR", Data: retrytest.RST, At: 1000, Stall: true}, took: 15 * time.Second},
		"a 226 that comes late (ProFTPD lingers)":                 {fault: retrytest.Fault{On: "RETR", After: true, Delay: 11 * time.Second}, took: 12 * time.Second},
		"a 226 before the data (IIS)":                             {fault: retrytest.Fault{On: "RETR", Early: true}},
		"a 226 for an upload that was reset (pyftpdlib)":          {fault: retrytest.Fault{On: "STOR", Data: retrytest.RST, At: 1000, Reply: "226 Transfer complete."}},
		"a 226 for an upload that ended early":                    {fault: retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 1000, Reply: "226 Transfer complete."}},
		"a 426 for an upload that is whole (FileZilla, over TLS)": {fault: retrytest.Fault{On: "STOR", After: true, Reply: "425 Error while transfering data: ECONNABORTED"}},
		"150 said twice": {fault: retrytest.Fault{On: "STOR", After: true, Reply: "150 Again.\n226 Done."}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, Faults: []retrytest.Fault{test.fault}})
				require.NoError(t, srv.WriteFile("/f", data))
				c := client(t, srv)
				start := time.Now()
				var b bytes.Buffer
				_, err := c.Retr(t.Context(), "/f", &b)
				require.NoError(t, err)
				require.NoError(t, c.Stor(t.Context(), "/g", retry.Bytes(data)))
				require.NoError(t, c.Append(t.Context(), "/g", retry.Bytes(data)))
				assert.True(t, bytes.Equal(data, b.Bytes()))
				got, err := srv.ReadFile("/g")
				require.NoError(t, err)
				assert.True(t, bytes.Equal(append(bytes.Clone(data), data...), got))
				assert.Zero(t, srv.Pending())
				assert.LessOrEqual(t, time.Since(start), test.took+time.Second)
				require.NoError(t, c.Close())
			})
		})
	}
}

// A server that removes what failed may do so only after it has said so.
func TestAFailedUploadThatIsRemovedAfterItsReply(t *testing.T) {
	data := pattern(100_000)
	srv := retrytest.NewServer(t, retrytest.Config{})
	srv.Inject(
		retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 60_000, Reply: "426 Failure reading network stream."},
		// Gone between the question how much is there and the upload of the rest.
		retrytest.Fault{On: "REST", After: true, Run: func() { _ = srv.Remove("/f") }},
	)
	c := client(t, srv)
	require.NoError(t, c.Stor(context.Background(), "/f", retry.Bytes(data)))
	got, err := srv.ReadFile("/f")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, got), "a hole where the beginning was")
}
