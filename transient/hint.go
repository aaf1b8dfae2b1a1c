package transient

import (
	"strings"
	"time"
)

// maxHint caps what a server may ask for: a slip in its configuration must not
// put a night job to sleep until the morning.
const maxHint = time.Hour

// units are the words a server counts time in. Shorter ones than a second round
// to no hint at all and are left out.
var units = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// hint returns when the server asks to come back: "ready in 5 minutes", "try
// again in 30 seconds", "wait 2 min". It is between 0, no hint, and one hour.
//
// A length of time counts only behind a word that invites and one that points
// ahead, in the same sentence: "idle timeout (600 seconds)" and "timed out
// after 60 seconds" tell of the past. A number in the command's path never
// counts.
func (s *subject) hint() time.Duration {
	text := s.reply()
	invited, ahead := false, false
	for at := 0; at < len(text); {
		word, end := nextWord(text, at)
		switch {
		case word == "":
			if ends(text, at) {
				invited = false
			}
			if text[at] != ' ' && text[at] != ':' && text[at] != '~' {
				ahead = false // "in -5 minutes", "in (3) seconds": not how time is told
			}
			end = at + 1
		default:
			if invited && ahead {
				if d, ok := length(text, at); ok && !s.inPath(at, end) {
					return d
				}
			}
			if _, is := inviting[word]; is {
				invited = true
			}
			if _, is := keeping[word]; !is {
				_, ahead = pointing[word]
			}
		}
		at = end
	}
	return 0
}

var inviting = words("try retry again ready available back wait reconnect return come later")

// pointing are the words a length of time may follow; "rate" is SFTPGo's
// ("wait time to respect rate 1.5s"). keeping are those that may stand between.
var (
	pointing = words("in after within wait rate")
	keeping  = words("for about at least less more than around approximately approx another the next")
)

func words(list string) map[string]struct{} {
	set := make(map[string]struct{})
	for _, w := range strings.Fields(list) {
		set[w] = struct{}{}
	}
	return set
}

// nextWord returns the letters, or the digits with their decimal point, that
// start at the given place, and where they end; "" for anything else.
func nextWord(text string, at int) (word string, end int) {
	end = at
	switch {
	case isDigit(text[at]):
		for end < len(text) && (isDigit(text[end]) || text[end] == '.' && end+1 < len(text) && isDigit(text[end+1])) {
			end++
		}
	default:
		for end < len(text) && isLetter(text[end]) {
			end++
		}
	}
	return text[at:end], end
}

// ends reports whether a sentence ends at the given place.
func ends(text string, at int) bool {
	switch text[at] {
	case '.', ';', '!', '?':
		return at+1 == len(text) || text[at+1] == ' '
	}
	return false
}

// length reads a length of time: "5 minutes", "1m30s", "1 hour and 10 minutes",
// "an hour". It stops at the first thing that is none, and adds up to maxHint
// at most, whatever the numbers.
func length(text string, at int) (total time.Duration, ok bool) {
	for at < len(text) {
		number, end := nextWord(text, at)
		count, is := amount(number)
		if !is {
			break
		}
		at = skipBlank(text, end)
		if at == len(text) {
			break
		}
		name, end := nextWord(text, at)
		unit, is := units[name]
		if !is {
			break
		}
		total, ok = min(total+scale(count, unit), maxHint), true
		at = skipBlank(text, end)
		if rest, joined := strings.CutPrefix(text[at:], "and "); joined {
			at = len(text) - len(rest)
		}
	}
	return total, ok
}

func skipBlank(text string, at int) int {
	if at < len(text) && text[at] == ' ' {
		at++
	}
	return at
}

// amount reads a number of units, in thousandths. What is too large to count
// stands for the cap.
func amount(word string) (thousandths int64, ok bool) {
	switch word {
	case "":
		return 0, false
	case "a", "an", "one":
		return 1000, true
	}
	if !isDigit(word[0]) {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(word, ".")
	for i := range len(whole) {
		thousandths = min(thousandths*10+int64(whole[i]-'0')*1000, tooMany)
	}
	for i, place := 0, int64(100); i < len(fraction) && fraction[i] != '.' && place > 0; i, place = i+1, place/10 {
		thousandths += int64(fraction[i]-'0') * place
	}
	return thousandths, true
}

// tooMany units, in thousandths, are beyond maxHint whatever the unit.
const tooMany = int64(maxHint/time.Second+1) * 1000

func scale(thousandths int64, unit time.Duration) time.Duration {
	// At most 3.6e6 thousandths of a day: some 3e17 ns, within an int64.
	return min(time.Duration(thousandths)*(unit/1000), maxHint)
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }
