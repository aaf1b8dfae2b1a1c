package retry

import (
	"crypto/md5"  //nolint:gosec // what servers offer; it finds broken transfers, not forgeries
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"github.com/ftpretry/ftpretry/internal/wire"
)

// algorithms are the hashes that FTP servers compute, the strongest first: the
// names that HASH has for them (draft-bryan-ftpext-hash), and the older commands
// of their own.
var algorithms = []struct {
	name     string
	commands []string
	make     func() hash.Hash
}{
	{"SHA-512", []string{"XSHA512"}, sha512.New},
	{"SHA-256", []string{"XSHA256"}, sha256.New},
	{"SHA-1", []string{"XSHA1", "XSHA"}, sha1.New},
	{"MD5", []string{"XMD5"}, md5.New},
	{"CRC32", []string{"XCRC"}, func() hash.Hash { return crc32.NewIEEE() }},
}

// checksum is how a server is asked for the hash of a file.
type checksum struct {
	command  string // "XSHA512", or "HASH"
	choose   string // what HASH must be set to first; "" = nothing
	standard string // what it is set to by itself
	hash.Hash
}

// newChecksum is the strongest hash that the server offers, nil if it offers
// none.
func (s *session) newChecksum() *checksum {
	commands, choices, standard := offered(s.wire.Features())
	for _, a := range algorithms {
		for _, command := range a.commands {
			if commands[command] {
				return &checksum{command: command, Hash: a.make()}
			}
		}
		if choices[a.name] {
			c := &checksum{command: "HASH", standard: standard, Hash: a.make()}
			if a.name != standard {
				c.choose = a.name
			}
			return c
		}
	}
	return nil
}

// offered reads the commands in a reply to FEAT, and what is said of HASH:
// "HASH SHA-256*;SHA-512", the star at the one that it is set to.
func offered(features string) (commands, choices map[string]bool, standard string) {
	commands, choices = map[string]bool{}, map[string]bool{}
	for _, line := range strings.Split(strings.ToUpper(features), "\n") {
		name, list, _ := strings.Cut(strings.TrimSpace(line), " ")
		commands[name] = true
		if name != "HASH" {
			continue
		}
		for _, choice := range strings.Split(list, ";") {
			choice = strings.TrimSpace(choice)
			bare, set := strings.CutSuffix(choice, "*")
			choices[bare] = true
			if set {
				standard = bare
			}
		}
	}
	return commands, choices, standard
}

// checkHash compares the server's hash of a file with the checksum's. A server
// that offers to compute one and then refuses leaves it at the size.
func (s *session) checkHash(name string, c *checksum) error {
	if c == nil {
		return nil
	}
	text, err := s.askHash(name, c)
	if err != nil {
		return keepReplies(err)
	}
	if same, found := c.within(text); found && !same {
		return &mismatch{text: "hash of the file on the server is not that of the bytes transferred (" + c.command + ")"}
	}
	return nil
}

// askHash has the server compute the hash of a file. The answer is a text with
// the hash somewhere in it.
func (s *session) askHash(name string, c *checksum) (string, error) {
	altered := s.wire.Altered()
	if c.choose != "" {
		if err := s.say("OPTS", "HASH "+c.choose); err != nil {
			return "", err
		}
	}
	err := s.say(c.command, name)
	text := s.wire.ReplyText()
	if c.choose != "" && c.standard != "" {
		if back := s.say("OPTS", "HASH "+c.standard); back == nil && !altered {
			s.wire.Settle()
		}
	}
	return text, err
}

// within looks for the checksum in a server's answer: whether it is there, and
// whether any hash is (test: TestOnlyAHashIsTakenForOne).
func (c *checksum) within(text string) (same, found bool) {
	ours := fmt.Sprintf("%x", c.Sum(nil))
	for _, word := range strings.Fields(text) {
		if strings.EqualFold(word, ours) {
			return true, true
		}
		found = found || len(word) == len(ours) && strings.Trim(strings.ToLower(word), "0123456789abcdef") == ""
	}
	return false, found
}

// add adds the whole content of src.
func (c *checksum) add(src Source) error {
	content, err := src.Open(0)
	if err != nil {
		return &wire.CallerError{Err: err}
	}
	defer content.Close()
	if _, err := io.Copy(c, plainReader(content)); err != nil {
		return &wire.CallerError{Err: err}
	}
	return nil
}

// keepReplies drops a refusal for good and keeps what an attempt may fail of.
func keepReplies(err error) error {
	if refused(err) {
		return nil
	}
	return err
}

// tee passes on what is read and adds it to the checksum.
type tee struct {
	io.ReadCloser
	sum *checksum
}

func (t tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if n > 0 {
		_, _ = t.sum.Write(p[:n])
	}
	return n, err
}

// summed passes on what is written and adds to the checksum what was taken.
type summed struct {
	io.Writer
	sum *checksum
}

func (w summed) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if n < 0 || n > len(p) {
		n, err = 0, errors.New("writer returned an impossible count")
	}
	_, _ = w.sum.Write(p[:n])
	return n, err
}
