package batch_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// filled is a value of type t in which nothing is zero.
func filled(t reflect.Type, n int64) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[time.Time]():
		return reflect.ValueOf(time.Date(2026, 3, 29, 1, 2, 3, 456789, time.UTC))
	case t == reflect.TypeFor[time.Duration]():
		v.SetInt(n*1e11 + 123456789)
	case t == reflect.TypeFor[batch.Kind](), t == reflect.TypeFor[batch.State]():
		v.SetInt(n%4 + 1)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			v.Field(i).Set(filled(t.Field(i).Type, n+int64(i)))
		}
	case t.Kind() == reflect.Slice:
		return reflect.Append(v, filled(t.Elem(), n), filled(t.Elem(), n+7))
	case t.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(filled(t.Key(), n), filled(t.Elem(), n))
	case t.Kind() == reflect.String:
		v.SetString("text <&> \" " + string(rune('a'+n)))
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(n + 1)
	}
	return v
}

func TestAReportReadBackIsTheOneWritten(t *testing.T) {
	t.Parallel()
	want, _ := filled(reflect.TypeFor[batch.Report](), 0).Interface().(batch.Report)
	text, err := json.Marshal(want)
	require.NoError(t, err)
	var got batch.Report
	require.NoError(t, json.Unmarshal(text, &got))
	assert.Equal(t, want, got)
	again, err := json.Marshal(&got)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again))
}

// A program of somebody else's reads this.
func TestTheJSONFormOfAReportDoesNotChange(t *testing.T) {
	t.Parallel()
	rep := batch.Report{
		Server: "h:21", Started: time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC), Took: 90*time.Second + time.Millisecond, Workers: 1,
		Stopped: "why", Jobs: batch.Counts{Total: 1, Unknown: 1}, Uploaded: 5, MovedTwice: 2, Attempts: 4,
		Replays: map[string]int64{"Network": 3}, Dials: 4, Waited: time.Second,
		Problems: []batch.Entry{{Kind: batch.Upload, Remote: "r", Local: "l", State: batch.Unknown, Error: "e", Next: "n", Attempts: 4, Began: time.Microsecond, Took: time.Minute}},
		Bars:     []batch.Bar{{From: time.Second / 2, To: time.Second, Jobs: 1, State: batch.NotRun, Attempts: 1, Name: "r"}},
		Outages:  []batch.Span{{Lane: -1, From: 0, To: time.Nanosecond, Why: "w"}},
	}
	text, err := json.Marshal(rep)
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"server": "h:21", "started": "2026-03-29T01:02:03Z", "took": 90.001, "workers": 1, "stopped": "why",
		"jobs": {"total": 1, "done": 0, "skipped": 0, "failed": 0, "unknown": 1, "not_run": 0},
		"uploaded": 5, "downloaded": 0, "moved_twice": 2, "attempts": 4, "replays": {"Network": 3}, "dials": 4, "waited": 1,
		"problems": [{"kind": "upload", "remote": "r", "local": "l", "state": "unknown", "error": "e", "next": "n", "attempts": 4,
			"bytes": 0, "moved_twice": 0, "began": 0.000001, "took": 60, "waited": 0}],
		"bars": [{"lane": 0, "from": 0.5, "to": 1, "jobs": 1, "bytes": 0, "state": "not run", "attempts": 1, "name": "r"}],
		"outages": [{"lane": -1, "from": 0, "to": 1e-9, "why": "w"}]
	}`, string(text))
}

func TestANameThatIsNotKnownIsPassedOver(t *testing.T) {
	t.Parallel()
	var rep batch.Report
	require.NoError(t, json.Unmarshal([]byte(`{"server": "h:21", "of tomorrow": 1, "bars": [{"lane": 2, "of tomorrow": 1}]}`), &rep))
	assert.Equal(t, batch.Report{Server: "h:21", Bars: []batch.Bar{{Lane: 2}}}, rep)
}

func TestADurationThatNoRunHasIsRefused(t *testing.T) {
	t.Parallel()
	var rep batch.Report
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"took": 1e300}`), &rep), "no run has a duration")
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"bars": [{"to": -1e18}]}`), &rep), "no run has a duration")
}
