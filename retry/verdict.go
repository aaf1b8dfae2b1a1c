package retry

import (
	"fmt"

	"github.com/ftpretry/ftpretry/internal/wire"
	"github.com/ftpretry/ftpretry/transient"
)

// The verdicts that are not the classifier's to give.
var (
	invalidVerdict  = transient.Verdict{Class: transient.Permanent, Rule: "nothing was sent: the call itself is mistaken"}
	deadlineVerdict = transient.Verdict{Class: transient.Permanent, Rule: "the caller's own deadline has passed"}
	callerVerdict   = transient.Verdict{Class: transient.Permanent, Rule: "the caller's own reader or writer failed, or a bound of the caller's was met"}
	givenVerdict    = transient.Verdict{Class: transient.Permanent, Rule: "the caller's function returned backoff.Permanent"}
	mismatchVerdict = transient.Verdict{Class: transient.DataChannel, Rule: "the server called it done, the byte counts do not"}
)

// attemptTimeout is the cause of an attempt's own timeout.
type attemptTimeout struct{}

func (attemptTimeout) Error() string   { return "attempt took longer than the policy's AttemptTimeout" }
func (attemptTimeout) Timeout() bool   { return true }
func (attemptTimeout) Temporary() bool { return true }

var errAttemptTimeout error = attemptTimeout{}

// elapsed is the cause of the end that Policy.Elapsed sets to an attempt.
type elapsed struct{}

func (elapsed) Error() string   { return "policy's Elapsed was over during the attempt" }
func (elapsed) Timeout() bool   { return true }
func (elapsed) Temporary() bool { return true }

var errElapsed error = elapsed{}

// hopelessAfter is how many fresh sessions in a row must give the same answer
// to the same command, with no progress, before a reply that should heal is
// taken for one that will not. It is beyond the default number of attempts:
// only a policy that asks for very many meets it.
const hopelessAfter = 10

// sameness counts answers that repeat.
type sameness struct {
	command, text string
	code, count   int
}

// hopeless takes note of a failure and makes the verdict permanent where the
// server has said the same too often. Only answers about the request itself
// count: a server that is full, away or out of space says the same for hours
// and heals.
func (s *sameness) hopeless(x wire.Exchange, v *transient.Verdict, progressed bool) bool {
	switch v.Class {
	case transient.Busy, transient.DataChannel, transient.Security:
	default:
		*s = sameness{}
		return false
	}
	if v.Reply == nil || progressed {
		*s = sameness{}
		return false
	}
	if s.command != x.Command || s.code != v.Reply.Code || s.text != v.Reply.Msg {
		*s = sameness{command: x.Command, text: v.Reply.Msg, code: v.Reply.Code}
	}
	s.count++
	if s.count < hopelessAfter {
		return false
	}
	v.Class = transient.Permanent
	v.Rule = fmt.Sprintf("%s: but the same answer on %d fresh sessions in a row", v.Rule, s.count)
	return true
}
