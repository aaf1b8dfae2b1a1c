package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/textproto"
)

// Exchange is what became of the last command.
type Exchange struct {
	Command  string // the verb; "" before the first one
	Path     string // its argument; "" for PASS and ACCT
	Sent     bool   // it was handed to the network whole
	Begun    bool   // a preliminary reply (1yz) was read: a transfer may have begun
	Answered bool   // its final reply was read
	Code     int    // of the last reply read, to whatever command
	First    bool   // no final reply was read since Bind, but for a 421 at most
}

// Unknown reports whether the command may have been executed although its
// final reply never came.
func (e Exchange) Unknown() bool { return e.Sent && !e.Answered }

// Exchange returns the state of the last command, QUIT apart: that is sent for
// what went wrong before it.
func (s *Session) Exchange() Exchange {
	switch c := s.control; {
	case c == nil:
		return Exchange{}
	case c.last != nil:
		return *c.last
	default:
		return c.exchange()
	}
}

func (c *control) exchange() Exchange {
	e := Exchange{
		Command: string(c.cmd[:c.verb]), Sent: c.sent, Begun: c.begun, Answered: c.answered,
		Code: c.reply.code, First: c.answers == 0 || c.answers == 1 && c.refusal != nil && c.refusal.Code == 421,
	}
	if len(c.cmd) > c.verb+1 {
		e.Path = string(c.cmd[c.verb+1:])
	}
	return e
}

// Begun reports whether a preliminary reply to the last command was read.
func (s *Session) Begun() bool { return s.control.begun }

// Refusal is the last reply of 400 and above since Bind, nil if there was none.
func (s *Session) Refusal() *textproto.Error {
	if s.control == nil {
		return nil
	}
	return s.control.refusal
}

// Announced is the size that the reply opening a transfer gives, as many
// servers do: "150 Opening BINARY mode data connection for a.csv (1234 bytes)."
// It is -1 where it gives none.
func (s *Session) Announced() int64 {
	text := s.control.reply.text
	end := bytes.LastIndex(text, []byte(" bytes)"))
	if end < 0 {
		return -1
	}
	start := bytes.LastIndexByte(text[:end], '(')
	if start < 0 || end-start-1 < 1 || end-start-1 > 18 {
		return -1
	}
	n := int64(0)
	for _, c := range text[start+1 : end] {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// ReplyText is the text of the last reply that was read; lines are separated
// by \n.
func (s *Session) ReplyText() string { return string(s.control.reply.text) }

// Command sends a command of the caller's, "" for no argument, between two
// commands of the ftp package and returns the code of the final reply.
func (s *Session) Command(verb, arg string) (code int, err error) {
	if err := s.control.command(verb, arg); err != nil {
		return 0, err
	}
	return s.control.reply.code, nil
}

// Reply is the last reply as an error, as the ftp package spells one.
func (s *Session) Reply() *textproto.Error { return s.control.reply.err() }

// Recover gives err the reply that the ftp package dropped: the code of an
// answer to USER or OPTS that it did not expect, and a 421 that came just before
// the connection broke.
func (s *Session) Recover(err error) error {
	if err == nil || s.control == nil {
		return err
	}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return err
	}
	c := s.control
	switch {
	case c.answered && err.Error() == string(c.reply.text):
		return c.reply.err()
	case c.refusal != nil && c.refusal.Code == 421 && !c.answered && s.interruption() == nil:
		return fmt.Errorf("%w (%w)", c.refusal, err)
	}
	return err
}
