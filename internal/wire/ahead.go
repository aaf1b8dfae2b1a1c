package wire

import (
	"bytes"
	"fmt"
	"net/textproto"
	"slices"
	"sync/atomic"
	"time"
)

// On a long line most of the time of a small file goes into waiting for replies.
// So commands are sent ahead, before the reply to the one before them has come,
// where no decision depends on that reply and an answer that nobody wants any
// more does no harm: SIZE, MDTM, MFMT, RNFR, EPSV. The ftp package is not told.
// When it sends such a command, it is handed the reply to the one that is under
// way; when it sends another one, the replies that come first are read and
// dropped. What changes a thing for good, such as STOR or RNTO, is never sent
// ahead, so that of each it is still known whether it was sent and answered.

// farTrip is the round trip from which on something is sent ahead: less is not
// worth it.
const farTrip = 2 * time.Millisecond

// Learned is what is known of a server from all sessions to it. What it does
// not bear is not tried any more.
type Learned struct {
	ahead   habit // commands sent ahead
	passive habit // a port for data asked for ahead
	unnamed habit // and that before PRET, of servers that have it; two failures are enough
	atEnd   habit // a port before the final reply to a download
	atEndUp habit // commands before the final reply to an upload
	early   habit // content before the reply to STOR
}

// habit is something that a server bears or does not. What has worked once is
// not doubted any more; what has failed before it ever worked may have failed of
// something else the first time, but not twice.
type habit struct {
	works    atomic.Bool
	failures atomic.Int32
	refuted  atomic.Bool // replies have come out of order: not tried again, worked or not
}

const mostFailures = 2

func (h *habit) worth() bool {
	return !h.refuted.Load() && (h.works.Load() || h.failures.Load() < mostFailures)
}
func (h *habit) failed() { h.failures.Add(1) }

// far reports whether the server is so far away that round trips are worth
// sparing.
func (s *Session) far() bool { return s.trip >= farTrip }

// Follow has lines sent together with the next command, where the server is far
// away and bears it: those that the operation will send after it, in their
// order. They are only questions, and what may be done twice.
func (s *Session) Follow(lines ...string) {
	if s.far() && s.cfg.Learned.ahead.worth() {
		s.control.staged = append(s.control.staged, lines...)
	}
}

// flight is p together with the lines that follow it.
func (c *control) flight(p []byte) []byte {
	if len(c.staged) == 0 || p[len(p)-1] != '\n' {
		return p
	}
	p = slices.Clone(p)
	for _, line := range c.staged {
		p = append(append(p, line...), '\r', '\n')
	}
	return p
}

// launched takes note of a flight that is under way.
func (c *control) launched() {
	c.atEnd = nil
	if len(c.staged) > 0 {
		c.took(c.staged)
		c.staged = c.staged[:0]
	}
}

// took takes note of lines that were sent ahead.
func (c *control) took(lines []string) {
	if slices.Contains(lines, c.s.passive.verb) {
		c.s.passive.at = time.Now()
	}
	c.queue = append(c.queue, lines...)
	c.pending += len(lines)
}

// foreseen reports whether the command p, which the ftp package sends, is under
// way already, or answered. The replies to commands before it are read: nobody
// wants them.
func (c *control) foreseen(p []byte) (bool, error) {
	line := trimEnd(p)
	if len(c.queue) > 0 && c.owed() == 0 && c.r == c.d {
		at := -1
		if p[len(p)-1] == '\n' { // else it is the beginning of a longer line
			at = slices.Index(c.queue, string(line))
		}
		n := at
		if at < 0 {
			n = len(c.queue)
		}
		if err := c.skip(n); err != nil {
			c.note(line)
			return false, err
		}
		if n > 0 && (at > 0 || at < 0 && sparesFiles(line)) && len(c.s.passive.reply) > 0 {
			c.s.dialAhead() // while the reply to the last command is awaited
		}
		if at >= 0 {
			c.queue = slices.Delete(c.queue, 0, 1)
			c.note(line)
			c.sent, c.wrote, c.ahead = true, time.Now(), true
			c.s.passive.used = c.passiveAhead()
			c.doubt()
			return true, nil
		}
	}
	return c.kept(line), nil
}

// sparesFiles reports whether line is a command that may be under way while a
// data connection is made: should a firewall block that, no file is the worse
// for it.
func sparesFiles(line []byte) bool {
	verb, _, _ := bytes.Cut(line, []byte{' '})
	switch string(verb) {
	case "MFMT", "MDTM":
		return true
	}
	return false
}

// owed is how many replies are owed to commands that the ftp package has sent.
func (c *control) owed() int { return c.pending - len(c.queue) }

// skip reads the replies to the first n commands of the queue. That to EPSV or
// PASV is kept.
func (c *control) skip(n int) error {
	if n == 0 {
		return nil
	}
	cmd, verb, sent, begun, answered, answers := slices.Clone(c.cmd), c.verb, c.sent, c.begun, c.answered, c.answers
	defer func() {
		c.cmd, c.verb, c.sent, c.begun, c.answered, c.answers = append(c.cmd[:0], cmd...), verb, sent, begun, answered, answers
		c.ahead = false
	}()
	for range n {
		line := c.queue[0]
		c.queue = slices.Delete(c.queue, 0, 1)
		c.note([]byte(line))
		c.ahead = true
		c.doubt()
		text, err := c.collect()
		if err != nil {
			return err
		}
		if c.reply.code == 421 {
			return c.fail(c.reply.err()) // it says something of the connection
		}
		if line == c.s.passive.verb {
			c.s.keepPassive(c.reply.code, text)
		}
	}
	return nil
}

// collect reads the rest of the reply that is owed now.
func (c *control) collect() (text []byte, err error) {
	for c.owed() > 0 {
		if err := c.next(); err != nil {
			return nil, err
		}
		text = append(text, c.buf[c.r:c.d]...)
		c.r = c.d
	}
	return text, nil
}

// inOrder takes note of a final reply while commands are ahead. One that cannot
// be meant for the command at hand shows that the server answers in another
// order: no reply of it can be trusted then.
func (c *control) inOrder() {
	works := c.ahead && c.reply.code < 400 && (!c.passiveAhead() || c.atEnd != nil)
	switch {
	case c.reply.code < 400 && !c.expected() || c.untimely():
		if c.reply.code < 400 {
			c.tried().refuted.Store(true)
		}
		_ = c.fail(textproto.ProtocolError(fmt.Sprintf("connection out of step: %s answered %d %.60q", c.cmd[:c.verb], c.reply.code, c.reply.text)))
	case works:
		c.tried().works.Store(true)
	}
	c.ahead = false
}

// untimely reports whether the final reply to a transfer may be one to what was
// sent before it, from a server that answers what comes during a transfer at
// once. It is asked only as long as that is not known.
func (c *control) untimely() bool {
	if c.ahead || c.atEnd == nil || c.atEnd.works.Load() {
		return false
	}
	switch c.reply.code {
	case 425, 426, 450, 500, 501, 502, 503, 504:
		return true
	case 550: // of a file that it does not show yet
		return c.atEnd == &c.s.cfg.Learned.atEndUp
	}
	return false
}

// passiveAhead reports whether the command at hand, or else the next one of the
// queue, is the one that asks for a port.
func (c *control) passiveAhead() bool {
	if !c.ahead && len(c.queue) > 0 {
		return c.queue[0] == c.s.passive.verb
	}
	return string(c.cmd) == c.s.passive.verb
}

// tried is the habit that the command at hand is one of.
func (c *control) tried() *habit {
	switch {
	case c.atEnd != nil:
		return c.atEnd
	case c.passiveAhead():
		return &c.s.cfg.Learned.passive
	}
	return &c.s.cfg.Learned.ahead
}

// doubt has the reply to a command that was sent ahead awaited only briefly, as
// long as it is not known whether the server reads such commands at all.
func (c *control) doubt() { c.hurry = !c.tried().works.Load() }

// expected reports whether the reply can be one to the command.
func (c *control) expected() bool {
	switch string(c.cmd[:c.verb]) {
	case "RETR":
		return c.reply.code != 227 && c.reply.code != 229 // of the port that was asked for after it
	case "STOR":
		switch c.reply.code {
		case 213, 227, 229, 253, 350: // of what was sent after it
			return false
		}
	case "EPSV":
		return c.reply.code == 229
	case "PASV":
		return c.reply.code == 227
	case "RNFR":
		return c.reply.code == 350
	case "SIZE":
		return c.reply.code == 213 && len(bytes.Trim(c.reply.text, " 0123456789")) == 0
	case "MDTM":
		return c.reply.code == 213 && (dated(c.reply.text) || dated(c.cmd[min(c.verb+1, len(c.cmd)):])) || c.reply.code == 253 // 253: of servers that set it so
	case "MFMT":
		return c.reply.code == 213
	}
	return true
}

// dated reports whether b begins with a time of 14 digits (RFC 3659, section
// 2.3).
func dated(b []byte) bool {
	return len(b) >= 14 && len(bytes.Trim(b[:14], "0123456789")) == 0
}
