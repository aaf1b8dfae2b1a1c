package retry

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ftpretry/ftpretry/policy"
)

const (
	// tidyTime bounds the removal of what a failed operation leaves behind;
	// tidyQuick does when the caller's context has ended and he is waiting, if
	// he has not said how long he does.
	tidyTime  = 10 * time.Second
	tidyQuick = 60 * time.Millisecond
)

// atomicUpload is an upload under a temporary name.
type atomicUpload struct {
	*upload
	temp     string
	replace  bool // a target in the way may be deleted
	checked  bool // the temporary file is whole
	cleared  bool // what had the final name was deleted
	renaming bool // RNTO may have been executed
}

// try is an attempt, up to the final name (tests:
// TestAnotherFileIsNotTakenForTheUploadNorRemoved,
// TestAnAtomicUploadThatWasNotRenamedIsKnownToHaveFailed).
func (a *atomicUpload) try(_ context.Context, s *session) error {
	defer func() { a.unknown = a.renaming }() // nothing shows under the final name before
	if !a.stored {
		if err := a.store(s, a.temp); err != nil {
			return err
		}
	}
	if !a.checked {
		a.ahead(s, a.temp)
		if err := a.check(s, a.temp, a.sent); err != nil {
			return err
		}
		if err := a.setTime(s, a.temp); err != nil {
			return err
		}
		a.checked = true
	}
	err := s.ftp.Rename(a.temp, a.path)
	if err == nil {
		return nil
	}
	x := s.wire.Exchange()
	if a.renaming && x.Command == "RNFR" && refused(err) {
		// There is nothing to rename any more: an earlier RNTO was executed.
		return a.renamed(s, err)
	}
	if doubtful(x, err, "RNTO") {
		a.renaming = true
		return err
	}
	if x.Command != "RNTO" || !refused(err) {
		return err
	}
	return a.inTheWay(s, err)
}

// inTheWay deals with a server that refuses to rename onto a name that exists,
// as IIS does: what is in the way is deleted, if that is allowed (tests:
// TestAServerThatDoesNotRenameOntoAnExistingFile,
// TestWhatHasTheFinalNameIsRemovedOnlyWhereThatHelps,
// TestARenamingAfterADeletionWhoseReplyWasLostIsResolved).
func (a *atomicUpload) inTheWay(s *session, refusal error) error {
	there, err := s.exists(a.path, aFile)
	switch {
	case err != nil:
		return err
	case there != present:
		return refusal
	case !a.replace:
		return &final{reason: ErrPermanent, err: fmt.Errorf(
			"%w (%w: Config.ReplaceByDelete allows to delete it first)", refusal, fs.ErrExist)}
	}
	err = s.ftp.Delete(a.path)
	a.cleared = a.cleared || err == nil || doubtful(s.wire.Exchange(), err, "DELE")
	if err != nil {
		return err
	}
	err = s.ftp.Rename(a.temp, a.path)
	if err != nil && doubtful(s.wire.Exchange(), err, "RNTO") {
		a.renaming = true
	}
	return err
}

// renamed proves that an RNTO whose reply was lost was executed, after RNFR was
// refused for the temporary name, which is nobody else's (test:
// TestAnAtomicUploadWhoseTemporaryNameVanishedProvesItsTarget).
func (a *atomicUpload) renamed(s *session, refusal error) error {
	there, err := s.exists(a.temp, aFile)
	if err != nil {
		return err
	}
	if there != absent {
		return &final{reason: ErrOutcomeUnknown, err: refusal}
	}
	if a.verify != VerifyNone {
		return a.checkTarget(s)
	}
	there, err = s.exists(a.path, anything)
	if err == nil && there != present {
		err = &final{reason: ErrOutcomeUnknown, err: refusal}
	}
	return err
}

// checkTarget proves that the target is the upload (tests:
// TestARenamingIsNotTakenForDoneWhereTheTargetIsAnotherFile,
// TestAnEmptyUploadThatIsNotThereIsNotCalledRenamed).
func (a *atomicUpload) checkTarget(s *session) error {
	n, state, err := s.size(a.path)
	if err != nil {
		return err
	}
	if state != sizeKnown || n != a.sent {
		return &final{reason: ErrOutcomeUnknown, err: fmt.Errorf("%s is gone after a renaming whose reply was lost, and %s has not its %d bytes", a.temp, a.path, a.sent)}
	}
	return nil
}

// storAtomic uploads u under a temporary name and renames it.
func (c *Client) storAtomic(ctx context.Context, u *upload) error {
	cfg := c.pool.endpoint.cfg
	a := &atomicUpload{upload: u, replace: cfg.ReplaceByDelete}
	given := tempOf(ctx)
	if a.temp = given.Name; a.temp == "" {
		a.temp = cfg.tempName(u.path, rand.Text()[:tempDigits])
	}
	if u.invalid = checkPath(a.temp); u.invalid == nil {
		u.inherit(given)
	}
	u.then = []string{"RNFR " + a.temp}
	u.effect = "" // nothing shows under the final name before the renaming
	err := c.do(ctx, a)
	if err == nil || !u.begun && !u.maybe || given.Keep && !errors.Is(err, ErrPermanent) {
		return err
	}
	return c.removeTemp(ctx, a, err)
}

// removeTemp removes the temporary file of an upload that failed with err, and
// adds to the error where that did not succeed. After a renaming whose outcome
// is unknown it stays, and so it does after the deletion of what had the name: it
// may be all there is of the file (tests:
// TestTheTemporaryIsRemovedHoweverAnUploadEnds, TestTheOnlyCopyIsNotRemoved,
// TestTheTemporaryOfAnEarlierAttemptIsRemoved).
func (c *Client) removeTemp(ctx context.Context, a *atomicUpload, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if a.renaming {
		e.Err = &final{reason: ErrOutcomeUnknown, err: fmt.Errorf("%w (whole upload may be left as %s)", e.Err, a.temp)}
		return e
	}
	if a.cleared {
		e.Err = fmt.Errorf("%w (what was there is deleted, the whole upload is left as %s: rename it)", e.Err, a.temp)
		return e
	}
	if errors.Is(err, ErrLogin) { // which the removal would try again
		e.Err = &leftBehind{e.Err, a.temp}
		return e
	}
	tidy, cancel := tidyContext(ctx, cmp.Or(tempOf(ctx).Patience, tidyQuick))
	defer cancel()
	if left := c.tidier().do(tidy, removing("DELE", a.temp)); left != nil && !missing(left) {
		e.Err = &leftBehind{e.Err, a.temp}
	}
	return e
}

// tidier is a runner for what is left to be tidied up: few attempts, no hooks
// (test: TestTidyingUpIsNotToldAndEndsSoon).
func (r *runner) tidier() *runner {
	t := *r
	t.hooks = Hooks{}
	t.policy = policy.Policy{Attempts: 3, Initial: 200 * time.Millisecond, Max: time.Second}
	return &t
}

// leftBehind is the failure of an upload whose temporary file is still there.
type leftBehind struct {
	err  error
	temp string
}

func (l *leftBehind) Error() string   { return fmt.Sprintf("%v (left behind: %s)", l.err, l.temp) }
func (l *leftBehind) Unwrap() []error { return []error{l.err, ErrLeftBehind} }

// tidyContext outlives the caller's context, by a moment.
func tidyContext(ctx context.Context, moment time.Duration) (context.Context, context.CancelFunc) {
	tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(moment)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-tidy.Done():
		}
	})
	return tidy, func() { stop(); cancel() }
}
