package batch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/ftpretry/ftpretry/retry"
)

// Mirror says which tree becomes like which, and how. [Runner.MirrorUp] makes
// Remote like Local, [Runner.MirrorDown] Local like Remote: what is missing at
// the goal, or is another one there, is copied, and its directories are made,
// empty ones too. The zero value of all fields but Local is useful.
type Mirror struct {
	Local  string // directory here; it has to be there for MirrorUp, and is made by MirrorDown
	Remote string // directory on the server; "" = that of the login; it is made by MirrorUp

	// Include and Exclude are patterns for names relative to Local and Remote,
	// with slashes:
	//
	//	*.tmp        any file or directory of such a name, at any depth
	//	/a.txt       a.txt in the tree's root only; so too b/a.txt, in its b only
	//	logs/        directories only, as any pattern that ends in a slash
	//	a/**/b       ** stands for any number of directories, none included
	//
	// Between two slashes they are what path.Match takes. Case counts. What
	// matches Exclude is left alone on both sides, with everything in it:
	// neither looked into, nor copied, nor deleted. With Include, so is what
	// does not match it and is in no directory that does; other directories
	// are made where something is to be put in them. Exclude outranks Include.
	Include, Exclude []string

	Compare Compare // when two files count as the same; zero = SizeAndTime

	// Delete deletes at the goal what is not at the source, after all copies,
	// and what is in the way of a copy, such as a directory under the name of
	// a file. Nothing is deleted that was not asked for by Include or was by
	// Exclude, and nothing but what is in the way unless every directory could
	// be read, and understood, as a whole.
	Delete bool

	DryRun bool       // change nothing: the plan is told, and its jobs are counted as not run
	Plan   func(Step) // told of each decision, one at a time; nil = nobody. The mirror waits for it
}

// Compare is when a file at the source and one at the goal of the same name
// count as the same.
type Compare int

const (
	// SizeAndTime compares sizes, and modification times to the second. Where
	// the server lists no exact times (LIST) it is asked for each (MDTM). Where
	// it does not tell them either, times are compared as exactly as the listing
	// shows them, to the minute or the day, in UTC or in the zone that
	// ftp.DialWithLocation names; a file that is whole hours apart is copied,
	// for it could as well be one that is written anew each hour. Where the
	// server cannot be told a time, a file on it counts as the same when it has
	// the size and is not older than the local one: it was uploaded since that
	// was written.
	SizeAndTime Compare = iota
	// Size compares sizes alone.
	Size
	// Hash compares sizes and then hashes, for which the local file is read
	// and the server computes one. It is an error where the server cannot.
	Hash
)

var compares = [...]string{SizeAndTime: "time", Size: "size", Hash: "hash"}

// String returns "time", "size" or "hash".
func (c Compare) String() string {
	if c < SizeAndTime || int(c) >= len(compares) {
		return fmt.Sprintf("Compare(%d)", int(c))
	}
	return compares[c]
}

// UnmarshalText reads "time", "size" or "hash".
func (c *Compare) UnmarshalText(text []byte) error {
	i := slices.Index(compares[:], string(text))
	if i < 0 {
		return fmt.Errorf("batch: %q is no way to compare files: want time, size or hash", text)
	}
	*c = Compare(i)
	return nil
}

// Step is one decision of a mirror.
type Step struct {
	Name string // relative to both trees, with slashes, "." for the root of them; that of a directory ends in "/"
	Job  Job    // what is done about it; none, Kind 0, for what is left as it is
	Why  string // such as "not there", "size 3, not 5", "same size and time"
}

// MirrorUp makes m.Remote like m.Local. It ends as Run does, and its jobs are
// told and counted as those of Run; what could not be looked at, or has a name
// that cannot be used, is a failed job too. It begins to transfer while it still
// lists: directories are listed by as many at once as there are workers, and no
// more is held of the trees than the directories at hand, but for the names of
// what is to be deleted.
//
// A second run finds nothing to do, unless something has changed: files get the
// time of their source, as far as the server or the system allows it.
//
// Symbolic links are neither followed nor copied, and told in Report.Notes; one
// at the goal in the place of a file or a directory is in the way. So are devices
// and the like. Only the links that a server shows as what they lead to are taken
// for that. Temporary files of transfers, as [retry.Client.IsTemp] and
// [retry.IsPart] tell them by their names, are neither copied nor deleted, but
// told in Report.Notes: a file of somebody's own that ends in ".part" is one of
// them.
//
// Of names that the server takes for one, because it does not tell upper and
// lower case apart or the normal forms of Unicode, one is copied: the one that is
// there already, or the first. The others are failed jobs, and overwrite nothing.
//
// Where an earlier run's mirror was cut off, the next one compares again and goes
// on.
func (r *Runner) MirrorUp(ctx context.Context, m Mirror) (*Report, error) {
	return r.mirror(ctx, m, true)
}

// MirrorDown makes m.Local like m.Remote, as MirrorUp does the other way round.
// Nothing is ever written outside m.Local ([os.Root]), whatever names the server
// lists and whatever links are there. Names that cannot be those of local files
// are failed jobs.
func (r *Runner) MirrorDown(ctx context.Context, m Mirror) (*Report, error) {
	return r.mirror(ctx, m, false)
}

func (r *Runner) mirror(ctx context.Context, m Mirror, up bool) (*Report, error) {
	settled, err := r.settle(ctx)
	var w *walk
	if err == nil {
		w, err = newWalk(settled, m, up)
	}
	if err != nil {
		return &Report{Started: time.Now(), Stopped: err.Error()}, err
	}
	if w.root != nil {
		defer w.root.Close() //nolint:errcheck // it was open to be looked into
		ctx = retry.WithRoot(ctx, w.root)
	}
	c := *r
	if m.DryRun {
		c.Journal = nil // nothing is done that could be written down
	}
	return c.run(ctx, w.jobs)
}

// newWalk prepares a mirror, or says what is wrong with it.
func newWalk(r *Runner, m Mirror, up bool) (*walk, error) {
	w := &walk{
		Mirror: m, up: up, out: make(chan Job), slots: make(chan struct{}, r.Workers),
		client: r.Client.WithHooks(r.Client.Hooks().And(r.Hooks.Hooks)),
	}
	var err error
	if w.include, err = compile("Include", m.Include); err != nil {
		return nil, err
	}
	if w.exclude, err = compile("Exclude", m.Exclude); err != nil {
		return nil, err
	}
	switch {
	case m.Local == "":
		return nil, errors.New("batch: Mirror.Local is empty: name a directory, \".\" for the one at hand")
	case m.Compare < SizeAndTime || m.Compare > Hash:
		return nil, fmt.Errorf("batch: Mirror.Compare is %d: want SizeAndTime, Size or Hash", int(m.Compare))
	}
	if !up && !m.DryRun {
		if err := os.MkdirAll(m.Local, 0o777); err != nil {
			return nil, fmt.Errorf("batch: Mirror.Local cannot be made: %w", err)
		}
	}
	w.root, err = os.OpenRoot(m.Local)
	if err != nil && (up || !errors.Is(err, os.ErrNotExist)) {
		return nil, fmt.Errorf("batch: Mirror.Local cannot be used: %w", err)
	}
	w.local, w.remote = &localTree{m.Local, w.root, r.Journal.info()}, &remoteTree{w.client, m.Remote}
	w.source, w.goal = w.local, w.remote
	if !up {
		w.source, w.goal = w.remote, w.local
		w.names = sync.OnceValue(func() blurs { return blursOf(w.root, m.Local, m.DryRun) })
		w.same = w.sameHere
	}
	return w, nil
}
