//go:build linux

package ftpd

import (
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"slices"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/require"
)

// limit bounds every wait of a test: a harness that hangs proves nothing.
const limit = 10 * time.Second

// each runs a test against every program at once, but those that cannot show what it tests.
func each(t *testing.T, run func(t *testing.T, kind Kind), except ...Kind) {
	Require(t)
	for _, kind := range Kinds() {
		if slices.Contains(except, kind) {
			continue
		}
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			run(t, kind)
		})
	}
}

// dial connects without logging in.
func dial(s *Server, within time.Duration) (*ftp.ServerConn, error) {
	var options []ftp.DialOption
	if s.TLS == nil {
		options = append(options, ftp.DialWithDialFunc(func(network, addr string) (net.Conn, error) {
			conn, err := net.DialTimeout(network, addr, within)
			if err == nil {
				err = conn.SetDeadline(time.Now().Add(within))
			}
			return conn, err
		}))
	} else {
		config := s.TLS.Clone()
		// The bare ftp package loses uploads over TLS 1.3, which is not what is tested here.
		config.MaxVersion = tls.VersionTLS12
		config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		options = append(options, ftp.DialWithExplicitTLS(config))
	}
	return ftp.Dial(s.Addr, options...)
}

func logIn(t *testing.T, s *Server, within time.Duration) *ftp.ServerConn {
	t.Helper()
	conn, err := dial(s, within)
	require.NoError(t, err, s.Log())
	t.Cleanup(func() { _ = conn.Quit() })
	require.NoError(t, conn.Login(s.User, s.Password), s.Log())
	return conn
}

// control is a bare control connection, for replies that come unasked and for words that the ftp package drops.
type control struct {
	*textproto.Conn
	t *testing.T
}

func open(t *testing.T, s *Server) control {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.Addr, limit)
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(limit)))
	c := control{textproto.NewConn(conn), t}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// reply returns the next reply as one line.
func (c control) reply() (int, string) {
	c.t.Helper()
	code, message, err := c.ReadResponse(0)
	if refused := (*textproto.Error)(nil); !errors.As(err, &refused) {
		require.NoError(c.t, err)
	}
	return code, message
}

func (c control) ask(format string, args ...any) (int, string) {
	c.t.Helper()
	require.NoError(c.t, c.PrintfLine(format, args...))
	return c.reply()
}

// enter logs in and returns the reply that ended it, which is the greeting where that refuses.
func (c control) enter(s *Server) (int, string) {
	c.t.Helper()
	if code, message := c.reply(); code != 220 {
		return code, message
	}
	if code, message := c.ask("USER %s", s.User); code != 331 {
		return code, message
	}
	return c.ask("PASS %s", s.Password)
}
