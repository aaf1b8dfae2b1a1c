//go:build linux

package ftpd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRealEveryServerStoresAndGivesBackAFile(t *testing.T) {
	for name, o := range map[string]Options{"in clear text": {}, "over TLS": {TLS: true}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, kind Kind) {
				s := Start(t, kind, o)
				conn := logIn(t, s, limit)
				content := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
				require.NoError(t, conn.Stor("a.bin", bytes.NewReader(content)))

				onDisk, err := os.ReadFile(filepath.Join(s.Root, "a.bin"))
				require.NoError(t, err)
				assert.True(t, bytes.Equal(content, onDisk), "the file on the server's disk")

				size, err := conn.FileSize("a.bin")
				require.NoError(t, err)
				assert.EqualValues(t, len(content), size)

				response, err := conn.Retr("a.bin")
				require.NoError(t, err)
				got, err := io.ReadAll(response)
				require.NoError(t, err)
				require.NoError(t, response.Close())
				assert.True(t, bytes.Equal(content, got), "the file that came back")

				names, err := conn.NameList("")
				require.NoError(t, err)
				assert.Contains(t, names, "a.bin")
			})
		})
	}
}

func TestRealALimitOnSessionsKeepsTheNextOneOutUntilOneEnds(t *testing.T) {
	for _, row := range []struct {
		name    string
		options Options
		want    map[Kind]string
	}{
		{"in all", Options{MaxClients: 1}, map[Kind]string{
			VSFTPD:    "421 There are too many connected users, please try later.",
			ProFTPD:   "530 Sorry, the maximum number of allowed clients (1) are already connected.",
			PureFTPd:  "421 1 users (the maximum) are already logged in, sorry",
			Pyftpdlib: "421 Too many connections. Service temporarily unavailable.",
		}},
		{"from one address", Options{MaxPerIP: 1}, map[Kind]string{
			VSFTPD:    "421 There are too many connections from your internet address.",
			ProFTPD:   "530 Sorry, the maximum number of connections (1) for your host are already connected.",
			PureFTPd:  "421 Too many connections (1) from this IP",
			Pyftpdlib: "421 Too many connections from the same IP address.",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, kind Kind) {
				s := Start(t, kind, row.options)
				first := open(t, s)
				code, message := first.enter(s)
				require.Equal(t, 230, code, message)

				code, message = open(t, s).enter(s)
				assert.Equal(t, row.want[kind], fmt.Sprint(code, " ", message))

				code, _ = first.ask("QUIT")
				assert.Equal(t, 221, code)
				assert.Eventually(t, func() bool {
					code, _ = open(t, s).enter(s)
					return code == 230
				}, limit, 20*time.Millisecond, "the place is free again")
			})
		})
	}
}

func TestRealAnIdleSessionIsEndedWithA421(t *testing.T) {
	each(t, func(t *testing.T, kind Kind) {
		// Not one second: proftpd counts the whole seconds of the clock, so that one may be over at once.
		s := Start(t, kind, Options{IdleTimeout: 2 * time.Second})
		conn := open(t, s)
		code, message := conn.enter(s)
		require.Equal(t, 230, code, message)
		code, message = conn.reply()
		assert.Equal(t, 421, code, message)
	}, PureFTPd) // its shortest time is a minute
}

func TestRealTheSecondSessionFindsNoPassivePortLeft(t *testing.T) {
	Require(t)
	s := Start(t, VSFTPD, Options{PassivePorts: 1})
	first, second := open(t, s), open(t, s)
	for _, conn := range []control{first, second} {
		code, message := conn.enter(s)
		require.Equal(t, 230, code, message)
	}
	code, message := first.ask("EPSV")
	require.Equal(t, 229, code, message)
	code, message = second.ask("EPSV")
	assert.Equal(t, "500 OOPS: vsf_sysutil_bind", fmt.Sprint(code, " ", message))
}

func TestRealPortsThatSomebodyElseHoldsAreNotUsed(t *testing.T) {
	want := map[Kind]int{VSFTPD: 500, ProFTPD: 229, PureFTPd: 425, Pyftpdlib: 229}
	each(t, func(t *testing.T, kind Kind) {
		s := Start(t, kind, Options{})
		conn := open(t, s)
		code, message := conn.enter(s)
		require.Equal(t, 230, code, message)
		giveBack := s.TakePorts()
		code, message = conn.ask("EPSV")
		assert.Equal(t, want[kind], code, message)
		giveBack()

		conn = open(t, s)
		code, message = conn.enter(s)
		require.Equal(t, 230, code, message)
		code, message = conn.ask("EPSV")
		assert.Equal(t, 229, code, message)
	})
}

func TestRealADiskThatFillsEndsTheUpload(t *testing.T) {
	want := map[Kind]string{
		VSFTPD:   "451 Failure writing to local file.",
		ProFTPD:  "451 Transfer aborted. Input/output error",
		PureFTPd: "451 Error during write to file",
		// 1.5.7 fails once more when it closes the file, and then often says nothing at all (handlers.py, DTPHandler.close).
		Pyftpdlib: "426 None; transfer aborted.",
	}
	each(t, func(t *testing.T, kind Kind) {
		s := Start(t, kind, Options{Root: SmallDisk(t, "1m")})
		err := logIn(t, s, 2*time.Second).Stor("big", bytes.NewReader(make([]byte, 4<<20)))
		var reply *textproto.Error
		if kind == Pyftpdlib && !errors.As(err, &reply) {
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			return
		}
		require.ErrorAs(t, err, &reply)
		first, _, _ := strings.Cut(reply.Msg, "\n")
		assert.Equal(t, want[kind], fmt.Sprint(reply.Code, " ", first))
	})
}

func TestRealAServerThatWasKilledComesBackAtTheSameAddress(t *testing.T) {
	each(t, func(t *testing.T, kind Kind) {
		s := Start(t, kind, Options{})
		conn := open(t, s)
		code, message := conn.enter(s)
		require.Equal(t, 230, code, message)

		s.Kill()
		_, err := conn.ReadLine()
		require.Error(t, err, "the session died with the server")
		_, err = dial(s, limit)
		require.Error(t, err, "nobody listens")

		s.Restart()
		code, message = open(t, s).enter(s)
		assert.Equal(t, 230, code, message)
	})
}
