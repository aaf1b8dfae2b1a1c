package retry

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/internal/wire"
)

// settleBounds fills in the bounds of a listing.
func (c *Config) settleBounds() error {
	if c.MaxListEntries < 0 {
		return &ConfigError{"MaxListEntries", strconv.Itoa(c.MaxListEntries), "1 or more, or 0 for 1000000"}
	}
	if c.MaxListBytes < 0 {
		return &ConfigError{"MaxListBytes", strconv.FormatInt(c.MaxListBytes, 10), "1 or more, or 0 for 268435456"}
	}
	if c.MaxListEntries == 0 {
		c.MaxListEntries = 1_000_000
	}
	if c.MaxListBytes == 0 {
		c.MaxListBytes = 256 << 20
	}
	return nil
}

// lines is a question whose answer comes in lines over a data connection. There
// is no size to check them by, but lines end in CR LF: data that ends within one
// were cut, whatever the server's final reply says. Unless they end there twice,
// at the same byte: then this is how the server ends its listings.
type lines[T any] struct {
	question[T]
	cut int64 // bytes of a listing that ended within a line
}

// listing makes MLSD or LIST, which of them is the ftp package's choice.
func listing(name string) *lines[[]*ftp.Entry] {
	return &lines[[]*ftp.Entry]{question: *ask("LIST", name, (*ftp.ServerConn).List)}
}

// nameList makes NLST.
func nameList(name string) *lines[[]string] {
	return &lines[[]string]{question: *ask("NLST", name, namesIn)}
}

// namesIn is NameList where a directory without files is not an error.
func namesIn(conn *ftp.ServerConn, name string) ([]string, error) {
	names, err := conn.NameList(name)
	if reply := replyOf(err); reply != nil && strings.Contains(strings.ToLower(reply.Msg), "no files found") {
		return nil, nil
	}
	return names, err
}

func (l *lines[T]) try(_ context.Context, s *session) error {
	answer, err := l.how(s.ftp, l.path)
	if bound := new(wire.CallerError); errors.As(err, &bound) {
		return bound // what the ftp package says besides is of the connection given up for it
	}
	if err != nil {
		return err
	}
	if text := s.wire.ReplyText(); strings.Contains(strings.ToLower(text), "failed to open directory") {
		// vsftpd: 226 Transfer done (but failed to open directory).
		return &final{reason: ErrPermanent, err: errors.New("server could not read the directory: " + text)}
	}
	if tail := s.wire.Tail(); tail.In > 0 && tail.Last != '\n' && tail.In != l.cut {
		l.cut = tail.In
		return &mismatch{text: "listing ends within a line"}
	}
	l.answer = answer
	return nil
}
