package policy_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

const fullJSON = `{"attempts":8,"initial":"500ms","max":"30s","multiplier":1.5,"jitter":0.25,"elapsed":"2h","attempt-timeout":"1h30m",` +
	`"classes":{"storage":{"attempts":20,"initial":"1m","max":"10m","multiplier":1,"jitter":-1,"elapsed":"24h"},"network":{"attempts":-1}}}`

func TestJSONRoundTrip(t *testing.T) {
	for name, test := range map[string]struct {
		policy policy.Policy
		json   string
	}{
		"the default":               {policy.Policy{}, `{}`},
		"every field":               {full, fullJSON},
		"a class that sets nothing": {policy.Policy{Classes: map[transient.Class]policy.Policy{transient.Busy: {}}}, `{"classes":{"busy":{}}}`},
		"numbers with exponents":    {policy.Policy{Multiplier: 1e300, Jitter: 1e-9}, `{"multiplier":1e+300,"jitter":1e-09}`},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(test.policy)
			require.NoError(t, err)
			require.Equal(t, test.json, string(data))
			var p policy.Policy
			require.NoError(t, json.Unmarshal(data, &p))
			require.Equal(t, test.policy, p)
		})
	}
}

func TestJSONReadsOtherSpellings(t *testing.T) {
	for name, test := range map[string]struct {
		json string
		want policy.Policy
	}{
		"a string in the text form": {`"attempts=8,initial=500ms"`, policy.Policy{Attempts: 8, Initial: 500 * time.Millisecond}},
		"space between the tokens":  {" {\n\t\"max\" : \"60s\" }\n", policy.Policy{Max: time.Minute}},
		"escapes in a key":          {`{"m\u0061x":"1m"}`, policy.Policy{Max: time.Minute}},
		"capital letters in keys":   {`{"Max":"60s"}`, policy.Policy{Max: time.Minute}},
		"no classes":                {`{"classes":{}}`, policy.Policy{}},
	} {
		t.Run(name, func(t *testing.T) {
			var p policy.Policy
			require.NoError(t, p.UnmarshalJSON([]byte(test.json)))
			require.Equal(t, test.want, p)
		})
	}
}

func TestJSONNullLeavesThePolicy(t *testing.T) {
	config := struct{ Retry policy.Policy }{policy.Policy{Attempts: 3}}
	require.NoError(t, json.Unmarshal([]byte(`{"Retry": null}`), &config))
	require.Equal(t, policy.Policy{Attempts: 3}, config.Retry)
}

func TestJSONNamesTheKeyItCannotRead(t *testing.T) {
	const classes = "busy, storage, overload, datachannel, security, network"
	const keys = "attempts, initial, max, multiplier, jitter, elapsed, attempt-timeout, or for one class as in storage.initial"
	const object = `a JSON object such as {"attempts":8,"initial":"500ms"}`
	for name, test := range map[string]struct{ json, want string }{
		"a number for a duration":                 {`{"initial":500}`, `policy: initial "500": want a duration in quotes with its unit, such as "500ms"`},
		"a number for one of a class":             {`{"classes":{"busy":{"max":5e9}}}`, `policy: busy.max "5e9": want a duration in quotes with its unit, such as "500ms"`},
		"a duration without unit":                 {`{"initial":"500"}`, `policy: initial "500": want a duration with its unit, such as 500ms, 30s or 1m30s`},
		"a string for a number":                   {`{"attempts":"8"}`, `policy: attempts "8": want a number without quotes`},
		"half an attempt":                         {`{"attempts":1.5}`, `policy: attempts "1.5": want a whole number`},
		"a boolean":                               {`{"jitter":false}`, `policy: jitter "false": want a number or a duration`},
		"a null":                                  {`{"max":null}`, `policy: max "null": want a value, or the key left out`},
		"a list":                                  {`{"max":["1s"]}`, `policy: max "[": want a single value`},
		"an object":                               {`{"max":{}}`, `policy: max "{": want a single value`},
		"an unknown key":                          {`{"atempts":8}`, `policy: key "atempts": want one of ` + keys},
		"an unknown key of a class":               {`{"classes":{"busy":{"waits":"1s"}}}`, `policy: key "busy.waits": want one of ` + keys},
		"a key of a class in the text way":        {`{"storage.initial":"1m"}`, `policy: key "storage.initial": want one of ` + keys},
		"a class given twice in two letter cases": {`{"classes":{"busy":{},"Busy":{}}}`, `policy: key "classes.busy": want it only once`},
		"an unknown class":                        {`{"classes":{"bussy":{}}}`, `policy: class "bussy": want one of ` + classes},
		"classes inside a class":                  {`{"classes":{"busy":{"classes":{}}}}`, `policy: busy.classes "set": want no classes inside a class`},
		"classes that are no object":              {`{"classes":7}`, `policy: classes "7": want ` + object},
		"a class that is no object":               {`{"classes":{"busy":[]}}`, `policy: busy "[": want ` + object},
		"a key given twice":                       {`{"max":"1s","max":"1s"}`, `policy: key "max": want it only once`},
		"a class given twice":                     {`{"classes":{"busy":{},"busy":{}}}`, `policy: key "classes.busy": want it only once`},
		"a key of a class given twice":            {`{"classes":{"busy":{"max":"1s","max":"2s"}}}`, `policy: key "busy.max": want it only once`},
		"a function":                              {`{"backoff":"func"}`, `policy: key "backoff": want no such key in text: only Go code can set BackOff`},
		"a value that is not allowed":             {`{"max":"1s","initial":"2s"}`, `policy: max "1s": want at least initial, which is 2s`},
		"bad text in a string":                    {`"attempts=x"`, `policy: attempts "x": want a whole number`},
		"a list of policies":                      {`[{}]`, `policy: "[": want ` + object},
		"a number alone":                          {`7`, `policy: "7": want ` + object},
		"two objects":                             {`{} {}`, `policy: "{} {}": want valid JSON: invalid character '{' after top-level value`},
		"no JSON":                                 {`attempts=8`, `policy: "attempts=8": want valid JSON: invalid character 'a' looking for beginning of value`},
		"an unfinished object":                    {`{"max":"1s"`, `policy: "{\"max\":\"1s\"": want valid JSON: unexpected end of JSON input`},
		"nothing":                                 {``, `policy: "": want valid JSON: unexpected end of JSON input`},
		"text after the text":                     {`"max=1m" 7`, `policy: "\"max=1m\" 7": want valid JSON: invalid character '7' after top-level value`},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy.Policy{Attempts: 5}
			err := p.UnmarshalJSON([]byte(test.json))
			require.EqualError(t, err, test.want)
			require.Equal(t, policy.Policy{Attempts: 5}, p, "left as it was")
			var fault *policy.Error
			require.ErrorAs(t, err, &fault)
		})
	}
}
