package retry

import (
	"context"
	"strconv"
	"sync"
)

// What is asked most often, and what the ftp package has no method for, is sent
// over the control connection between two commands of that package: it builds
// each command twice, and looks through it for ends of lines that checkText has
// refused already.

// say sends a command and returns a refusal as an error.
func (s *session) say(verb, arg string) error {
	code, err := s.wire.Command(verb, arg)
	if err == nil && code >= 300 {
		err = s.wire.Reply()
	}
	return err
}

// expect sends a command and returns every reply but one of code as an error.
func (s *session) expect(code int, verb, arg string) error {
	got, err := s.wire.Command(verb, arg)
	if err == nil && got != code {
		err = s.wire.Reply()
	}
	return err
}

// fileSize asks for the size of a file (RFC 3659, section 4).
func (s *session) fileSize(name string) (int64, error) {
	if err := s.expect(213, "SIZE", name); err != nil {
		return 0, err
	}
	return strconv.ParseInt(s.wire.ReplyText(), 10, 64)
}

// sizing is the operation that does so.
type sizing struct {
	operation
	answer int64
}

// sizings spares the operation that batch jobs make most often its one
// allocation.
var sizings = sync.Pool{New: func() any { return new(sizing) }}

func (q *sizing) try(_ context.Context, s *session) error {
	answer, err := s.fileSize(q.path)
	if err == nil {
		q.answer = answer
	}
	return err
}

// noOp asks for nothing, but for an answer.
func (s *session) noOp() error { return s.expect(200, "NOOP", "") }
