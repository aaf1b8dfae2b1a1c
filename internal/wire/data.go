package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// CallerError says that the caller's own reader or writer failed, or that a
// bound was met that the caller has set, not that the server or the network
// failed. Nothing is replayed after it.
type CallerError struct{ Err error }

func (e *CallerError) Error() string { return e.Err.Error() }
func (e *CallerError) Unwrap() error { return e.Err }

// HandshakeError is a TLS handshake of a data connection that failed.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string {
	return "TLS handshake of the data connection: " + e.Err.Error()
}
func (e *HandshakeError) Unwrap() error { return e.Err }

// Data is one data connection. The ftp package closes it.
type Data struct {
	s    *Session
	raw  net.Conn
	conn net.Conn // raw, or TLS on it
	tls  *tls.Conn

	armedIn   time.Time // when the read deadline was set last
	user      time.Time // a deadline of the caller's; zero = none
	in, out   int64     // bytes of this connection
	upload    bool      // it is written to
	delivered []byte    // see Last
	listing   *listing  // of a listing, what has come of it
	most      int64     // of a download, how much may come; 0 = anything
	last      byte      // of what was received
	shaken    bool      // the TLS handshake was done, or tried
	kept      bool      // alive, see keepAlive
	gathering gathering
	unsent    int   // what the kernel held when a write timed out, with none taken since; 0 = none has
	eof       bool  // the server has ended it
	failed    error // what it failed of
	caller    *CallerError
	closed    bool
	half      bool // all was sent, and the server was told so
}

func (s *Session) newData(conn net.Conn) *Data {
	d := &Data{s: s, raw: conn, conn: conn}
	if s.cfg.TLS != nil {
		d.tls = tls.Client(conn, s.tls)
		d.conn = d.tls
	}
	s.mu.Lock()
	s.data = d
	s.mu.Unlock()
	s.holdInterrupt(conn)
	if s.cfg.Reply > mostSilent {
		d.keepAlive()
	}
	return d
}

// Data is the session's open data connection, nil if there is none.
func (s *Session) Data() *Data { return s.data }

// Bytes returns the bytes received and sent on the connection so far.
func (d *Data) Bytes() (in, out int64) { return d.in, d.out }

// Last returns the last bytes that WriteTo has delivered, as many as it had at
// hand when it ended, up to a KiB; none after a copy inside the kernel. They are
// valid until the session's next transfer.
func (d *Data) Last() []byte { return d.delivered }

// CallerError returns the failure of the caller's reader or writer, nil if it
// did not fail.
func (d *Data) CallerError() *CallerError { return d.caller }

// Read implements io.Reader for the ftp package's Response.
func (d *Data) Read(p []byte) (int, error) {
	if err := d.shake(); err != nil {
		return 0, err
	}
	if d.in == 0 && d.listing == nil && d.s.control.lists() {
		d.listing = &listing{facts: string(d.s.control.cmd[:d.s.control.verb]) == "MLSD"}
	}
	d.armRead()
	n, err := d.conn.Read(p)
	if err != nil && n == 0 && d.late(err) {
		d.armRead()
		n, err = d.conn.Read(p)
	}
	if n > 0 {
		d.last = p[n-1]
	}
	d.received(n)
	if err != nil {
		return n, d.ended(err)
	}
	return n, d.bound(p[:n])
}

// Write implements io.Writer. Progress, however small, keeps a write alive.
func (d *Data) Write(p []byte) (int, error) {
	d.upload = true
	if err := d.shake(); err != nil {
		return 0, err
	}
	piece := writePiece
	if d.tls != nil {
		piece = tlsPiece
	}
	done := 0
	for {
		d.armWrite()
		n, err := d.conn.Write(p[done:min(len(p), done+piece)])
		done += n
		d.sentBytes(n)
		switch {
		case err != nil && isTimeout(err) && d.tls == nil && d.mayGoOn() && (n > 0 || d.sluggish()):
		case err != nil:
			return done, d.ended(err)
		}
		if done == len(p) {
			return done, nil
		}
	}
}

func (d *Data) received(n int) {
	d.in += int64(n)
	d.s.moved.In += int64(n)
	if d.s.Progress != nil && n > 0 {
		d.s.Progress()
	}
}

func (d *Data) sentBytes(n int) {
	d.out += int64(n)
	d.s.moved.Out += int64(n)
	if n > 0 {
		d.unsent = 0 // the buffer is fuller again: nothing to compare with
	}
	if d.s.Progress != nil && n > 0 {
		d.s.Progress()
	}
}

// ended takes note of the connection's end and says why in our words.
func (d *Data) ended(err error) error {
	if err == io.EOF {
		d.eof = true
		d.s.downloaded()
		return err
	}
	if cause := d.s.interruption(); cause != nil {
		err = cause
	} else if isTimeout(err) {
		err = &timeoutError{text: fmt.Sprintf("data connection stalled: nothing moved for %s", d.s.cfg.Stall), err: err}
	}
	d.failed = err
	d.s.control.hurry = true
	return err
}

// callerFailed cuts the connection hard because of the caller's own failure.
func (d *Data) callerFailed(err error) error {
	d.caller = &CallerError{Err: err}
	d.Abort()
	d.s.Break(d.caller)
	return d.caller
}

// Handshake does the TLS handshake of a connection on which nothing was
// written. The ftp package calls it for an empty upload.
func (d *Data) Handshake() error {
	d.upload = true
	return d.shake()
}

// shake does the TLS handshake, once. Left to the first Read or Write it would
// have only their deadline, and wait for ever for a server that does not speak
// TLS.
func (d *Data) shake() error {
	if d.tls == nil || d.shaken {
		return nil
	}
	d.shaken = true
	d.armReadAlways()
	if err := d.tls.Handshake(); err != nil {
		return d.ended(&HandshakeError{Err: err})
	}
	d.armedIn = time.Time{}
	return nil
}

// Abort cuts the connection so that the server sees a reset, not an end.
func (d *Data) Abort() {
	if d.closed {
		return
	}
	if l, ok := d.raw.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0)
	}
	if d.failed == nil {
		d.failed = net.ErrClosed
	}
	d.release()
	_ = d.raw.Close()
}

func (d *Data) release() {
	d.closed = true
	if d.failed != nil {
		d.s.earlyEnded(false)
	}
	d.s.tail = Tail{In: d.in, Last: d.last, At: time.Now(), Entries: d.listing.entries(), Links: d.listing.linked()}
	d.s.control.hurry = d.failed != nil || !d.upload && !d.eof
	d.s.mu.Lock()
	if d.s.data == d {
		d.s.data = nil
	}
	d.s.mu.Unlock()
}

// Close ends the connection in order. With TLS the end is told inside TLS
// first (close_notify), and what the server still sends is read: session
// tickets of TLS 1.3 that nobody has read would turn the close into a reset,
// and the server would lose the end of an upload.
func (d *Data) Close() error {
	if d.closed {
		return nil
	}
	if d.tls == nil || d.failed != nil || d.s.cut.Load() {
		d.awaitEnd()
		d.release()
		return d.raw.Close()
	}
	var err error
	if d.upload && d.out == 0 {
		err = d.Handshake()
	}
	if err == nil && d.upload {
		err = d.finishTLS()
	}
	d.release()
	return errors.Join(err, d.raw.Close())
}

// drainMost and drainTime bound what Close reads after an upload over TLS.
const (
	drainMost = 1 << 20
	drainTime = 10 * time.Second
)

func (d *Data) finishTLS() error {
	d.armWrite()
	if err := d.tls.CloseWrite(); err != nil {
		return d.ended(err)
	}
	if half, ok := d.raw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = d.raw.SetReadDeadline(time.Now().Add(min(drainTime, d.s.cfg.Stall)))
	d.s.holdInterrupt(d.raw)
	if n, err := io.CopyN(io.Discard, d.raw, drainMost); err == io.EOF && n < drainMost {
		d.s.uploaded()
	}
	return nil
}

// SetDeadline is the caller's own deadline, beside the stall's.
func (d *Data) SetDeadline(t time.Time) error {
	d.user = t
	d.armReadAlways()
	d.armWrite()
	return nil
}

// SetReadDeadline implements net.Conn.
func (d *Data) SetReadDeadline(t time.Time) error { return d.SetDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (d *Data) SetWriteDeadline(t time.Time) error { return d.SetDeadline(t) }

// LocalAddr implements net.Conn.
func (d *Data) LocalAddr() net.Addr { return d.raw.LocalAddr() }

// RemoteAddr implements net.Conn.
func (d *Data) RemoteAddr() net.Addr { return d.raw.RemoteAddr() }
