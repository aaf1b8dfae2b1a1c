package wire

import (
	"fmt"
	"net/textproto"
)

// maxReply bounds one reply, all its lines together. The longest honest ones,
// FEAT and a banner, stay under a few KiB.
const maxReply = 64 << 10

// reply follows the server's replies line by line, delimited as RFC 959
// section 4.2 says: "ddd text", or "ddd-" up to a line "ddd text" with the same
// code. It keeps the text of the last one only.
type reply struct {
	code int
	open bool // a first line has been read, the last one has not
	size int  // bytes of the reply so far
	text []byte
}

// line takes one whole line, its end included, and reports whether it
// completes a reply.
func (r *reply) line(b []byte) (done bool, err error) {
	if !r.open {
		r.size, r.text = 0, r.text[:0]
	}
	r.size += len(b)
	if r.size > maxReply {
		return false, tooLong()
	}
	b = trimEnd(b)
	code, more, ok := codeLine(b)
	if !r.open {
		if !ok {
			return false, notFTP(b)
		}
		r.code, r.open = code, more
		r.text = append(r.text, b[4:]...)
		return !more, nil
	}
	r.text = append(r.text, '\n')
	if !ok || code != r.code {
		r.text = append(r.text, b...)
		return false, nil
	}
	r.text = append(r.text, b[4:]...)
	r.open = more
	return !more, nil
}

// trimEnd is line without the CR and LF at its end.
func trimEnd(line []byte) []byte {
	end := len(line)
	for end > 0 && (line[end-1] == '\n' || line[end-1] == '\r') {
		end--
	}
	return line[:end]
}

// err returns the last complete reply as the ftp package spells one.
func (r *reply) err() *textproto.Error {
	return &textproto.Error{Code: r.code, Msg: string(r.text)}
}

// codeLine parses "ddd text" and "ddd-text".
func codeLine(b []byte) (code int, more, ok bool) {
	if len(b) < 4 || !plausible(b) {
		return 0, false, false
	}
	return int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0'), b[3] == '-', true
}

// plausible reports whether b can be the beginning of a reply's first line.
// It is asked as soon as a byte is there, so that a server of another protocol
// is recognised without waiting for an end of line that never comes.
func plausible(b []byte) bool {
	for i, c := range b[:min(len(b), 4)] {
		switch {
		case i == 0 && (c < '1' || c > '6'): // 6yz: protected replies, RFC 2228
			return false
		case i > 0 && i < 3 && (c < '0' || c > '9'):
			return false
		case i == 3 && c != ' ' && c != '-':
			return false
		}
	}
	return true
}

func notFTP(b []byte) error {
	const show = 60
	dots := ""
	if len(b) > show {
		b, dots = b[:show], "..."
	}
	return textproto.ProtocolError(fmt.Sprintf("not an FTP reply: %+q%s: check host and port", b, dots))
}

func tooLong() error {
	return textproto.ProtocolError(fmt.Sprintf("reply longer than %d KiB: connection given up", maxReply>>10))
}
