package policy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ftpretry/ftpretry/transient"
)

// Error says which field of a policy cannot be used. All errors of this
// package are of this type.
type Error struct {
	Field string // as the text form spells it: "max", "storage.initial"; "" for the whole
	Value string // what was given, shortened
	Want  string // what is allowed
}

// Error returns one line: policy: jitter "1.5": want at most 1.
func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("policy: %q: want %s", e.Value, e.Want)
	}
	return fmt.Sprintf("policy: %s %q: want %s", e.Field, e.Value, e.Want)
}

// refuse makes the error. The value may be anything a person put into a file
// or a variable, so no more of it than helps to find it is repeated.
func refuse(field, value, want string) error {
	const longest = 40
	if len(value) > longest {
		value = strings.ToValidUTF8(value[:longest], "") + "..."
	}
	return &Error{Field: field, Value: value, Want: want}
}

// Validate reports the first thing about p that cannot be meant, as an
// *[Error]. A policy that came from [Parse], UnmarshalText, UnmarshalJSON or
// Set is valid.
func (p Policy) Validate() error {
	if err := p.validate(""); err != nil {
		return err
	}
	for _, class := range slices.Sorted(maps.Keys(p.Classes)) {
		own := p.Classes[class]
		name := class.String()
		if _, ok := parseClass(name); !ok {
			return refuse("classes", fmt.Sprintf("%s (%d)", name, int(class)), "one of "+classNames())
		}
		if own.Classes != nil {
			return refuse(name+".classes", "set", "no classes inside a class")
		}
		if own.AttemptTimeout != 0 {
			return refuse(name+"."+keyAttemptTimeout, duration(own.AttemptTimeout),
				"it set for the whole policy: the class is known only after the attempt")
		}
		if err := own.validate(name + "."); err != nil {
			return err
		}
	}
	return nil
}

// validate checks the fields of one policy, or of one class if prefix names it.
func (p *Policy) validate(prefix string) error {
	for _, key := range keys {
		d, ok := p.field(key).(*time.Duration)
		if ok && *d < 0 {
			return refuse(prefix+key, duration(*d), "a duration that is not negative")
		}
	}
	// Each condition says what is allowed and is negated, because NaN fails
	// every comparison.
	if m := p.Multiplier; m != 0 && !(m >= 1 && m <= math.MaxFloat64) {
		return refuse(prefix+"multiplier", number(m), "a finite number, at least 1")
	}
	if j := p.Jitter; !(j >= -math.MaxFloat64 && j <= 1) {
		return refuse(prefix+"jitter", number(j), "at most 1, or a negative number for none")
	}
	return p.validateOrder(prefix)
}

// validateOrder checks that the first wait is not longer than the longest. Of
// the two the one that is not set gives way, so only a contradiction is
// refused.
func (p *Policy) validateOrder(prefix string) error {
	if p.BackOff != nil {
		return nil
	}
	initial, longest := p.Initial, p.Max
	if initial != 0 && longest != 0 && longest < initial {
		return refuse(prefix+"max", duration(longest), "at least "+prefix+"initial, which is "+duration(initial))
	}
	return nil
}

// duration is the shortest way to write d in ASCII that time.ParseDuration
// reads: "1m", not "1m0s".
func duration(d time.Duration) string {
	s := strings.Replace(d.String(), "\u00b5s", "us", 1)
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// parseClass finds a class that a policy can speak of: the others are never
// replayed, so a wait for them would be a mistake.
func parseClass(name string) (transient.Class, bool) {
	class, err := transient.ParseClass(name)
	return class, err == nil && transient.Verdict{Class: class}.Transient()
}

// classNames lists what parseClass accepts.
func classNames() string {
	var names []string
	for class := transient.Permanent + 1; class <= transient.Network; class++ {
		names = append(names, class.String())
	}
	return strings.Join(names, ", ")
}
