package wire

import (
	"bytes"
	"fmt"
	"net/textproto"
)

// traps are the replies in which the ftp package looks for something between
// two marks, without a look whether the second comes after the first: it would
// slice out of range, and panic.
var traps = []struct {
	verb        string
	code        int
	open, close byte
	lacks       string
}{
	{"PASV", 227, '(', ')', "names no address"},
	{"PWD", 257, '"', '"', "names no directory"},
}

// trap is why the reply that has just come whole, of which line is the last
// line, must not get to the ftp package; nil if it may. One that is all in that
// line is made harmless instead: without its mark it is an error that the ftp
// package knows of, and the connection stays in step.
func (c *control) trap(line []byte) error {
	for _, t := range traps {
		if c.reply.code != t.code || string(c.cmd[:c.verb]) != t.verb {
			continue
		}
		text := c.reply.text
		first, last := bytes.IndexByte(text, t.open), bytes.LastIndexByte(text, t.close)
		switch {
		case first < 0 || last > first:
		case bytes.IndexByte(text, '\n') < 0:
			for i := range line {
				if line[i] == t.open {
					line[i] = ' '
				}
			}
		case last >= 0:
			return textproto.ProtocolError(fmt.Sprintf("reply to %s %s", t.verb, t.lacks))
		}
	}
	return nil
}
