package retrytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// ProxyConfig says what a [Proxy] is like. Its zero value is a proxy on the
// loopback interface that changes nothing but the addresses of data
// connections. It is copied by [StartProxy].
type ProxyConfig struct {
	Faults []Fault // injected before the first connection

	// Dial connects to the upstream, for control and data; nil = a net.Dialer.
	// Its context ends with the session, and after 10s.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// InMemory makes a proxy without sockets towards its clients: connections
	// exist only through Proxy.Dial, and work in a testing/synctest bubble. With
	// Server.Dial of a server in memory as Dial there are none at all.
	InMemory bool

	// PassTLS hands AUTH on. After the upstream's 234 the control connection is
	// relayed unseen: no fault acts on it any more, and data connections go past
	// the proxy, to the ports that the upstream names. Otherwise AUTH is answered
	// 502 by the proxy.
	PassTLS bool

	// Settle is how long the proxy waits for what the upstream says to a cut data
	// connection; 0 = 500ms. Some never say anything (pure-ftpd to a download,
	// pyftpdlib 1.5 to an upload by RST).
	Settle time.Duration

	LogSize int // events kept, the newest; 0 = 65536, < 0 = none
}

func (c ProxyConfig) check() (ProxyConfig, error) {
	if c.Settle < 0 {
		return c, fmt.Errorf("retrytest: ProxyConfig.Settle is %v: use 0 for 500ms", c.Settle)
	}
	if c.Settle == 0 {
		c.Settle = 500 * time.Millisecond
	}
	if c.LogSize == 0 {
		c.LogSize = 1 << 16
	}
	if c.Dial == nil {
		c.Dial = loopback{}.dial
	}
	for _, f := range c.Faults {
		if err := f.check(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Proxy stands before an FTP server of any make and lets things go wrong on the
// way: the faults are those of [Server], counted in the same way. All its
// methods are safe for concurrent use. End it by Close.
//
// A command that a fault keeps from being executed never reaches the upstream.
// With After it is handed on, and only its final reply is replaced or lost,
// once the upstream has given it. The upstream's own replies are handed on as
// they come, those that nobody asked for too. Connect with a cut or a Stall
// keeps the proxy from connecting to the upstream at all.
//
// What each side sees of a data connection that is cut after At bytes:
//
//   - Data FIN, download: the client sees an orderly end after At bytes. The
//     upstream, if it is still sending, is reset.
//   - Data FIN, upload: the upstream sees an orderly end after At bytes, and
//     usually calls the short file complete. A client that is still sending is
//     reset.
//   - Data RST: both sides are reset. Of an upload the upstream has read At bytes
//     at most: a reset destroys what is under way.
//   - StallData: both sides hear nothing until the client hangs up; then the
//     upstream is reset.
//
// A transfer with fewer bytes than At is cut at its end. The client then gets
// the fault's Reply, or without one what the upstream says to the cut; for that
// the proxy waits for ProxyConfig.Settle. A Control cut follows, on both sides:
// the upstream's control connection ends as the client's does. The client's own
// cuts are handed on as what they are.
//
// The proxy is transparent to passive connections only: PORT and EPRT are
// answered 502 by itself, and so is AUTH without ProxyConfig.PassTLS. Data
// connections go to the host of the upstream's control connection, whatever its
// reply to PASV says.
type Proxy struct {
	stage
	door
	cfg      ProxyConfig
	upstream string
}

// NewProxy starts a proxy for a test before the server at upstream,
// "host:port": it fails the test when it cannot, and closes the proxy when the
// test ends. The upstream is first connected to when a client comes.
func NewProxy(tb TB, upstream string, cfg ProxyConfig) *Proxy {
	tb.Helper()
	p, err := StartProxy(upstream, cfg)
	if err != nil {
		tb.Fatalf("cannot start the FTP proxy: %v", err)
		return nil
	}
	p.fatalf = tb.Fatalf
	tb.Cleanup(p.Close)
	return p
}

// StartProxy starts a proxy for a program. The caller ends it by Close.
func StartProxy(upstream string, cfg ProxyConfig) (*Proxy, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	if host, port, err := net.SplitHostPort(upstream); err != nil || host == "" || port == "" {
		return nil, errors.New("retrytest: the proxy's upstream must be \"host:port\"")
	}
	p := &Proxy{cfg: cfg, upstream: upstream}
	p.log.size = cfg.LogSize
	in, port := place(cfg.InMemory)
	p.door = newDoor(in, func(id int, conn net.Conn) guest { return newPassage(p, id, conn) })
	p.script.add(cfg.Faults...)
	if err := p.open(port); err != nil {
		return nil, err
	}
	return p, nil
}

// Close ends the proxy and all its connections, and waits for every goroutine
// of it. It may be called more than once.
func (p *Proxy) Close() { p.shut() }
