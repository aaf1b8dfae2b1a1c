// Package transient says what a failed FTP transaction failed of, and whether
// running it again can help.
//
// [Classify] reads the whole error that a failure left, wrapped and joined in
// any way, and decides in this order:
//
//  1. A fault on our own side that no replay mends: a canceled context, a
//     certificate that is not trusted, a path with a line break.
//  2. The server's reply, whatever the network did besides. A tree may hold
//     several: one that is permanent decides, else the one that asks for the
//     most patience. A code below 400 decides only when no other is there; as
//     an error it means that the connection is out of step.
//  3. What is left when no reply came: a cut, a refusal, a timeout.
//
// Anything else is [Unknown], and Unknown is not replayed.
package transient

import (
	"net/textproto"
	"time"
)

// Class is what a failure is of. It decides whether a transaction is replayed
// and, through the policy, how long to wait before.
type Class int

// The classes. Unknown, the zero value, is never replayed: a failure that
// nothing explains is not assumed to heal.
const (
	Unknown     Class = iota
	Permanent         // will not heal by itself: wrong password, no such file
	Busy              // the file or a local resource is in use: 450, 451
	Storage           // no space now: 452
	Overload          // too many users, sessions or transfers: 421, 120
	DataChannel       // no data connection, or it was cut: 425, 426
	Security          // a security resource is missing for now: 431
	Network           // no reply: connection lost, refused or timed out
)

// Failure is one failed attempt as the classifier sees it.
type Failure struct {
	Command string // verb last sent: "STOR"; "" while connecting or reading the greeting
	Path    string // its argument; text rules must not match inside it
	Err     error
}

// Verdict is what the classifier says of a failure.
type Verdict struct {
	Class Class
	Reply *textproto.Error // the reply that decided; nil if none
	Wait  time.Duration    // the server's own hint, a floor for the wait; at most one hour
	Rule  string           // which rule decided, for people
}

// Transient reports whether a replay can help.
func (v Verdict) Transient() bool { return v.Class > Permanent && v.Class.valid() }

// Classifier turns failures into verdicts. Implementations must be safe for
// concurrent use.
type Classifier interface {
	Classify(Failure) Verdict
}

// Classify gives the verdict of the default rules, which [Explain] prints. It
// never panics and is safe for concurrent use. A Failure without an error is
// Unknown.
func Classify(f Failure) Verdict { return defaults.Classify(f) }

// New returns a classifier that asks the given rules first, in their order,
// and then the default ones. The rules speak of replies only: what fails
// without a reply, and faults of our own side, are decided as by [Classify].
// The result is safe for concurrent use and keeps no reference to the slice.
func New(rules ...Rule) Classifier {
	own := make(table, 0, len(rules)+len(defaults))
	for _, r := range rules {
		own = append(own, r.compile())
	}
	return append(own, defaults...)
}
