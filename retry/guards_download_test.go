package retry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// unproven has a client believe final replies.
func unproven(cfg *retry.Config) { cfg.Verify = retry.VerifyNone }

// once are faults that keep a server from telling a size the first time.
func once(nth int) (faults []retrytest.Fault) {
	for _, verb := range []string{"SIZE", "MLST", "LIST"} {
		faults = append(faults, retrytest.Fault{On: verb, Nth: nth, Reply: "550 Permission denied."})
	}
	return faults
}

func TestADownloadGoesOnWithWhatIsKnownOfTheFile(t *testing.T) {
	data, more := pattern(100_000), pattern(150_000)
	other := bytes.Repeat([]byte("another file "), 10_000)
	sizeless := retrytest.Config{Without: []string{"SIZE", "MLSD"}}
	noList := always("LIST", "502 No.")
	for name, test := range map[string]struct {
		cfg     retrytest.Config
		faults  []retrytest.Fault
		change  func(*retry.Config)
		later   []byte // what the file is after the first attempt
		grows   bool   // under it
		want    []byte // nil = data
		retrs   int
		retring int64 // bytes received at most
	}{
		"of which no size is known, and nobody wants to know it": {cfg: sizeless, faults: []retrytest.Fault{noList, cutAt(40_000)}, change: unproven, retrs: 2, retring: 102_000},
		"of which the size is known only later":                  {faults: append(once(1), lostAt("RETR", 40_000)), retrs: 2, retring: 102_000},
		"of which the size is known only at the end":             {faults: once(1), retrs: 1, retring: 100_000},
		"of which the size was known once":                       {faults: append(once(2), retrytest.Fault{On: "RETR", Reply: "450 Busy."}), retrs: 2, retring: 100_000},
		"of which the time was known once":                       {faults: []retrytest.Fault{lostAt("RETR", 40_000), {On: "MDTM", Nth: 2, Times: -1, Reply: "550 No."}, {On: "MDTM", Nth: 1, Times: -1, Reply: "550 No."}}, retrs: 2, retring: 102_000},
		"which is another one by now, of which nothing has come": {faults: []retrytest.Fault{lostAt("RETR", 0)}, later: other, want: other, retrs: 2, retring: int64(len(other))},
		"whose end was called one and was none":                  {faults: []retrytest.Fault{{On: "RETR", Data: retrytest.FIN, At: 40_000, Reply: "226 Done."}}, retrs: 2, retring: 102_000},
		"which grows, and whose end was none":                    {faults: []retrytest.Fault{{On: "RETR", Data: retrytest.FIN, At: 40_000, Reply: "226 Done."}}, grows: true, want: more, retrs: 2, retring: 152_000},
		"and is cut where it is compared":                        {faults: []retrytest.Fault{lostAt("RETR", 40_000), {On: "RETR", Nth: 2, Data: retrytest.FIN, At: 100, Reply: "426 Cut."}}, retrs: 3, retring: 103_000},
		"and is reset where it is compared":                      {faults: []retrytest.Fault{lostAt("RETR", 40_000), {On: "RETR", Nth: 2, Data: retrytest.RST, At: 100, Lose: true, Control: retrytest.RST}}, retrs: 3, retring: 103_000},
		"and ends, falsely, where it is skipped": {cfg: retrytest.Config{Without: []string{"REST"}}, retrs: 3, retring: 160_000,
			faults: []retrytest.Fault{lostAt("RETR", 40_000), {On: "RETR", Nth: 2, Data: retrytest.FIN, At: 10_000, Reply: "226 Done."}}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, test.cfg, test.faults...)
			srv.WriteFile("/f", data)
			change := test.change
			if change == nil {
				change = func(*retry.Config) {}
			}
			if test.grows {
				test.faults[0].Run = func() { srv.WriteFile("/f", more) }
				srv.ClearFaults()
				srv.Inject(test.faults...)
			}
			later := func(*retry.Config) {}
			if test.later != nil {
				later = meanwhile(func() { srv.WriteFile("/f", test.later) })
			}
			cl := client(t, srv, change, later)
			var b bytes.Buffer
			_, err := cl.Retr(t.Context(), "/f", &b)
			require.NoError(t, err)
			want := test.want
			if want == nil {
				want = data
			}
			assert.True(t, bytes.Equal(want, b.Bytes()), "%d bytes", b.Len())
			assert.Equal(t, test.retrs, count(srv.Commands(), "RETR"), "%q", srv.Commands())
			assert.LessOrEqual(t, cl.Stats().Received, test.retring)
		})
	}
}

func TestALieThatIsToldTwiceEndsTheDownload(t *testing.T) {
	srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "RETR", Times: -1, Data: retrytest.FIN, At: 0, Reply: "226 Done."})
	srv.WriteFile("/f", pattern(100_000))
	_, err := client(t, srv).Retr(t.Context(), "/f", io.Discard)
	require.ErrorIs(t, err, retry.ErrIncomplete)
	assert.NotErrorIs(t, err, retry.ErrChanged)
	assert.Equal(t, 2, count(srv.Commands(), "RETR"))
}

// The time of a file that was begun is asked for until there is an answer.
func TestATimeThatCouldNotBeAskedForIsAskedForAgain(t *testing.T) {
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for name, fault := range map[string]retrytest.Fault{
		"the server was busy":     {On: "MDTM", Nth: 2, Reply: "450 Busy."},
		"the connection was lost": {On: "MDTM", Nth: 2, Lose: true, Control: retrytest.RST},
	} {
		t.Run(name, func(t *testing.T) {
			data := pattern(100_000)
			later := bytes.Clone(data)
			later[0] ^= 1
			srv := memory(t, retrytest.Config{}, lostAt("RETR", 60_000), fault)
			srv.WriteFile("/f", data)
			require.NoError(t, srv.Chtimes("/f", at))
			local := filepath.Join(t.TempDir(), "f")
			cl := client(t, srv, meanwhile(func() {
				srv.WriteFile("/f", later)
				_ = srv.Chtimes("/f", at.Add(time.Hour))
			}))
			require.NoError(t, cl.RetrFile(t.Context(), "/f", local))
			contains(t, local, string(later))
		})
	}
}

func TestRetrFileKeepsTheTimeThatItFindsAtTheStart(t *testing.T) {
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for name, test := range map[string]struct {
		faults   []retrytest.Fault
		change   func(*retry.Config)
		attempts int64
		timeless bool
	}{
		"where nobody wants to verify":             {change: unproven, attempts: 1},
		"of the file that is there by then":        {faults: []retrytest.Fault{{On: "RETR", Reply: "450 Busy."}}, attempts: 2},
		"where the server does not tell after all": {faults: []retrytest.Fault{always("MDTM", "550 No.")}, attempts: 1, timeless: true},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, test.faults...)
			srv.WriteFile("/f", []byte("content"))
			require.NoError(t, srv.Chtimes("/f", at))
			change := test.change
			want := at
			if change == nil {
				change = meanwhile(func() { want = at.Add(time.Hour); _ = srv.Chtimes("/f", want) })
			}
			local := filepath.Join(t.TempDir(), "f")
			cl := client(t, srv, change)
			require.NoError(t, cl.RetrFile(t.Context(), "/f", local))
			info, err := os.Stat(local)
			require.NoError(t, err)
			assert.Equal(t, !test.timeless, info.ModTime().Equal(want), info.ModTime())
			assert.Equal(t, test.attempts, cl.Stats().Attempts)
		})
	}
}

// A destination that cannot be emptied after all.
func TestADestinationThatCannotBeEmptiedEndsTheDownload(t *testing.T) {
	srv := memory(t, retrytest.Config{}, cutAt(50_000))
	srv.WriteFile("/f", bytes.Repeat([]byte("A"), 100_000))
	cl := client(t, srv, meanwhile(func() { srv.WriteFile("/f", bytes.Repeat([]byte("B"), 100_000)) }))
	var dst stuck
	_, err := cl.Retr(t.Context(), "/f", &dst)
	require.ErrorIs(t, err, errBroken)
	require.ErrorIs(t, err, retry.ErrPermanent)
	assert.Equal(t, strings.Repeat("A", 50_000), dst.String())
}

// stuck has a position, and cannot be truncated.
type stuck struct{ bytes.Buffer }

func (s *stuck) Seek(int64, int) (int64, error) { return int64(s.Len()), nil }
func (*stuck) Truncate(int64) error             { return errBroken }

// A pipe is an *os.File without a position.
func TestADownloadIntoAPipeGoesOn(t *testing.T) {
	data := pattern(100_000)
	srv := memory(t, retrytest.Config{}, lostAt("RETR", 40_000))
	srv.WriteFile("/f", data)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	var got []byte
	var wg sync.WaitGroup
	wg.Go(func() { got, _ = io.ReadAll(r) })
	_, err = client(t, srv).Retr(t.Context(), "/f", w)
	require.NoError(t, errors.Join(err, w.Close()))
	wg.Wait()
	assert.True(t, bytes.Equal(data, got))
}

// A size from somewhere else is not the server's, whatever it says.
func TestASizeThatIsOutOfDateIsNoReasonToFail(t *testing.T) {
	data := make([]byte, 70<<20)
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", data)
	for _, size := range []int64{-1, 0, 1} {
		n, err := client(t, srv).Retr(retry.WithSize(t.Context(), size), "/f", io.Discard)
		require.NoError(t, err, size)
		assert.EqualValues(t, len(data), n)
	}
	// Where none is known none bounds it: that it cannot be proven is told then.
	silent := script(t, answers{"RETR": sends(string(data)), "SIZE": says("502 No."), "LIST": says("502 No.")}.to)
	n, err := silent.client(t).Retr(t.Context(), "/f", io.Discard)
	require.ErrorIs(t, err, retry.ErrIncomplete)
	assert.EqualValues(t, len(data), n)
}

// What is converted on the way has another size than the file.
func TestADownloadInASCIIIsNotMeasured(t *testing.T) {
	srv := script(t, answers{"RETR": sends("one\r\ntwo\r\n"), "SIZE": says("213 8")}.to)
	cfg := retry.Config{User: "u", Password: "x", Policy: quick}
	srv.to(&cfg)
	conn, err := retry.Dial(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, conn.Login("u", "x"))
	require.NoError(t, conn.Type(ftp.TransferTypeASCII))
	r, err := conn.Retr("f")
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	assert.Equal(t, "one\ntwo\n", strings.ReplaceAll(string(got), "\r\n", "\n"))
	assert.Equal(t, 1, count(srv.told(), "RETR"))
	require.NoError(t, conn.Quit())
}

// Anybody could have ended a data connection that ends without a word inside
// TLS. The server's reply and its size say whether it was the server.
func TestAnEndThatTLSDoesNotConfirmIsOneWhereReplyAndSizeDo(t *testing.T) {
	const content = "0123456789"
	server, trusting, err := retrytest.SelfSigned()
	require.NoError(t, err)
	for name, test := range map[string]struct {
		sent  int
		reply string // "" = the connection is lost
		word  string // with which the last record begins
		retrs int
	}{
		"both do":                               {10, "226 Done.", "", 1},
		"the size does not":                     {6, "226 Done.", "", 2},
		"the reply does not":                    {10, "426 Cut.", "", 2},
		"there is none":                         {10, "", "", 2},
		"neither does":                          {0, "426 Cut.", "", 2},
		"both do, after half a word":            {10, "226 Done.", "\x15\x03\x03", 1},
		"the size does not, after half a word":  {6, "226 Done.", "\x15\x03\x03", 2},
		"the reply does not, after half a word": {10, "426 Cut.", "\x15\x03\x03", 2},
		"there is none, after half a word":      {10, "", "\x15\x03\x03", 2},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			first := true
			srv := scriptOn(t, tls.NewListener(l, server), answers{
				"SIZE": says("213 " + strconv.Itoa(len(content))),
				"MDTM": says("213 20240506070809"),
				"RETR": func(s *scriptedSession, _ string) {
					s.say("150 Here.")
					raw, err := s.passive.Accept()
					if err != nil {
						return
					}
					conn := tls.Server(raw, server)
					if !first {
						_, _ = io.WriteString(conn, content)
						_ = conn.Close() // with close_notify
						s.say("226 Done.")
						return
					}
					first = false
					if conn.Handshake() == nil {
						_, _ = io.WriteString(conn, content[:test.sent])
					}
					_, _ = io.WriteString(raw, test.word)
					_ = raw.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, raw)
					_ = raw.Close()
					if test.reply == "" {
						_ = s.Close()
					} else {
						s.say("%s", test.reply)
					}
				},
			}.to)
			var b bytes.Buffer
			cl := srv.client(t, func(cfg *retry.Config) { cfg.TLS, cfg.ImplicitTLS = trusting, true })
			_, err = cl.Retr(t.Context(), "f", &b)
			require.NoError(t, err)
			assert.Equal(t, content, b.String())
			assert.Equal(t, test.retrs, count(srv.told(), "RETR"))
		})
	}
}

// The download of nothing, and what is left of a reader.
func TestAnOpenDownloadGivesItsPlaceBack(t *testing.T) {
	single := func(cfg *retry.Config) { cfg.MaxConns = 1 }
	t.Run("when it could not be opened", func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		cl := client(t, srv, single)
		_, err := cl.Open(t.Context(), "/none")
		require.ErrorIs(t, err, retry.ErrPermanent)
		require.NoError(t, cl.Stor(t.Context(), "/g", retry.Bytes([]byte("x"))))
	})
	t.Run("when it was closed while a Read brought something", func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		srv.WriteFile("/f", pattern(100_000))
		var open io.ReadCloser
		closed := false
		cl := client(t, srv, single)
		// Close comes in the hook that the Read calls when it has its bytes.
		open, err := cl.WithHooks(retry.Hooks{Progress: func(context.Context, retry.Progress) {
			closed = true
			_ = open.Close()
		}}).Open(t.Context(), "/f")
		require.NoError(t, err)
		for !closed {
			_, err := open.Read(make([]byte, 1000))
			require.NoError(t, err)
		}
		require.NoError(t, cl.Stor(t.Context(), "/g", retry.Bytes([]byte("x"))))
	})
	t.Run("when nothing was left of it", func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, done("RETR"))
		srv.WriteFile("/f", []byte("content"))
		conn := dial(t, srv)
		r, err := conn.RetrFrom("/f", 7)
		require.NoError(t, err)
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		assert.Empty(t, rest)
		require.NoError(t, r.Close())
		require.NoError(t, r.SetDeadline(time.Now().Add(time.Hour)), "there is nothing to be late any more")
		require.NoError(t, conn.NoOp())
		require.NoError(t, conn.Quit())
	})
}
