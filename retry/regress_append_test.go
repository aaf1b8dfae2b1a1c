package retry_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestNothingIsStoredTwiceWhereTheServerDoesNotShowIt(t *testing.T) {
	const hidden, no = "550 No such file or directory.", "550 Permission denied."
	hide := []retrytest.Fault{always("SIZE", hidden), always("MLST", hidden), always("LIST", hidden)}
	deny := []retrytest.Fault{always("SIZE", no), always("MLST", no), always("LIST", no)}
	for _, c := range []struct {
		name   string
		cfg    retrytest.Config
		faults []retrytest.Fault
		verify retry.VerifyMode
		verb   string
		want   string
		ok     bool
		reason error
	}{
		{"an append where the server denies to tell the size, of which nothing is sent", retrytest.Config{}, deny, retry.VerifySize, "APPE", "OLD-", false, retry.ErrPermanent},
		{"an append to a directory that hides what is there", retrytest.Config{}, hide, retry.VerifySize, "APPE", "OLD-new", false, retry.ErrOutcomeUnknown},
		{"an append to such a directory whose reply was lost", retrytest.Config{}, append(hide[:3:3], done("APPE")), retry.VerifySize, "APPE", "OLD-new", false, retry.ErrOutcomeUnknown},
		{"an append to such a directory of which a part was stored", retrytest.Config{}, append(hide[:3:3], retrytest.Fault{On: "APPE", Data: retrytest.FIN, At: 2, Lose: true, Control: retrytest.FIN}), retry.VerifySize, "APPE", "OLD-ne", false, retry.ErrOutcomeUnknown},
		{"an append whose reply was lost, nobody wanting to know the size", retrytest.Config{}, append(deny[:3:3], done("APPE")), retry.VerifyNone, "APPE", "OLD-new", false, retry.ErrOutcomeUnknown},
		{"an append to a server without any size, nobody wanting to know it", retrytest.Config{Without: []string{"SIZE", "MLST", "MLSD"}},
			[]retrytest.Fault{always("LIST", "502 No.")}, retry.VerifyNone, "APPE", "OLD-new", true, nil},
		{"an upload to a directory that hides what is there", retrytest.Config{}, hide, retry.VerifySize, "STOR", "new", false, retry.ErrOutcomeUnknown},
		{"an upload to a directory that may not be looked at", retrytest.Config{}, deny, retry.VerifySize, "STOR", "new", false, retry.ErrOutcomeUnknown},
		{"an append whose reply was lost", retrytest.Config{}, []retrytest.Fault{done("APPE")}, retry.VerifySize, "APPE", "OLD-new", true, nil},
		{"an append whose reply was lost, nobody wanting to verify", retrytest.Config{}, []retrytest.Fault{done("APPE")}, retry.VerifyNone, "APPE", "OLD-new", true, nil},
		{"an append whose reply was lost, nobody wanting to verify, and the size is not told any more", retrytest.Config{},
			append(later(2, deny), done("APPE")), retry.VerifyNone, "APPE", "OLD-new", false, retry.ErrOutcomeUnknown},
		{"an append that was not executed", retrytest.Config{}, []retrytest.Fault{lost("APPE")}, retry.VerifySize, "APPE", "OLD-new", true, nil},
		{"an append of which a part was stored", retrytest.Config{}, []retrytest.Fault{{On: "APPE", Data: retrytest.FIN, At: 2, Lose: true, Control: retrytest.FIN}}, retry.VerifySize, "APPE", "OLD-new", true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := memory(t, c.cfg, c.faults...)
			srv.WriteFile("/f", []byte("OLD-"))
			cl := client(t, srv, func(cfg *retry.Config) { cfg.Verify = c.verify })
			do := cl.Append
			if c.verb == "STOR" {
				do = cl.Stor
			}
			err := do(t.Context(), "/f", retry.Bytes([]byte("new")))
			if c.ok {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, c.reason)
			}
			holds(t, srv, "/f", c.want)
			assert.LessOrEqual(t, count(srv.Commands(), "STOR"), 1)
		})
	}
}

// later has faults begin with the nth time.
func later(nth int, faults []retrytest.Fault) []retrytest.Fault {
	faults = slices.Clone(faults)
	faults[0].Nth = nth
	return faults
}

func TestAnAppendIsNotResumedBySizesWhereTheServerConvertsLineEnds(t *testing.T) {
	var mu sync.Mutex
	file, appends := "", 0
	srv := script(t, func(s *scriptedSession, verb, _ string) bool {
		mu.Lock()
		defer mu.Unlock()
		switch verb {
		case "APPE":
			file += strings.ReplaceAll(s.receive(), "\r\n", "\n")
			if appends++; appends == 1 {
				_ = s.Close() // the reply is lost
			} else {
				s.say("226 Done.")
			}
		case "SIZE":
			s.say("213 %d", len(file))
		default:
			return false
		}
		return true
	})
	c, err := retry.Dial(t.Context(), retry.Config{Addr: srv.listener.Addr().String(), Policy: quick})
	require.NoError(t, err)
	require.NoError(t, c.Login("u", "secret"))
	require.NoError(t, c.Type(ftp.TransferTypeASCII))
	err = c.Append("f", strings.NewReader("one\r\ntwo\r\nthree\r\n"))
	require.ErrorIs(t, err, retry.ErrOutcomeUnknown)
	mu.Lock()
	assert.Equal(t, "one\ntwo\nthree\n", file)
	mu.Unlock()
	assert.Zero(t, count(srv.told(), "SIZE"))
	assert.NoError(t, c.Quit())
}

func TestARefusalBeforeTheTransferLeavesNoDoubt(t *testing.T) {
	for _, c := range []struct {
		name, verb, reply string
		unknown           bool
	}{
		{"450 to STOR", "STOR", "450 Busy.", false},
		{"451 to STOR", "STOR", "451 Local error.", false},
		{"452 to STOR", "STOR", "452 Full.", false},
		{"451 to APPE", "APPE", "451 Local error.", false},
		{"451 to DELE, which may have begun", "DELE", "451 Local error.", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, always(c.verb, c.reply))
			srv.WriteFile("/f", []byte("old"))
			cl := client(t, srv, func(cfg *retry.Config) { cfg.Policy = policy.Policy{Attempts: 3, Initial: 1, Max: 1} })
			var err error
			switch c.verb {
			case "STOR":
				err = cl.Stor(t.Context(), "/f", retry.Bytes([]byte("x")))
			case "APPE":
				err = cl.Append(t.Context(), "/f", retry.Bytes([]byte("x")))
			default:
				err = cl.Delete(t.Context(), "/f")
			}
			require.ErrorIs(t, err, retry.ErrAttempts)
			if c.unknown {
				assert.ErrorIs(t, err, retry.ErrOutcomeUnknown)
			} else {
				assert.NotErrorIs(t, err, retry.ErrOutcomeUnknown)
			}
			holds(t, srv, "/f", "old")
		})
	}
}

func TestAnUploadThatWasAnsweredAndCouldNotBeCheckedIsNotCalledFailed(t *testing.T) {
	srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "SIZE", Times: -1, Lose: true, Control: retrytest.RST})
	err := client(t, srv).Stor(t.Context(), "/f", retry.Bytes([]byte("x")))
	require.ErrorIs(t, err, retry.ErrOutcomeUnknown)
	assert.Equal(t, 1, count(srv.Commands(), "STOR"), "what was stored is stored again")
	holds(t, srv, "/f", "x")
}

func TestARefusedCheckIsJudgedByItsClassNotTakenForAMissingFeature(t *testing.T) {
	// vsftpd that dies says 500 OOPS to whatever comes next.
	srv := memory(t, retrytest.Config{Without: []string{"MLST", "MLSD"}},
		retrytest.Fault{On: "SIZE", Reply: "500 OOPS: child died\n500 OOPS: priv_sock_get_cmd", Control: retrytest.FIN})
	require.NoError(t, client(t, srv).Stor(t.Context(), "/f", retry.Bytes([]byte("x"))))
	holds(t, srv, "/f", "x")
	assert.Equal(t, 1, count(srv.Commands(), "STOR"))
}
