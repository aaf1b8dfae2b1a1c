package policy_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

func constant() backoff.BackOff { return backoff.NewConstantBackOff(time.Second) }

func TestValidateSaysWhatIsAllowed(t *testing.T) {
	const s = time.Second
	in := func(class transient.Class, own policy.Policy) policy.Policy {
		return policy.Policy{Classes: map[transient.Class]policy.Policy{class: own}}
	}
	for name, test := range map[string]struct {
		policy policy.Policy
		want   string // "" = valid
	}{
		"the zero policy":           {policy.Policy{}, ""},
		"no limit":                  {policy.Policy{Attempts: -1, Jitter: -1, Max: math.MaxInt64, Elapsed: math.MaxInt64}, ""},
		"the ends of what is legal": {policy.Policy{Attempts: 1, Initial: 1, Max: 1, Multiplier: 1, Jitter: 1, Elapsed: 1}, ""},

		"a negative first wait":           {policy.Policy{Initial: -s}, `policy: initial "-1s": want a duration that is not negative`},
		"a negative maximum":              {policy.Policy{Max: -1}, `policy: max "-1ns": want a duration that is not negative`},
		"a negative elapsed":              {policy.Policy{Elapsed: -time.Minute}, `policy: elapsed "-1m": want a duration that is not negative`},
		"a negative timeout":              {policy.Policy{AttemptTimeout: -s}, `policy: attempt-timeout "-1s": want a duration that is not negative`},
		"a multiplier that shrinks waits": {policy.Policy{Multiplier: 0.99}, `policy: multiplier "0.99": want a finite number, at least 1`},
		"a negative multiplier":           {policy.Policy{Multiplier: -2}, `policy: multiplier "-2": want a finite number, at least 1`},
		"a multiplier that is no number":  {policy.Policy{Multiplier: math.NaN()}, `policy: multiplier "NaN": want a finite number, at least 1`},
		"an infinite multiplier":          {policy.Policy{Multiplier: math.Inf(1)}, `policy: multiplier "+Inf": want a finite number, at least 1`},
		"more jitter than wait":           {policy.Policy{Jitter: 1.01}, `policy: jitter "1.01": want at most 1, or a negative number for none`},
		"a jitter that is no number":      {policy.Policy{Jitter: math.NaN()}, `policy: jitter "NaN": want at most 1, or a negative number for none`},
		"an infinite jitter":              {policy.Policy{Jitter: math.Inf(-1)}, `policy: jitter "-Inf": want at most 1, or a negative number for none`},

		"a maximum below the first wait":      {policy.Policy{Initial: 2 * s, Max: s}, `policy: max "1s": want at least initial, which is 2s`},
		"a maximum that the BackOff replaces": {policy.Policy{Initial: 2 * s, Max: s, BackOff: constant}, ""},

		"a class of its own":                                    {in(transient.Storage, policy.Policy{Attempts: 3, Initial: s, Jitter: -1}), ""},
		"a class with a BackOff":                                {in(transient.Storage, policy.Policy{BackOff: constant}), ""},
		"a class whose first wait exceeds the default maximum":  {in(transient.Storage, policy.Policy{Initial: time.Hour}), ""},
		"a class whose maximum is below the default first wait": {in(transient.Storage, policy.Policy{Max: 1}), ""},
		"a class that contradicts itself": {
			in(transient.Busy, policy.Policy{Initial: 2 * s, Max: s}), `policy: busy.max "1s": want at least busy.initial, which is 2s`,
		},
		"a bad field of a class": {
			in(transient.DataChannel, policy.Policy{Jitter: 2}), `policy: datachannel.jitter "2": want at most 1, or a negative number for none`,
		},
		"a timeout of a class": {
			in(transient.Busy, policy.Policy{AttemptTimeout: s}),
			`policy: busy.attempt-timeout "1s": want it set for the whole policy: the class is known only after the attempt`,
		},
		"classes inside a class": {
			in(transient.Busy, in(transient.Storage, policy.Policy{})), `policy: busy.classes "set": want no classes inside a class`,
		},
		"a class that is never replayed": {
			in(transient.Permanent, policy.Policy{Attempts: 3}),
			`policy: classes "permanent (1)": want one of busy, storage, overload, datachannel, security, network`,
		},
		"the class of what nobody explains": {
			in(transient.Unknown, policy.Policy{}),
			`policy: classes "unknown (0)": want one of busy, storage, overload, datachannel, security, network`,
		},
		"a class that does not exist": {
			in(99, policy.Policy{}), `policy: classes "invalid (99)": want one of busy, storage, overload, datachannel, security, network`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.policy.Validate()
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
		})
	}
}

func TestValidateReportsTheSameFaultEveryTime(t *testing.T) {
	bad := policy.Policy{Jitter: 2}
	p := policy.Policy{Classes: map[transient.Class]policy.Policy{
		transient.Network: bad, transient.Busy: bad, transient.Overload: bad, transient.Security: bad,
	}}
	for range 50 {
		var fault *policy.Error
		require.ErrorAs(t, p.Validate(), &fault)
		require.Equal(t, "busy.jitter", fault.Field)
	}
}

func TestErrorsRepeatLittleOfWhatWasGiven(t *testing.T) {
	_, err := policy.Parse("initial=" + strings.Repeat("x", 39) + "\u00e9" + strings.Repeat("y", 100000))
	require.EqualError(t, err, `policy: initial "`+strings.Repeat("x", 39)+`...": want a duration with its unit, such as 500ms, 30s or 1m30s`)
	_, err = policy.Parse("initial=\x1b[31m")
	require.EqualError(t, err, `policy: initial "\x1b[31m": want a duration with its unit, such as 500ms, 30s or 1m30s`)
}

func TestCloneSharesNoClasses(t *testing.T) {
	p := policy.Policy{Attempts: 3, Classes: map[transient.Class]policy.Policy{transient.Busy: {Attempts: 4}}}
	clone := p.Clone()
	require.Equal(t, p, clone)
	p.Classes[transient.Busy] = policy.Policy{Attempts: 9}
	assert.Equal(t, 4, clone.Classes[transient.Busy].Attempts)
	assert.Nil(t, policy.Policy{}.Clone().Classes)
}
