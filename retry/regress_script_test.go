package retry_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// memory returns a server without sockets that meets the faults.
func memory(t testing.TB, cfg retrytest.Config, faults ...retrytest.Fault) *retrytest.Server {
	t.Helper()
	cfg.InMemory = true
	cfg.Faults = faults
	return retrytest.NewServer(t, cfg)
}

// holds fails the test unless the server's file has this content.
func holds(t testing.TB, srv *retrytest.Server, name, want string) {
	t.Helper()
	got, err := srv.ReadFile(name)
	switch {
	case !assert.NoError(t, err):
	case len(want) > 1000:
		assert.True(t, want == string(got), "%s has other content than it should, %d bytes of %d", name, len(got), len(want))
	default:
		assert.Equal(t, want, string(got), name)
	}
}

// count is how often the server was told a command that begins with prefix.
func count(commands []string, prefix string) (n int) {
	for _, c := range commands {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// broken is a reader that fails.
type broken struct{}

var errBroken = errors.New("disk broken")

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// scripted is a server whose replies a test gives word for word, where those of
// retrytest would be too orderly.
type scripted struct {
	listener net.Listener
	answer   func(s *scriptedSession, verb, arg string) bool // false = the usual reply

	mu       sync.Mutex
	commands []string
	last     *scriptedSession
}

// scriptedSession is one control connection, and the listener for its data.
type scriptedSession struct {
	net.Conn
	passive net.Listener
}

func (s *scriptedSession) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s, format+"\r\n", args...)
}

// give is a download of text up to its final reply; false = nobody fetched it.
func (s *scriptedSession) give(opening, text string) bool {
	s.say("%s", opening)
	conn, err := s.passive.Accept()
	if err != nil {
		return false
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
	return true
}

// send is a whole download of text.
func (s *scriptedSession) send(opening, text string) {
	s.give(opening, text)
	s.say("226 Done.")
}

// receive is an upload up to its final reply.
func (s *scriptedSession) receive() string {
	s.say("150 Go on.")
	conn, err := s.passive.Accept()
	if err != nil {
		return ""
	}
	defer conn.Close()
	text, _ := io.ReadAll(conn)
	return string(text)
}

// answers are what a scripted server does for each command that is not answered
// in the usual way.
type answers map[string]func(s *scriptedSession, arg string)

// to is what script wants.
func (a answers) to(s *scriptedSession, verb, arg string) bool {
	answer, ok := a[verb]
	if ok {
		answer(s, arg)
	}
	return ok
}

// says answers with a reply.
func says(reply string) func(*scriptedSession, string) {
	return func(s *scriptedSession, _ string) { s.say("%s", reply) }
}

// sends answers with a whole download.
func sends(text string) func(*scriptedSession, string) {
	return func(s *scriptedSession, _ string) { s.send("150 Here.", text) }
}

// receives takes an upload and forgets it.
func receives(s *scriptedSession, _ string) {
	_ = s.receive()
	s.say("226 Done.")
}

// features answers FEAT.
func features(names ...string) func(*scriptedSession, string) {
	return says("211-Features:\r\n " + strings.Join(names, "\r\n ") + "\r\n211 End")
}

func script(t testing.TB, answer func(s *scriptedSession, verb, arg string) bool) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return scriptOn(t, l, answer)
}

func scriptOn(t testing.TB, l net.Listener, answer func(s *scriptedSession, verb, arg string) bool) *scripted {
	x := &scripted{listener: l, answer: answer}
	var sessions sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	sessions.Add(1)
	go func() {
		defer sessions.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			sessions.Add(1)
			go func() {
				defer sessions.Done()
				x.serve(conn)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		sessions.Wait()
	})
	return x
}

func (x *scripted) serve(conn net.Conn) {
	s := &scriptedSession{Conn: conn}
	defer func() {
		_ = conn.Close()
		if s.passive != nil {
			_ = s.passive.Close()
		}
	}()
	x.mu.Lock()
	x.last = s
	x.mu.Unlock()
	s.say("220 Ready.")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		verb, arg, _ := strings.Cut(lines.Text(), " ")
		line := lines.Text()
		if verb == "PASS" {
			line = "PASS ***"
		}
		x.mu.Lock()
		x.commands = append(x.commands, line)
		x.mu.Unlock()
		if x.answer(s, verb, arg) {
			continue
		}
		switch verb {
		case "USER":
			s.say("331 Password.")
		case "PASS":
			s.say("230 In.")
		case "FEAT":
			s.say("211-Features:\r\n SIZE\r\n MDTM\r\n211 End")
		case "EPSV":
			if s.passive != nil {
				_ = s.passive.Close()
			}
			var err error
			if s.passive, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return
			}
			s.say("229 Entering Extended Passive Mode (|||%d|)", s.passive.Addr().(*net.TCPAddr).Port)
		case "QUIT":
			s.say("221 Bye.")
			return
		default:
			s.say("200 Fine.")
		}
	}
}

// told is what the server was told.
func (x *scripted) told() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.commands)
}

// push says something that nobody asked for on the newest session.
func (x *scripted) push(reply string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last.say("%s", reply)
}

// to points a client at the scripted server.
func (x *scripted) to(c *retry.Config) {
	c.Addr, c.Dial = x.listener.Addr().String(), nil
}

func (x *scripted) client(t testing.TB, change ...func(*retry.Config)) *retry.Client {
	t.Helper()
	cfg := retry.Config{User: "u", Password: "secret", Policy: quick}
	x.to(&cfg)
	for _, f := range change {
		f(&cfg)
	}
	c, err := retry.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}
