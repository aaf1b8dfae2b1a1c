package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/textproto"
	"time"
)

// secure puts TLS on the control connection: at once, or after the greeting and
// AUTH TLS (RFC 4217, section 4). The greeting is kept for the ftp package.
func (s *Session) secure(host string) error {
	c := s.control
	if !s.cfg.Implicit {
		ready, err := s.authTLS()
		if err != nil || !ready {
			return err
		}
	}
	s.tls = s.cfg.TLS.Clone()
	if s.tls.ServerName == "" {
		s.tls.ServerName = host
	}
	// Control and data connections of one session share TLS sessions: vsftpd,
	// ProFTPD and FileZilla Server demand it by default. Never across sessions,
	// not even in a cache of the caller's: they demand the session's own, and a
	// cache keeps only the newest for a server.
	s.tls.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	conn := tls.Client(c.raw, s.tls)
	_ = c.raw.SetDeadline(c.limit)
	s.holdInterrupt(c.raw)
	if err := conn.HandshakeContext(context.WithoutCancel(s.ctx)); err != nil {
		if cause := s.interruption(); cause != nil {
			return cause
		}
		if isTimeout(err) {
			return &timeoutError{text: fmt.Sprintf("no end of the TLS handshake within %s", s.cfg.Connect), err: err}
		}
		return fmt.Errorf("TLS handshake: %w", err)
	}
	_ = c.raw.SetDeadline(time.Time{})
	s.holdInterrupt(c.raw)
	c.readBy, c.writeBy, c.readSet, c.writeSet = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	c.conn = conn
	return nil
}

// authTLS reads the greeting and asks for TLS. It is not ready for a handshake,
// without an error, when the greeting is a refusal: that is for the ftp package
// to read.
func (s *Session) authTLS() (ready bool, err error) {
	c := s.control
	var greeting []byte
	for whole := false; !whole; whole = !c.reply.open {
		if err := c.next(); err != nil {
			return false, err
		}
		greeting = append(greeting, c.buf[c.r:c.d]...)
		c.r = c.d
	}
	if c.reply.code != 220 {
		c.replay = greeting
		return false, nil
	}
	if err := c.command("AUTH", "TLS"); err != nil {
		return false, err
	}
	switch {
	case c.reply.code >= 400:
		return false, fmt.Errorf("server refuses TLS, and nothing is sent without: %w", c.reply.err())
	case c.reply.code != 234:
		return false, textproto.ProtocolError(fmt.Sprintf("AUTH TLS answered %d, not 234", c.reply.code))
	case c.d != c.w:
		return false, errInjection
	}
	c.replay = greeting
	return true, nil
}

// errInjection is a man in the middle's, or a very confused server's: what
// arrives in the clear before the handshake must not be taken for what the
// server says inside TLS.
var errInjection = errors.New("bytes in the clear after the reply to AUTH TLS: connection given up")
