package wire

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"time"
)

// longestReply bounds the time of one reply of many lines, as a multiple of
// the reply timeout. z/OS sends a line a minute while a data set is busy; a
// server that does so for ever is given up all the same.
const longestReply = 30

// hurriedReply bounds the wait for the final reply of a transfer whose data
// connection failed or was abandoned. pure-ftpd 1.0.50 sends none when the
// client hangs up on a RETR.
const hurriedReply = 10 * time.Second

// control is the control connection as the ftp package sees it. It hands over
// whole reply lines only, so that a line cut by the end of the connection is
// never taken for a reply, and never more than one line a Read, so that what
// the ftp package has consumed is known exactly.
type control struct {
	s    *Session
	conn net.Conn // with TLS on it, where there is TLS
	raw  net.Conn // beneath: deadlines, half-close, peek

	buf     []byte // received: buf[r:d] is handed over next, buf[d:w] is unexamined
	r, d, w int
	replay  []byte // the greeting, read before TLS, for the ftp package to read again
	err     error  // why the connection cannot be used; sticky

	reply    reply
	began    time.Time // when the wait for the present reply began
	limit    time.Time // no reply is awaited beyond this; zero = no such limit
	wrote    time.Time // when the last command was sent
	now      time.Time // the time at Bind, for the first command after it
	readBy   time.Time // the deadlines that are set
	readSet  time.Time // when readBy was set in the usual way; zero = it was not
	writeBy  time.Time
	writeSet time.Time
	pending  int              // replies owed by the server
	extra    bool             // a reply came that nobody asked for
	hurry    bool             // the transfer failed: its final reply is awaited only briefly
	cmd      []byte           // the last command, without the arguments of PASS and ACCT
	verb     int              // length of its verb
	line     []byte           // of a command of our own
	secret   []byte           // the password that was sent, or will be; see mask
	partial  bool             // the command's line is not complete yet
	sent     bool             // it was handed to the network whole
	begun    bool             // a preliminary reply was read
	answered bool             // its final reply was read
	answers  int              // final replies since Bind
	staged   []string         // to be sent together with the next command
	queue    []string         // sent ahead, and not asked for by the ftp package yet
	ahead    bool             // the command at hand was sent ahead
	atEnd    *habit           // the queue was sent before the final reply to a transfer, by this habit; nil = it was not
	altered  bool             // a command was sent that changes the session's state
	last     *Exchange        // before QUIT, once that was sent
	refusal  *textproto.Error // the last reply of 400 and above since Bind
}

func newControl(s *Session, conn net.Conn) *control {
	return &control{s: s, conn: conn, raw: conn, buf: make([]byte, 1024), secret: []byte(s.cfg.Password), pending: 1, wrote: time.Now()}
}

// Read hands over the rest of the line that was received last, or waits for
// another one.
func (c *control) Read(p []byte) (int, error) {
	if len(c.replay) > 0 {
		n := copy(p, c.replay)
		c.replay = c.replay[n:]
		return n, nil
	}
	if c.r == c.d {
		if c.s.early != nil && c.sent && !c.begun && !c.answered && string(c.cmd[:c.verb]) == "STOR" {
			c.s.sendEarly()
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buf[c.r:c.d])
	c.r += n
	return n, nil
}

// next makes buf[r:d] the next whole line.
func (c *control) next() error {
	if c.err != nil {
		return c.err
	}
	if c.owed() <= 0 {
		return c.fail(textproto.ProtocolError("connection out of step: a reply is awaited that no command asked for"))
	}
	for {
		if i := bytes.IndexByte(c.buf[c.d:c.w], '\n'); i >= 0 {
			line := c.buf[c.d : c.d+i+1]
			c.r, c.d = c.d, c.d+i+1
			c.mask(line)
			done, err := c.reply.line(line)
			if err != nil {
				return c.fail(c.discreet(err))
			}
			if done {
				c.complete()
				if err := c.trap(line); err != nil {
					return c.fail(err)
				}
			}
			return c.err
		}
		if !c.reply.open && !plausible(c.buf[c.d:c.w]) {
			c.mask(c.buf[c.d:c.w])
			return c.fail(c.discreet(notFTP(c.buf[c.d:c.w])))
		}
		if err := c.fill(); err != nil {
			return c.fail(err)
		}
	}
}

// discreet shows nothing of what is no reply to a password: it may repeat it.
func (c *control) discreet(err error) error {
	if string(c.cmd) == "PASS" || string(c.cmd) == "ACCT" {
		return textproto.ProtocolError("what came in reply to " + string(c.cmd) + " is not an FTP reply: not shown")
	}
	return err
}

// fill receives more of an unfinished line. The deadline is set anew for each
// line, not for each byte: a server that sends a byte a second is given up.
func (c *control) fill() error {
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.d:c.w])
		c.r, c.d = 0, 0
	}
	if c.w == len(c.buf) {
		if len(c.buf) >= maxReply {
			return tooLong()
		}
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	if c.w == 0 {
		c.arm()
	}
	n, err := c.conn.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	if err == io.EOF && c.w > 0 {
		err = io.ErrUnexpectedEOF
	}
	return c.explain(err)
}

// slack is the part of a timeout by which it may be late. Within it a deadline
// that is set already serves: setting one for each command costs more than all
// else that is done for it here.
const slack = 16

// arm sets the deadline of the next line.
func (c *control) arm() {
	now := c.wrote // read right after the command was written
	if c.reply.open || c.begun || !c.sent {
		now = time.Now()
	}
	if !c.reply.open {
		c.began = now
	} else if c.s.data != nil {
		c.s.data.keepAlive() // a line a minute, perhaps
	}
	wait, late := c.s.cfg.Reply, c.s.cfg.Reply/slack
	usual := !c.hurry && !c.reply.open && c.limit.IsZero()
	if usual {
		// Nearly always: the deadline that is set is still good.
		if age := now.Sub(c.readSet); age >= 0 && age <= late {
			return
		}
	}
	if c.hurry && wait > hurriedReply {
		wait, late = hurriedReply, 0
	}
	t := now.Add(wait)
	if most := c.began.Add(longestReply * c.s.cfg.Reply); t.After(most) {
		t, late = most, 0
	}
	if !c.limit.IsZero() && t.After(c.limit) {
		t, late = c.limit, 0
	}
	if c.readBy.Before(t) || c.readBy.Sub(t) > late {
		c.readBy, c.readSet = t.Add(late), time.Time{}
		if usual {
			c.readSet = now
		}
		_ = c.raw.SetReadDeadline(c.readBy)
		c.s.holdInterrupt(c.raw)
	}
}

// complete takes note of a whole reply.
func (c *control) complete() {
	code := c.reply.code
	if code >= 400 {
		c.refusal = c.reply.err()
	}
	c.s.portUsed(code)
	if code < 200 {
		// A preliminary reply. 120 in place of a greeting is final for the
		// ftp package; the connection is not used after it.
		c.begun = true
		return
	}
	if code == 211 && string(c.cmd) == "FEAT" {
		c.s.feat = string(c.reply.text)
		c.s.pret = hasFeature(c.s.feat, "PRET")
	}
	switch {
	case c.ahead || len(c.queue) > 0:
		c.inOrder()
	case code == 229 && string(c.cmd) == "EPSV", code == 227 && string(c.cmd) == "PASV":
		if c.s.passive.verb != string(c.cmd) {
			c.s.passive.verb = string(c.cmd)
		}
	}
	if c.s.wasEarly && code < 500 { // a refusal for good has other reasons
		c.s.earlyEnded(code < 300)
	}
	c.pending--
	c.answered = true
	c.answers++
	c.hurry = false
}

// explain says in the words of this package why a read or write failed.
func (c *control) explain(err error) error {
	if cause := c.s.interruption(); cause != nil {
		return cause
	}
	if isTimeout(err) {
		what := "a greeting"
		if len(c.cmd) > 0 {
			what = "a reply to " + string(c.cmd[:c.verb])
		}
		return &timeoutError{text: fmt.Sprintf("no end of %s within %s", what, time.Since(c.began).Round(time.Millisecond)), err: err}
	}
	return err
}

func (c *control) fail(err error) error {
	if c.err == nil {
		c.err = err
		if err != net.ErrClosed {
			c.s.earlyEnded(false)
		}
		if (c.ahead || len(c.queue) > 0) && err != net.ErrClosed && !c.s.cut.Load() {
			c.tried().failed()
		}
	}
	return c.err
}

// Close ends the connection at once; a TLS connection says so to the server
// first, unless the session was interrupted.
func (c *control) Close() error {
	_ = c.fail(net.ErrClosed)
	if c.s.cut.Load() || c.conn == c.raw {
		return c.raw.Close()
	}
	// The goodbye of TLS may take as long as its own timeout, which is longer
	// than anybody wants to wait for it.
	timer := time.AfterFunc(goodbye, func() { _ = c.raw.Close() })
	defer timer.Stop()
	return c.conn.Close()
}

// goodbye bounds the end of a TLS connection.
const goodbye = 500 * time.Millisecond

// The ftp package asks for an address to dial data connections to, and, with
// DialWithShutTimeout, leaves a deadline behind; deadlines are ours.

func (c *control) LocalAddr() net.Addr              { return c.raw.LocalAddr() }
func (c *control) RemoteAddr() net.Addr             { return c.s.remote }
func (c *control) SetDeadline(time.Time) error      { return nil }
func (c *control) SetReadDeadline(time.Time) error  { return nil }
func (c *control) SetWriteDeadline(time.Time) error { return nil }
