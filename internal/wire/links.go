package wire

import (
	"bytes"
	"strings"
)

// links are the names that MLSD shows as symbolic links. It has no type for them
// but those of the server's system, which the ftp package takes for files:
// "type=OS.unix=slink:/target" (RFC 3659, section 7.5.1.5), or "OS.unix=symlink"
// (ProFTPD).
type links struct {
	names []string
	rest  []byte // of a line that has not ended yet
}

var linkType = []byte("type=os.unix=s")

// take takes note of what was received.
func (l *links) take(p []byte) {
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			l.rest = append(l.rest, p...)
			return
		}
		line := p[:end]
		if len(l.rest) > 0 {
			l.rest = append(l.rest, line...)
			line = l.rest
		}
		l.line(line)
		l.rest = l.rest[:0]
		p = p[end+1:]
	}
}

func (l *links) line(line []byte) {
	facts, name, _ := bytes.Cut(line, []byte(" "))
	if bytes.Contains(bytes.ToLower(facts), linkType) {
		l.names = append(l.names, strings.TrimSuffix(string(name), "\r"))
	}
}
