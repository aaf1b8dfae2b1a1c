package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fed is a connection that gives what it is fed in pieces, and takes anything.
type fed struct {
	text  []byte
	sizes []byte // of the pieces, in turn; none = all at once
	turn  int
}

func (f *fed) Read(p []byte) (int, error) {
	if len(f.text) == 0 {
		return 0, io.EOF
	}
	n := len(f.text)
	if len(f.sizes) > 0 {
		n = int(f.sizes[f.turn%len(f.sizes)]) + 1
		f.turn++
	}
	n = copy(p[:min(n, len(p))], f.text)
	f.text = f.text[n:]
	return n, nil
}

func (f *fed) Write(p []byte) (int, error)      { return len(p), nil }
func (f *fed) Close() error                     { return nil }
func (f *fed) LocalAddr() net.Addr              { return nil }
func (f *fed) RemoteAddr() net.Addr             { return nil }
func (f *fed) SetDeadline(time.Time) error      { return nil }
func (f *fed) SetReadDeadline(time.Time) error  { return nil }
func (f *fed) SetWriteDeadline(time.Time) error { return nil }

func fedSession(text, sizes []byte) *Session {
	s := &Session{cfg: &Config{Connect: time.Hour, Reply: time.Hour, Stall: time.Hour}}
	s.control = newControl(s, &fed{text: text, sizes: sizes})
	return s
}

// counting counts what is handed over, and whether each Read ended with a line.
type counting struct {
	r       io.Reader
	total   int
	partial bool // a Read ended within a line
	b       strings.Builder
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.total += n
	if n > 0 && n < len(p) && p[n-1] != '\n' {
		c.partial = true
	}
	c.b.Write(p[:n])
	return n, err
}

// FuzzReply holds what net/textproto reads through a session's control
// connection against what it reads from the bytes themselves.
func FuzzReply(f *testing.F) {
	for _, text := range []string{
		"220 Ready.\r\n", "220-One\r\n two\r\n220 three\r\n", "220-One\n220-two\n220 three\n", "220-a\r\n221 b\r\n220 c\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "220\r\n", "220", "2", "", "\r\n", "220 a\r\n331 b\r\n230 c\r\n",
		"120 Soon.\r\n220 Ready.\r\n", "220-" + strings.Repeat("x", 1100) + "\r\n220 y\r\n", "220-a\r\n22\x00 b\r\n220 \xff\r\n", "220-a\r\n\r\n220 b\r\n",
		strings.Repeat("220-x\r\n", 200), "220 " + strings.Repeat("x", 70_000), strings.Repeat("220-and so on\r\n", 6000), "220 \x1b[2J\x00\r\n", "600 protected\r\n", "720 no\r\n", "099 no\r\n", "220_no\r\n",
	} {
		f.Add([]byte(text), []byte{0, 3, 200})
		f.Add([]byte(text), []byte(nil))
	}
	f.Fuzz(func(t *testing.T, text, sizes []byte) {
		direct := textproto.NewReader(bufio.NewReader(&fed{text: text, sizes: sizes}))
		s := fedSession(text, sizes)
		handed := &counting{r: s.control}
		through := textproto.NewReader(bufio.NewReader(handed))
		for replies := 0; replies < 20; replies++ {
			s.control.pending = 1
			s.control.wrote = time.Now()
			before := handed.total
			code, msg, err := through.ReadResponse(0)
			assert.LessOrEqual(t, handed.total-before, maxReply, "memory grows with a reply")
			assert.LessOrEqual(t, cap(s.control.buf), 2*maxReply)
			assert.False(t, handed.partial, "a line that is cut is handed over")
			if err != nil {
				assert.True(t, strings.HasPrefix(string(text), handed.b.String()), "something else is handed over than came")
				return
			}
			wantCode, wantMsg, wantErr := direct.ReadResponse(0)
			require.NoError(t, wantErr)
			assert.Equal(t, wantCode, code)
			assert.Equal(t, wantMsg, msg)
			assert.Equal(t, code, s.control.reply.code)
			noCR := strings.NewReplacer("\r", "")
			assert.Equal(t, noCR.Replace(msg), noCR.Replace(s.ReplyText()))
			if code < 200 {
				s.control.pending = 0
			}
			assert.Equal(t, code >= 200, s.control.answered)
			s.control.answered, s.control.begun = false, false
		}
	})
}

func TestAReplyIsBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		ok   bool
	}{
		{"a line that just fits", "220 " + strings.Repeat("x", maxReply-6) + "\r\n", true},
		{"a line that does not end", "220 " + strings.Repeat("x", maxReply), false},
		{"a line that is too long", "220 " + strings.Repeat("x", maxReply-5) + "\r\n", false},
		{"lines without end", strings.Repeat("220-x\r\n", maxReply/7+1), false},
		{"many lines that just fit", strings.Repeat("220-xxx\r\n", maxReply/9-1) + "220 x\r\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fedSession([]byte(c.text), nil)
			err := s.control.await()
			if c.ok {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "64 KiB")
			assert.False(t, s.InStep())
		})
	}
}

func TestWhatIsNoReplyIsRecognisedAtItsFirstByte(t *testing.T) {
	for _, text := range []string{"SSH-2.0-OpenSSH_9.2", "HTTP/1.1 400", "\x16\x03\x01", "720 ", "2a0 ", "22x ", "220_"} {
		ours, theirs := net.Pipe()
		s := &Session{cfg: &Config{Connect: time.Hour, Reply: time.Hour, Stall: time.Hour}}
		s.control = newControl(s, ours)
		go func() { _, _ = io.WriteString(theirs, text) }() // and no end of line
		_, err := s.control.Read(make([]byte, 100))
		var mistake textproto.ProtocolError
		require.ErrorAs(t, err, &mistake, "%q", text)
		assert.Contains(t, err.Error(), "check host and port")
		assert.LessOrEqual(t, len(err.Error()), 300)
		_ = ours.Close()
		_ = theirs.Close()
	}
	long := fedSession([]byte(strings.Repeat("\x00", 100_000)), nil)
	_, err := long.control.Read(make([]byte, 100))
	require.Error(t, err)
	assert.LessOrEqual(t, len(err.Error()), 400, "an error grows with what the server sends")
}

func TestWhatIsNoReplyToAPasswordIsNotShown(t *testing.T) {
	for _, text := range []string{"no secret, go away\r\n", "secret", "230-hello\r\n secret\r\n"} {
		s := fedSession([]byte(text), nil)
		s.control.pending = 0
		_, err := s.control.Write([]byte("PASS secret\r\n"))
		require.NoError(t, err)
		err = s.control.await()
		require.Error(t, err)
		assert.False(t, strings.Contains(err.Error(), "secret"), "it is shown")
	}
}

func TestALineIsHandedOverInAsManyReadsAsTheReaderWants(t *testing.T) {
	s := fedSession([]byte("220-One\r\n220 two\r\n"), nil)
	var got bytes.Buffer
	for got.Len() < 18 {
		buf := make([]byte, 5)
		n, err := s.control.Read(buf)
		require.NoError(t, err)
		assert.NotContains(t, strings.TrimRight(string(buf[:n]), "\n"), "\n", "two lines in one Read")
		got.Write(buf[:n])
	}
	assert.Equal(t, "220-One\r\n220 two\r\n", got.String())
	assert.True(t, s.InStep())
}

func TestErrorsOfTimeoutsAreTimeouts(t *testing.T) {
	err := &timeoutError{text: "slow", err: os.ErrDeadlineExceeded}
	var n net.Error
	require.True(t, errors.As(error(err), &n))
	assert.True(t, n.Timeout())
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.True(t, isTimeout(err))
	assert.False(t, isTimeout(errTest))
	assert.Equal(t, "slow", err.Error())
}
