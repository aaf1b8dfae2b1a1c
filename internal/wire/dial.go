package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"time"
)

// madeUp stands for a server whose connections have no TCP address (a proxy's,
// a test's). The ftp package needs one to dial data connections to; DialFunc
// puts the name of Config.Addr back. It is of TEST-NET-1, RFC 5737.
var madeUp = net.IPv4(192, 0, 2, 1)

// Connect makes the control connection of a session under ctx: dial, and with
// TLS everything up to the end of the handshake. The session is bound to ctx
// when it returns without an error. For a plain connection the greeting is
// left to the ftp package.
//
// A session is returned with most errors, so that its Exchange can be asked;
// it is closed then.
func Connect(ctx context.Context, cfg *Config) (*Session, error) {
	s := &Session{cfg: cfg}
	s.interrupt = s.onDone
	s.ctx = ctx
	began := time.Now()
	deadline := began.Add(cfg.Connect)
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return s, err
	}
	conn, err := s.dial(cfg.Addr)
	if err != nil {
		return s, err
	}
	s.trip = time.Since(began)
	n, _ := strconv.Atoi(port)
	s.remote, _ = conn.RemoteAddr().(*net.TCPAddr)
	if ip := net.ParseIP(host); s.remote == nil || cfg.Dialer != nil && (s.remote.Port != n || ip != nil && !ip.Equal(s.remote.IP)) {
		// No TCP, or the address of a proxy, which would be asked for ports of
		// its own.
		s.remote = &net.TCPAddr{IP: madeUp, Port: n}
		s.host = host
	}
	s.control = newControl(s, conn)
	s.control.limit = deadline
	s.peek = peeker(conn)
	s.Bind(ctx, time.Time{})
	if cfg.TLS != nil {
		if err := s.secure(host); err != nil {
			s.Unbind()
			s.Close()
			return s, err
		}
	}
	return s, nil
}

// Greeted lifts the bound that Config.Connect sets to everything up to the
// greeting.
func (s *Session) Greeted() { s.control.limit = time.Time{} }

// dial makes one connection, bounded by Config.Connect and the session's
// context.
func (s *Session) dial(addr string) (net.Conn, error) {
	conn, err := s.dialOnce(addr)
	return s.connected(addr, conn, err)
}

// connected says in the words of this package what became of a dial.
func (s *Session) connected(addr string, conn net.Conn, err error) (net.Conn, error) {
	switch {
	case err == nil && conn == nil:
		return nil, errors.New("Config.Dial returned neither a connection nor an error")
	case err == nil:
		return conn, nil
	case s.ctx.Err() != nil:
		return nil, context.Cause(s.ctx)
	case isTimeout(err) || errors.Is(err, context.DeadlineExceeded):
		// Not of the caller's context, as was just seen: a timeout, which
		// must not look like that.
		return nil, &timeoutError{text: fmt.Sprintf("no connection to %s within %s", addr, s.dialLimit(s.passive.used))}
	}
	return nil, err
}

func (s *Session) dialOnce(addr string) (net.Conn, error) {
	limit := s.dialLimit(s.passive.used)
	if s.cfg.Dialer != nil {
		ctx, cancel := context.WithTimeout(s.ctx, limit)
		defer cancel()
		return s.dialPlain(ctx, addr)
	}
	d := s.dialer()
	if s.control == nil || s.ctx.Done() == nil {
		d.Timeout = limit
		return d.DialContext(s.ctx, "tcp", addr)
	}
	// A data connection: the address is numeric, so that nothing but the
	// connect itself has to be bounded, and that looks at the deadline only.
	s.until = deadlineContext{s.ctx, time.Now().Add(limit)}
	return d.DialContext(&s.until, "tcp", addr)
}

// dialPlain makes one connection that ctx bounds.
func (s *Session) dialPlain(ctx context.Context, addr string) (net.Conn, error) {
	if s.cfg.Dialer == nil {
		d := s.dialer()
		return d.DialContext(ctx, "tcp", addr)
	}
	conn, err := s.cfg.Dialer(ctx, "tcp", addr)
	if err == nil && conn != nil && conn.SetDeadline(time.Time{}) != nil {
		conn = &timed{Conn: conn}
	}
	return conn, err
}

// dialer makes the connections where Config.Dialer does not. Those for data are
// kept alive once they may be idle: see Data.keepAlive.
func (s *Session) dialer() (d net.Dialer) {
	if s.control != nil {
		d.KeepAlive = -1
	}
	return d
}

// dialLimit bounds a dial. ahead: its port was asked for ahead.
func (s *Session) dialLimit(ahead bool) time.Duration {
	if ahead && !s.cfg.Learned.passive.works.Load() {
		return min(s.cfg.Connect, dialDoubted)
	}
	return s.cfg.Connect
}

// deadlineContext is a context with a deadline but without the timer that would
// end it then. It saves each transfer the making of one.
type deadlineContext struct {
	context.Context
	deadline time.Time
}

// Deadline implements context.Context.
func (c *deadlineContext) Deadline() (time.Time, bool) {
	if own, ok := c.Context.Deadline(); ok && own.Before(c.deadline) {
		return own, true
	}
	return c.deadline, true
}

// DialFunc is the session's ftp.DialWithDialFunc: its first connection is the
// control connection, the others are data connections.
func (s *Session) DialFunc(_, addr string) (net.Conn, error) {
	if !s.taken {
		s.taken = true
		return s.control, nil
	}
	d, err := s.openData(addr)
	if err != nil {
		// The server may push a reply later for the connection it waited for
		// in vain (pyftpdlib does): not a session to use again.
		s.Break(err)
		return nil, err
	}
	return d, nil
}

func (s *Session) openData(addr string) (*Data, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return nil, textproto.ProtocolError(fmt.Sprintf("server named port %s for a data connection", port))
	}
	conn, err, ok := s.dialed(addr)
	if addr = s.dialAddr(addr); ok {
		conn, err = s.connected(addr, conn, err)
	} else {
		conn, err = s.dial(addr)
	}
	if err != nil {
		if s.passive.used && s.interruption() == nil {
			s.portFailed()
		}
		return nil, err
	}
	return s.newData(conn), nil
}

// dialAddr is the address to dial for one that the ftp package has made.
func (s *Session) dialAddr(addr string) string {
	if host, port, err := net.SplitHostPort(addr); err == nil && s.host != "" && host == madeUp.String() {
		return net.JoinHostPort(s.host, port)
	}
	return addr
}
