package retry

import "fmt"

// shownConfig is a Config without its methods.
type shownConfig Config

// Format implements fmt.Formatter: a Config is printed as any struct is, but for
// the password.
func (c Config) Format(f fmt.State, verb rune) {
	if c.Password != "" {
		c.Password = "(hidden)"
	}
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), shownConfig(c)) // f keeps its own errors
}
