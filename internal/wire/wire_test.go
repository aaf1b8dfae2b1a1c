package wire

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// timeouts are those of the sessions of these tests.
const (
	replyTime = 20 * time.Second
	stallTime = 10 * time.Second
)

// pair is a session whose server is the test.
type pair struct {
	*Session
	t      testing.TB
	server net.Conn // the other end of the control connection
	data   net.Conn // the other end of the data connection opened last
	lines  *bufio.Reader
}

// connected returns a session over net.Pipe: no byte moves without its reader,
// so that a test decides each.
func connected(t testing.TB, change ...func(*Config)) *pair {
	t.Helper()
	p := &pair{t: t}
	cfg := &Config{Addr: "ftp.example:21", Connect: time.Minute, Reply: replyTime, Stall: stallTime}
	cfg.Dialer = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		if p.server == nil {
			p.server, p.lines = theirs, bufio.NewReader(theirs)
		} else {
			p.data = theirs
		}
		return ours, nil
	}
	for _, f := range change {
		f(cfg)
	}
	s, err := Connect(t.Context(), cfg)
	require.NoError(t, err)
	p.Session = s
	first, err := s.DialFunc("tcp", cfg.Addr)
	require.NoError(t, err)
	require.Equal(t, net.Conn(s.control), first)
	t.Cleanup(func() {
		s.Close()
		_ = p.server.Close()
		if p.data != nil {
			_ = p.data.Close()
		}
	})
	return p
}

// say has the server say something, as it is.
func (p *pair) say(text string) {
	go func() { _, _ = io.WriteString(p.server, text) }()
}

// answers has the server read a command and say something.
func (p *pair) answers(text string) {
	go func() {
		if _, err := p.lines.ReadString('\n'); err == nil {
			_, _ = io.WriteString(p.server, text)
		}
	}()
}

// read is one line as the ftp package reads it.
func (p *pair) read() (string, error) {
	buf := make([]byte, 4096)
	n, err := p.control.Read(buf)
	return strings.TrimRight(string(buf[:n]), "\r\n"), err
}

// greet brings the session to where it can be used.
func greet(t testing.TB, change ...func(*Config)) *pair {
	t.Helper()
	p := connected(t, change...)
	p.say("220 Ready.\r\n")
	_, err := p.read()
	require.NoError(t, err)
	p.Greeted()
	return p
}

// exchange sends a command and reads lines until its final reply or an error.
func (p *pair) tell(command, answer string) error {
	p.answers(answer)
	if _, err := p.control.Write([]byte(command + "\r\n")); err != nil {
		return err
	}
	for p.control.pending > 0 {
		if _, err := p.read(); err != nil {
			return err
		}
	}
	return nil
}

// over lets what the server is still at come to its end, in virtual time.
func (p *pair) over() {
	p.Session.Close()
	_ = p.server.Close()
	time.Sleep(time.Hour)
}

// transfer opens a data connection.
func (p *pair) transfer() *Data {
	p.t.Helper()
	conn, err := p.DialFunc("tcp", "192.0.2.1:4000")
	require.NoError(p.t, err)
	d, ok := conn.(*Data)
	require.True(p.t, ok)
	return d
}

var errTest = errors.New("caller's disk is broken")
