package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unsaid is the reply of a server that says nothing.
const unsaid = "-"

// asked is what the tests have sent at the end of a transfer.
const asked = "SIZE /f"

// TestAtEndIsSentWhenTheServerHasEndedAnUploadAndNotBefore looks at what the
// server reads after the command of an upload whose data connection it has ended.
func TestAtEndIsSentWhenTheServerHasEndedAnUploadAndNotBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command string
		reply   string // to it, before the data connection ends; "" = 150
		change  func(*Session, *Data)
		want    bool
		doubted int32 // how often it is held against the server
	}{
		"as it is meant":                                   {want: true},
		"taken back":                                       {change: func(s *Session, d *Data) { s.AtEnd(nil); d.raw = deaf{d.raw} }},
		"forgotten at the next operation":                  {change: func(s *Session, _ *Data) { s.Bind(s.ctx, time.Time{}) }},
		"nothing to ask":                                   {change: func(s *Session, _ *Data) { s.AtEnd(func() []string { return nil }) }},
		"another command than STOR":                        {command: "APPE /f"},
		"refused":                                          {reply: "550 No.\r\n"},
		"answered already":                                 {reply: "150 Go on.\r\n226 Done.\r\n"},
		"not opened yet":                                   {reply: unsaid},
		"its content is not known to be complete":          {change: func(_ *Session, d *Data) { d.half = false }},
		"its data connection has failed":                   {change: func(_ *Session, d *Data) { d.failed = errTest }},
		"a server that is near":                            {change: func(s *Session, _ *Data) { s.trip = 0 }},
		"a server that has not shown what it bears":        {change: func(s *Session, _ *Data) { s.cfg.Learned.ahead.works.Store(false) }},
		"a server that bears nothing that is sent ahead":   {change: func(s *Session, _ *Data) { s.cfg.Learned.ahead.refuted.Store(true) }},
		"a server that does not bear it":                   {change: func(s *Session, d *Data) { s.cfg.Learned.atEndUp.refuted.Store(true); d.raw = deaf{d.raw} }},
		"a server that ends the connection only after 226": {change: func(_ *Session, d *Data) { d.raw = deaf{d.raw} }, doubted: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d, data, server := uploading(t, c.command, c.reply)
			s.AtEnd(func() []string { return []string{asked} })
			if c.change != nil {
				c.change(s, d)
			}
			require.NoError(t, data.Close())
			require.NoError(t, d.Close())
			assert.Equal(t, c.want, s.Underway())
			assert.Equal(t, c.doubted, s.cfg.Learned.atEndUp.failures.Load())
			if c.want {
				assert.Equal(t, asked, server.line(t))
				server.say(t, "226 Done.\r\n213 7\r\n")
				require.NoError(t, s.control.await())
				require.NoError(t, s.control.command("SIZE", "/f"), "it is not sent again")
				assert.Equal(t, 213, s.control.reply.code)
				assert.True(t, s.cfg.Learned.atEndUp.works.Load(), "that it bears this is known now")
				assert.False(t, s.Underway())
			} else if s.control.owed() > 0 {
				server.say(t, "226 Done.\r\n")
				require.NoError(t, s.control.await())
			}
			server.say(t, "200 Fine.\r\n")
			require.NoError(t, s.control.command("NOOP", ""))
			assert.Equal(t, "NOOP", server.line(t), "the next that the server reads")
		})
	}
}

// TestWhatIsSentAtTheEndAndAnsweredBeforeTheTransferShowsThatTheServerDoesNotBearIt
// has a server that answers commands while a transfer is going on.
func TestWhatIsSentAtTheEndAndAnsweredBeforeTheTransferShowsThatTheServerDoesNotBearIt(t *testing.T) {
	t.Parallel()
	s, d, data, server := uploading(t, "", "")
	s.AtEnd(func() []string { return []string{asked} })
	require.NoError(t, data.Close())
	require.NoError(t, d.Close())
	require.Equal(t, asked, server.line(t))
	server.say(t, "213 7\r\n226 Done.\r\n")
	require.ErrorContains(t, s.control.await(), "out of step")
	assert.True(t, s.cfg.Learned.atEndUp.refuted.Load())
	assert.False(t, s.BearsAtEnd())
	assert.False(t, s.InStep())
}

// deaf is a connection whose other end says nothing for as long as anybody waits.
type deaf struct{ net.Conn }

func (deaf) Read([]byte) (int, error) { return 0, &timeoutError{text: "nothing"} }

// far is a server over a socket.
type far struct {
	net.Conn
	lines *bufio.Reader
}

func (f *far) say(t testing.TB, text string) {
	t.Helper()
	_, err := io.WriteString(f, text)
	require.NoError(t, err)
}

func (f *far) line(t testing.TB) string {
	t.Helper()
	line, err := f.lines.ReadString('\n')
	require.NoError(t, err)
	return string(trimEnd([]byte(line)))
}

// uploading is a session that has sent all of an upload, to a server that is far
// away and has answered command, "" = "STOR /f", with reply, "" = 150.
func uploading(t testing.TB, command, reply string) (*Session, *Data, net.Conn, *far) {
	t.Helper()
	s, conn := loopback(t)
	server := &far{conn, bufio.NewReader(conn)}
	s.trip = time.Second
	s.cfg.Learned.ahead.works.Store(true)
	d, data := link(t, s)
	if command == "" {
		command = "STOR /f"
	}
	switch reply {
	case "":
		reply = "150 Go on.\r\n"
	case unsaid:
		reply = ""
	}
	_, err := fmt.Fprintf(s.control, "%s\r\n", command)
	require.NoError(t, err)
	require.Equal(t, command, server.line(t))
	server.say(t, reply)
	for range strings.Count(reply, "\n") {
		_, err := s.control.Read(make([]byte, 100))
		require.NoError(t, err)
	}
	d.upload, d.half = true, true
	return s, d, data, server
}
