package transient

import (
	"fmt"
	"strconv"
	"strings"
)

// Connect stands in [Rule.Command] for the time before the first command: the
// reply is the greeting, or what the server sent instead of one.
const Connect = "CONNECT"

// Rule gives one kind of reply its class. The zero value fits every reply from
// 400 on and makes it Unknown. A Rule is data: it can be compared, copied and
// printed.
type Rule struct {
	Code    int    // the reply code, or the first of a range; 0 is every code from 400 on
	To      int    // the last code of the range; 0 is Code alone
	Command string // verbs it is limited to, separated by spaces: "STOR APPE"; [Connect]; "" is any
	Text    string // what the reply says, see below; "" is anything
	Class   Class  // a value that is no class counts as Unknown
	Reason  string // why, for people; part of [Verdict.Rule]

	// Text is looked for anywhere in the reply, in any letter case, with all
	// lines of the reply taken as one and any white space as one blank. A "|"
	// separates alternatives, a "*" stands for anything: "too many*users|try
	// again later". It is not found inside the name of the file the command was
	// about, nor in the directories that lead there.
}

// String returns the rule on one line, as "550 RETR,STOR "in use": busy
// (another program has the file open)".
func (r Rule) String() string {
	var b strings.Builder
	b.WriteString(r.codes())
	if r.Command != "" {
		b.WriteByte(' ')
		b.WriteString(strings.Join(strings.Fields(r.Command), ","))
	}
	if r.Text != "" {
		b.WriteByte(' ')
		b.WriteString(strconv.Quote(r.Text))
	}
	fmt.Fprintf(&b, ": %s", r.class())
	if r.Reason != "" {
		fmt.Fprintf(&b, " (%s)", r.Reason)
	}
	return b.String()
}

// codes returns the codes as people write them: "450", "400-499", "any".
func (r Rule) codes() string {
	switch {
	case r.Code == 0:
		return "any"
	case r.To == 0 || r.To == r.Code:
		return strconv.Itoa(r.Code)
	}
	return strconv.Itoa(r.Code) + "-" + strconv.Itoa(r.To)
}

func (r Rule) class() Class {
	if !r.Class.valid() {
		return Unknown
	}
	return r.Class
}

// compiled is a rule made ready, so that a failure costs no parsing.
type compiled struct {
	Rule
	first, last int
	verbs       []string
	texts       []phrase
	tail        string // what Verdict.Rule says behind code and command
}

const lastCode = 999 // three digits, RFC 959 section 4.2

func (r Rule) compile() compiled {
	r.Class = r.class()
	c := compiled{Rule: r, first: r.Code, last: r.To, verbs: strings.Fields(r.Command), texts: phrases(r.Text)}
	switch {
	case r.Code == 0:
		c.first, c.last = 400, lastCode
	case r.To == 0:
		c.last = r.Code
	}
	if r.Reason != "" {
		c.tail = ": " + r.Reason
	}
	for i := range c.texts {
		c.texts[i].tail = " with text " + strconv.Quote(c.texts[i].shown) + c.tail
	}
	return c
}

// fits reports whether the rule speaks of this reply, and how [Verdict.Rule]
// then ends.
func (c *compiled) fits(s *subject, code int) (tail string, ok bool) {
	if code < c.first || code > c.last || !c.speaksOf(s.command) {
		return "", false
	}
	if len(c.texts) == 0 {
		return c.tail, true
	}
	for i := range c.texts {
		if s.says(&c.texts[i]) {
			return c.texts[i].tail, true
		}
	}
	return "", false
}

func (c *compiled) speaksOf(command string) bool {
	if len(c.verbs) == 0 {
		return true
	}
	if command == "" {
		command = Connect
	}
	for _, verb := range c.verbs {
		if strings.EqualFold(verb, command) {
			return true
		}
	}
	return false
}

// explain says which rule decided: `530 with text "too many": the server is
// full for now`.
func (c *compiled) explain(code int, command, tail string) string {
	number := strconv.Itoa(code)
	switch {
	case len(c.verbs) == 0:
		return number + tail
	case command == "":
		return number + " while connecting" + tail
	}
	return number + " to " + strings.ToUpper(command) + tail
}
