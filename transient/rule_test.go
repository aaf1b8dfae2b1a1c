package transient_test

import (
	"io"
	"net/textproto"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/ftpretry/ftpretry/transient"
)

func TestWhatARuleFits(t *testing.T) {
	const mine = Security // a class the default rules give to none of the replies below
	rows := map[string]struct {
		rule    Rule
		wire    string
		command string
		fits    bool
	}{
		"a code":                                      {Rule{Code: 550}, "550 x", "RETR", true},
		"another code":                                {Rule{Code: 550}, "551 x", "RETR", false},
		"the first of a range":                        {Rule{Code: 550, To: 559}, "550 x", "RETR", true},
		"the last of a range":                         {Rule{Code: 550, To: 559}, "559 x", "RETR", true},
		"beyond a range":                              {Rule{Code: 550, To: 559}, "560 x", "RETR", false},
		"a range that is turned":                      {Rule{Code: 559, To: 550}, "555 x", "RETR", false},
		"any code":                                    {Rule{}, "400 x", "RETR", true},
		"any code, but no reply out of step":          {Rule{}, "399 x", "RETR", false},
		"a reply out of step by its code":             {Rule{Code: 250}, "250 x", "MKD", true},
		"a verb":                                      {Rule{Command: "RETR"}, "550 x", "RETR", true},
		"a verb in lower case":                        {Rule{Command: "retr"}, "550 x", "RETR", true},
		"one of several verbs":                        {Rule{Command: "STOR APPE"}, "550 x", "APPE", true},
		"another verb":                                {Rule{Command: "STOR APPE"}, "550 x", "RETR", false},
		"the time before the first command":           {Rule{Command: Connect}, "550 x", "", true},
		"a command, where the time before is meant":   {Rule{Command: Connect}, "550 x", "RETR", false},
		"no command, where one is meant":              {Rule{Command: "RETR"}, "550 x", "", false},
		"a text":                                      {Rule{Text: "moon"}, "550 The Moon is full", "RETR", true},
		"a text in another letter case":               {Rule{Text: "MOON"}, "550 the moon", "RETR", true},
		"another text":                                {Rule{Text: "sun"}, "550 the moon", "RETR", false},
		"the second of several texts":                 {Rule{Text: "sun|moon"}, "550 the moon", "RETR", true},
		"pieces in their order":                       {Rule{Text: "moon*full"}, "550 the moon is full", "RETR", true},
		"pieces in another order":                     {Rule{Text: "full*moon"}, "550 the moon is full", "RETR", false},
		"pieces that would share a letter":            {Rule{Text: "moo*on"}, "550 the moon", "RETR", false},
		"pieces over several lines":                   {Rule{Text: "moon*full"}, "550-the moon\n550 is full", "RETR", true},
		"a text with a line end where the reply does": {Rule{Text: "moon is"}, "550-the moon\n550 is full", "RETR", true},
		"a text of blanks and bars says nothing":      {Rule{Text: " | * "}, "550 x", "RETR", true},
		"an empty alternative is none":                {Rule{Text: "moon|"}, "550 the sun", "RETR", false},
		"quotes are passed over":                      {Rule{Text: `the "moon"`}, `550 the moon`, "RETR", true},
		"all at once":                                 {Rule{Code: 500, To: 599, Command: "RETR", Text: "moon"}, "550 the moon", "RETR", true},
		"all but the text":                            {Rule{Code: 500, To: 599, Command: "RETR", Text: "moon"}, "550 the sun", "RETR", false},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			r.rule.Class = mine
			v := New(r.rule).Classify(Failure{Command: r.command, Path: "a", Err: reply(t, r.wire)})
			assert.Equal(t, r.fits, v.Class == mine, "%s: %s", v.Class, v.Rule)
		})
	}
}

func TestTheCallersRulesComeFirst(t *testing.T) {
	locked := Rule{Code: 550, Text: "locked for the night", Class: Busy, Reason: "the archive opens at six"}
	never := Rule{Code: 450, Class: Permanent}
	c := New(locked, never, Rule{Code: 450, Class: Overload})

	v := c.Classify(Failure{Command: "RETR", Path: "a", Err: reply(t, "550 a: locked for the night")})
	assert.Equal(t, Busy, v.Class)
	assert.Equal(t, `550 with text "locked for the night": the archive opens at six`, v.Rule)

	v = c.Classify(Failure{Command: "RETR", Path: "a", Err: reply(t, "450 busy")})
	assert.Equal(t, Permanent, v.Class, "the first of two that fit decides")
	assert.Equal(t, "450", v.Rule)

	assert.Equal(t, Classify(Failure{Err: io.EOF}), c.Classify(Failure{Err: io.EOF}), "what has no reply is decided as ever")
	full := Failure{Command: "PASS", Err: reply(t, "530 too many users")}
	assert.Equal(t, Classify(full), c.Classify(full), "what no own rule fits is decided as ever")
	assert.Equal(t, Permanent, Classify(Failure{Err: reply(t, "550 locked for the night")}).Class, "the default rules are as they were")
}

func TestAClassifierKeepsItsRules(t *testing.T) {
	rules := []Rule{{Code: 550, Class: Busy}}
	c := New(rules...)
	rules[0].Class = Network
	assert.Equal(t, Busy, c.Classify(Failure{Err: reply(t, "550 x")}).Class)
}

func TestARuleWhoseClassIsNoneDoesNotReplay(t *testing.T) {
	for _, class := range []Class{Unknown, -1, Network + 1} {
		v := New(Rule{Code: 450, Class: class}).Classify(Failure{Err: reply(t, "450 x")})
		assert.Equal(t, Unknown, v.Class)
		assert.False(t, v.Transient())
		assert.NotNil(t, v.Reply)
	}
}

func TestAReplyCodeOfOneRuleOutranksNothingItShouldNot(t *testing.T) {
	// A reply that a caller's rule makes Unknown is not replayed because of
	// another in the same tree.
	c := New(Rule{Code: 555, Class: Unknown})
	err := joined(&textproto.Error{Code: 555}, &textproto.Error{Code: 421})
	assert.Equal(t, Unknown, c.Classify(Failure{Err: err}).Class)
}

func joined(a, b error) error { return &pair{a, b} }

type pair struct{ a, b error }

func (*pair) Error() string     { return "pair" }
func (p *pair) Unwrap() []error { return []error{p.a, p.b} }

func TestARuleSaysWhatItIs(t *testing.T) {
	for want, r := range map[string]Rule{
		`550 RETR,STOR "in use": busy (another has it open)`: {Code: 550, Command: "RETR STOR", Text: "in use", Class: Busy, Reason: "another has it open"},
		`400-499: permanent`:       {Code: 400, To: 499, Class: Permanent},
		`any: unknown`:             {},
		`450: unknown`:             {Code: 450, To: 450, Class: 99},
		`120 CONNECT: overload`:    {Code: 120, Command: Connect, Class: Overload},
		`any "a|b*c": datachannel`: {Text: "a|b*c", Class: DataChannel},
	} {
		assert.Equal(t, want, r.String())
	}
}

func TestAVerdictSaysWhichRuleDecided(t *testing.T) {
	rows := map[string]struct {
		f    Failure
		want string
	}{
		"a code":                 {Failure{Command: "RETR", Err: reply(t, "450 x")}, "450: the file is not available for now"},
		"a code within a range":  {Failure{Command: "RETR", Err: reply(t, "557 x")}, "557: refused for good (RFC 959 section 4.2.1)"},
		"a text":                 {Failure{Command: "PASS", Err: reply(t, "530 Sorry, too many users")}, `530 with text "too many": the server is full, or asks to come back later`},
		"a command":              {Failure{Command: "nlst", Err: reply(t, "450 No files found")}, `450 to NLST with text "no files found": the directory is empty (proftpd)`},
		"the greeting":           {Failure{Err: reply(t, "120 ready in 5 minutes")}, "120 while connecting: the server will be ready later"},
		"vsftpd's ambiguous 421": {Failure{Err: reply(t, "421 Service not available.")}, `421 with text "service not available": RFC 959's words for a server on its way down; vsftpd says them also to clients it never admits`},
		"a 421 that tells why":   {Failure{Err: reply(t, "421 Too many users")}, `421 with text "too many": the server is full for now`},
		"an unknown command":     {Failure{Command: "MLSD", Err: reply(t, "502 x")}, "502: the server does not know or not accept the command"},
		"a login":                {Failure{Command: "PASS", Err: reply(t, "530 x")}, "530: not logged in or not admitted; trying again locks accounts"},
		"a clear connection":     {Failure{Command: "RETR", Err: reply(t, "522 x")}, "522: data connections must be protected as the server demands: PROT P, and the control connection's TLS session"},
		"a security policy":      {Failure{Command: "PROT", Err: reply(t, "534 x")}, "534: the server's security policy refuses it (RFC 2228)"},
		"a missing file":         {Failure{Command: "RETR", Err: reply(t, "550 x")}, "550: no such file, or no permission"},
		"an allowance":           {Failure{Command: "STOR", Err: reply(t, "552 x")}, "552: storage allocation exceeded"},
		"a file name":            {Failure{Command: "STOR", Err: reply(t, "553 x")}, "553: the file name is not allowed"},
		"the network":            {Failure{Command: "RETR", Err: io.EOF}, "end of connection: closed before the answer was complete"},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, r.want, Classify(r.f).Rule)
		})
	}
}

func TestClassesHaveNames(t *testing.T) {
	for c, name := range map[Class]string{
		Unknown: "unknown", Permanent: "permanent", Busy: "busy", Storage: "storage",
		Overload: "overload", DataChannel: "datachannel", Security: "security", Network: "network",
	} {
		assert.Equal(t, name, c.String())
		parsed, err := ParseClass(name)
		require.NoError(t, err)
		assert.Equal(t, c, parsed)
		text, err := c.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, name, string(text))
		back := Class(-1)
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, c, back)
	}
	upper, err := ParseClass("DataChannel")
	require.NoError(t, err)
	assert.Equal(t, DataChannel, upper)
}

func TestNamesThatAreNoClass(t *testing.T) {
	for _, name := range []string{"", "invalid", "bus", " busy", "busy,storage"} {
		c, err := ParseClass(name)
		require.Error(t, err, name)
		assert.Equal(t, Unknown, c)
		assert.Contains(t, err.Error(), "use one of unknown, permanent, busy, storage, overload, datachannel, security, network")
		kept := Storage
		require.Error(t, kept.UnmarshalText([]byte(name)))
		assert.Equal(t, Storage, kept)
	}
	for _, c := range []Class{-1, Network + 1} {
		assert.Equal(t, "invalid", c.String())
		_, err := c.MarshalText()
		require.Error(t, err)
	}
}
