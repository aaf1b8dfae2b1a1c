package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"
)

// Write sends a command. The ftp package writes a command of up to 4 KiB, its
// end included, in one call.
func (c *control) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if !c.partial {
		if done, err := c.foreseen(p); done || err != nil {
			return len(p), err
		}
		if err := c.begin(p); err != nil {
			return 0, err
		}
	}
	c.armWrite()
	n, err := c.conn.Write(c.flight(p))
	if err != nil {
		return min(n, len(p)), c.fail(c.explain(err))
	}
	c.partial = p[len(p)-1] != '\n'
	if !c.partial {
		c.sent = true
		c.pending++
		c.launched()
	}
	return len(p), nil
}

// begin takes note of the command that p begins, and refuses it where sending
// it would be wrong.
func (c *control) begin(p []byte) error {
	line, n := trimEnd(p), 0
	for n < len(line) && line[n] != ' ' {
		n++
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return &CallerError{Err: errNUL} // RFC 2640, section 3.1
	}
	kept := line
	switch string(line[:n]) {
	case "AUTH", "PBSZ", "PROT":
		if err := c.s.mayUse(string(line[:n])); err != nil {
			return c.fail(err)
		}
		c.altered = true
	case "PASS", "ACCT", "ADAT":
		kept = line[:n]
		c.altered = true
		if string(kept) == "PASS" {
			c.secret = append(c.secret[:0], bytes.TrimPrefix(line[n:], []byte{' '})...)
		}
	case "USER", "REIN", "CWD", "XCWD", "CDUP", "XCUP", "TYPE", "MODE", "STRU", "OPTS", "SITE", "SMNT":
		c.altered = true
	case "QUIT":
		if c.last == nil {
			last := c.exchange()
			c.last = &last
		}
	}
	c.note(kept)
	return c.unasked()
}

// note makes line the command at hand.
func (c *control) note(line []byte) {
	c.verb = bytes.IndexByte(line, ' ')
	if c.verb < 0 {
		c.verb = len(line)
	}
	c.cmd = append(c.cmd[:0], line...)
	c.sent, c.begun, c.answered, c.hurry, c.ahead = false, false, false, false, false
	if string(c.cmd) == "EPSV" || string(c.cmd) == "PASV" {
		c.s.passive.used = false
	}
}

var (
	errNUL   = errors.New("command contains NUL: not sent")
	errLines = errors.New("command contains CR or LF: not sent")
)

// unasked refuses to send a command while there is a reply that nobody asked
// for, or one that nobody has read: the server's answer would be taken for
// another command's. A 421 pushed while the connection was idle is such a reply.
func (c *control) unasked() error {
	if c.pending == 0 && c.d == c.w && c.r == c.d {
		return nil
	}
	c.extra = true
	for c.d < c.w {
		i := bytes.IndexByte(c.buf[c.d:c.w], '\n')
		if i < 0 {
			break
		}
		line := c.buf[c.d : c.d+i+1]
		c.mask(line)
		done, err := c.reply.line(line)
		c.d += i + 1
		if err != nil {
			return c.fail(err)
		}
		if done {
			if c.reply.code >= 400 {
				c.refusal = c.reply.err()
			}
			return c.fail(fmt.Errorf("connection out of step, %s not sent: %w", c.cmd[:c.verb], c.reply.err()))
		}
	}
	return c.fail(textproto.ProtocolError(fmt.Sprintf("connection out of step, %s not sent: the reply before it was not read", c.cmd[:c.verb])))
}

// armWrite sets the deadline of a command.
func (c *control) armWrite() {
	c.wrote, c.now = c.now, time.Time{}
	if c.wrote.IsZero() {
		c.wrote = time.Now()
	}
	late := c.s.cfg.Reply / slack
	if age := c.wrote.Sub(c.writeSet); age >= 0 && age <= late && c.limit.IsZero() {
		return
	}
	c.writeBy, c.writeSet = c.wrote.Add(c.s.cfg.Reply+late), c.wrote
	if !c.limit.IsZero() && c.writeBy.After(c.limit) {
		c.writeBy, c.writeSet = c.limit, time.Time{}
	}
	_ = c.raw.SetWriteDeadline(c.writeBy)
	c.s.holdInterrupt(c.raw)
}

// command sends a command of our own and awaits its final reply, between two
// commands of the ftp package.
func (c *control) command(verb, arg string) error {
	if strings.IndexByte(arg, '\r') >= 0 || strings.IndexByte(arg, '\n') >= 0 { // less than ContainsAny, each time
		return &CallerError{Err: errLines}
	}
	c.line = append(c.line[:0], verb...)
	if arg != "" {
		c.line = append(append(c.line, ' '), arg...)
	}
	c.line = append(c.line, '\r', '\n')
	if _, err := c.Write(c.line); err != nil {
		return err
	}
	return c.await()
}

// await consumes replies until none is owed.
func (c *control) await() error {
	for c.owed() > 0 {
		if err := c.next(); err != nil {
			return err
		}
		c.r = c.d
	}
	return nil
}
