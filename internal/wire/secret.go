package wire

import (
	"bytes"
	"slices"
)

// shortSecret is the length below which a password may stand anywhere by
// chance. Only the reply to PASS is searched for one, and if it holds it none of
// that text is shown: what is left of "a*min" would tell the letter.
const shortSecret = 3

// telling are the replies whose text is data that the ftp package or this module
// reads: names, sizes, addresses, features. The text of all others is for people.
var telling = map[string][]int{
	"FEAT": {211}, "SIZE": {213}, "MDTM": {213}, "PASV": {227}, "EPSV": {229}, "MLST": {250}, "PWD": {257},
	"": nil, "USER": nil, "PASS": nil, "ACCT": nil, "AUTH": nil, "PBSZ": nil, "PROT": nil, "OPTS": nil, "TYPE": nil, "CWD": nil,
	"CDUP": nil, "REST": nil, "STOR": nil, "APPE": nil, "RETR": nil, "LIST": nil, "MLSD": nil, "NLST": nil, "DELE": nil, "RMD": nil,
	"MKD": nil, "RNFR": nil, "RNTO": nil, "MFMT": nil, "NOOP": nil, "QUIT": nil,
}

// tells reports whether the text of the reply to the last command is data. Of
// commands that nobody here knows, checksums and a caller's own, every reply
// that carries any is.
func (c *control) tells(code int) bool {
	verb := string(c.cmd[:c.verb])
	codes, known := telling[verb]
	switch verb {
	case "SIZE", "MDTM", "PASV", "EPSV":
		if len(bytes.Trim(c.secret, "0123456789.,|()")) > 0 {
			return false // numbers are all that is read, and it is none
		}
	}
	if !known {
		codes = []int{211, 212, 213, 215, 227, 229, 250, 257}
	}
	return slices.Contains(codes, code)
}

// mask takes the password out of a line of a reply before anybody reads it, the
// rules of a classifier included: there are servers that quote what they refuse.
// It keeps the line's length.
func (c *control) mask(line []byte) {
	if len(c.secret) == 0 || string(c.secret) == "anonymous" {
		return
	}
	whole := bytes.HasSuffix(line, []byte{'\n'})
	if whole && !bytes.Contains(line, c.secret) {
		return // nearly always
	}
	code, _, first := codeLine(line)
	if c.reply.open {
		first = first && code == c.reply.code
		code = c.reply.code
	}
	if c.tells(code) {
		return
	}
	if first {
		line = line[4:]
	}
	line = trimEnd(line)
	if len(c.secret) < shortSecret {
		if string(c.cmd) == "PASS" && bytes.Contains(line, c.secret) {
			stars(line)
		}
		return
	}
	for i := bytes.Index(line, c.secret); i >= 0; i = bytes.Index(line, c.secret) {
		stars(line[i : i+len(c.secret)])
		line = line[i+len(c.secret):]
	}
	for n := min(len(c.secret), len(line)); !whole && n > 0; n-- {
		if bytes.HasSuffix(line, c.secret[:n]) {
			stars(line[len(line)-n:]) // the rest of it is on the way
			return
		}
	}
}

func stars(b []byte) {
	for i := range b {
		b[i] = '*'
	}
}
