package retry

import (
	"context"
	"strings"

	"github.com/jlaffaye/ftp"
)

// listing makes MLSD or LIST, which of them is the ftp package's choice.
func listing(name string, entries *[]*ftp.Entry) *operation {
	return lines("LIST", name, func(conn *ftp.ServerConn) (err error) {
		*entries, err = conn.List(name)
		return err
	})
}

// nameList makes NLST.
func nameList(name string, names *[]string) *operation {
	return lines("NLST", name, func(conn *ftp.ServerConn) (err error) {
		*names, err = conn.NameList(name)
		if reply := replyOf(err); reply != nil && strings.Contains(strings.ToLower(reply.Msg), "no files found") {
			*names, err = nil, nil
		}
		return err
	})
}

// lines makes an operation that reads lines over a data connection. There is no
// size to check them by, but lines end in CR LF: data that ends within one were
// cut, whatever the server's final reply says. Unless they end there twice at
// the same byte: then this is how the server ends its listings.
func lines(verb, name string, ask func(*ftp.ServerConn) error) *operation {
	op := &operation{verb: verb, path: name, invalid: checkText(name)}
	cut := int64(-1)
	op.try = func(_ context.Context, s *session) error {
		if err := ask(s.ftp); err != nil {
			return err
		}
		tail := s.wire.Tail()
		if tail.In == 0 || tail.Last == '\n' || tail.In == cut {
			return nil
		}
		cut = tail.In
		return &mismatch{text: "listing ends within a line"}
	}
	return op
}
