package batch

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/transient"
)

func inSeconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

func TestAnOutageLastsFromTheLastSessionToTheNextOne(t *testing.T) {
	t.Parallel()
	// told is what the client tells at a second of the run: that it is down since
	// another second, or, with none, up.
	type told struct{ at, since float64 }
	const up = -1
	for name, test := range map[string]struct {
		told []told
		took float64
		want []Span
	}{
		"a server that goes away and comes back":  {[]told{{12, 10}, {15, up}}, 20, []Span{{-1, 10 * time.Second, 15 * time.Second, "network: refused"}}},
		"two that are two":                        {[]told{{12, 10}, {15, up}, {16, 16}, {18, up}}, 20, []Span{{-1, 10 * time.Second, 15 * time.Second, "network: refused"}, {-1, 16 * time.Second, 18 * time.Second, "network: refused"}}},
		"nothing, where a session is soon there":  {[]told{{10.2, 10}, {10.9, up}}, 20, nil},
		"one that is not over when the run ends":  {[]told{{12, 10}}, 20, []Span{{-1, 10 * time.Second, 20 * time.Second, "network: refused"}}},
		"nothing, where the run ends at once":     {[]told{{19.5, 19.5}}, 20, nil},
		"one that was there before the run began": {[]told{{1, -5}, {3, up}}, 20, []Span{{-1, 0, 3 * time.Second, "network: refused"}}},
		"nothing of one of before the run":        {[]told{{1, up}}, 20, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := outages{began: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
			for _, e := range test.told {
				if e.since == up {
					o.up(o.began.Add(inSeconds(e.at)))
					continue
				}
				o.down(retry.Down{Since: o.began.Add(inSeconds(e.since)), Verdict: transient.Verdict{Class: transient.Network}, Err: errors.New("refused")})
			}
			assert.Equal(t, test.want, append([]Span(nil), o.all(inSeconds(test.took))...))
		})
	}
}
