package transient

import (
	"strings"
	"unicode/utf8"
)

// phrase is one alternative of a rule's text: pieces that must stand in the
// reply one after the other.
type phrase struct {
	shown  string
	tail   string // how Verdict.Rule ends where this one was found
	pieces []string
}

// phrases reads the text of a rule. Alternatives that say nothing are dropped.
func phrases(text string) []phrase {
	var list []phrase
	for _, alternative := range strings.Split(text, "|") {
		p := phrase{shown: strings.TrimSpace(alternative)}
		for _, piece := range strings.Split(alternative, "*") {
			if piece = fold(piece); piece != "" {
				p.pieces = append(p.pieces, piece)
			}
		}
		if len(p.pieces) > 0 {
			list = append(list, p)
		}
	}
	return list
}

// fold brings text into the form in which it is compared: lower case, one blank
// for any white space (so the lines of a reply become one), and no double
// quotes, which RFC 959 doubles inside a name.
func fold(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c > ' ' && c < utf8.RuneSelf && c != '"' && (c < 'A' || c > 'Z') ||
			c == ' ' && i > 0 && i < len(s)-1 && s[i-1] != ' '
	}
	if plain {
		return s
	}
	s = strings.ToLower(s)
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ':
			gap = b.Len() > 0
		case c == '"':
		default:
			if gap {
				b.WriteByte(' ')
				gap = false
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// subject is one reply with the command it answered. What the rules compare is
// made when the first of them asks for it.
type subject struct {
	command, path string
	message       string

	folded, named bool
	text          string   // message, folded
	names         []string // every name the server may repeat, folded
	base          string   // the last of them: the file's own
}

func (s *subject) reply() string {
	if !s.folded {
		s.text, s.folded = fold(s.message), true
	}
	return s.text
}

// says reports whether the reply holds the phrase, outside the command's path.
func (s *subject) says(p *phrase) bool {
	text, at := s.reply(), 0
	for _, piece := range p.pieces {
		for {
			i := strings.Index(text[at:], piece)
			if i < 0 {
				return false
			}
			at += i
			if !s.inPath(at, at+len(piece)) {
				at += len(piece)
				break
			}
			at++
		}
	}
	return true
}

// inPath reports whether text[from:to] lies inside a name that the command was
// about. A name that merely occurs in it does not count: a file named "file"
// does not hide "no such file".
func (s *subject) inPath(from, to int) bool {
	if s.path == "" {
		return false
	}
	s.name()
	part := s.text[from:to]
	for _, name := range s.names {
		for k := 0; ; k++ {
			i := strings.Index(name[k:], part)
			if i < 0 {
				break
			}
			k += i
			if k <= from && strings.HasPrefix(s.text[from-k:], name) {
				return true
			}
		}
	}
	return s.inDirectory(from, to)
}

// maxPath is how long a directory may be that a server puts in front of a name:
// PATH_MAX of most systems. It bounds the work a hostile reply can ask for.
const maxPath = 4096

// inDirectory reports whether text[from:to] lies in the directories of an
// absolute path that ends with the command's name: servers spell a relative
// name out with their working directory in front.
func (s *subject) inDirectory(from, to int) bool {
	if s.base == "" {
		return false
	}
	reach := s.text[to:min(len(s.text), to+maxPath)]
	end := strings.Index(reach, "/"+s.base)
	if end < 0 || strings.Contains(s.text[from:to+end], ": ") {
		return false
	}
	for i := from; i >= max(0, from-maxPath); i-- {
		if i > 0 && s.text[i] == ' ' && s.text[i-1] == ':' {
			return false
		}
		if s.text[i] == '/' && (i == 0 || strings.IndexByte(" '`(<[", s.text[i-1]) >= 0) {
			return true
		}
	}
	return false
}

// name lists what of the command's argument a server may repeat: all of it,
// each element of the path, and the name behind options or a time.
func (s *subject) name() {
	if s.named {
		return
	}
	s.named = true
	add := func(name string) {
		if name = fold(name); name != "" {
			s.names = append(s.names, name)
			s.base = name
		}
	}
	add(s.path)
	argument := s.path
	if _, rest, ok := strings.Cut(argument, " "); ok && (argument[0] == '-' || takesMore(s.command)) {
		add(rest)
		argument = rest
	}
	for _, element := range strings.FieldsFunc(argument, func(r rune) bool { return r == '/' || r == '\\' }) {
		add(element)
	}
}

// takesMore reports whether the name is not the first word of the command's
// argument.
func takesMore(command string) bool {
	switch strings.ToUpper(command) {
	case "MFMT", "MFCT", "MDTM", "SITE", "OPTS":
		return true
	}
	return false
}
