package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// appending is one APPE. The file's size before tells what a failed attempt has
// added to it, and its last bytes that it was this one, so that nothing is added
// twice.
type appending struct {
	*upload
	base    int64 // size before the first attempt; -1 = not asked yet
	pending bool  // an attempt may have added something
	blind   bool  // the server reports no size, and nobody wants to know it
	ascii   bool  // the server converts line ends: sizes say nothing
}

func (a *appending) try(_ context.Context, s *session) error {
	if a.stored {
		return a.verified(s)
	}
	if (a.blind || a.ascii) && a.pending {
		return &final{reason: ErrOutcomeUnknown, err: errors.New("reply to the append was lost, and no size tells what it has added")}
	}
	if a.base < 0 && !a.blind && !a.ascii || a.pending {
		if done, err := a.locate(s); done || err != nil {
			return err
		}
	}
	err := a.send(s, a.path, a.progress, func(r io.Reader) error { return s.ftp.Append(a.path, r) })
	if err != nil {
		a.pending = s.wire.Begun() || s.wire.Exchange().Unknown()
		return err
	}
	return a.verified(s)
}

// verified checks a finished append. Where the size is not the right one, what
// is missing must be found out before anything else is sent (test:
// TestAnAppendThatWasFalselyCalledCompleteIsContinued).
func (a *appending) verified(s *session) error {
	err := a.check(s, a.path, a.base+a.sent)
	a.pending = !a.stored
	return err
}

// locate asks for the file's size: the first time to know where the appended
// bytes will begin, then to know how many of them are there (tests:
// TestNothingIsStoredTwiceWhereTheServerDoesNotShowIt,
// TestAnAppendIsNotGuessedOnceSomebodyElseHasChangedTheFile,
// TestAnAppendIsNotResumedBySizesWhereTheServerConvertsLineEnds,
// TestAnAppendIsSentOnce).
func (a *appending) locate(s *session) (done bool, err error) {
	n, state, err := s.size(a.path)
	if err != nil {
		return false, err
	}
	if state == sizeUnknown && a.base < 0 && a.verify == VerifyNone {
		a.blind = true
		return false, nil
	}
	switch {
	case state != sizeUnknown:
	case a.base < 0:
		return false, &final{reason: ErrPermanent, err: errors.New(
			"server reports no size, by which an append could be proven: nothing was sent; set Config.Verify to VerifyNone to do without")}
	default:
		return false, &final{reason: ErrOutcomeUnknown, err: errors.New(
			"server no longer reports a size: what the append has added cannot be told")}
	}
	if a.base < 0 {
		a.base = n
		return false, nil
	}
	added := n - a.base
	switch {
	case state == sizeMissing && a.out > 0:
		return false, &final{reason: ErrOutcomeUnknown, err: fmt.Errorf(
			"%d bytes were sent to be appended, but the server shows no such file", a.out)}
	case added < 0, added > a.out:
		return false, &final{reason: ErrOutcomeUnknown, err: fmt.Errorf(
			"file had %d bytes before the append and has %d now, with %d sent: somebody else changed it", a.base, n, a.out)}
	case added < a.progress:
		return false, &final{reason: ErrOutcomeUnknown, err: fmt.Errorf(
			"file shrank from %d to %d bytes during the append", a.base+a.progress, n)}
	}
	if added > 0 {
		same, err := a.isPrefix(s, a.path, n, added)
		switch {
		case err != nil:
			return false, err
		case !same:
			return false, &final{reason: ErrOutcomeUnknown, err: fmt.Errorf(
				"file has %d bytes more than before the append, and they do not end as what was sent", added)}
		}
	}
	s.twice(a.out - added)
	a.progress, a.out, a.pending = added, added, false
	return added == a.length, nil
}

// Append adds src to the end of path on the server, creating it when it is not
// there. Its size is asked for before, and after a failed attempt only what is
// missing is sent, so that nothing is added twice. Where the server reports no
// size, or somebody else changes the file meanwhile, the end is
// [ErrOutcomeUnknown].
func (c *Client) Append(ctx context.Context, path string, src Source) error {
	u := newUpload("APPE", path, src, c.verify)
	return c.do(ctx, &appending{upload: u, base: -1})
}
