package batch

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// count is a whole number of any type, with its thousands set apart: 4,000.
func count(n any) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// of is a number of things: 1 job, 4,000 jobs.
func of(n any, thing string) string {
	if text := count(n); text != "1" {
		return text + " " + thing + "s"
	}
	return "1 " + thing
}

// amount is a number of bytes for people.
func amount(n int64) string {
	if n < 10<<10 {
		return count(n) + " B"
	}
	f, unit := float64(n)/(1<<10), "KiB"
	for _, larger := range []string{"MiB", "GiB", "TiB", "PiB", "EiB"} {
		if f < 1000 {
			break
		}
		f, unit = f/(1<<10), larger
	}
	if f < 9.95 {
		return fmt.Sprintf("%.1f %s", f, unit)
	}
	return fmt.Sprintf("%.0f %s", f, unit)
}

// lasting is a duration for people: 340 ms, 12.3 s, 2m 05s, 3h 20m, 2d 04h.
func lasting(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + lasting(-max(d, -math.MaxInt64))
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return "< 1 ms"
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60*60:
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	case s < 24*60*60:
		return fmt.Sprintf("%dh %02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd %02dh", s/86400, s/3600%24)
}

// percent is a part of a whole: 21 %, < 1 %; "" where there is no whole.
func percent(part, whole float64) string {
	if whole <= 0 {
		return ""
	}
	switch p := 100 * part / whole; {
	case p == 0:
		return "0 %"
	case p < 1:
		return "< 1 %"
	case p > 99 && p < 100:
		return "> 99 %"
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

// clock is a moment of the run, with its day where the run has more than one.
func (r *Report) clock(since time.Duration) string {
	at := r.Started.Add(since)
	if r.Started.Format(time.DateOnly) == r.Started.Add(r.Took).Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format("Jan 2 15:04:05")
}

// legible is text that a server or a file system had a part in, with nothing in
// it that a terminal or a page takes for something else than a character: what
// does not print, and what changes the direction of writing, is spelt out.
func legible(text string) string {
	plain := true
	for i := 0; plain && i < len(text); i++ {
		plain = ' ' <= text[i] && text[i] < utf8.RuneSelf-1
	}
	if plain {
		return text
	}
	return spelt(text, unicode.IsPrint)
}

// spelt is text in which everything but what passes, and bytes that are no text,
// is spelt out as in a Go string.
func spelt(text string, passes func(rune) bool) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case passes(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		text = text[size:]
	}
	return b.String()
}

// title is the job of an entry in a few words.
func (e Entry) title() string {
	switch {
	case e.Remote == "":
		return legible(e.Local)
	case e.Kind == Rename:
		return legible(e.Remote) + " -> " + legible(e.To)
	}
	return legible(e.Remote)
}
