// Package transient says what a failed FTP transaction failed of, and whether
// running it again can help.
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
func (v Verdict) Transient() bool { return v.Class > Permanent }

// Classifier turns failures into verdicts. Implementations must be safe for
// concurrent use.
type Classifier interface {
	Classify(Failure) Verdict
}
