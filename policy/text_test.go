package policy_test

import (
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

// full has every field set, in the policy and in a class.
var full = policy.Policy{
	Attempts: 8, Initial: 500 * time.Millisecond, Max: 30 * time.Second, Multiplier: 1.5, Jitter: 0.25,
	Elapsed: 2 * time.Hour, AttemptTimeout: 90 * time.Minute,
	Classes: map[transient.Class]policy.Policy{
		transient.Network: {Attempts: -1},
		transient.Storage: {Attempts: 20, Initial: time.Minute, Max: 10 * time.Minute, Multiplier: 1, Jitter: -1, Elapsed: 24 * time.Hour},
	},
}

const fullText = "attempts=8 initial=500ms max=30s multiplier=1.5 jitter=0.25 elapsed=2h attempt-timeout=1h30m" +
	" storage.attempts=20 storage.initial=1m storage.max=10m storage.multiplier=1 storage.jitter=-1 storage.elapsed=24h" +
	" network.attempts=-1"

func TestParseReadsWhatPeopleWrite(t *testing.T) {
	storage := func(own policy.Policy) map[transient.Class]policy.Policy {
		return map[transient.Class]policy.Policy{transient.Storage: own}
	}
	design := policy.Policy{
		Attempts: 8, Initial: 500 * time.Millisecond, Max: 30 * time.Second,
		Classes: storage(policy.Policy{Initial: time.Minute}),
	}
	for name, test := range map[string]struct {
		text string
		want policy.Policy
	}{
		"nothing is the default":            {"", policy.Policy{}},
		"space alone is the default":        {" \t\r\n,", policy.Policy{}},
		"items with spaces between":         {"attempts=8 initial=500ms max=30s storage.initial=1m", design},
		"items with commas between":         {"attempts=8,initial=500ms,max=30s,storage.initial=1m", design},
		"items with both, in another order": {"\n storage.initial=60s,  max=0.5m,\n\tattempts=8, initial=.5s,", design},
		"every key":                         {fullText, full},
		"no limit and no jitter":            {"attempts=-1 jitter=-1", policy.Policy{Attempts: -1, Jitter: -1}},
		"zero is the default, as in Go":     {"attempts=0 initial=0 max=0s multiplier=0 jitter=0 elapsed=0", policy.Policy{}},
		"a class that sets nothing":         {"storage.attempts=0", policy.Policy{Classes: storage(policy.Policy{})}},
		"capital letters in keys":           {"Attempts=8 initial=500ms MAX=30s Storage.Initial=1m", design},
		"microseconds of either spelling":   {"initial=5us max=7\u00b5s", policy.Policy{Initial: 5 * time.Microsecond, Max: 7 * time.Microsecond}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := policy.Parse(test.text)
			require.NoError(t, err)
			require.Equal(t, test.want, p)
		})
	}
}

func TestParseNamesTheKeyItCannotRead(t *testing.T) {
	const classes = "busy, storage, overload, datachannel, security, network"
	const keys = "attempts, initial, max, multiplier, jitter, elapsed, attempt-timeout, or for one class as in storage.initial"
	for name, test := range map[string]struct{ text, want string }{
		"no equals sign":                        {"attempts", `policy: "attempts": want key=value without spaces, such as attempts=8`},
		"no value":                              {"max=1m attempts=", `policy: "attempts=": want key=value without spaces, such as attempts=8`},
		"no key":                                {"=8", `policy: "=8": want key=value without spaces, such as attempts=8`},
		"spaces around the equals sign":         {"attempts = 8", `policy: "attempts": want key=value without spaces, such as attempts=8`},
		"an unknown key":                        {"atempts=8", `policy: key "atempts": want one of ` + keys},
		"a key given twice in two letter cases": {"max=2s Max=2s", `policy: max "2s": want it only once`},
		"an unknown key of a class":             {"busy.waits=1s", `policy: key "busy.waits": want one of ` + keys},
		"the key of a class without field":      {"busy.=1s", `policy: key "busy.": want one of ` + keys},
		"a class inside a class":                {"busy.storage.initial=1s", `policy: key "busy.storage.initial": want one of ` + keys},
		"an unknown class":                      {"bussy.initial=1s", `policy: class "bussy": want one of ` + classes},
		"a class that is never replayed":        {"permanent.attempts=3", `policy: class "permanent": want one of ` + classes},
		"a key given twice":                     {"max=2s max=2s", `policy: max "2s": want it only once`},
		"a key of a class given twice":          {"busy.max=2s,busy.max=3s", `policy: busy.max "3s": want it only once`},
		"a function":                            {"backoff=func", `policy: key "backoff": want no such key in text: only Go code can set BackOff`},
		"a duration without unit":               {"initial=500", `policy: initial "500": want a duration with its unit, such as 500ms, 30s or 1m30s`},
		"a duration of a class in words":        {"storage.max=long", `policy: storage.max "long": want a duration with its unit, such as 500ms, 30s or 1m30s`},
		"attempts that are not whole":           {"attempts=1.5", `policy: attempts "1.5": want a whole number`},
		"attempts beyond all numbers":           {"attempts=99999999999999999999", `policy: attempts "99999999999999999999": want a whole number`},
		"a multiplier in words":                 {"multiplier=double", `policy: multiplier "double": want a number, such as 1.5`},
		"a decimal comma":                       {"multiplier=1,5", `policy: "5": want key=value without spaces, such as attempts=8`},
		"a jitter that is no number":            {"jitter=NaN", `policy: jitter "NaN": want at most 1, or a negative number for none`},
		"a value that is not allowed":           {"initial=-1s", `policy: initial "-1s": want a duration that is not negative`},
		"a timeout of a class":                  {"busy.attempt-timeout=1s", `policy: busy.attempt-timeout "1s": want it set for the whole policy: the class is known only after the attempt`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := policy.Parse(test.text)
			require.EqualError(t, err, test.want)
			require.Equal(t, policy.Policy{}, p)
			var fault *policy.Error
			require.ErrorAs(t, err, &fault)
		})
	}
}

func TestStringIsWhatParseReads(t *testing.T) {
	for name, test := range map[string]struct {
		policy policy.Policy
		text   string
	}{
		"the default":                      {policy.Policy{}, ""},
		"every field":                      {full, fullText},
		"negative numbers as they are":     {policy.Policy{Attempts: -3, Jitter: -0.5}, "attempts=-3 jitter=-0.5"},
		"numbers and durations in full":    {policy.Policy{Multiplier: 1 + 1e-15, Max: 1<<63 - 1}, "max=2562047h47m16.854775807s multiplier=1.000000000000001"},
		"durations in ASCII":               {policy.Policy{Initial: 1500 * time.Nanosecond}, "initial=1.5us"},
		"durations that end in tens":       {policy.Policy{Initial: 10 * time.Second, Max: 20 * time.Minute, Elapsed: 10*time.Hour + 10*time.Second}, "initial=10s max=20m elapsed=10h0m10s"},
		"a class that sets nothing":        {policy.Policy{Classes: map[transient.Class]policy.Policy{transient.Busy: {}}}, "busy.attempts=0"},
		"a very large number in the class": {policy.Policy{Classes: map[transient.Class]policy.Policy{transient.Busy: {Multiplier: 1e300}}}, "busy.multiplier=1e+300"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.text, test.policy.String())
			p, err := policy.Parse(test.text)
			require.NoError(t, err)
			require.Equal(t, test.policy, p)
			text, err := test.policy.MarshalText()
			require.NoError(t, err)
			require.Equal(t, test.text, string(text))
		})
	}
}

func TestWhatCannotBeReadAgainIsNotWritten(t *testing.T) {
	in := func(class transient.Class, own policy.Policy) policy.Policy {
		return policy.Policy{Classes: map[transient.Class]policy.Policy{class: own}}
	}
	for name, test := range map[string]struct {
		policy        policy.Policy
		err, asString string
	}{
		"a function": {
			policy.Policy{Attempts: 3, BackOff: constant},
			`policy: backoff "func": want it left out: a function cannot be written as text`, "attempts=3 backoff=func",
		},
		"a function of a class": {
			in(transient.Busy, policy.Policy{BackOff: constant}),
			`policy: busy.backoff "func": want it left out: a function cannot be written as text`, "busy.backoff=func",
		},
		"a value that is not allowed": {
			policy.Policy{Jitter: 3}, `policy: jitter "3": want at most 1, or a negative number for none`, "jitter=3",
		},
		"a class that does not exist": {
			in(-5, policy.Policy{Attempts: 3}),
			`policy: classes "invalid (-5)": want one of busy, storage, overload, datachannel, security, network`, "invalid.attempts=3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.policy.MarshalText()
			require.EqualError(t, err, test.err)
			_, err = test.policy.MarshalJSON()
			require.EqualError(t, err, test.err)
			require.Equal(t, test.asString, test.policy.String(), "a log still shows it")
			_, err = policy.Parse(test.asString)
			require.Error(t, err)
		})
	}
}

func TestReadingReplacesTheWholePolicyOrNothing(t *testing.T) {
	for name, read := range map[string]func(*policy.Policy, string) error{
		"as text":        func(p *policy.Policy, text string) error { return p.UnmarshalText([]byte(text)) },
		"as a flag":      (*policy.Policy).Set,
		"as JSON string": func(p *policy.Policy, text string) error { return p.UnmarshalJSON([]byte(`"` + text + `"`)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := policy.Policy{Attempts: 20, BackOff: constant}
			require.NoError(t, read(&p, "max=5m"))
			require.Equal(t, policy.Policy{Max: 5 * time.Minute}, p)
			require.Error(t, read(&p, "max=10m jitter=7"))
			require.Equal(t, policy.Policy{Max: 5 * time.Minute}, p)
		})
	}
}

func TestAFlagExplainsWhatItCannotRead(t *testing.T) {
	var p policy.Policy
	flags := flag.NewFlagSet("put", flag.ContinueOnError)
	var usage strings.Builder
	flags.SetOutput(&usage)
	flags.Var(&p, "retry", "how to `replay` failed transfers")
	require.NoError(t, flags.Parse([]string{"-retry", "attempts=3 max=5s"}))
	assert.Equal(t, policy.Policy{Attempts: 3, Max: 5 * time.Second}, p)
	assert.EqualError(t, flags.Parse([]string{"-retry=attempts=many"}),
		`invalid value "attempts=many" for flag -retry: policy: attempts "many": want a whole number`)
	assert.Contains(t, usage.String(), "-retry replay")

	flags = flag.NewFlagSet("put", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.TextVar(&p, "retry", policy.Policy{Attempts: 4}, "")
	assert.Equal(t, "attempts=4", flags.Lookup("retry").DefValue)
	require.NoError(t, flags.Parse([]string{"-retry", "elapsed=1h"}))
	assert.Equal(t, policy.Policy{Elapsed: time.Hour}, p)
}
