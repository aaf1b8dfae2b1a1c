package retry

import (
	"regexp"
	"strconv"

	"github.com/ftpretry/ftpretry/transient"
)

// told is the number of sessions that a refusal says are allowed; 0 = it says
// none, or says more than one number. A number is one of sessions only by the
// words around it: there are those of waits, loads, rates and versions, too.
func told(f failure) int {
	if f.verdict.Reply == nil || f.verdict.Class != transient.Overload {
		return 0
	}
	text := ofTime.ReplaceAllString(f.verdict.Reply.Msg, " ")
	found := number.FindAllStringSubmatchIndex(text, 2)
	if len(found) != 1 || !ofLimit.MatchString(text) || ofOthers.MatchString(text) {
		return 0
	}
	from, to := found[0][2], found[0][3]
	if !leads.MatchString(text[:from]) && !follows.MatchString(text[to:]) && !atMost.MatchString(text[:from]) {
		return 0
	}
	n, _ := strconv.Atoi(text[from:to])
	return n
}

const sessions = `(?:users|clients|connections|sessions|logins|hosts)`

var (
	// number is one that stands by itself, not within an address or a word.
	number = regexp.MustCompile(`(?:^|[\s(\["'=:<])([1-9][0-9]{0,3})(?:$|[\s)\]"',;:>]|\.(?:\s|$))`)
	ofTime = regexp.MustCompile(`(?i)\b[0-9]+ *(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|days?|%)\b`)

	// ofLimit is in every text about a limit, ofOthers in those about limits of
	// something else.
	ofLimit  = regexp.MustCompile(`(?i)too many|\bmax|\blimit|more than|\bonly\b|at most|up to|allow|already|exceed`)
	ofOthers = regexp.MustCompile(`(?i)\brate\b|\bload\b|attempt|\btries\b|time limit|time-?out|\bper (?:sec|min|hour|day)|transfers|bytes|\b[kmg]b\b`)

	// leads is what goes before the limit: "connections (", "sessions: ",
	// "limit is ", "max. ". follows is what comes after it: " users". atMost is a
	// limit that is named earlier in the sentence: "maximum number of connections
	// for an address is ".
	leads   = regexp.MustCompile(`(?i)(?:\b` + sessions + `\s*[(\[:=<]|\b(?:max|maximum|limit|limited)\b\.?(?:\s+(?:is|of|to|at|reached|exceeded))?\s*[(\[:=<]?)\s*["']?$`)
	follows = regexp.MustCompile(`(?i)^["')\]>]?\s+(?:(?:anonymous|simultaneous|concurrent|parallel|open|active|other|more|ftp)\s+)*(?:user|client|connection|session|login|host)s?\b`)
	atMost  = regexp.MustCompile(`(?i)\b(?:max|maximum|limit)\b[^0-9.;]*\b` + sessions + `\b[^0-9.;]*(?:[(\[:=<]|\bis)\s*["']?$`)
)
