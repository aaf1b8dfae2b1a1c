package retrytest

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

// Whatever a client sends: every line gets one reply, the tree is not left, no
// password is kept, and the server can be closed.
func FuzzCommands(f *testing.F) {
	for _, seed := range []string{
		"NOOP\r\n", "USER u\r\nPASS p\r\nCWD ..\r\nMKD a\r\nRMD a\r\n", "\xff\xf4\xff\xf2ABOR\r\n", " \r\n\r\n",
		"REST 99999999999999999999\r\nREST -1\r\n", "MFMT 2020 x\r\nMDTM\r\n", `XCRC "a`, "XCRC \"\" 1 2 3\r\n", "HASH \"\r\n",
		"STOR ../../x\r\nRNFR /\r\nRNTO /\r\n", "SITE\x00\r\n", "OPTS HASH CRC32\r\nHASH f\r\n", "LIST -a -l\r\nNLST --\r\nSTAT -a /\r\n",
		"MLST " + strings.Repeat("x/", 3000) + "\r\n", "EPSV\r\nRETR f\r\nEPSV ALL\r\nPASV\r\n", "QUIT\r\nNOOP\r\n", "AUTH TLS\r\nPROT P\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		synctest.Test(t, func(t *testing.T) {
			srv := NewServer(t, Config{InMemory: true, AcceptTimeout: 1})
			if err := srv.WriteFile("/f", []byte("content")); err != nil {
				t.Fatal(err)
			}
			conn, err := srv.Dial(t.Context(), "tcp", srv.Addr())
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = io.WriteString(conn, "USER u\r\nPASS hidden-away\r\n")
				_, _ = conn.Write(input)
				_ = conn.(*memConn).CloseWrite()
			}()
			replies := 0
			for in := bufio.NewScanner(conn); in.Scan(); {
				line := in.Text()
				if len(line) >= 4 && line[3] == ' ' && line[0] >= '1' && line[0] <= '6' {
					replies++
				}
			}
			_ = conn.Close()
			srv.Close()
			answered := 0
			for _, e := range srv.Log() {
				if strings.Contains(e.String()+e.Reply, "hidden-away") {
					t.Errorf("the password is in the log: %v", e)
				}
				if e.Reply == "" {
					t.Errorf("%v has no reply", e)
				}
				answered++
			}
			if replies < answered {
				t.Errorf("%d replies to %d commands", replies, answered)
			}
			for _, name := range srv.Names() {
				if !strings.HasPrefix(name, "/") || strings.Contains(name, "/../") {
					t.Errorf("the tree has %q", name)
				}
			}
		})
	})
}

// Splitting a command line never changes its argument.
func FuzzParse(f *testing.F) {
	f.Add("STOR a b \r\n")
	f.Add("\xff\xf4\xff\xf2ABOR\r\n")
	f.Fuzz(func(t *testing.T, line string) {
		verb, arg := parse([]byte(line))
		if strings.Contains(verb, " ") || verb != strings.ToUpper(verb) {
			t.Errorf("the verb of %q is %q", line, verb)
		}
		if !strings.HasSuffix(strings.TrimRight(line, "\r\n"), arg) {
			t.Errorf("the argument of %q is %q", line, arg)
		}
	})
}

// The two copies of a file that a tree in memory keeps, as blocks and as a
// plain slice, are the same after any sequence of writes and truncations, and
// what a reader saw before does not change under it.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte{0, 10, 200, 1, 0, 50, 2, 5, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		const unit = 1 << 13
		var b blocks
		var plain []byte
		type seen struct{ view, copied []byte }
		var views []seen
		for ; len(ops) >= 3; ops = ops[3:] {
			at, n := int64(ops[1])*unit/3, int(ops[2])*unit/5
			switch ops[0] % 3 {
			case 0:
				p := []byte(strings.Repeat(string(rune('a'+len(ops)%26)), n))
				if len(p) == 0 {
					continue
				}
				b.put(p, at)
				if end := int(at) + n; end > len(plain) {
					plain = append(plain, make([]byte, end-len(plain))...)
				}
				copy(plain[at:], p)
			case 1:
				b.resize(at)
				if int(at) <= len(plain) {
					plain = plain[:at]
				} else {
					plain = append(plain, make([]byte, int(at)-len(plain))...)
				}
				plain = append([]byte(nil), plain...)
			case 2:
				v := b.view(at)
				views = append(views, seen{v, append([]byte(nil), v...)})
			}
			var got []byte
			for int64(len(got)) < b.size {
				v := b.view(int64(len(got)))
				if len(v) == 0 {
					t.Fatalf("nothing at %d of %d", len(got), b.size)
				}
				got = append(got, v...)
			}
			if string(got) != string(plain) {
				t.Fatalf("%d bytes differ from %d", len(got), len(plain))
			}
			for _, s := range views {
				if string(s.view) != string(s.copied) {
					t.Fatal("a reader's bytes have changed")
				}
			}
		}
	})
}
