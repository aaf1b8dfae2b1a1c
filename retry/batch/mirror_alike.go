package batch

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Two names are alike when some file system takes them for one: Windows does not
// tell case apart, macOS neither case nor the normal forms of Unicode, in which a
// letter with an accent is one character (NFC) or has the accent after it (NFD).
// There is no table of accents here: any two forms that could be of one letter
// are alike, and whether they are one is for the file system to say.

// likeness is the same for names that are alike. Others may have it too.
func likeness(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf || r >= 'A' && r <= 'Z' }) {
		return name
	}
	var b strings.Builder
	for rest := name; rest != ""; {
		letter, marks, size := cluster(rest)
		letter = folded(letter)
		if marks != "" || composed(letter) {
			letter = 0
		}
		b.WriteRune(letter)
		rest = rest[size:]
	}
	return b.String()
}

// alike reports whether two names are.
func alike(a, b string) bool {
	for a != "" && b != "" {
		one, marks, n := cluster(a)
		other, others, m := cluster(b)
		if (folded(one) != folded(other) || marks != others) &&
			(marks != "" || others == "" || !composed(one)) && (others != "" || marks == "" || !composed(other)) {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return a == b
}

// cluster is the first letter of a name, the marks that follow it, and the length
// of both.
func cluster(name string) (letter rune, marks string, size int) {
	letter, size = utf8.DecodeRuneInString(name)
	end := size
	for end < len(name) {
		r, n := utf8.DecodeRuneInString(name[end:])
		if !unicode.Is(unicode.Mn, r) && (r < 0x1160 || r > 0x11ff) { // the vowels and finals of Hangul join what is before them
			break
		}
		end += n
	}
	return letter, name[size:end], end
}

// composed reports whether a character may be a letter with a mark.
func composed(r rune) bool {
	return r >= 0xc0 && unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// folded is the same for all cases of a letter.
func folded(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return unicode.ToLower(least)
}
