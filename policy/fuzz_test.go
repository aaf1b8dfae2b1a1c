package policy_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

var allClasses = []transient.Class{
	transient.Busy, transient.Storage, transient.Overload,
	transient.DataChannel, transient.Security, transient.Network,
}

// FuzzParse: what Parse accepts is valid, comes back the same from its text and
// its JSON, and makes no wait longer than its Max, or than the Max or Initial
// of the class that set one.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", fullText, "attempts=-1 jitter=1 max=30s", "max=500ms", "initial=1m,storage.initial=5m", "busy.attempts=0",
		"initial=2562047h47m16s max=2562047h47m16s jitter=1", "multiplier=1e308 jitter=1e-308", "multiplier=0x1p-2",
		"initial=1ns max=1ns datachannel.max=1us", "elapsed=1h storage.elapsed=1ns", "jitter=-0", "max=1\u00b5s", "a=b=c", ".=1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.Parse(text)
		if err != nil {
			var fault *policy.Error
			require.ErrorAs(t, err, &fault)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.NoError(t, p.Validate())
		again, err := policy.Parse(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var read policy.Policy
		require.NoError(t, json.Unmarshal(data, &read))
		require.Equal(t, p, read)
		requireBoundedWaits(t, p)
	})
}

// FuzzUnmarshalJSON: whatever the bytes are there is no panic, an error is an
// *Error of one line, and what is accepted is written and read as the same.
func FuzzUnmarshalJSON(f *testing.F) {
	for _, data := range []string{
		"{}", fullJSON, `"attempts=3"`, "null", `{"max":1}`, `{"classes":{"busy":{"classes":{}}}}`, `{"max":"1s","max":"1s"}`,
		`[[[[`, `{"\ud800":1}`, `{"multiplier":1E400}`, `{"attempts":-0}`, "{}{}", "",
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p policy.Policy
		if err := p.UnmarshalJSON(data); err != nil {
			var fault *policy.Error
			require.ErrorAs(t, err, &fault)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.NoError(t, p.Validate())
		written, err := json.Marshal(p)
		require.NoError(t, err)
		var again policy.Policy
		require.NoError(t, json.Unmarshal(written, &again))
		require.Equal(t, p, again)
	})
}

// requireBoundedWaits runs a transaction of p into failures of every class.
func requireBoundedWaits(t *testing.T, p policy.Policy) {
	t.Helper()
	for _, class := range allClasses {
		longest := max(policy.DefaultMax, p.Initial)
		if p.Max != 0 {
			longest = p.Max
		}
		if own := p.Classes[class]; own.Max != 0 {
			longest = own.Max
		} else if own.Initial > longest {
			longest = own.Initial
		}
		now := time.Unix(0, 0)
		schedule := p.Start(now)
		for range 12 {
			wait, stop := schedule.Next(now, class, false, 0)
			if stop != policy.Continue {
				require.Zero(t, wait)
				break
			}
			require.GreaterOrEqual(t, wait, time.Duration(0))
			require.LessOrEqual(t, wait, longest)
			hinted, _ := p.Start(now).Next(now, class, false, longest+1)
			if hinted != 0 { // 0: the hint does not fit into Elapsed, or one attempt is all
				require.Equal(t, longest+1, hinted)
			}
		}
	}
}
