package ftpretry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
	"github.com/ftpretry/ftpretry/transient"
)

// wiretap hears what the client sends on each connection, as it is on the wire.
type wiretap struct {
	mu   sync.Mutex
	sent []*bytes.Buffer
}

type tapped struct {
	net.Conn
	tap  *wiretap
	sent *bytes.Buffer
}

func (c *tapped) Write(p []byte) (int, error) {
	c.tap.mu.Lock()
	c.sent.Write(p)
	c.tap.mu.Unlock()
	return c.Conn.Write(p)
}

func tap(cfg *retry.Config) *wiretap {
	w, dial := new(wiretap), cfg.Dial
	cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		c := &tapped{conn, w, new(bytes.Buffer)}
		w.sent = append(w.sent, c.sent)
		return c, nil
	}
	return w
}

// clear is what was sent without TLS: on each connection, what comes before the
// first record (RFC 8446, section 5.1: a handshake record begins with 22, 3).
func (w *wiretap) clear() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, sent := range w.sent {
		open, _, _ := strings.Cut(sent.String(), "\x16\x03")
		all = append(all, open)
	}
	return all
}

// assertNothingClear fails the test if anything but AUTH TLS was sent in the
// clear.
func (w *wiretap) assertNothingClear(t *testing.T) {
	t.Helper()
	for _, open := range w.clear() {
		assert.Contains(t, []string{"", "AUTH TLS\r\n"}, open)
	}
}

// TestTLSIsNeverGivenUp has the server refuse it at each step and in every way:
// the error says so, and nothing is sent without.
func TestTLSIsNeverGivenUp(t *testing.T) {
	for _, verb := range []string{"AUTH", "PBSZ", "PROT"} {
		want := "server refuses TLS"
		if verb != "AUTH" {
			want = fmt.Sprintf("server refuses TLS for data connections (%s), and nothing is sent without", verb)
		}
		for _, c := range []struct {
			reply    string
			attempts int
			class    transient.Class
		}{
			{"500 What?", 1, transient.Permanent},
			{"502 Not implemented.", 1, transient.Permanent},
			{"503 Not now.", 1, transient.Permanent},
			{"504 No such mechanism.", 1, transient.Permanent},
			{"522 No.", 1, transient.Permanent},
			{"530 Not for you.", 1, transient.Permanent},
			{"533 Denied for policy reasons.", 1, transient.Permanent},
			{"534 Request denied for policy reasons.", 1, transient.Permanent},
			{"536 Requested PROT level not supported.", 1, transient.Permanent},
			{"550 No.", 1, transient.Permanent},
			{"431 Need some unavailable resource to process security.", 3, transient.Security},
			{"421 Service not available, closing control connection.", 3, transient.Overload},
			{"234 Said twice", 0, transient.Unknown},
			{"202 Superfluous.", 0, transient.Unknown},
		} {
			if verb == "AUTH" && c.reply[:3] == "234" {
				continue
			}
			t.Run(verb+" "+c.reply, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, cfg := bed(t, true)
					heard := tap(&cfg)
					plant(t, srv, before())
					srv.Inject(retrytest.Fault{On: verb, Reply: c.reply, Times: -1})
					cfg.Policy.Attempts = 3
					client, err := retry.New(cfg)
					require.NoError(t, err)
					err = client.Stor(t.Context(), "/new", retry.Bytes([]byte(body)))
					var e *retry.Error
					require.ErrorAs(t, err, &e)
					if c.attempts > 0 {
						require.ErrorContains(t, err, want)
						var r *textproto.Error
						require.ErrorAs(t, err, &r)
						assert.Equal(t, c.reply[:3], fmt.Sprint(r.Code))
						assert.Equal(t, c.attempts, e.Attempts)
						assert.Equal(t, c.class, e.Verdict.Class)
					}
					heard.assertNothingClear(t)
					commands := strings.Join(srv.Commands(), "\n")
					assert.NotContains(t, commands, "STOR")
					if verb == "AUTH" {
						assert.NotContains(t, commands, "USER")
					}
					assert.Empty(t, differences(before(), harvest(t, srv)))
					require.NoError(t, client.Close())
				})
			})
		}
	}
}

// TestALackOfSecurityResourcesIsWaitedFor is the seed's 431, at each of the
// commands that negotiate security: the replay makes TLS anew from AUTH on, with
// nothing kept of the session before.
func TestALackOfSecurityResourcesIsWaitedFor(t *testing.T) {
	for _, verb := range []string{"AUTH", "PBSZ", "PROT"} {
		t.Run(verb, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var resumed []bool
				srv, cfg := bed(t, true, func(c *retrytest.Config) {
					c.TLS = c.TLS.Clone()
					c.TLS.VerifyConnection = func(s tls.ConnectionState) error {
						mu.Lock()
						defer mu.Unlock()
						resumed = append(resumed, s.DidResume)
						return nil
					}
				})
				heard := tap(&cfg)
				srv.Inject(retrytest.Fault{On: verb, Reply: "431 Need unavailable resource to process security.", Times: 2})
				client, err := retry.New(cfg)
				require.NoError(t, err)
				start := time.Now()
				require.NoError(t, client.Stor(t.Context(), "/new", retry.Bytes([]byte(body))))
				assert.Equal(t, 3*time.Second, time.Since(start))
				stored, err := srv.ReadFile("/new")
				require.NoError(t, err)
				assert.Equal(t, body, string(stored))
				n := 0
				for _, command := range srv.Commands() {
					if command == "AUTH TLS" {
						n++
					}
				}
				assert.Equal(t, 3, n)
				want := []bool{false, false, false, true} // the last is the data connection's
				if verb == "AUTH" {
					want = want[2:]
				}
				assert.Equal(t, want, resumed)
				heard.assertNothingClear(t)
				require.NoError(t, client.Close())
			})
		})
	}
}

// TestPlaintextBeforeTLSIsRefused is the injection that STARTTLS implementations
// fall for: what comes in the clear before the handshake ends is never taken for
// what the server says inside TLS, wherever a third party slips it in.
func TestPlaintextBeforeTLSIsRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(c net.Conn) // after which it says nothing more
		want  string
	}{
		{"behind the reply to AUTH", func(c net.Conn) { ready(c); _, _ = io.WriteString(c, "234 go\r\n230 in\r\n") }, "bytes in the clear after the reply to AUTH TLS"},
		{"half a line behind it", func(c net.Conn) { ready(c); _, _ = io.WriteString(c, "234 go\r\n2") }, "bytes in the clear after the reply to AUTH TLS"},
		{"a moment after it", func(c net.Conn) {
			ready(c)
			_, _ = io.WriteString(c, "234 go\r\n")
			go func() { _, _ = io.Copy(io.Discard, c) }()
			_, _ = io.WriteString(c, "230 in\r\n")
		}, "first record does not look like a TLS handshake"},
		{"behind the greeting", func(c net.Conn) { _, _ = io.WriteString(c, "220 ready\r\n234 go\r\n") }, "out of step, AUTH not sent"},
		{"as a reply of many lines that ends as another", func(c net.Conn) {
			ready(c)
			_, _ = io.WriteString(c, "234-go\r\n230 in\r\n234 go\r\n331 and on\r\n")
		}, "bytes in the clear after the reply to AUTH TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, client, err := makeCertificates()
				require.NoError(t, err)
				cfg := retry.Config{
					Addr: "h", User: "user", Password: "secret", TLS: client, Policy: policy.Policy{Attempts: 1},
					Dial: func(context.Context, string, string) (net.Conn, error) {
						ours, theirs := net.Pipe()
						go func() { c.serve(theirs); _, _ = io.Copy(io.Discard, theirs) }()
						return ours, nil
					},
				}
				heard := tap(&cfg)
				cl, err := retry.New(cfg)
				require.NoError(t, err)
				start := time.Now()
				_, err = cl.FileSize(t.Context(), "/file")
				require.ErrorContains(t, err, c.want)
				assert.Zero(t, time.Since(start))
				heard.assertNothingClear(t)
				require.NoError(t, cl.Close())
			})
		})
	}
}

// TestAServerWhoseCertificateDoesNotPassIsNotTalkedTo: no replay helps, and
// nothing is sent to it.
func TestAServerWhoseCertificateDoesNotPassIsNotTalkedTo(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*tls.Config)
		want   string
	}{
		{"because it has expired", func(c *tls.Config) { c.Time = func() time.Time { return time.Date(2091, 1, 1, 0, 0, 0, 0, time.UTC) } }, "expired"},
		{"because it is not valid yet", func(c *tls.Config) { c.Time = func() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) } }, "not yet valid"},
		{"because it is for another host", func(c *tls.Config) { c.ServerName = "ftp.example" }, "ftp.example"},
		{"because nobody knows who signed it", func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }, "unknown authority"},
	} {
		for _, implicit := range []bool{false, true} {
			for name, run := range map[string]func(context.Context, retry.Config) error{
				"Stor": func(ctx context.Context, cfg retry.Config) error {
					client, err := retry.New(cfg)
					if err != nil {
						return err
					}
					defer client.Close()
					return client.Stor(ctx, "/new", retry.Bytes([]byte(body)))
				},
				"Dial": func(ctx context.Context, cfg retry.Config) error { _, err := retry.Dial(ctx, cfg); return err },
			} {
				t.Run(fmt.Sprintf("%s %s, implicit %v", name, c.name, implicit), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						srv, cfg := bed(t, true, func(c *retrytest.Config) { c.ImplicitTLS = implicit })
						heard := tap(&cfg)
						cfg.ImplicitTLS, cfg.TLS = implicit, cfg.TLS.Clone()
						c.change(cfg.TLS)
						err := run(t.Context(), cfg)
						var e *retry.Error
						require.ErrorAs(t, err, &e)
						require.ErrorContains(t, err, c.want)
						assert.Equal(t, retry.ErrPermanent, e.Reason)
						assert.Equal(t, 1, e.Attempts)
						assert.Contains(t, e.Verdict.Rule, "certificate")
						heard.assertNothingClear(t)
						assert.NotContains(t, strings.Join(srv.Commands(), "\n"), "USER")
					})
				})
			}
		}
	}
}

// TestADataConnectionThatIsAnothersGetsNothing has somebody else answer the data
// connection of an upload, or of a download: with another certificate, or in the
// clear.
func TestADataConnectionThatIsAnothersGetsNothing(t *testing.T) {
	other, _, err := retrytest.SelfSigned("192.0.2.1")
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		answer func(net.Conn)
		want   string
	}{
		{"with a certificate of its own", func(c net.Conn) { s := tls.Server(c, other); _, _ = io.WriteString(s, body); _ = s.Close() }, "unknown authority"},
		{"in the clear", func(c net.Conn) {
			go func() { _, _ = io.Copy(io.Discard, c) }()
			_, _ = io.WriteString(c, body)
		}, "first record does not look like a TLS handshake"},
	} {
		for _, download := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, download %v", c.name, download), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, cfg := bed(t, true)
					plant(t, srv, before())
					cfg.Policy.Attempts = 2
					dial := cfg.Dial
					cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						if addr == srv.Addr() {
							return dial(ctx, network, addr)
						}
						theirs, err := dial(ctx, network, addr) // the server waits for it
						if err != nil {
							return nil, err
						}
						ours, thief := net.Pipe()
						go func() { defer theirs.Close(); defer thief.Close(); c.answer(thief) }()
						return ours, nil
					}
					heard := tap(&cfg)
					client, err := retry.New(cfg)
					require.NoError(t, err)
					var got bytes.Buffer
					if download {
						_, err = client.Retr(t.Context(), "/file", &got)
					} else {
						err = client.Stor(t.Context(), "/new", retry.Bytes([]byte(body)))
					}
					require.ErrorContains(t, err, c.want)
					assert.Zero(t, got.Len())
					heard.assertNothingClear(t)
					for _, sent := range heard.sent {
						assert.NotContains(t, sent.String(), body[:20])
					}
					require.NoError(t, client.Close())
				})
			})
		}
	}
}

// TestEachSessionResumesItsOwn has several sessions at once with a server that
// demands it of data connections, whatever cache the caller has set.
func TestEachSessionResumesItsOwn(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, implicit := range []bool{false, true} {
			for name, cache := range map[string]tls.ClientSessionCache{"no cache": nil, "one cache for all": tls.NewLRUClientSessionCache(0)} {
				t.Run(fmt.Sprintf("%s, implicit %v, %s", tls.VersionName(version), implicit, name), func(t *testing.T) {
					srv, cfg := bed(t, true, func(c *retrytest.Config) { c.RequireReuse, c.ImplicitTLS = true, implicit })
					cfg.TLS, cfg.ImplicitTLS = cfg.TLS.Clone(), implicit
					cfg.TLS.MaxVersion, cfg.TLS.ClientSessionCache = version, cache
					cfg.Policy.Attempts = 1
					client, err := retry.New(cfg)
					require.NoError(t, err)
					var workers sync.WaitGroup
					for w := range 4 {
						workers.Go(func() {
							for i := range 8 {
								name := fmt.Sprintf("/%d-%d", w, i)
								if !assert.NoError(t, client.Stor(t.Context(), name, retry.Bytes([]byte(body[i:])))) {
									return
								}
								got, _ := srv.ReadFile(name)
								assert.Equal(t, body[i:], string(got))
							}
						})
					}
					workers.Wait()
					require.NoError(t, client.Close())
				})
			}
		}
	}
}

// TestTheServerIsAskedForByName looks at the name in the handshake (SNI, RFC
// 6066, section 3) of control and data connections.
func TestTheServerIsAskedForByName(t *testing.T) {
	server, clientTLS, err := retrytest.SelfSigned("ftp.example", "other.example", "192.0.2.1")
	require.NoError(t, err)
	for _, c := range []struct{ name, addr, serverName, want string }{
		{"the host of Addr", "ftp.example:21", "", "ftp.example"},
		{"the one that the caller gives", "ftp.example:21", "other.example", "other.example"},
		{"none for an address, which is no name", "192.0.2.1:21", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var asked []string
				srv, cfg := bed(t, false, func(sc *retrytest.Config) {
					sc.TLS = server.Clone()
					sc.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
						mu.Lock()
						defer mu.Unlock()
						asked = append(asked, hello.ServerName)
						return nil, nil
					}
				})
				cfg.Addr, cfg.TLS = c.addr, clientTLS.Clone()
				cfg.TLS.ServerName = c.serverName
				client, err := retry.New(cfg)
				require.NoError(t, err)
				require.NoError(t, client.Stor(t.Context(), "/new", retry.Bytes([]byte(body))))
				assert.Equal(t, []string{c.want, c.want}, asked)
				require.NoError(t, client.Close())
				assert.Equal(t, c.serverName, cfg.TLS.ServerName, "the caller's own is changed")
				_ = srv
			})
		})
	}
}

// TestAClientShowsItsCertificate on control and data connections, where the
// server demands one, and says so where it has none.
func TestAClientShowsItsCertificate(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, has := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, has one %v", tls.VersionName(version), has), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					// As a certificate authority for both sides a self-signed one will do.
					ours, _, err := retrytest.SelfSigned("client")
					require.NoError(t, err)
					srv, cfg := bed(t, true, func(c *retrytest.Config) {
						c.TLS = c.TLS.Clone()
						c.TLS.ClientAuth = tls.RequireAnyClientCert
						c.TLS.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
							if !bytes.Equal(raw[0], ours.Certificates[0].Certificate[0]) {
								return errors.New("somebody else's certificate")
							}
							return nil
						}
					})
					cfg.TLS = cfg.TLS.Clone()
					cfg.TLS.MaxVersion = version
					if has {
						cfg.TLS.Certificates = ours.Certificates
					}
					client, err := retry.New(cfg)
					require.NoError(t, err)
					defer client.Close()
					err = client.Stor(t.Context(), "/new", retry.Bytes([]byte(body)))
					if has {
						require.NoError(t, err)
						return
					}
					var e *retry.Error
					require.ErrorAs(t, err, &e)
					assert.Contains(t, e.Verdict.Rule, "certificates")
					assert.Equal(t, retry.ErrPermanent, e.Reason)
					assert.Equal(t, 1, e.Attempts)
					assert.NotContains(t, strings.Join(srv.Commands(), "\n"), "USER")
				})
			})
		}
	}
}
