package retrytest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// behindProxy runs a test with a server, whose own script is for what the upstream
// does, and a proxy before it.
func behindProxy(t *testing.T, test func(t *testing.T, upstream *retrytest.Server, proxy faulty)) {
	t.Helper()
	everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
		test(t, srv, throughProxy(t, srv, retrytest.ProxyConfig{}))
	})
}

// last is the newest reply that the upstream gave to a command.
func last(srv *retrytest.Server, verb string) (reply string) {
	for _, e := range srv.Log() {
		if e.Command == verb && e.Reply != "" {
			reply = e.Reply
		}
	}
	return reply
}

func TestWhatTheUpstreamSeesOfACut(t *testing.T) {
	const size = 32 << 20 // more than sockets hold
	for name, row := range map[string]struct {
		fault  retrytest.Fault
		reply  string // of the upstream
		stored int    // bytes it has of an upload at most; -1 = it is a download
	}{
		"an upload by FIN looks complete": {
			retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 1000}, "226 Transfer complete.", 1000,
		},
		"an upload by RST has failed": {
			retrytest.Fault{On: "STOR", Data: retrytest.RST, At: 1000}, "426 Failure reading network stream.", 1000,
		},
		"an upload by RST before its first byte has failed": {
			retrytest.Fault{On: "STOR", Data: retrytest.RST}, "426 Failure reading network stream.", 0,
		},
		"a download by FIN has failed, since it was still being sent": {
			retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 1000}, "426 Failure writing network stream.", -1,
		},
		"a download by RST has failed": {
			retrytest.Fault{On: "RETR", Data: retrytest.RST, At: 1000}, "426 Failure writing network stream.", -1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			behindProxy(t, func(t *testing.T, upstream *retrytest.Server, proxy faulty) {
				c := session(t, proxy)
				proxy.Inject(row.fault)
				var reply string
				if row.stored < 0 {
					require.NoError(t, upstream.Truncate("/large", size))
					var data string
					data, reply, _ = c.download("RETR large")
					assert.LessOrEqual(t, len(data), 1000)
				} else {
					reply, _ = c.upload("STOR new.txt", strings.Repeat("x", size))
					n := proxy.size(t, "/new.txt")
					assert.LessOrEqual(t, n, row.stored)
					if row.fault.Data == retrytest.FIN {
						assert.Equal(t, row.stored, n)
					}
				}
				assert.Equal(t, row.reply, reply, "the upstream's own word is handed on")
				assert.Equal(t, row.reply, last(upstream, row.fault.On))
				c.want("NOOP", "200")
			})
		})
	}
}

// At is the whole upload, so that nothing is unread whose loss would look like a reset.
func TestHowTheClientSeesTheCutOfItsUpload(t *testing.T) {
	for name, row := range map[string]struct {
		cut  retrytest.Cut
		want error
	}{"by FIN": {retrytest.FIN, io.EOF}, "by RST": {retrytest.RST, syscall.ECONNRESET}} {
		t.Run(name, func(t *testing.T) {
			everyFront(t, retrytest.Config{}, func(t *testing.T, srv faulty) {
				c := session(t, srv)
				srv.Inject(retrytest.Fault{On: "STOR", Data: row.cut, At: int64(len(content))})
				c.passive()
				c.want("STOR new.txt", "150")
				_, err := io.WriteString(c.data, content)
				require.NoError(t, err)
				_, err = c.data.Read(make([]byte, 1))
				assert.ErrorIs(t, err, row.want)
			})
		})
	}
}

func TestAStalledUploadHasFailedAtTheUpstream(t *testing.T) {
	behindProxy(t, func(t *testing.T, upstream *retrytest.Server, proxy faulty) {
		c := session(t, proxy)
		proxy.Inject(retrytest.Fault{On: "STOR", StallData: true, At: 4})
		c.passive()
		c.want("STOR new.txt", "150")
		_, err := io.WriteString(c.data, content)
		require.NoError(t, err)
		require.NoError(t, c.conn.Close())
		eventually(t, "the upstream has answered", func() bool { return last(upstream, "STOR") != "" })
		assert.Equal(t, "426 Failure reading network stream.", last(upstream, "STOR"))
	})
}

func TestARefusedTransferIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := session(t, throughProxy(t, prepare(t, retrytest.Config{InMemory: true}), retrytest.ProxyConfig{}))
		c.want("EPSV", "229") // and nobody connects
		start := time.Now()
		c.want("RETR missing", "550")
		assert.Zero(t, time.Since(start))
	})
}

func TestARefusedCommandNeverReachesTheUpstream(t *testing.T) {
	behindProxy(t, func(t *testing.T, upstream *retrytest.Server, proxy faulty) {
		c := session(t, proxy)
		proxy.Inject(
			retrytest.Fault{On: "DELE", Reply: refused}, retrytest.Fault{On: "STOR", Reply: refused},
			retrytest.Fault{On: retrytest.Connect, Reply: "421 Too many users.", Control: retrytest.FIN},
		)
		c.want("DELE old.txt", "450")
		c.passive()
		c.want("REST 4", "350")
		c.want("STOR old.txt", "450")
		_, err := c.data.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET, "the data connection is given up")
		connect(t, proxy).reply()
		c.want("REST 4", "350")
		c.passive()
		c.want("RETR old.txt", "150")
		c.reply()
		proxy.Inject(retrytest.Fault{On: "RETR", Reply: refused})
		c.want("RETR old.txt", "450")
		assert.Equal(t, []string{
			"CONNECT", "USER u", "PASS ***", "EPSV", "REST 4", "REST 0", "REST 4", "EPSV", "RETR old.txt",
		}, upstream.Commands(), "and no offset is left to the next transfer")
		assert.Equal(t, []string{
			"CONNECT", "USER u", "PASS ***", "DELE old.txt", "EPSV", "REST 4", "STOR old.txt", "CONNECT",
			"REST 4", "EPSV", "RETR old.txt", "RETR old.txt",
		}, proxy.Commands())
	})
}

func TestASessionWhoseGreetingWasReplacedReachesTheUpstreamLater(t *testing.T) {
	behindProxy(t, func(t *testing.T, upstream *retrytest.Server, proxy faulty) {
		proxy.Inject(retrytest.Fault{On: retrytest.Connect, Reply: "220 another"})
		c := connect(t, proxy)
		assert.Equal(t, "220 another", c.reply())
		assert.Empty(t, upstream.Commands())
		c.want("USER u", "331")
	})
}

// Some servers say nothing to a cut. A reply of theirs that comes late must
// not be taken for that to the next command.
func TestAReplyThatTheUpstreamOwesIsNotTakenForTheNext(t *testing.T) {
	for name, late := range map[string]string{"it never comes": "", "it comes before the next command": "426 Late."} {
		t.Run(name, func(t *testing.T) {
			behindProxy(t, func(t *testing.T, upstream *retrytest.Server, proxy faulty) {
				c := session(t, proxy)
				upstream.Inject(retrytest.Fault{On: "RETR", After: true, Lose: true})
				proxy.Inject(retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 3, Reply: "426 Cut."})
				_, reply, _ := c.download("RETR old.txt")
				assert.Equal(t, "426 Cut.", reply)
				if late != "" {
					upstream.Push(late)
				}
				c.want("SIZE old.txt", "213 10")
				c.want("SIZE old.txt", "213 10")
			})
		})
	}
}

func TestWhatTheUpstreamDoesByItselfIsHandedOn(t *testing.T) {
	for name, check := range map[string]func(t *testing.T, upstream *retrytest.Server, c *rawClient){
		"a reply that nobody asked for": func(t *testing.T, upstream *retrytest.Server, c *rawClient) {
			upstream.Push("421 Timeout.")
			assert.Equal(t, "421 Timeout.", c.reply())
		},
		"a reply of many lines": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			reply := c.want("FEAT", "211-")
			assert.Contains(t, reply, "\n REST STREAM\n")
			assert.True(t, strings.HasSuffix(reply, "\n211 End"), reply)
		},
		"two replies to one command": func(t *testing.T, upstream *retrytest.Server, c *rawClient) {
			upstream.Inject(retrytest.Fault{On: "NOOP", Reply: "451-Too\n451 many.\n451 Again."})
			c.want("NOOP", "451-Too\n451 many.")
			assert.Equal(t, "451 Again.", c.reply())
		},
		"an end by FIN": func(_ *testing.T, upstream *retrytest.Server, c *rawClient) {
			upstream.Kick(retrytest.FIN)
			c.closed(io.EOF)
		},
		"an end by RST": func(_ *testing.T, upstream *retrytest.Server, c *rawClient) {
			upstream.Kick(retrytest.RST)
			c.closed(syscall.ECONNRESET)
		},
		"an end in place of a reply that a fault was to replace": func(_ *testing.T, upstream *retrytest.Server, c *rawClient) {
			upstream.Inject(retrytest.Fault{On: "NOOP", Control: retrytest.FIN})
			c.srv.(faulty).Inject(retrytest.Fault{On: "NOOP", After: true, Reply: refused})
			c.send("NOOP")
			c.closed(io.EOF)
		},
		"a reply whose every line has the code is one": func(_ *testing.T, upstream *retrytest.Server, c *rawClient) {
			upstream.Inject(retrytest.Fault{On: "FEAT", Reply: "211-A\n211-B\n211 End"})
			c.srv.(faulty).Inject(retrytest.Fault{On: "FEAT", After: true, Reply: "500 What?"})
			c.want("FEAT", "500 What?")
			c.want("NOOP", "200")
		},
		"a port that was offered and then another": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			var first int
			_, err := fmt.Sscanf(c.want("EPSV", "229"), "229 Entering Extended Passive Mode (|||%d|)", &first)
			require.NoError(t, err)
			c.want("EPSV", "229")
			host := c.conn.RemoteAddr().(*net.TCPAddr).IP
			_, err = c.srv.Dial(t.Context(), "tcp", fmt.Sprintf("%s:%d", host, first))
			assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		},
		"an end in place of a reply": func(_ *testing.T, upstream *retrytest.Server, c *rawClient) {
			upstream.Inject(retrytest.Fault{On: "NOOP", Control: retrytest.FIN})
			c.send("NOOP")
			c.closed(io.EOF)
		},
		"a data connection that is refused": func(t *testing.T, upstream *retrytest.Server, c *rawClient) {
			c.passive()
			c.want("RETR missing", "550")
			_, err := c.data.Read(make([]byte, 1))
			assert.Error(t, err)
			c.want("NOOP", "200")
			_ = upstream
		},
		"an upload that is cut": func(t *testing.T, upstream *retrytest.Server, c *rawClient) {
			upstream.Inject(retrytest.Fault{On: "STOR", Data: retrytest.RST, At: 10, Reply: "452 Full."})
			reply, err := c.upload("STOR new.txt", strings.Repeat("x", 32<<20))
			assert.Equal(t, "452 Full.", reply)
			assert.Error(t, err)
		},
		"the end of the session after QUIT": func(_ *testing.T, _ *retrytest.Server, c *rawClient) {
			c.want("QUIT", "221")
			c.closed(io.EOF)
		},
		"commands sent at once": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			c.send("NOOP\r\nSIZE old.txt\r\nQUIT")
			assert.Equal(t, []string{"200 NOOP ok.", "213 10", "221 Goodbye."}, []string{c.reply(), c.reply(), c.reply()})
		},
		"an address for PASV": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			reply := c.want("PASV", "227")
			var h [4]int
			var high, low int
			_, err := fmt.Sscanf(reply, "227 Entering Passive Mode (%d,%d,%d,%d,%d,%d).", &h[0], &h[1], &h[2], &h[3], &high, &low)
			require.NoError(t, err)
			host := c.conn.RemoteAddr().(*net.TCPAddr).IP.String()
			assert.Equal(t, host, fmt.Sprintf("%d.%d.%d.%d", h[0], h[1], h[2], h[3]))
			c.data, err = c.srv.Dial(t.Context(), "tcp", fmt.Sprintf("%s:%d", host, high<<8|low))
			require.NoError(t, err)
			c.want("RETR old.txt", "150")
			data, err := io.ReadAll(c.data)
			assert.NoError(t, err)
			assert.Equal(t, content, string(data))
			assert.Equal(t, done, c.reply())
		},
	} {
		t.Run(name, func(t *testing.T) {
			behindProxy(t, func(t *testing.T, upstream *retrytest.Server, proxy faulty) {
				check(t, upstream, session(t, proxy))
			})
		})
	}
}

func TestWhatTheClientDoesIsHandedOn(t *testing.T) {
	for name, check := range map[string]func(t *testing.T, upstream *retrytest.Server, c *rawClient){
		"hanging up": func(t *testing.T, upstream *retrytest.Server, c *rawClient) {
			require.NoError(t, c.conn.Close())
			eventually(t, "the upstream's session ends", func() bool { return upstream.Sessions() == 0 })
		},
		"hanging up while a command is executed": func(t *testing.T, upstream *retrytest.Server, c *rawClient) {
			upstream.Inject(retrytest.Fault{On: "NOOP", Stall: true})
			c.send("NOOP")
			require.NoError(t, c.conn.Close())
			eventually(t, "the upstream's session ends", func() bool { return upstream.Sessions() == 0 })
		},
		"hanging up with an upload under way, which still arrives": func(t *testing.T, upstream *retrytest.Server, c *rawClient) {
			c.passive()
			c.want("STOR new.txt", "150")
			require.NoError(t, c.conn.Close())
			eventually(t, "the upstream has heard of it", func() bool { return upstream.Sessions() == 0 })
			_, err := io.WriteString(c.data, content)
			require.NoError(t, err)
			require.NoError(t, c.data.Close())
			eventually(t, "the upload arrives", func() bool {
				data, _ := upstream.ReadFile("/new.txt")
				return string(data) == content
			})
		},
		"an upload that is reset": func(t *testing.T, upstream *retrytest.Server, c *rawClient) {
			c.passive()
			c.want("STOR new.txt", "150")
			require.NoError(t, c.data.(interface{ SetLinger(int) error }).SetLinger(0))
			require.NoError(t, c.data.Close())
			assert.Equal(t, "426 Failure reading network stream.", c.reply())
			assert.Equal(t, "426 Failure reading network stream.", last(upstream, "STOR"))
		},
		"a download that is given up": func(t *testing.T, upstream *retrytest.Server, c *rawClient) {
			require.NoError(t, upstream.Truncate("/large", 32<<20))
			c.passive()
			c.want("RETR large", "150")
			require.NoError(t, c.data.Close())
			assert.Equal(t, "426 Failure writing network stream.", c.reply())
		},
		"ABOR": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			c.passive()
			c.want("STOR new.txt", "150")
			c.send("ABOR")
			assert.Contains(t, c.reply(), "426")
			assert.Equal(t, "226 Transfer aborted.", c.reply())
			c.want("NOOP", "200")
		},
		"ABOR, to which a fault has another reply": func(t *testing.T, _ *retrytest.Server, c *rawClient) {
			c.srv.(faulty).Inject(retrytest.Fault{On: "ABOR", Reply: "502 No."})
			c.passive()
			c.want("STOR new.txt", "150")
			c.send("ABOR")
			assert.Contains(t, c.reply(), "426")
			assert.Equal(t, "502 No.", c.reply())
			c.want("NOOP", "200")
		},
		"ABOR of nothing": func(_ *testing.T, _ *retrytest.Server, c *rawClient) { c.want("ABOR", "225") },
	} {
		t.Run(name, func(t *testing.T) {
			behindProxy(t, func(t *testing.T, upstream *retrytest.Server, proxy faulty) {
				check(t, upstream, session(t, proxy))
			})
		})
	}
}

func TestTheProxyRefusesWhatCannotPassIt(t *testing.T) {
	behindProxy(t, func(t *testing.T, upstream *retrytest.Server, proxy faulty) {
		c := session(t, proxy)
		before := len(upstream.Commands())
		c.want("AUTH TLS", "502 TLS does not pass the proxy.")
		c.want("PORT 127,0,0,1,4,1", "502 Only passive connections pass the proxy")
		c.want("EPRT |1|127.0.0.1|1025|", "502 Only passive connections pass the proxy")
		assert.Len(t, upstream.Commands(), before)
		proxy.Inject(retrytest.Fault{On: "AUTH", Reply: "431 No security."})
		c.want("AUTH TLS", "431 No security.")
		c.want("NOOP", "200")
	})
}

func TestTLSPassesUnseenWhereItMay(t *testing.T) {
	serverTLS, clientTLS := selfSigned(t)
	srv := prepare(t, retrytest.Config{TLS: serverTLS, RequireTLS: true})
	proxy := retrytest.NewProxy(t, srv.Addr(), retrytest.ProxyConfig{PassTLS: true, Faults: []retrytest.Fault{
		{On: "AUTH", Reply: "431 No security."}, {On: "STOR", Reply: refused},
	}})
	c := connect(t, proxy)
	c.reply()
	c.want("AUTH TLS", "431")
	c.want("AUTH NONSENSE", "504")
	c.want("NOOP", "200")
	client, err := ftp.Dial(proxy.Addr(), ftp.DialWithExplicitTLS(clientTLS))
	require.NoError(t, err)
	require.NoError(t, client.Login("u", "p"))
	require.NoError(t, client.Stor("new.txt", strings.NewReader(content)))
	assert.Equal(t, content, string(retr(t, client, "new.txt")))
	require.NoError(t, client.Quit())
	assert.Equal(t, 1, proxy.Pending(), "no fault acts on what is not seen")
	assert.NotContains(t, proxy.Commands(), "USER u")
}

func TestAnUpstreamThatIsNotThereIsAReset(t *testing.T) {
	everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
		proxy := throughProxy(t, srv, retrytest.ProxyConfig{})
		srv.Down()
		conn, err := proxy.Dial(t.Context(), "tcp", proxy.Addr())
		if err == nil { // the kernel may tell of the reset in connect already
			_, err = conn.Read(make([]byte, 1))
		}
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		require.NoError(t, srv.Up())
		session(t, proxy)
	})
}

func TestAnUpstreamThatSpeaksNoFTPIsHandedOn(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n227 Odd.\r\n200-endless\r\n")
		_, _ = bufio.NewReader(conn).ReadString('\n')
		_, _ = conn.Write(bytes.Repeat([]byte("x"), 2<<20))
	}()
	proxy := retrytest.NewProxy(t, ln.Addr().String(), retrytest.ProxyConfig{})
	c := connect(t, proxy)
	assert.Equal(t, "HTTP/1.1 400 Bad Request", c.line())
	assert.Equal(t, "227 Odd.", c.line())
	c.send("PASV")
	got, err := io.ReadAll(c.in)
	assert.Less(t, len(got), 1<<20, "a line without end is not kept")
	assert.Condition(t, func() bool { return err == nil || errors.Is(err, syscall.ECONNRESET) }, err)
}

func TestTheProxysConfigurationIsChecked(t *testing.T) {
	for name, row := range map[string]struct {
		upstream string
		cfg      retrytest.ProxyConfig
		want     string
	}{
		"no upstream":           {"", retrytest.ProxyConfig{}, `the proxy's upstream must be "host:port"`},
		"an upstream, no port":  {"localhost", retrytest.ProxyConfig{}, `must be "host:port"`},
		"a negative patience":   {"localhost:21", retrytest.ProxyConfig{Settle: -1}, "ProxyConfig.Settle"},
		"a fault of no command": {"localhost:21", retrytest.ProxyConfig{Faults: []retrytest.Fault{{}}}, "Fault.On is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := retrytest.StartProxy(row.upstream, row.cfg)
			assert.ErrorContains(t, err, row.want)
		})
	}
}

func TestClosingTheProxyLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	srv := retrytest.NewServer(t, retrytest.Config{})
	for range 5 {
		proxy := throughProxy(t, srv, retrytest.ProxyConfig{})
		proxy.Inject(retrytest.Fault{On: "APPE", StallData: true}, retrytest.Fault{On: "SIZE", Delay: time.Hour})
		stalled := session(t, proxy)
		stalled.passive()
		stalled.want("APPE a", "150")
		session(t, proxy).send("SIZE a")
		connect(t, proxy)
		waiting := session(t, proxy)
		waiting.want("EPSV", "229")
		waiting.send("STOR c")
		uploading := session(t, proxy)
		uploading.passive()
		uploading.want("STOR d", "150")
		session(t, proxy).send("NOOP\r\nNOOP\r\nNOOP\r\nNOOP")
		proxy.Close()
		proxy.Close()
	}
	srv.Close()
	eventually(t, fmt.Sprintf("no more than %d goroutines", before), func() bool { return runtime.NumGoroutine() <= before })
}

func TestTheProxyIsSilentWhereTheUpstreamIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := prepare(t, retrytest.Config{InMemory: true})
		proxy := throughProxy(t, srv, retrytest.ProxyConfig{Settle: time.Second})
		c := session(t, proxy)
		srv.Inject(retrytest.Fault{On: "RETR", After: true, Lose: true})
		_, err := c.srv.Dial(context.Background(), "tcp", proxy.Addr())
		require.NoError(t, err)
		c.passive()
		c.want("RETR old.txt", "150")
		_, err = io.ReadAll(c.data)
		require.NoError(t, err)
		c.silent()
		start := time.Now()
		c.want("NOOP", "200") // a client that goes on is not kept waiting for ever
		assert.Equal(t, time.Second, time.Since(start))
	})
}
