package retrytest_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func selfSigned(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	server, client, err := retrytest.SelfSigned()
	require.NoError(t, err)
	return server, client
}

// handshake makes the control connection a TLS one.
func (c *rawClient) handshake(cfg *tls.Config) *tls.Conn {
	c.t.Helper()
	conn := tls.Client(c.conn, cfg)
	require.NoError(c.t, conn.Handshake())
	c.conn, c.in = conn, bufio.NewReader(conn)
	return conn
}

// secure connects, upgrades and logs in, with data connections protected.
func secure(t testing.TB, srv *retrytest.Server, cfg *tls.Config) *rawClient {
	t.Helper()
	c := connect(t, srv)
	require.Equal(t, "220 ready", c.reply())
	c.want("AUTH TLS", "234")
	c.handshake(cfg)
	c.want("USER u", "331")
	c.want("PASS p", "230")
	c.want("PBSZ 0", "200")
	c.want("PROT P", "200")
	c.tls = cfg
	return c
}

func TestTransfersOverTLS(t *testing.T) {
	serverTLS, clientTLS := selfSigned(t)
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, retrytest.Config{TLS: serverTLS}, func(t *testing.T, srv *retrytest.Server) {
				cfg := clientTLS.Clone()
				cfg.MaxVersion = version
				c := secure(t, srv, cfg)
				data, reply, err := c.download("RETR old.txt")
				require.NoError(t, err)
				assert.Equal(t, content, data)
				assert.Equal(t, "226 Transfer complete.", reply)

				c.passive()
				c.want("STOR new.txt", "150")
				conn := c.data.(*tls.Conn)
				_, err = io.WriteString(conn, content)
				require.NoError(t, err)
				require.NoError(t, conn.CloseWrite())
				assert.Equal(t, "226 Transfer complete.", c.reply())
				stored, _ := srv.ReadFile("/new.txt")
				assert.Equal(t, content, string(stored))

				c.want("PROT C", "200")
				c.tls = nil
				data, _, _ = c.download("NLST")
				assert.Equal(t, "dir\r\nnew.txt\r\nold.txt\r\n", data)
				c.want("QUIT", "221")
				c.closed(io.EOF)
			})
		})
	}
}

func TestImplicitTLS(t *testing.T) {
	serverTLS, clientTLS := selfSigned(t)
	everywhere(t, retrytest.Config{TLS: serverTLS, ImplicitTLS: true}, func(t *testing.T, srv *retrytest.Server) {
		c := connect(t, srv)
		c.handshake(clientTLS)
		require.Equal(t, "220 ready", c.reply())
		c.want("USER u", "331")
		c.want("PASS p", "230")
		c.want("AUTH TLS", "503")
		assert.NotContains(t, c.want("FEAT", "211"), "AUTH")
		c.tls = clientTLS
		data, _, err := c.download("RETR old.txt")
		require.NoError(t, err)
		assert.Equal(t, content, data)
	})
}

func TestTLSCanBeRequired(t *testing.T) {
	serverTLS, clientTLS := selfSigned(t)
	everywhere(t, retrytest.Config{TLS: serverTLS, RequireTLS: true}, func(t *testing.T, srv *retrytest.Server) {
		c := connect(t, srv)
		require.Equal(t, "220 ready", c.reply())
		c.want("USER u", "530 TLS is required")
		c = secure(t, srv, clientTLS)
		c.want("PROT C", "200")
		c.want("EPSV", "229")
		c.want("RETR old.txt", "522")
		c.want("PROT P", "200")
		data, _, _ := c.download("RETR old.txt")
		assert.Equal(t, content, data)
	})
}

func TestTLSSessionReuseCanBeRequired(t *testing.T) {
	serverTLS, clientTLS := selfSigned(t)
	// A configuration that was used before has keys that its clones share.
	near, far := net.Pipe()
	go func() { _ = tls.Server(far, serverTLS).Handshake() }()
	require.NoError(t, tls.Client(near, clientTLS).Handshake())
	require.NoError(t, near.Close())
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, retrytest.Config{TLS: serverTLS, RequireReuse: true}, func(t *testing.T, srv *retrytest.Server) {
				with := func() *tls.Config {
					cfg := clientTLS.Clone()
					cfg.MaxVersion = version
					cfg.ClientSessionCache = tls.NewLRUClientSessionCache(0)
					return cfg
				}
				c := secure(t, srv, with())
				data, reply, err := c.download("RETR old.txt")
				require.NoError(t, err)
				assert.Equal(t, content, data)
				assert.Equal(t, "226 Transfer complete.", reply)

				c.tls = with() // an empty cache
				_, reply, _ = c.download("RETR old.txt")
				assert.True(t, strings.HasPrefix(reply, "522"), reply)

				c.tls = secure(t, srv, with()).tls // another session's
				_, reply, _ = c.download("RETR old.txt")
				assert.True(t, strings.HasPrefix(reply, "522"), reply)
			})
		})
	}
}

func TestFaultsOfTheHandshake(t *testing.T) {
	serverTLS, clientTLS := selfSigned(t)
	everywhere(t, retrytest.Config{TLS: serverTLS}, func(t *testing.T, srv *retrytest.Server) {
		busy := "431 Need unavailable resource to process security."
		srv.Inject(
			retrytest.Fault{On: "AUTH", Reply: busy},
			retrytest.Fault{On: "PBSZ", Reply: busy},
			retrytest.Fault{On: "PROT", Reply: busy},
		)
		c := connect(t, srv)
		require.Equal(t, "220 ready", c.reply())
		srv.Inject(retrytest.Fault{On: "AUTH", After: true, Reply: busy, Nth: 2})
		assert.Equal(t, busy, c.want("AUTH TLS", "431"))
		c.want("AUTH TLS", "431") // executed, but the client does not know
		c.want("AUTH TLS", "234")
		c.handshake(clientTLS)
		c.want("PBSZ 0", "431")
		c.want("PROT P", "431")
		c.want("PROT P", "200")
		srv.Inject(retrytest.Fault{On: "NOOP", Control: retrytest.FIN})
		c.send("NOOP")
		c.closed(io.EOF)
	})
}

func TestAHandshakeThatFailsEndsTheSession(t *testing.T) {
	serverTLS, _ := selfSigned(t)
	everywhere(t, retrytest.Config{TLS: serverTLS}, func(t *testing.T, srv *retrytest.Server) {
		c := connect(t, srv)
		require.Equal(t, "220 ready", c.reply())
		c.want("AUTH TLS", "234")
		require.Error(t, tls.Client(c.conn, &tls.Config{ServerName: "nobody"}).Handshake())
		_, err := io.Copy(io.Discard, c.conn)
		t.Log(err)
		eventually(t, "the session has left", func() bool { return srv.Sessions() == 0 })
	})
}

func TestCommandsBeforeTheHandshakeAreDropped(t *testing.T) {
	serverTLS, clientTLS := selfSigned(t)
	srv := retrytest.NewServer(t, retrytest.Config{TLS: serverTLS})
	c := connect(t, srv)
	require.Equal(t, "220 ready", c.reply())
	c.send("AUTH TLS\r\nUSER smuggled")
	require.Equal(t, "234", c.reply()[:3])
	c.handshake(clientTLS)
	c.want("NOOP", "200")
	assert.NotContains(t, srv.Commands(), "USER smuggled")
}

func TestAnUploadCutShortOfItsCloseNotify(t *testing.T) {
	serverTLS, clientTLS := selfSigned(t)
	cfg := clientTLS.Clone()
	cfg.MaxVersion = tls.VersionTLS12
	for name, row := range map[string]struct {
		lax  bool
		want string
	}{
		"is a failure":              {false, "426 Failure reading network stream."},
		"is complete where allowed": {true, "226 Transfer complete."},
	} {
		t.Run(name, func(t *testing.T) {
			quirks := retrytest.Quirks{LaxTLS: row.lax}
			everywhere(t, retrytest.Config{TLS: serverTLS, Quirks: quirks}, func(t *testing.T, srv *retrytest.Server) {
				c := secure(t, srv, cfg)
				c.passive()
				c.want("STOR new.txt", "150")
				_, err := io.WriteString(c.data, content)
				require.NoError(t, err)
				raw := c.data.(*tls.Conn).NetConn().(interface{ CloseWrite() error })
				require.NoError(t, raw.CloseWrite())
				assert.Equal(t, row.want, c.reply())
			})
		})
	}
}

// endOf tells whether the end of the raw connection was met.
type endOf struct {
	net.Conn
	met bool
}

func (e *endOf) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	e.met = e.met || errors.Is(err, io.EOF)
	return n, err
}

func TestADownloadEndsWithACloseNotify(t *testing.T) {
	serverTLS, clientTLS := selfSigned(t)
	everywhere(t, retrytest.Config{TLS: serverTLS}, func(t *testing.T, srv *retrytest.Server) {
		c := secure(t, srv, clientTLS)
		c.tls = nil
		c.passive()
		raw := &endOf{Conn: c.data}
		c.want("RETR old.txt", "150")
		data, err := io.ReadAll(tls.Client(raw, clientTLS))
		require.NoError(t, err)
		assert.Equal(t, content, string(data))
		assert.False(t, raw.met, "TLS ended by FIN alone")
	})
}

func TestSelfSignedNamesItsHosts(t *testing.T) {
	serverTLS, clientTLS, err := retrytest.SelfSigned("ftp.example.com", "127.0.0.1")
	require.NoError(t, err)
	assert.Equal(t, "ftp.example.com", clientTLS.ServerName)
	for _, host := range []string{"ftp.example.com", "127.0.0.1"} {
		near, far := net.Pipe()
		go func() { _ = tls.Server(far, serverTLS).Handshake() }()
		cfg := clientTLS.Clone()
		cfg.ServerName = host
		assert.NoError(t, tls.Client(near, cfg).Handshake(), host)
		_ = near.Close()
	}
}
