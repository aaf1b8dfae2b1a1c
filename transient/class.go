package transient

import (
	"fmt"
	"strings"
)

var classNames = [...]string{"unknown", "permanent", "busy", "storage", "overload", "datachannel", "security", "network"}

// valid reports whether c is one of the classes this package declares.
func (c Class) valid() bool { return c >= 0 && int(c) < len(classNames) }

// String returns the class's name as policies spell it: "busy", "datachannel".
func (c Class) String() string {
	if !c.valid() {
		return "invalid"
	}
	return classNames[c]
}

// ParseClass returns the class that a name stands for. It accepts what
// [Class.String] returns, in any letter case. The error of any other name
// lists the names there are.
func ParseClass(name string) (Class, error) {
	for c, known := range classNames {
		if strings.EqualFold(name, known) {
			return Class(c), nil
		}
	}
	return Unknown, fmt.Errorf("unknown class %q: use one of %s", name, strings.Join(classNames[:], ", "))
}

// MarshalText returns the class's name, so that a class can be a key or a
// value in JSON and in configuration files. A number that is no class is an
// error.
func (c Class) MarshalText() ([]byte, error) {
	if !c.valid() {
		return nil, fmt.Errorf("class %d has no name: use one of the constants of package transient", int(c))
	}
	return []byte(classNames[c]), nil
}

// UnmarshalText sets the class from its name, as [ParseClass] reads it. On an
// error the class is left as it was.
func (c *Class) UnmarshalText(text []byte) error {
	parsed, err := ParseClass(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}
