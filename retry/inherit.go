package retry

import (
	"context"
	"time"
)

// What a program that was killed had begun, and has written down, its next run
// hands to an operation through the context.

type (
	tempKey      struct{}
	maybeDoneKey struct{}
)

// Temp is the temporary file of an atomic upload, for a program that writes down
// the name before it is used, so that a run after a crash can go on with the
// file.
type Temp struct {
	// Name is its path on the server, in the directory of the final name; "" =
	// one at random. [Client.TempName] makes names that CleanTemp knows.
	Name string
	// Left says that it may be there already, left by an upload of the same
	// content that was broken off: this one goes on where it ends (SIZE, REST).
	// What was left is proven as every resumed upload is, by its size and by the
	// server's hash where it has one; a file that is longer than the content is
	// written anew. Only what the program itself has written down is proof that
	// the file is its own.
	Left bool
	// Keep leaves it there when the upload does not succeed, unless it can never
	// succeed (ErrPermanent): it is for the next run to go on with.
	Keep bool
	// Patience is how long its removal may take when the context has ended; 0 =
	// a moment, for the caller is waiting, in which no connection can be made
	// over a long line. What could not be removed is in the error, which matches
	// [ErrLeftBehind].
	Patience time.Duration
}

// WithTemp returns a context in which an atomic Stor or StorFile uses this
// temporary file. It is for one upload: another one in the same context would
// write to the same file.
func WithTemp(ctx context.Context, t Temp) context.Context {
	return context.WithValue(ctx, tempKey{}, t)
}

func tempOf(ctx context.Context) (t Temp) {
	if ctx != nil {
		t, _ = ctx.Value(tempKey{}).(Temp)
	}
	return t
}

// inherit has the first attempt look how much of the file is there (test:
// TestAnUploadGoesOnWithTheTemporaryOfAnEarlierRun).
func (u *upload) inherit(t Temp) {
	if t.Left && t.Name != "" && u.length > 0 {
		u.begun, u.left, u.out = true, true, u.length
	}
}

// TempName returns the temporary name that an atomic upload to path would have
// with random for its random part: ten of A to Z and 2 to 7, which must be
// another one for each upload that may be under way at the same time.
func (c *Client) TempName(path, random string) string {
	if c.pool == nil {
		return ""
	}
	return c.pool.endpoint.cfg.tempName(path, random)
}

// WithMaybeDone returns a context in which Delete, RemoveDir and Rename may have
// been executed already, by a run of the program that was killed before it had
// the reply: they succeed where the server shows that it was so, as after a lost
// reply. The failure of one of them is then [ErrOutcomeUnknown] too.
func WithMaybeDone(ctx context.Context) context.Context {
	return context.WithValue(ctx, maybeDoneKey{}, true)
}

func maybeDone(ctx context.Context) bool { return ctx != nil && ctx.Value(maybeDoneKey{}) != nil }
