package retrytest

import (
	"crypto/md5"  //nolint:gosec // offered because real servers do, not for safety
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"hash/crc32"
	"strconv"
	"strings"
)

// hashes are the algorithms by the names of draft-bryan-ftpext-hash.
var hashes = map[string]func() hash.Hash{
	"CRC32":   func() hash.Hash { return crc32.NewIEEE() },
	"MD5":     md5.New,
	"SHA-1":   sha1.New,
	"SHA-256": sha256.New,
	"SHA-512": sha512.New,
}

// hashFeature lists the algorithms for FEAT, the chosen one marked by a star.
func hashFeature(chosen string) string {
	var b strings.Builder
	for i, name := range []string{"SHA-256", "SHA-512", "SHA-1", "MD5", "CRC32"} {
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(name)
		if name == chosen {
			b.WriteByte('*')
		}
	}
	return b.String()
}

// sum computes the hash of the bytes from start up to end, or to the end of
// the file if end < 0.
func (s *session) sum(algorithm, name string, start, end int64) (text string, last int64, refusal string) {
	f, err := s.srv.tree.open(s.absolute(name))
	if err != nil {
		return "", 0, replyFor(err)
	}
	defer func() { _ = f.close() }()
	if size := f.size(); end < 0 || end > size {
		end = size
	}
	if start < 0 || start > end {
		return "", 0, "501 The range is not within the file."
	}
	h := hashes[algorithm]()
	if _, err := f.sendSome(h, start, end-start); err != nil {
		return "", 0, replyForWrite(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), end, ""
}

// hashFile is HASH (draft-bryan-ftpext-hash-02 section 3.2).
func (s *session) hashFile(arg string) string {
	text, end, refusal := s.sum(s.hash, arg, 0, -1)
	if refusal != "" {
		return refusal
	}
	return fmt.Sprintf("213 %s 0-%d %s %s", s.hash, end, text, arg)
}

// checksum is one of the X commands: "XCRC name", "XCRC "name" start end".
func checksum(algorithm string) func(*session, string) string {
	return func(s *session, arg string) string {
		name, start, end, ok := cutRange(arg)
		if !ok {
			return "501 Use NAME or \"NAME\" START END."
		}
		text, _, refusal := s.sum(algorithm, name, start, end)
		if refusal != "" {
			return refusal
		}
		return "250 " + strings.ToUpper(text)
	}
}

// cutRange splits the argument of an X command. A range needs a quoted name,
// since a name may contain blanks and digits.
func cutRange(arg string) (name string, start, end int64, ok bool) {
	if !strings.HasPrefix(arg, `"`) {
		return arg, 0, -1, true
	}
	last := strings.LastIndexByte(arg, '"')
	if last == 0 {
		return arg, 0, -1, true
	}
	name = strings.ReplaceAll(arg[1:last], `""`, `"`)
	end = -1
	numbers := strings.Fields(arg[last+1:])
	for i, text := range numbers {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || i > 1 {
			return "", 0, 0, false
		}
		if i == 0 {
			start = n
		} else {
			end = n
		}
	}
	return name, start, end, true
}
