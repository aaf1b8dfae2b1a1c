package transient

import (
	"net/textproto"
	"strconv"
	"time"
)

// table is a classifier: rules in the order in which they are asked. It is
// never changed once made.
type table []compiled

// Classify implements [Classifier].
func (t table) Classify(f Failure) Verdict {
	if f.Err == nil {
		return Verdict{Rule: "no error: there is nothing to classify"}
	}
	var (
		best    Verdict
		have    bool
		wait    time.Duration
		fault   = len(faults)
		sign    = len(signs)
		connect = f.Command == ""
	)
	whole := walk(f.Err, func(err error) bool {
		if reply := replyOf(err); reply != nil {
			v, hint := t.judge(f, reply)
			wait = max(wait, hint)
			if !have || outranks(v, best) {
				best, have = v, true
			}
			return true
		}
		fault = first(faults, fault, err, connect)
		sign = first(signs, sign, err, connect)
		return below(err)
	})
	switch {
	case have && best.Class == Permanent:
		return best
	case fault < len(faults):
		return faults[fault].verdict()
	case !whole:
		return Verdict{Rule: "error tree too large to be read to its end"}
	case have:
		if best.Transient() {
			best.Wait = wait
		}
		return best
	case sign < len(signs):
		return signs[sign].verdict()
	}
	return Verdict{Rule: "nothing explains the failure: no reply, and no known fault of the network"}
}

// judge gives the verdict on one reply of the tree, and the server's hint when
// to come back.
func (t table) judge(f Failure, reply *textproto.Error) (Verdict, time.Duration) {
	s := subject{command: f.Command, path: f.Path, message: reply.Msg}
	for i := range t {
		rule := &t[i]
		tail, ok := rule.fits(&s, reply.Code)
		if !ok {
			continue
		}
		v := Verdict{Class: rule.Class, Reply: reply, Rule: rule.explain(reply.Code, f.Command, tail)}
		if !v.Transient() {
			return v, 0
		}
		return v, s.hint()
	}
	return Verdict{Class: Permanent, Reply: reply, Rule: strconv.Itoa(reply.Code) + ": no reply code that FTP knows"}, 0
}

// patience orders the classes: of several replies the one that asks for more of
// it decides, because waiting too long costs less than coming back too early.
var patience = [...]int{
	Permanent:   7,
	Unknown:     6,
	Storage:     5,
	Overload:    4,
	Security:    3,
	Busy:        2,
	DataChannel: 1,
	Network:     0,
}

// outranks reports whether a decides when a tree holds both. Of equals the one
// met first stays, as with errors.As.
func outranks(a, b Verdict) bool { return weight(a) > weight(b) }

func weight(v Verdict) int {
	w := patience[v.Class]
	if v.Reply.Code >= 400 || v.Class == Permanent {
		w += len(patience) // a refusal says more than a reply out of step
	}
	return w
}
