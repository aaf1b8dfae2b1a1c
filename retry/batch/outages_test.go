package batch

import (
	"errors"
	"net/textproto"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/transient"
)

func inSeconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

// told is something that a worker does, at a second of the run.
type told struct {
	at   float64
	lane int
	what string
}

func TestAnOutageIsWhatLiesBetweenTwoSessionsWhileSomebodyTriesInVain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		told []told
		took float64
		want []Span
	}{
		"a server that goes away and comes back": {
			[]told{{0, 0, "connected"}, {1, 1, "connected"}, {10, 0, "lost"}, {11, 1, "lost"}, {12, 0, "refused"}, {15, 1, "connected"}}, 20,
			[]Span{{-1, 11 * time.Second, 15 * time.Second, "network: refused"}},
		},
		"nothing, while another worker has a session": {
			[]told{{0, 0, "connected"}, {10, 1, "full"}, {15, 1, "full"}, {20, 1, "connected"}}, 30, nil,
		},
		"nothing, where the session of another worker turns out to have been there": {
			[]told{{0, 0, "connected"}, {5, 0, "done"}, {10, 1, "full"}, {15, 1, "full"}, {16, 0, "done"}, {17, 1, "connected"}}, 30, nil,
		},
		"nor where that is seen by what it moves": {
			[]told{{10, 1, "full"}, {16, 0, "moved"}, {17, 1, "connected"}}, 30, nil,
		},
		"nor where it is seen by what it was refused": {
			[]told{{10, 1, "full"}, {16, 0, "busy"}, {16, 1, "connected"}}, 30, nil,
		},
		"one that begins while the others wait for something else": {
			[]told{{0, 0, "connected"}, {0, 1, "connected"}, {3, 1, "busy"}, {10, 0, "lost"}, {12, 1, "refused"}, {15, 1, "connected"}}, 20,
			[]Span{{-1, 10 * time.Second, 15 * time.Second, "network: refused"}},
		},
		"one that begins when the last answer comes": {
			[]told{{0, 0, "connected"}, {0, 1, "connected"}, {10, 0, "lost"}, {11, 1, "done"}, {12, 1, "refused"}, {15, 0, "connected"}}, 20,
			[]Span{{-1, 11 * time.Second, 15 * time.Second, "network: refused"}},
		},
		"nothing, where nobody tries": {
			[]told{{0, 0, "connected"}, {0, 1, "connected"}, {10, 0, "full"}, {11, 1, "done"}, {15, 0, "connected"}}, 20, nil,
		},
		"nothing, where a session is replaced at once": {
			[]told{{0, 0, "connected"}, {10, 0, "lost"}, {10.5, 0, "connected"}}, 20, nil,
		},
		"a server that takes nobody from the beginning, nor at the end": {
			[]told{{1, 0, "full"}, {6, 0, "full"}}, 20,
			[]Span{{-1, 1 * time.Second, 20 * time.Second, `overload: 421 "full"`}},
		},
		"nothing, where the run ends at once": {
			[]told{{1, 0, "full"}}, 1.5, nil,
		},
		"one of a worker alone, while the others have no job": {
			[]told{{0, 0, "connected"}, {0, 1, "connected"}, {5, 0, "idle"}, {10, 1, "lost"}, {15, 1, "connected"}}, 20,
			[]Span{{-1, 10 * time.Second, 15 * time.Second, "network: lost"}},
		},
		"no end by a login that the server answered and did not grant": {
			[]told{{10, 0, "lost"}, {12, 0, "no tls"}, {15, 0, "connected"}}, 20,
			[]Span{{-1, 10 * time.Second, 15 * time.Second, "network: lost"}},
		},
		"two that are two": {
			[]told{{10, 0, "lost"}, {12, 0, "connected"}, {13, 0, "lost"}, {17, 0, "connected"}}, 20,
			[]Span{{-1, 10 * time.Second, 12 * time.Second, "network: lost"}, {-1, 13 * time.Second, 17 * time.Second, "network: lost"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			o := outages{began: began, lanes: make([]laneState, 2)}
			fail := func(e told, now time.Time, class transient.Class, code int, text string) {
				v := transient.Verdict{Class: class}
				if code > 0 {
					v.Reply = &textproto.Error{Code: code, Msg: text}
				}
				o.failed(e.lane, now, v, errors.New(text))
			}
			for _, e := range test.told {
				now := began.Add(inSeconds(e.at))
				switch e.what {
				case "connected":
					o.connected(e.lane, now)
				case "moved":
					o.alive(e.lane, now)
				case "done":
					o.answered(e.lane, now)
				case "idle":
					o.idle(e.lane, now)
				case "lost", "refused":
					fail(e, now, transient.Network, 0, e.what)
				case "full":
					fail(e, now, transient.Overload, 421, e.what)
				case "busy":
					fail(e, now, transient.Busy, 450, e.what)
				case "no tls":
					fail(e, now, transient.Security, 431, e.what)
				}
			}
			assert.Equal(t, test.want, append([]Span(nil), o.all(inSeconds(test.took))...))
		})
	}
}
