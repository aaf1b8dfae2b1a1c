package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ftpretry/ftpretry/transient"
)

// keyAttemptTimeout is the one key that is not simply its field in lower case.
const keyAttemptTimeout = "attempt-timeout"

// keys are the fields a policy has in text and in JSON, in the order in which
// they are written.
var keys = [...]string{"attempts", "initial", "max", "multiplier", "jitter", "elapsed", keyAttemptTimeout}

// field returns a pointer to the field of that key, nil if there is none.
func (p *Policy) field(key string) any {
	switch key {
	case "attempts":
		return &p.Attempts
	case "initial":
		return &p.Initial
	case "max":
		return &p.Max
	case "multiplier":
		return &p.Multiplier
	case "jitter":
		return &p.Jitter
	case "elapsed":
		return &p.Elapsed
	case keyAttemptTimeout:
		return &p.AttemptTimeout
	default:
		return nil
	}
}

// get returns the field of that key as text, "" if it is not set.
func (p *Policy) get(key string) string {
	switch v := p.field(key).(type) {
	case *int:
		if *v != 0 {
			return strconv.Itoa(*v)
		}
	case *float64:
		if *v != 0 {
			return number(*v)
		}
	case *time.Duration:
		if *v != 0 {
			return duration(*v)
		}
	}
	return ""
}

// set reads the field of that key from text. prefix is for the error only.
func (p *Policy) set(prefix, key, value string) error {
	var err error
	switch v := p.field(key).(type) {
	case *int:
		if *v, err = strconv.Atoi(value); err != nil {
			return refuse(prefix+key, value, "a whole number")
		}
	case *float64:
		if *v, err = strconv.ParseFloat(value, 64); err != nil {
			return refuse(prefix+key, value, "a number, such as 1.5")
		}
	case *time.Duration:
		if *v, err = time.ParseDuration(value); err != nil {
			return refuse(prefix+key, value, "a duration with its unit, such as 500ms, 30s or 1m30s")
		}
	default:
		return refuseKey(prefix + key)
	}
	return nil
}

// refuseKey is the error for a key that nobody knows, or that text cannot set.
func refuseKey(key string) error {
	if key == "backoff" {
		return refuse("key", key, "no such key in text: only Go code can set BackOff")
	}
	return refuse("key", key, "one of "+strings.Join(keys[:], ", ")+", or for one class as in storage.initial")
}

// Parse reads a policy from text such as
//
//	attempts=8 initial=500ms max=30s storage.initial=1m
//
// Items are separated by spaces, line ends or commas, and may come in any
// order and letter case, each once. The keys are attempts, initial, max, multiplier, jitter,
// elapsed and attempt-timeout; with the name of a class before it (busy.,
// storage., overload., datachannel., security. or network.) a key holds for
// failures of that class only. As in the struct a 0 is the default, so no
// jitter is jitter=-1 and no limit is attempts=-1. Empty text is the default
// policy. The error is an [*Error] that names the key.
func Parse(text string) (Policy, error) {
	var p Policy
	seen := make(map[string]bool)
	for _, item := range strings.FieldsFunc(text, separates) {
		key, value, ok := strings.Cut(item, "=")
		if !ok || key == "" || value == "" {
			return Policy{}, refuse("", item, "key=value without spaces, such as attempts=8")
		}
		key = strings.ToLower(key)
		if seen[key] {
			return Policy{}, refuse(key, value, "it only once")
		}
		seen[key] = true
		if err := p.setItem(key, value); err != nil {
			return Policy{}, err
		}
	}
	if err := p.Validate(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

func separates(r rune) bool { return r == ',' || unicode.IsSpace(r) }

// setItem sets "initial" of the policy or "storage.initial" of a class.
func (p *Policy) setItem(key, value string) error {
	name, of, ok := strings.Cut(key, ".")
	if !ok {
		return p.set("", key, value)
	}
	class, ok := parseClass(name)
	if !ok {
		return refuse("class", name, "one of "+classNames())
	}
	own := p.Classes[class]
	if err := own.set(name+".", of, value); err != nil {
		return err
	}
	p.setClass(class, own)
	return nil
}

func (p *Policy) setClass(class transient.Class, own Policy) {
	if p.Classes == nil {
		p.Classes = make(map[transient.Class]Policy)
	}
	p.Classes[class] = own
}

// String returns the policy as [Parse] reads it, fields that are not set left
// out: "" is the default policy. A BackOff shows as "backoff=func", which Parse
// refuses, because text cannot hold it.
func (p Policy) String() string {
	items := p.items(nil, "")
	for _, class := range slices.Sorted(maps.Keys(p.Classes)) {
		own, prefix := p.Classes[class], class.String()+"."
		before := len(items)
		items = own.items(items, prefix)
		if len(items) == before {
			items = append(items, prefix+"attempts=0") // a class that sets nothing is still in the map
		}
	}
	return strings.Join(items, " ")
}

func (p *Policy) items(items []string, prefix string) []string {
	for _, key := range keys {
		if value := p.get(key); value != "" {
			items = append(items, prefix+key+"="+value)
		}
	}
	if p.BackOff != nil {
		items = append(items, prefix+"backoff=func")
	}
	return items
}

// MarshalText returns what String does, for encoders that honour
// [encoding.TextMarshaler]. A policy that is not valid or has a BackOff is an
// error: what is written can always be read again.
func (p Policy) MarshalText() ([]byte, error) {
	if err := p.writable(); err != nil {
		return nil, err
	}
	return []byte(p.String()), nil
}

// writable reports why p has no text form.
func (p *Policy) writable() error {
	if p.BackOff != nil {
		return refuse("backoff", "func", "it left out: a function cannot be written as text")
	}
	for _, class := range slices.Sorted(maps.Keys(p.Classes)) {
		if p.Classes[class].BackOff != nil {
			return refuse(class.String()+".backoff", "func", "it left out: a function cannot be written as text")
		}
	}
	return p.Validate()
}

// UnmarshalText replaces the whole policy by what [Parse] makes of text, so
// that the same text means the same policy wherever it stands. On an error p
// stays as it was. It makes a Policy a value for YAML, TOML, environment and
// [flag.TextVar] decoders.
func (p *Policy) UnmarshalText(text []byte) error {
	q, err := Parse(string(text))
	if err != nil {
		return err
	}
	*p = q
	return nil
}

// Set is UnmarshalText for strings: with it and String a *Policy is a
// [flag.Value].
func (p *Policy) Set(text string) error { return p.UnmarshalText([]byte(text)) }
