package batch_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// liar is a server whose every file is "abc" and that lists what it likes.
type liar struct {
	net.Listener
	list func(dir string) string
}

func newLiar(t testing.TB, list func(dir string) string) *liar {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &liar{l, list}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.session(conn)
		}
	}()
	return s
}

func (s *liar) session(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	say := func(format string, a ...any) { fmt.Fprintf(conn, format+"\r\n", a...) }
	var data net.Listener
	send := func(text string) {
		defer data.Close()
		say("150 Here it comes.")
		to, err := data.Accept()
		if err != nil {
			return
		}
		_, _ = to.Write([]byte(text))
		_ = to.Close()
		say("226 Done.")
	}
	say("220 ready")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch strings.ToUpper(verb) {
		case "USER", "PASS", "DELE", "RMD":
			say("230 Yes.")
		case "FEAT":
			say("211-Features\r\n MLST type*;size*;modify*;\r\n EPSV\r\n SIZE\r\n211 End")
		case "EPSV":
			if data, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return
			}
			say("229 Entering (|||%d|)", data.Addr().(*net.TCPAddr).Port)
		case "MLSD":
			send(s.list(arg))
		case "RETR":
			send("abc")
		case "SIZE":
			say("213 3")
		case "QUIT":
			say("221 Bye.")
			return
		default:
			say("200 Yes.")
		}
	}
}

const aFile, aDir = "type=file;size=3;modify=20260102030405; ", "type=dir;modify=20260102030405; "

// hostileTarget is a directory with something beside it that nobody may touch,
// and links that lead there.
func hostileTarget(t testing.TB) (top, in string) {
	t.Helper()
	top = t.TempDir()
	in = filepath.Join(top, "in")
	plant(t, top, "beside/precious", "precious", "in/there")
	require.NoError(t, os.Symlink("../beside", filepath.Join(in, "link")))
	require.NoError(t, os.Symlink("../precious", filepath.Join(in, "linked")))
	require.NoError(t, os.Symlink(top, filepath.Join(in, "absolute")))
	return top, in
}

// untouched fails where something outside in is another than it was.
func untouched(t testing.TB, top string) {
	t.Helper()
	got := local(t, top)
	for name := range got {
		if strings.HasPrefix(name, "in/") {
			delete(got, name)
		}
	}
	require.Equal(t, map[string]string{"beside/precious": "content of beside/precious", "precious": "content of precious"}, got)
}

func liarsClient(t testing.TB, s *liar) *retry.Client {
	t.Helper()
	c, err := retry.New(retry.Config{Addr: s.Addr().String(), Policy: policy.Policy{Attempts: 2, Initial: time.Millisecond}})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestNothingAServerListsIsWrittenOutsideTheTarget(t *testing.T) {
	t.Parallel()
	all := []string{
		aFile + "good", aFile + "../precious", aFile + "..", aFile + ".", aFile, aFile + "/etc/ftpretry-hostile", aFile + "a/b", aDir + "x/../..",
		aFile + "nul\x00", aFile + "bell\a", aFile + "cr\rx", aFile + "delete\x7f", aFile + "linked", aDir + "link", aDir + "absolute", aDir + "there",
		aFile + "twice", aFile + "twice", aFile + strings.Repeat("long", 100),
	}
	for _, del := range []bool{false, true} {
		t.Run(fmt.Sprintf("Delete %v", del), func(t *testing.T) {
			t.Parallel()
			srv := newLiar(t, func(dir string) string {
				if dir == "in" {
					return strings.Join(all, "\r\n") + "\r\n"
				}
				return aFile + "precious\r\n" + aDir + "..\r\n"
			})
			top, in := hostileTarget(t)
			r := batch.Runner{Client: liarsClient(t, srv)}

			rep, err := r.MirrorDown(t.Context(), batch.Mirror{Local: in, Remote: "in", Delete: del})

			require.NoError(t, err)
			untouched(t, top)
			got := local(t, in)
			assert.Equal(t, "abc", got["good"])
			assert.Equal(t, "abc", got["twice"])
			if del { // what was in the way is removed itself, not what it leads to
				assert.Equal(t, []string{"absolute/precious", "good", "link/precious", "linked", "there/precious", "twice"}, names(got))
			} else {
				assert.Equal(t, []string{"absolute", "good", "link", "linked", "there", "twice"}, names(got))
			}
			told := make(map[string]int)
			for _, p := range rep.Problems {
				for _, why := range []string{"stands for a directory", "has control characters", "has a slash", "is in the way", "lists it twice"} {
					if strings.Contains(p.Error, why) {
						told[why]++
					}
				}
			}
			want := map[string]int{"stands for a directory": 1, "has control characters": 4, "has a slash": 4, "lists it twice": 1}
			if !del {
				want["is in the way"] = 4
			}
			assert.Equal(t, want, told, rep.Problems)
			for _, p := range rep.Problems {
				assert.NotEmpty(t, p.Next)
			}
		})
	}
}

func FuzzNamesOfAMirror(f *testing.F) {
	f.Add("good", "link", "precious")
	f.Add("..", "../precious", "/")
	f.Add("link/precious", "in\\..", "a:b")
	f.Add("absolute", "linked", "CON")
	f.Fuzz(func(t *testing.T, one, two, three string) {
		if strings.ContainsAny(one+two+three, "\n") {
			return
		}
		srv := newLiar(t, func(dir string) string {
			if strings.Count(dir, "/") > 2 {
				return ""
			}
			return aFile + one + "\r\n" + aDir + two + "\r\n" + aFile + three + "\r\n" + aDir + "link\r\n"
		})
		top, in := hostileTarget(t)
		r := batch.Runner{Client: liarsClient(t, srv)}
		_, err := r.MirrorDown(t.Context(), batch.Mirror{Local: in, Remote: "in", Delete: true})
		require.NoError(t, err)
		untouched(t, top)
	})
}
