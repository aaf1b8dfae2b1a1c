package retry_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// faraway makes the way to the server a long one.
func faraway(c *retry.Config) {
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		time.Sleep(10 * time.Millisecond)
		return dial(ctx, network, addr)
	}
}

// A refused STOR must not have read the content: the caller may send it elsewhere.
func TestARefusedUploadLeavesTheCallersReaderWhereItWas(t *testing.T) {
	stored := map[string]string{}
	srv := script(t, answers{
		"SIZE": func(s *scriptedSession, name string) {
			if x, ok := stored[name]; ok {
				s.say("213 %d", len(x))
			} else {
				s.say("550 No.")
			}
		},
		"STOR": func(s *scriptedSession, name string) {
			if name == "a" {
				s.say("553 Not allowed here.")
				return
			}
			stored[name] = s.receive()
			s.say("226 Done.")
		},
	}.to)
	for _, far := range []bool{false, true} {
		cfg := retry.Config{User: "u", Password: "x", Policy: quick}
		srv.to(&cfg)
		if far {
			faraway(&cfg)
		}
		conn, err := retry.Dial(context.Background(), cfg)
		require.NoError(t, err)
		require.NoError(t, conn.Login("u", "x"))
		r := strings.NewReader("content")
		require.Error(t, conn.Stor("a", r))
		err = conn.Stor("b", r)
		assert.NoError(t, err)
		assert.Equal(t, "content", stored["b"], "far %v", far)
		_ = conn.Quit()
	}
}

// The server answers what is asked at the end of a download before its 226.
func TestAServerThatAnswersOutOfTurnIsNotAskedAheadAgain(t *testing.T) {
	srv := script(t, answers{
		"MDTM": says("213 20260101000000"),
		"SIZE": says("213 4"),
		"RETR": func(s *scriptedSession, _ string) {
			if s.give("150 Go.", "text") {
				time.AfterFunc(100*time.Millisecond, func() { s.say("226 Done.") })
			}
		},
	}.to)
	c := srv.client(t, faraway)
	for i := range 8 {
		var b bytes.Buffer
		_, err := c.Retr(context.Background(), "a", &b)
		if assert.NoError(t, err, i) {
			assert.Equal(t, "text", b.String())
		}
	}
	s := c.Stats()
	assert.LessOrEqual(t, s.Attempts, int64(8+1))
}

// The server takes a command before its 226 for the end of the transfer.
func TestAServerThatIsInterruptedByACommandIsNotAskedAheadAgain(t *testing.T) {
	srv := script(t, answers{
		"MDTM": says("213 20260101000000"),
		"SIZE": says("213 4"),
		"RETR": func(s *scriptedSession, _ string) {
			if !s.give("150 Go.", "text") {
				return
			}
			_ = s.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			one := make([]byte, 6) // the command; it is dealt with afterwards
			if n, _ := io.ReadFull(s.Conn, one); n > 0 {
				_ = s.SetReadDeadline(time.Time{})
				s.say("426 Aborted by a command.")
				l := s.passive
				s.say("229 Entering Extended Passive Mode (|||%s|)", l.Addr().String()[strings.LastIndex(l.Addr().String(), ":")+1:])
				return
			}
			_ = s.SetReadDeadline(time.Time{})
			s.say("226 Done.")
		},
	}.to)
	c := srv.client(t, faraway)
	for i := range 8 {
		var b bytes.Buffer
		_, err := c.Retr(context.Background(), "a", &b)
		assert.NoError(t, err, i)
	}
	assert.LessOrEqual(t, c.Stats().Attempts, int64(8+2))
}

// The ftp package hands over a line of 4 KiB without its end.
func TestANameThatFillsTheLineIsSent(t *testing.T) {
	srv := script(t, answers{
		"MDTM": says("213 20260101000000"),
		"SIZE": says("213 4"),
		"RETR": sends("text"),
	}.to)
	c := srv.client(t, faraway, func(c *retry.Config) { c.Policy = policy.Policy{Attempts: 4, Initial: time.Millisecond} })
	for _, n := range []int{4000, 4089, 4090, 4091, 4092, 4093} {
		err := c.RetrFile(context.Background(), strings.Repeat("n", n), t.TempDir()+"/x")
		if err != nil {
			s := err.Error()
			t.Errorf("%d: %s", n, s[max(0, len(s)-200):])
		}
	}
}

// Some servers say more in reply to MDTM than they should.
func TestRepliesThatAreOddButHarmlessStayHarmless(t *testing.T) {
	srv := script(t, answers{
		"FEAT": features("SIZE", "MDTM", "MFMT"),
		"MDTM": says("213 2026-01-01 00:00:00"),
		"SIZE": says("213 4"),
		"MFMT": says("213 Modify=20260101000000; a"),
		"STOR": receives,
		"RETR": sends("text"),
	}.to)
	dir := t.TempDir()
	local := filepath.Join(dir, "l")
	require.NoError(t, os.WriteFile(local, []byte("text"), 0o600))
	for _, far := range []bool{false, true} {
		c := srv.client(t, func(c *retry.Config) {
			c.Policy.Attempts = 4
			if far {
				faraway(c)
			}
		})
		assert.NoError(t, c.StorFile(context.Background(), "a", local))
		assert.NoError(t, c.StorFile(context.Background(), "a", local))
		assert.NoError(t, c.RetrFile(context.Background(), "a", filepath.Join(dir, "m")), "far %v", far)
	}
}

// Another file must not get the time of the one that was to be sent.
func TestNoTimeIsGivenToAFileThatIsNotProven(t *testing.T) {
	srv := script(t, answers{
		"FEAT": features("SIZE", "MDTM", "MFMT"),
		"SIZE": says("213 3"), // cut
		"MFMT": says("213 Modify=20260101000000; a"),
		"STOR": receives,
	}.to)
	local := filepath.Join(t.TempDir(), "l")
	require.NoError(t, os.WriteFile(local, []byte("text"), 0o600))
	c := srv.client(t, faraway)
	require.Error(t, c.StorFile(context.Background(), "a", local))
	assert.Zero(t, count(srv.told(), "MFMT"))
}

// There are servers that take away a port which nobody has come to, or complain
// of it later (pyftpdlib, after 30 s).
func TestAPortThatWasAskedForAheadIsUsedForTwoSecondsOnly(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		asks int // for the three uploads together
	}{{1100 * time.Millisecond, 3}, {1900 * time.Millisecond, 3}, {2100 * time.Millisecond, 4}, {50 * time.Second, 4}} {
		synctest.Test(t, func(t *testing.T) {
			srv := memory(t, retrytest.Config{})
			cl := client(t, srv, func(cfg *retry.Config) {
				dial := cfg.Dial
				cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					time.Sleep(20 * time.Millisecond) // virtual: it is far away
					return dial(ctx, network, addr)
				}
			})
			require.NoError(t, stor(t.Context(), cl))
			require.NoError(t, stor(t.Context(), cl), "after this one another is expected")
			synctest.Wait() // the last was sent, and may not have been read yet
			assert.Equal(t, 3, count(srv.Commands(), "EPSV"))
			time.Sleep(c.age)
			require.NoError(t, stor(t.Context(), cl))
			synctest.Wait()
			assert.Equal(t, c.asks, count(srv.Commands(), "EPSV"), "where %v have passed", c.age)
			assert.EqualValues(t, 3, cl.Stats().Attempts)
			_ = cl.Close()
		})
	}
}
