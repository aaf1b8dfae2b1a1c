package wire

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// ended is how a server saw the end of an upload over TLS.
type ended struct {
	content []byte
	err     error
	resumed bool
}

// receiveTLS takes an upload. Under TLS 1.3 the server sends session tickets
// meanwhile, which an upload never reads.
func receiveTLS(conn net.Conn, config *tls.Config, got chan<- ended) {
	server := tls.Server(conn, config)
	defer server.Close()
	if err := server.Handshake(); err != nil {
		got <- ended{err: err}
		return
	}
	content, err := io.ReadAll(server)
	got <- ended{content, err, server.ConnectionState().DidResume}
}

func TestAnUploadOverTLSArrivesWhole(t *testing.T) {
	serverTLS, clientTLS, err := retrytest.SelfSigned()
	require.NoError(t, err)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, n := range []int{0, 1, tlsPiece + 1, 1 << 20} {
			t.Run(tls.VersionName(version), func(t *testing.T) {
				ours := clientTLS.Clone()
				ours.MinVersion, ours.MaxVersion = version, version
				s, d, server := linked(t)
				s.cfg.TLS, s.tls = ours, ours
				d = s.newData(d.raw)
				content := noise(t, n)
				got := make(chan ended, 1)
				go receiveTLS(server, serverTLS, got)
				sent, err := d.ReadFrom(bytes.NewReader(content))
				require.NoError(t, err)
				require.EqualValues(t, n, sent)
				require.NoError(t, d.Close())
				end := <-got
				require.NoError(t, end.err, "no close_notify, or a reset that destroys what is under way")
				assert.True(t, bytes.Equal(content, end.content))
				assert.Nil(t, s.Data())
			})
		}
	}
}

// clipped takes the end from what is written.
type clipped struct {
	net.Conn
	clip bool
}

func (c *clipped) Write(p []byte) (int, error) {
	if c.clip {
		return c.Conn.Write(p[:len(p)-3])
	}
	return c.Conn.Write(p)
}

func TestADownloadOverTLSEndsWithItsGoodbyeOnly(t *testing.T) {
	serverTLS, clientTLS, err := retrytest.SelfSigned()
	require.NoError(t, err)
	for _, polite := range []bool{true, false} {
		s, d, server := linked(t)
		s.cfg.TLS, s.tls = clientTLS, clientTLS
		d = s.newData(d.raw)
		go func() {
			below := &clipped{Conn: server}
			secure := tls.Server(below, serverTLS)
			_, _ = io.WriteString(secure, "content")
			if below.clip = !polite; polite {
				_ = secure.CloseWrite()
			} else {
				_, _ = io.WriteString(secure, "and more")
			}
			_ = server.Close()
		}()
		var got bytes.Buffer
		_, err := d.WriteTo(&got)
		assert.Equal(t, "content", got.String())
		if polite {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "anybody could have cut it there")
		}
		_ = d.Close()
	}
}

func TestAnUploadOverTLSThatFailsIsNotEndedInOrder(t *testing.T) {
	serverTLS, clientTLS, err := retrytest.SelfSigned()
	require.NoError(t, err)
	s, d, server := linked(t)
	s.cfg.TLS, s.tls = clientTLS, clientTLS
	d = s.newData(d.raw)
	got := make(chan ended, 1)
	go receiveTLS(server, serverTLS, got)
	_, err = d.ReadFrom(&failing{100_000})
	require.ErrorIs(t, err, errTest)
	_ = d.Close()
	assert.Error(t, (<-got).err, "the server takes the part for the whole")
}

func TestAHandshakeThatIsNotAnsweredIsGivenUp(t *testing.T) {
	_, clientTLS, err := retrytest.SelfSigned()
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		run  func(*Data) error
	}{
		{"by an empty upload", func(d *Data) error { return d.Handshake() }},
		{"by the end of an empty upload", func(d *Data) error { d.upload = true; return d.Close() }},
		{"by a read", func(d *Data) error { _, err := d.Read(make([]byte, 1)); return err }},
		{"by a write", func(d *Data) error { _, err := d.Write(make([]byte, 1)); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				p.cfg.TLS, p.tls = clientTLS, clientTLS
				d := p.transfer()
				go func() { _, _ = io.Copy(io.Discard, p.data) }()
				start := time.Now()
				require.ErrorIs(t, c.run(d), os.ErrDeadlineExceeded)
				assert.Equal(t, stallTime, time.Since(start))
			})
		})
	}
}

// authTLS has the server answer the beginning of a session with replies, a
// greeting and a reply to AUTH TLS, and then speak TLS where secure is set.
func authTLS(t *testing.T, greeting, answer string, secure bool) (s *Session, line string, err error) {
	t.Helper()
	serverTLS, clientTLS, err := retrytest.SelfSigned()
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	served := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			served <- ""
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, greeting)
		buf := make([]byte, 100)
		n, _ := conn.Read(buf)
		_, _ = io.WriteString(conn, answer)
		if secure {
			inside := tls.Server(conn, serverTLS)
			_, _ = io.WriteString(inside, "200 Inside.\r\n")
		}
		served <- string(buf[:n])
		_, _ = io.Copy(io.Discard, conn)
	}()
	s, err = Connect(t.Context(), &Config{Addr: l.Addr().String(), TLS: clientTLS, Connect: time.Minute, Reply: replyTime, Stall: stallTime})
	t.Cleanup(s.Close)
	if err == nil && !secure {
		s.Close()
	}
	return s, <-served, err
}

func TestAUTHTLSComesBeforeAnythingElse(t *testing.T) {
	const greeting = "220-Welcome\r\n220 here.\r\n"
	s, line, err := authTLS(t, greeting, "234 Go.\r\n", true)
	require.NoError(t, err)
	assert.Equal(t, "AUTH TLS\r\n", line)
	buf := make([]byte, 100)
	n, err := s.control.Read(buf)
	require.NoError(t, err)
	assert.Equal(t, greeting, string(buf[:n]), "the ftp package reads it a second time")
	s.control.pending = 1
	n, err = s.control.Read(buf)
	require.NoError(t, err)
	assert.Equal(t, "200 Inside.\r\n", string(buf[:n]))
	assert.NotNil(t, s.tls.ClientSessionCache)
	assert.NotEmpty(t, s.tls.ServerName)
}

func TestWithoutTLSNothingIsSaid(t *testing.T) {
	for _, c := range []struct {
		name, greeting, answer string
		code                   int
		text                   string
	}{
		{"a server that refuses", "220 Ready.\r\n", "502 No.\r\n", 502, "refuses TLS"},
		{"a server without the means", "220 Ready.\r\n", "431 Need resource.\r\n", 431, "refuses TLS"},
		{"a server that says something else", "220 Ready.\r\n", "200 Fine.\r\n", 0, "not 234"},
		{"a man in the middle who says more than he should", "220 Ready.\r\n", "234 Go.\r\n200 Inside.\r\n", 0, "in the clear"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, err := authTLS(t, c.greeting, c.answer, false)
			require.ErrorContains(t, err, c.text)
			if c.code != 0 {
				var reply *textproto.Error
				require.ErrorAs(t, err, &reply)
				assert.Equal(t, c.code, reply.Code)
			}
			assert.False(t, s.InStep())
			assert.False(t, strings.Contains(err.Error(), "\n"))
		})
	}
}

func TestAGreetingThatRefusesIsLeftToTheFTPPackage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, clientTLS, err := retrytest.SelfSigned()
		require.NoError(t, err)
		ours, theirs := net.Pipe()
		defer theirs.Close()
		go func() { _, _ = io.WriteString(theirs, "421 Too many users.\r\n") }()
		s := &Session{cfg: &Config{TLS: clientTLS, Connect: time.Minute, Reply: replyTime, Stall: stallTime}}
		s.control = newControl(s, ours)
		defer s.Close()
		require.NoError(t, s.secure("ftp.example"))
		buf := make([]byte, 100)
		n, err := s.control.Read(buf)
		require.NoError(t, err)
		assert.Equal(t, "421 Too many users.\r\n", string(buf[:n]))
	})
}
