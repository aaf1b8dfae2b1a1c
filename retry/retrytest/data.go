package retrytest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// openPassive listens for one data connection and returns the port. A listener
// of an earlier EPSV or PASV is given up, as RFC 959 section 3.2 lets it be.
func (s *session) openPassive() (*net.TCPAddr, error) {
	ln, err := s.srv.net.listenData()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passive != nil {
		_ = s.passive.Close()
	}
	s.passive = ln
	if s.ended {
		_ = ln.Close()
	}
	return ln.Addr().(*net.TCPAddr), nil
}

// closePassive gives the waiting data connection up: a command that uses it was
// refused, or none came.
func (s *session) closePassive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passive != nil {
		_ = s.passive.Close()
		s.passive = nil
	}
}

var errNoPassive = errors.New("no PASV or EPSV before")

// acceptData waits for the client's data connection.
func (s *session) acceptData() (net.Conn, error) {
	s.mu.Lock()
	ln := s.passive
	s.mu.Unlock()
	if ln == nil {
		return nil, errNoPassive
	}
	_ = ln.SetDeadline(time.Now().Add(s.srv.cfg.AcceptTimeout))
	conn, err := ln.Accept()
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = ln.Close()
	if err != nil {
		if s.passive == ln {
			s.passive = nil
		}
		return nil, err
	}
	if s.passive != ln { // ABOR, or the end of the session, came in between
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	s.passive, s.data = nil, conn
	return conn, nil
}

// transfer is one use of a data connection.
type transfer struct {
	opening string // the preliminary reply
	upload  bool
	file    file   // to or from
	text    []byte // a listing, if file is nil
	offset  int64
	done    func(complete bool) error // settles the name of the file; may be nil
	early   bool                      // the final reply was sent before the data
}

// move carries the transfer out, with what the fault does to it, and returns
// the final reply and the bytes moved.
func (t *transfer) move(s *session, f *Fault, event *Event) (reply string, moved int64) {
	reply, moved = t.carry(s, f, event)
	if t.file != nil {
		_ = t.file.close()
	}
	if t.done != nil {
		if err := t.done(reply[0] == '2'); err != nil && reply[0] == '2' {
			reply = replyFor(err)
		}
	}
	return reply, moved
}

func (t *transfer) carry(s *session, f *Fault, event *Event) (reply string, moved int64) {
	raw, err := s.acceptData()
	if err != nil {
		if errors.Is(err, errNoPassive) {
			return "425 Use PASV or EPSV first.", 0
		}
		return "425 Failed to establish connection.", 0
	}
	defer func() {
		s.mu.Lock()
		s.data, s.stalled = nil, false
		s.mu.Unlock()
		_ = raw.Close()
	}()
	if f == nil || !f.Silent {
		s.reply(t.opening)
	}
	conn, watch := raw, &watched{Conn: raw}
	if s.protect {
		secure, refusal := s.secureData(watch)
		if refusal != "" {
			return refusal, 0
		}
		conn = secure
	}
	if f != nil && f.Early {
		early := f.final("226 Transfer complete.")
		s.srv.log.answer(event, early, 0)
		s.reply(early)
		t.early = true
	}
	limit := int64(-1)
	if f != nil && (f.Data != Keep || f.StallData) {
		limit = f.At
	}
	moved, err = t.copy(conn, limit)
	if err == nil && t.upload && watch.ended {
		err = io.ErrUnexpectedEOF
	}
	if limit >= 0 && err == nil {
		return t.interrupt(s, f, conn, raw, moved < limit), moved
	}
	return t.end(s, conn, err), moved
}

// end closes the data connection after the last byte, or after what failed.
func (t *transfer) end(s *session, conn net.Conn, err error) string {
	var local storeError
	switch {
	case errors.As(err, &local):
		return replyForWrite(local)
	case err != nil && t.upload && s.srv.cfg.ResetIsSuccess && !timedOut(err):
	case err != nil && t.upload && s.srv.cfg.LaxTLS && errors.Is(err, io.ErrUnexpectedEOF):
	case err != nil && t.upload:
		return "426 Failure reading network stream."
	case err != nil:
		return "426 Failure writing network stream."
	}
	finish(conn)
	return "226 Transfer complete."
}

// replyForWrite is the reply to a file that could not be written or read.
func replyForWrite(err error) string {
	if r := replyFor(err); r[0] == '4' {
		return r
	}
	return "451 Failure writing to local file."
}

// interrupt does to the data connection what the fault says. The reply is the
// one a server gives that knows nothing of scripts.
func (t *transfer) interrupt(s *session, f *Fault, conn, raw net.Conn, whole bool) string {
	if f.StallData {
		s.stall(t.upload, conn)
		return "426 Transfer stalled."
	}
	if f.Data == RST {
		abort(raw)
		return "426 Data connection reset."
	}
	finish(conn)
	_ = raw.Close()
	if whole {
		return "226 Transfer complete."
	}
	return "426 Data connection closed."
}

// stall leaves the data connection open and silent until the client hangs up.
func (s *session) stall(upload bool, conn net.Conn) {
	s.mu.Lock()
	s.stalled = true
	ended := s.ended
	s.mu.Unlock()
	switch {
	case ended:
	case upload:
		<-s.gone
	default:
		_, _ = io.Copy(io.Discard, conn)
	}
}

// copy moves at most limit bytes, or all if limit < 0.
func (t *transfer) copy(conn net.Conn, limit int64) (int64, error) {
	switch {
	case t.upload:
		return t.file.receive(conn, t.offset, limit)
	case t.file == nil:
		text := t.text
		if limit >= 0 {
			text = text[:min(limit, int64(len(text)))]
		}
		n, err := conn.Write(text)
		return int64(n), err
	case limit >= 0:
		return t.file.sendSome(conn, t.offset, limit)
	}
	return t.file.sendTo(conn, t.offset)
}

// finish ends the sending side in order: close_notify where there is TLS, FIN.
func finish(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// watched is the connection below TLS. Package tls reports an end without
// close_notify between two records as a plain io.EOF; only here can it be told
// from an end with one, which is read before the FIN.
type watched struct {
	net.Conn
	ended bool
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.ended = w.ended || errors.Is(err, io.EOF)
	return n, err
}

// secureData puts TLS on a data connection (RFC 4217 section 9).
func (s *session) secureData(raw net.Conn) (conn *tls.Conn, refusal string) {
	conn = tls.Server(raw, s.tlsConf)
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.cfg.AcceptTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, "522 TLS handshake failed."
	}
	if s.srv.cfg.RequireReuse && !conn.ConnectionState().DidResume {
		return nil, "522 TLS session of the data connection is not that of the control connection."
	}
	return conn, ""
}
