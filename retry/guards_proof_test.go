package retry_test

import (
	"bytes"
	"crypto/sha512"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAnAppendIsSentOnce(t *testing.T) {
	data := pattern(50_000)
	for name, test := range map[string]struct {
		fault   retrytest.Fault
		appends int
	}{
		"whose reply was lost after it was done": {done("APPE"), 1},
		"which could not be checked":             {retrytest.Fault{On: "SIZE", Nth: 2, Lose: true, Control: retrytest.RST}, 1},
		"which was never begun":                  {lost("APPE"), 2},
		"which was cut":                          {lostAt("APPE", 20_000), 2},
	} {
		t.Run(name, func(t *testing.T) {
			for _, old := range []string{"", "OLD-"} {
				srv := memory(t, retrytest.Config{}, test.fault)
				if old != "" {
					srv.WriteFile("/f", []byte(old))
				}
				cl := client(t, srv)
				require.NoError(t, cl.Append(t.Context(), "/f", retry.Bytes(data)))
				holds(t, srv, "/f", old+string(data))
				assert.Equal(t, test.appends, count(srv.Commands(), "APPE"))
				assert.EqualValues(t, cl.Stats().Sent-50_000, cl.Stats().MovedTwice)
			}
		})
	}
}

// What a server says of a hash is a text with the hash somewhere in it.
func TestOnlyAHashIsTakenForOne(t *testing.T) {
	right := fmt.Sprintf("%x", sha512.Sum512([]byte("content")))
	wrong := strings.Repeat("0", 128)
	for says, ok := range map[string]bool{
		right:                             true,
		"0-7 " + strings.ToUpper(right):   true,
		wrong + " " + right + " /f":       true,
		"Whatever.":                       true, // the size must do
		strings.Repeat("n", 128):          true,
		strings.Repeat("0", 64):           true,
		wrong:                             false,
		"SHA-512 0-7 " + wrong + " f":     false,
		strings.Repeat("A", 128) + " /f.": false,
	} {
		srv := memory(t, retrytest.Config{}, always("XSHA512", "250 "+says))
		err := client(t, srv, func(cfg *retry.Config) { cfg.Verify = retry.VerifyHash }).Stor(t.Context(), "/f", retry.Bytes([]byte("content")))
		if ok {
			assert.NoError(t, err, says)
		} else {
			assert.ErrorIs(t, err, retry.ErrIncomplete, says)
		}
	}
}

// liar says that it has taken more than it was given, or less than nothing.
type liar int

func (l liar) Write(p []byte) (int, error) { return len(p) + int(l), nil }

func TestAWriterThatCountsWronglyIsTheCallersFault(t *testing.T) {
	for _, verify := range []retry.VerifyMode{retry.VerifySize, retry.VerifyHash} {
		for _, off := range []liar{1, -1000} {
			srv := memory(t, retrytest.Config{})
			srv.WriteFile("/f", []byte("content"))
			_, err := client(t, srv, func(cfg *retry.Config) { cfg.Verify = verify }).Retr(t.Context(), "/f", off)
			require.ErrorIs(t, err, retry.ErrPermanent)
			assert.Regexp(t, "impossible count|short write", err.Error())
		}
	}
}

// What the server shows proves an upload only where it is a file, has the name
// and a size.
func TestWhatIsNoSizeOfTheFileProvesNothing(t *testing.T) {
	const listed = "-rw-r--r-- 1 u g %d Jan 01 2024 %s\r\n"
	for name, test := range map[string]struct {
		feat, mlst, list string
		proven           bool
	}{
		"a fact of MLST":                      {feat: "MLST", mlst: "type=file;size=3; f", proven: true},
		"facts of MLST without a size":        {feat: "MLST", mlst: "type=file;modify=20240101000000; f"},
		"facts of MLST of a directory":        {feat: "MLST", mlst: "type=dir;size=3; f"},
		"a line of LIST":                      {feat: "MDTM", list: fmt.Sprintf(listed, 3, "f"), proven: true},
		"a line of LIST with its directory":   {feat: "MDTM", list: fmt.Sprintf(listed, 3, "/d/f"), proven: true},
		"a line of LIST for another":          {feat: "MDTM", list: fmt.Sprintf(listed, 3, "g")},
		"lines of LIST":                       {feat: "MDTM", list: fmt.Sprintf(listed+listed, 3, "f", 3, "g")},
		"a line of LIST for a directory":      {feat: "MDTM", list: strings.Replace(fmt.Sprintf(listed, 3, "f"), "-", "d", 1)},
		"a line of LIST that nobody can read": {feat: "MDTM", list: "what is this\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := script(t, answers{
				"FEAT": features(test.feat),
				"SIZE": says("502 No."),
				"MLST": says("250-Here:\r\n " + test.mlst + "\r\n250 End"),
				"LIST": sends(test.list),
				"STOR": receives,
			}.to)
			for _, content := range []string{"new", ""} {
				if content == "" && test.proven {
					continue // it is 3 bytes long
				}
				err := srv.client(t).Stor(t.Context(), "/d/f", retry.Bytes([]byte(content)))
				if test.proven {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, retry.ErrOutcomeUnknown)
				assert.ErrorContains(t, err, "VerifyNone", "it says what to do")
			}
		})
	}
}

// Before an upload goes on, the end of what is there is read.
func TestWhatAnUploadHasLeftIsReadBack(t *testing.T) {
	data, zeros := pattern(3<<20), make([]byte, 3<<20)
	cut := lostAt("STOR", 2<<20)
	ignoring := retrytest.Config{Quirks: retrytest.Quirks{RestartIgnored: true}}
	for name, test := range map[string]struct {
		cfg    retrytest.Config
		faults []retrytest.Fault
		data   []byte
		rests  int
	}{
		"and it is what was sent":                            {data: data, rests: 1},
		"where nobody may read, which is believed":           {data: data, rests: 1, faults: []retrytest.Fault{always("RETR", "550 Permission denied.")}},
		"where nobody may read from an offset, which is":     {data: data, rests: 1, faults: []retrytest.Fault{always("RETR", "451 /f: Restart not permitted, try again")}},
		"and the server is busy":                             {data: data, rests: 1, faults: []retrytest.Fault{{On: "RETR", Lose: true, Control: retrytest.RST}}},
		"and it ends before":                                 {data: data, rests: 0, faults: []retrytest.Fault{{On: "RETR", Data: retrytest.FIN, At: 10, Reply: "226 Done."}}},
		"where all of it is sent, which begins otherwise":    {cfg: ignoring, data: data, rests: 0},
		"where all of it is sent, which is alike everywhere": {cfg: ignoring, data: zeros, rests: 0},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, test.cfg, append([]retrytest.Fault{cut}, test.faults...)...)
			cl := client(t, srv)
			require.NoError(t, cl.Stor(t.Context(), "/f", retry.Bytes(test.data)))
			holds(t, srv, "/f", string(test.data))
			assert.Len(t, restsBefore(srv, "STOR"), test.rests, "%q", srv.Commands())
		})
	}
	t.Run("but not where the source has become shorter", func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, lostAt("STOR", 40_000))
		src := &changing{content: pattern(100_000), later: func(nth int, offset int64) (io.ReadCloser, error) {
			if nth == 1 {
				return nil, nil
			}
			return io.NopCloser(bytes.NewReader(nil)), nil
		}}
		require.ErrorIs(t, client(t, srv).Stor(t.Context(), "/f", src), retry.ErrPermanent)
		assert.Equal(t, 2, src.opened)
	})
}

func TestSourcesThatCannotBeReadSaySo(t *testing.T) {
	var none *bytes.Reader
	for name, src := range map[string]retry.Source{
		"ReaderAt of nothing": retry.ReaderAt(nil, 1), "ReaderAt of a nil pointer": retry.ReaderAt(none, 1),
		"Seeker of nothing": retry.Seeker(nil), "Seeker of a nil pointer": retry.Seeker(none),
		"Reader of nothing": retry.Reader(nil), "Reader of a nil pointer": retry.Reader(none),
		"Seeker that has no position": retry.Seeker(&unseekable{at: io.SeekCurrent}), "Seeker that has no end": retry.Seeker(&unseekable{at: io.SeekEnd}),
		"Seeker that does not go back": retry.Seeker(&unseekable{at: io.SeekStart}),
	} {
		srv := memory(t, retrytest.Config{})
		require.ErrorIs(t, client(t, srv).Stor(t.Context(), "/f", src), retry.ErrPermanent, name)
		assert.Empty(t, srv.Commands(), name)
	}
	for name, src := range map[string]retry.Source{"Bytes": retry.Bytes([]byte("abc")), "ReaderAt": retry.ReaderAt(strings.NewReader("abc"), 3)} {
		_, err := src.Open(4)
		assert.ErrorContains(t, err, "changed during the upload", name)
		r, err := src.Open(3)
		require.NoError(t, err, name)
		require.NoError(t, r.Close())
	}
}

// unseekable fails of one way to seek.
type unseekable struct {
	strings.Reader
	at int
}

func (u *unseekable) Seek(offset int64, whence int) (int64, error) {
	if whence == u.at {
		return 0, errBroken
	}
	return u.Reader.Seek(offset, whence)
}

// A reader of which something was read is not tried again, whatever the policy.
func TestAReaderGetsOneAttemptOnceItWasRead(t *testing.T) {
	for name, test := range map[string]struct {
		fault    retrytest.Fault
		content  string
		attempts int
		ok       bool
	}{
		"it was cut":         {lostAt("STOR", 3), "content", 1, false},
		"it was empty":       {lostAt("STOR", 0), "", 1, false},
		"nothing was read":   {retrytest.Fault{On: "STOR", Reply: "450 Busy."}, "content", 2, true},
		"its reply was lost": {retrytest.Fault{On: "STOR", After: true, Lose: true, Control: retrytest.RST}, "content", 1, false},
	} {
		srv := memory(t, retrytest.Config{}, test.fault)
		var r tape
		cl := client(t, srv, func(cfg *retry.Config) { cfg.Hooks = r.hooks() })
		err := cl.Stor(t.Context(), "/f", retry.Reader(strings.NewReader(test.content)))
		if test.ok {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, retry.ErrNotReplayable, name)
		}
		assert.EqualValues(t, test.attempts, cl.Stats().Attempts, name)
		assert.Len(t, r.waits, test.attempts-1, name)
	}
}
