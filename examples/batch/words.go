package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// amount is a number of bytes for people.
func amount(n int64) string {
	switch {
	case n < 10<<10:
		return grouped(n) + " B"
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// grouped is a number with its thousands set apart: 4,000.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// clock is a duration for people: 4s, 2m05s, 3h20m.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}

// shown is a name, or a text with one, as it can be printed: a name from a
// server may hold what a terminal takes for a command.
func shown(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(text)
	}
	return text
}

// task is a job in a few words.
func task(j batch.Job) string {
	switch {
	case j.Remote == "":
		return j.Kind.String() + " " + shown(j.Local)
	case j.Kind == batch.Rename:
		return "rename " + shown(j.Remote) + " to " + shown(j.To)
	}
	return j.Kind.String() + " " + shown(j.Remote)
}
