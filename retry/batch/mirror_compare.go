package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ftpretry/ftpretry/retry"
)

// zones is how far the time of a server's zone can be from UTC, either way.
const zones = 14 * time.Hour

// shown is the time of a file on the server as it is known.
type shown struct {
	at    time.Time
	grain time.Duration // at is the beginning of a span that long
	exact bool          // and in UTC
}

// shownBy returns the time that a listing shows. LIST shows the minute, or the
// day alone for what is more than half a year old or in the future.
func shownBy(e entry, exact bool, now time.Time) shown {
	switch at := e.time; {
	case exact:
		return shown{at.Truncate(time.Second), time.Second, true}
	case at.Second() != 0:
		return shown{at, time.Second, false}
	case at.Hour() == 0 && at.Minute() == 0 && (at.Before(now.AddDate(0, -5, 0)) || at.After(now)):
		return shown{at, 24 * time.Hour, false}
	default:
		return shown{at, time.Minute, false}
	}
}

// holds reports whether the time of the local file could be the one shown.
func (s shown) holds(local time.Time) bool {
	past := local.Sub(s.at)
	return past >= 0 && past < s.grain
}

// notBefore reports whether a file with that time is proven to be no older than
// the local one.
func (s shown) notBefore(local time.Time) bool {
	at := s.at
	if !s.exact {
		at = at.Add(-zones)
	}
	return !at.Before(local.Truncate(time.Second))
}

// differ says why a file has to be copied; "" with why it has not, in same.
// Both are there under the same name. remote is the listing in which the
// server's one is.
func (w *walk) differ(ctx context.Context, name string, source, goal entry, remote *content) (why, same string, err error) {
	if source.size != goal.size {
		return fmt.Sprintf("size %d, not %d", goal.size, source.size), "", nil
	}
	switch w.Compare {
	case Size:
		return "", "same size", nil
	case Hash:
		equal, err := w.client.SameContent(ctx, w.remote.path(name), retry.File(w.local.path(name)))
		if err == nil && !equal {
			return "another content", "", nil
		}
		return "", "same content", err
	}
	local, far := source, goal
	if !w.up {
		local, far = goal, source
	}
	seen := shownBy(far, remote.Exact, time.Now())
	if !seen.exact && remote.TellsTime {
		at, err := w.client.GetTime(ctx, w.remote.path(name))
		var failed *retry.Error
		switch {
		case err == nil:
			seen = shown{at.Truncate(time.Second), time.Second, true}
		case !errors.As(err, &failed) || failed.Verdict.Reply == nil || !errors.Is(err, retry.ErrPermanent):
			return "", "", err // and not for this file alone
		}
	}
	switch {
	case seen.holds(local.time):
		if seen.grain > time.Second {
			return "", "same size, and the same time as far as the server's listing shows it", nil
		}
		return "", "same size and time", nil
	case w.up && !remote.SetsTime && seen.notBefore(local.time):
		return "", "same size, and not older: the server's files cannot be given a time", nil
	}
	if w.up {
		return fmt.Sprintf("time %s, not %s", stamp(seen.at), stamp(local.time)), "", nil
	}
	return fmt.Sprintf("time %s, not %s", stamp(local.time), stamp(seen.at)), "", nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// asks reports whether differ would ask the server.
func (w *walk) asks(source, goal entry, remote *content) bool {
	return source.size == goal.size && (w.Compare == Hash || w.Compare == SizeAndTime && !remote.Exact && remote.TellsTime)
}
