package retrytest_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// converse runs a conversation: lines "command => beginning of the reply".
// "STOR name < data => reply" and "RETR name > data => reply" use a data
// connection.
func converse(t *testing.T, c *rawClient, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		command, want, ok := strings.Cut(line, " => ")
		require.True(t, ok, line)
		var reply string
		if verb, data, up := strings.Cut(command, " <"); up {
			reply, _ = c.upload(verb, strings.TrimPrefix(data, " "))
		} else if verb, data, down := strings.Cut(command, " >"); down {
			var got string
			got, reply, _ = c.download(verb)
			data = strings.ReplaceAll(strings.TrimPrefix(data, " "), "|", "\r\n")
			require.Equal(t, data, got, line)
		} else {
			c.send(command)
			reply = c.reply()
		}
		require.Truef(t, strings.HasPrefix(reply, want), "%s\ngot %q", line, reply)
	}
}

// conversations are what the server says where nothing goes wrong.
var conversations = map[string]string{
	"naming and making directories": `
		PWD => 257 "/"
		MKD a "b" => 257 "/a ""b""" created.
		MKD a "b" => 550 File exists.
		CWD a "b" => 250
		PWD => 257 "/a ""b"""
		MKD /dir/sub => 257 "/dir/sub"
		CWD ../dir/sub => 250
		CDUP => 250
		PWD => 257 "/dir"
		RMD /dir => 550 Directory not empty.
		RMD sub => 250
		CWD sub => 550 No such file or directory.
		CWD /old.txt => 550 Not a directory.
		MKD /no/parent => 550
		RMD /old.txt => 550 Not a directory.
		DELE /dir => 550 Is a directory.
		RMD / => 550
		MKD / => 550
		XPWD => 257
		XMKD x => 257
		XRMD x => 250`,
	"renaming": `
		RNTO x => 503
		RNFR missing => 550
		RNFR old.txt => 350
		NOOP => 200
		RNTO x => 503
		RNFR old.txt => 350
		RNTO dir/x => 250
		SIZE dir/x => 213 10
		SIZE old.txt => 550
		RNFR dir => 350
		RNTO dir/inside => 550
		RNFR dir => 350
		RNTO dir => 250
		SIZE dir/x => 213 10
		RNFR dir => 350
		RNTO moved => 250
		SIZE moved/x => 213 10
		STOR y < 1 => 226
		RNFR y => 350
		RNTO moved/x => 250
		SIZE moved/x => 213 1
		RNFR moved/x => 350
		RNTO no/parent => 550
		RNFR moved/x => 350
		RNTO moved => 550`,
	"uploading and downloading": `
		STOR new.txt < abc => 226
		RETR new.txt > abc => 226
		APPE new.txt < def => 226
		RETR new.txt > abcdef => 226
		APPE fresh.txt < 1 => 226
		RETR fresh.txt > 1 => 226
		STOR new.txt < X => 226
		RETR new.txt > X => 226
		STOR empty < => 226
		SIZE empty => 213 0
		STOR no/parent => 553
		STOR dir => 550
		RETR dir => 550 Is a directory.
		RETR missing => 550
		DELE new.txt => 250
		DELE new.txt => 550
		RETR old.txt => 425
		EPSV => 229
		RETR missing => 550
		RETR old.txt => 425`,
	"resuming": `
		REST 7 => 350
		RETR old.txt > 789 => 226
		RETR old.txt > 0123456789 => 226
		REST 10 => 350
		RETR old.txt > => 226
		REST 99 => 350
		RETR old.txt > => 226
		REST 3 => 350
		STOR old.txt < AB => 226
		RETR old.txt > 012AB56789 => 226
		REST 8 => 350
		STOR old.txt < CDEF => 226
		RETR old.txt > 012AB567CDEF => 226
		REST 2 => 350
		REST 0 => 350
		RETR old.txt > 012AB567CDEF => 226
		REST -1 => 501
		REST x => 501
		REST 1x => 501
		REST 9999999999999999999 => 501
		REST => 501`,
	"types and other parameters": `
		TYPE A => 200
		SIZE old.txt => 550
		REST 3 => 501
		REST 0 => 350
		RETR old.txt > 0123456789 => 226
		TYPE I => 200
		SIZE old.txt => 213 10
		TYPE L 8 => 200
		TYPE a n => 200
		TYPE E => 504
		STRU F => 200
		STRU R => 504
		MODE S => 200
		MODE B => 504
		ALLO 100 => 202
		SITE CHMOD 644 x => 504
		PORT 127,0,0,1,1,1 => 502
		EPRT |1|127.0.0.1|257| => 502
		SYST => 215 UNIX
		HELP => 214
		NOOP => 200
		ACCT x => 202
		EPSV ALL => 200
		EPSV 2 => 522
		EPSV 1 => 229
		NONSENSE => 500
		CWD => 501
		noop => 200`,
	"options and features": `
		OPTS UTF8 ON => 200
		OPTS MLST type;size; => 200
		OPTS HASH => 200 SHA-256
		OPTS HASH md5 => 200 MD5
		OPTS HASH => 200 MD5
		OPTS HASH WHIRLPOOL => 501
		OPTS NONSENSE => 501
		HASH old.txt => 213 MD5 0-10 781e5e245d69b566979b86e28d23f2c7 old.txt
		XMD5 old.txt => 250 781E5E245D69B566979B86E28D23F2C7
		XCRC old.txt => 250 A684C7C6
		XCRC "old.txt" 0 5 => 250 DDA47024
		XCRC "old.txt" 9 99 => 250 8D076785
		XCRC "old.txt" 11 => 501
		XCRC "old.txt" x => 501
		XCRC "a ""b""" => 550
		XSHA1 old.txt => 250 87ACEC17CD9DCD20A716CC2CF67417B71C8A7016
		XSHA old.txt => 250 87ACEC17CD9DCD20A716CC2CF67417B71C8A7016
		XSHA512 missing => 550
		HASH dir => 550`,
	"times": `
		MFMT 20200102030405 old.txt => 213 Modify=20200102030405; old.txt
		MDTM old.txt => 213 20200102030405
		MDTM missing => 550
		MDTM dir => 550
		MDTM 20210102030405 old.txt => 550
		MFMT 2020 old.txt => 501
		MFMT 20200102030405 => 501
		MFMT 20200102030405 missing => 550
		MLST old.txt => 250-Listing`,
	"logging in again": `
		REIN => 220
		PWD => 530
		STOR a => 530
		NOOP => 200
		FEAT => 211
		PASS p => 503
		USER u => 331
		LIST => 530
		PASS p => 230
		PWD => 257
		CWD dir => 250
		TYPE A => 200
		REIN => 220
		USER u => 331
		PASS p => 230
		PWD => 257 "/"
		SIZE old.txt => 213
		REST 3 => 350
		REIN => 220
		USER u => 331
		PASS p => 230
		RETR old.txt > 0123456789 => 226
		USER u => 331
		PWD => 530`,
	"listing": `
		MFMT 20200102030405 old.txt => 213
		STOR dir/.hidden < x => 226
		MFMT 20200102030405 dir/.hidden => 213
		LIST old.txt > -rw-r--r--    1 ftp      ftp                10 Jan  2  2020 old.txt| => 226
		LIST -al dir/.hidden > -rw-r--r--    1 ftp      ftp                 1 Jan  2  2020 dir/.hidden| => 226
		NLST > dir|old.txt| => 226
		NLST dir > .hidden| => 226
		NLST -a dir > .|..|.hidden| => 226
		NLST old.txt > old.txt| => 226
		NLST missing => 550
		LIST missing => 550
		MLSD missing => 550
		MLSD old.txt => 501
		MLSD dir > type=file;size=1;modify=20200102030405;perm=adfrw; .hidden| => 226
		STAT => 211
		STAT dir => 213-Status:
		STAT missing => 550`,
}

func TestConversations(t *testing.T) {
	for name, lines := range conversations {
		t.Run(name, func(t *testing.T) {
			everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
				converse(t, session(t, srv), lines)
			})
			t.Run("on disk", func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{Root: t.TempDir()})
				require.NoError(t, srv.WriteFile("/old.txt", []byte(content)))
				require.NoError(t, srv.Mkdir("/dir"))
				converse(t, session(t, srv), lines)
			})
		})
	}
}

func TestQuirks(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, row := range map[string]struct {
		quirks retrytest.Quirks
		lines  string
	}{
		"resuming an upload is refused": {
			retrytest.Quirks{AppendRestartRefused: true}, `
			REST 3 => 350
			STOR old.txt => 451 old.txt: Append/Restart not permitted, try again
			APPE old.txt => 451
			APPE new.txt < x => 226
			REST 3 => 350
			RETR old.txt > 3456789 => 226
			STOR old.txt < y => 226`,
		},
		"an offset beyond the end is clamped": {
			retrytest.Quirks{RestartClamped: true}, `
			REST 99 => 350
			STOR old.txt < AB => 226
			RETR old.txt > 0123456789AB => 226
			REST 99 => 350
			STOR new.txt < AB => 226
			RETR new.txt > AB => 226`,
		},
		"an offset is ignored": {
			retrytest.Quirks{RestartIgnored: true}, `
			REST 5 => 350
			RETR old.txt > 0123456789 => 226
			REST 5 => 350
			STOR old.txt < AB => 226
			RETR old.txt > AB => 226`,
		},
		"an offset means the end": {
			retrytest.Quirks{RestartAppends: true}, `
			REST 5 => 350
			STOR old.txt < AB => 226
			RETR old.txt > 0123456789AB => 226`,
		},
		"a resumed file is cut at the offset": {
			retrytest.Quirks{RestartTruncates: true}, `
			REST 5 => 350
			STOR old.txt < AB => 226
			RETR old.txt > 01234AB => 226`,
		},
		"an offset beyond the end is refused": {
			retrytest.Quirks{RestartStrict: true}, `
			REST 11 => 350
			RETR old.txt => 554
			REST 11 => 350
			STOR old.txt => 554
			REST 10 => 350
			RETR old.txt > => 226`,
		},
		"without quirks, an offset beyond the end leaves a hole": {
			retrytest.Quirks{}, `
			REST 11 => 350
			STOR old.txt < A => 226
			SIZE old.txt => 213 12
			XCRC "old.txt" 10 12 => 250 400263F9`,
		},
		"a rename does not replace": {
			retrytest.Quirks{KeepOnRename: true}, `
			STOR new.txt < x => 226
			RNFR new.txt => 350
			RNTO old.txt => 550 File exists.
			RNFR new.txt => 350
			RNTO other.txt => 250`,
		},
		"case does not count": {
			retrytest.Quirks{FoldCase: true}, `
			STOR OLD.TXT < x => 226
			STOR New.txt < y => 226
			NLST > New.txt|dir|old.txt| => 226
			SIZE Old.Txt => 213 1
			MKD DIR => 550 File exists.
			STOR Dir/a < z => 226
			NLST dir > a| => 226
			RNFR nEW.txt => 350
			RNTO Old.txt => 250
			RETR OLD.txt > y => 226
			DELE OLD.TXT => 250
			NLST > dir| => 226`,
		},
		"MDTM sets the time": {
			retrytest.Quirks{MDTMWrites: true}, `
			MDTM 20200102030405 old.txt => 213
			MDTM old.txt => 213 20200102030405
			STOR 2020 old.txt < x => 226
			MDTM 2020 old.txt => 213`,
		},
		"dot files are hidden": {
			retrytest.Quirks{HideDotFiles: true}, `
			STOR .hidden < x => 226
			NLST > dir|old.txt| => 226
			NLST -a > .|..|.hidden|dir|old.txt| => 226`,
		},
		"NLST answers paths": {
			retrytest.Quirks{NLSTPaths: true}, `
			STOR dir/a < x => 226
			NLST dir > dir/a| => 226
			NLST dir/ > dir/a| => 226
			NLST > dir|old.txt| => 226`,
		},
		"the tree is full": {
			retrytest.Quirks{Capacity: 14}, `
			STOR new.txt < abcdef => 452 No space left on device.
			RETR new.txt > abcd => 226
			APPE old.txt < x => 452
			STOR new.txt < => 226
			APPE old.txt < xyz => 226
			DELE old.txt => 250
			STOR new.txt < 01234567890123 => 226`,
		},
		"only sizes are kept": {
			retrytest.Quirks{Discard: true}, `
			STOR new.txt < abcdef => 226
			SIZE new.txt => 213 6
			XCRC new.txt => 250 B1C2A1A3`,
		},
		"an upload is hidden until it is complete": {
			retrytest.Quirks{HiddenStores: true}, `
			STOR new.txt < x => 226
			NLST > dir|new.txt|old.txt| => 226
			REST 1 => 350
			STOR new.txt => 501
			STOR .in.old.txt. < x => 226
			STOR old.txt => 550 old.txt: Temporary hidden file /.in.old.txt. already exists`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, retrytest.Config{Quirks: row.quirks}, func(t *testing.T, srv *retrytest.Server) {
				converse(t, session(t, srv), row.lines)
			})
		})
	}
	fails := retrytest.Fault{On: "STOR", Data: retrytest.RST, At: 4}
	t.Run("a failed upload is deleted", func(t *testing.T) {
		everywhere(t, retrytest.Config{Quirks: retrytest.Quirks{DeleteFailedUploads: true}}, func(t *testing.T, srv *retrytest.Server) {
			srv.Inject(fails)
			c := session(t, srv)
			reply, _ := c.upload("STOR old.txt", long)
			assert.Equal(t, "426 Data connection reset.", reply)
			assert.Equal(t, []string{"/dir/"}, srv.Names())
		})
	})
	t.Run("a failed hidden upload leaves what was there", func(t *testing.T) {
		everywhere(t, retrytest.Config{Quirks: retrytest.Quirks{HiddenStores: true}}, func(t *testing.T, srv *retrytest.Server) {
			srv.Inject(fails)
			c := session(t, srv)
			reply, _ := c.upload("STOR old.txt", long)
			assert.Equal(t, "426 Data connection reset.", reply)
			assert.Equal(t, map[string][]byte{"/old.txt": []byte(content)}, srv.Files())
		})
	})
	for name, row := range map[string]struct {
		lie  bool
		want string
	}{
		"a reset is a failure":                 {false, "426 Failure reading network stream."},
		"a reset is a success, as it may well": {true, "226 Transfer complete."},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, retrytest.Config{Quirks: retrytest.Quirks{ResetIsSuccess: row.lie}}, func(t *testing.T, srv *retrytest.Server) {
				c := session(t, srv)
				c.passive()
				c.want("STOR new.txt", "150")
				_, err := io.WriteString(c.data, content)
				require.NoError(t, err)
				eventually(t, "the bytes are stored", func() bool {
					data, _ := srv.ReadFile("/new.txt")
					return string(data) == content
				})
				hangUpHard(t, c)
				assert.Equal(t, row.want, c.reply())
			})
		})
	}
}

// hangUpHard resets the client's data connection.
func hangUpHard(t *testing.T, c *rawClient) {
	t.Helper()
	require.NoError(t, c.data.(interface{ SetLinger(int) error }).SetLinger(0))
	require.NoError(t, c.data.Close())
}

func TestAServerLacksWhatItIsToldToLack(t *testing.T) {
	features := func(srv *retrytest.Server) string { return session(t, srv).want("FEAT", "211") }
	full := features(retrytest.NewServer(t, retrytest.Config{}))
	for _, line := range []string{"EPSV", "PASV", "HASH SHA-256*;", "MDTM", "MFMT", "MLST type*", "REST STREAM", "SIZE", "TVFS", "UTF8", "XCRC", "XMD5", "XSHA1", "XSHA256", "XSHA512"} {
		assert.Contains(t, full, "\n "+line)
	}
	for _, verb := range []string{"EPSV", "PASV", "HASH", "MDTM", "MFMT", "MLSD", "MLST", "REST", "SIZE", "XCRC"} {
		srv := retrytest.NewServer(t, retrytest.Config{Without: []string{strings.ToLower(verb)}})
		assert.NotContains(t, features(srv), "\n "+strings.Replace(verb, "MLSD", "MLST", 1))
		session(t, srv).want(verb+" old.txt", "502")
	}
	srv := retrytest.NewServer(t, retrytest.Config{Without: []string{"FEAT", "UTF8"}})
	c := session(t, srv)
	c.want("FEAT", "502")
	c.want("OPTS UTF8 ON", "501")
}

func TestUsersAreChecked(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{Users: map[string]string{"ann": "secret"}, Greeting: "220-Hello\n220 there"})
	c := connect(t, srv)
	require.Equal(t, "220-Hello\n220 there", c.reply())
	converse(t, c, `
		USER ann => 331
		PASS wrong => 530
		PASS secret => 503
		USER bob => 331
		PASS secret => 530
		USER ann => 331
		PASS secret => 230`)
	for _, e := range srv.Log() {
		assert.NotContains(t, e.String()+e.Reply, "secret")
	}
}

func TestPassiveModeNamesItsHost(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	session(t, srv).want("PASV", "227 Entering Passive Mode (127,0,0,1,")
	srv = retrytest.NewServer(t, retrytest.Config{Quirks: retrytest.Quirks{PassiveHost: "10.1.2.3"}})
	session(t, srv).want("PASV", "227 Entering Passive Mode (10,1,2,3,")
}

func TestRecentFilesAreListedWithTheTimeOfDay(t *testing.T) {
	everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
		at := time.Now().UTC().Add(-time.Hour)
		require.NoError(t, srv.Chtimes("/old.txt", at))
		data, _, _ := session(t, srv).download("LIST old.txt")
		assert.Contains(t, data, at.Format("Jan _2 15:04 old.txt"))
	})
}

func TestLinesThatAreTooLongAreRefused(t *testing.T) {
	everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
		c := session(t, srv)
		c.want("NOOP "+strings.Repeat("x", 10000), "500 Line too long.")
		c.want("SIZE a\x00b", "501")
		c.want("NOOP", "200")
	})
}

func TestLargeFilesArriveWhole(t *testing.T) {
	for name, root := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{Root: root})
			big := make([]byte, 3<<20+17)
			for i := range big {
				big[i] = byte(i * 7 >> 3)
			}
			c := session(t, srv)
			reply, _ := c.upload("STOR big", string(big[:1<<20+5]))
			require.Equal(t, "226 Transfer complete.", reply)
			c.want(fmt.Sprint("REST ", 1<<19), "350")
			reply, _ = c.upload("STOR big", string(big[1<<19:]))
			require.Equal(t, "226 Transfer complete.", reply)
			c.want("HASH big", fmt.Sprintf("213 SHA-256 0-%d %x big", len(big), sha256.Sum256(big)))
			c.want("REST 300000", "350")
			data, _, _ := c.download("RETR big")
			require.Equal(t, string(big[300000:]), data)
			require.NoError(t, srv.Truncate("big", 5<<20))
			data, _, _ = c.download("RETR big")
			require.Equal(t, string(big)+strings.Repeat("\x00", 5<<20-len(big)), data)
		})
	}
}
