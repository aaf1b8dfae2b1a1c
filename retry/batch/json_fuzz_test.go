package batch_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// Whatever is read as a report can be written again, in all three forms, and is
// the same when it is read once more: `batch report` reads what others wrote.
func FuzzAReportThatIsReadIsWrittenAsItWas(f *testing.F) {
	seed, err := json.Marshal(aReport())
	require.NoError(f, err)
	f.Add(seed)
	f.Add([]byte(`{"took": 1e300, "bars": [{"lane": -5, "from": 7, "to": -1e18, "state": "failed"}, {"lane": 99}], "workers": 3}`))
	f.Add([]byte(`{"workers": -1, "took": 3, "outages": [{"from": -1e9, "to": 1e9}], "waits": [{"lane": 1e9, "to": 1}], "bars": [{}], "problems": [{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r, again batch.Report
		if json.Unmarshal(text, &r) != nil {
			return
		}
		first, err := json.Marshal(r)
		if err != nil {
			return // a time before the year 0 or such
		}
		require.NoError(t, json.Unmarshal(first, &again))
		second, err := json.Marshal(again)
		require.NoError(t, err)
		assert.Equal(t, string(first), string(second))
		assert.NoError(t, r.WriteText(discard{}))
		assert.NoError(t, r.WriteHTML(discard{}))
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
