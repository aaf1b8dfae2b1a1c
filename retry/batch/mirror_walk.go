package batch

import (
	"context"
	"errors"
	"iter"
	"os"
	"sync"

	"github.com/ftpretry/ftpretry/retry"
)

// deepest bounds how far a mirror goes down: a server can make up a tree without
// end.
const deepest = 200

// walk is one mirror under way. It goes through both trees by as many goroutines
// as there are workers and gives jobs to the run as it finds them.
type walk struct {
	Mirror
	up               bool
	include, exclude patterns
	run              *run
	client           *retry.Client // for questions
	root             *os.Root      // of the local tree; nil for none, in a dry run
	// Of the local file system, where that is the goal: what it does not tell
	// apart, and whether two names are of one file.
	names         func() blurs
	same          func(a, b string) bool
	local, remote tree
	source, goal  tree // the same two
	out           chan Job
	slots         chan struct{} // an element for each goroutine
	stop          context.CancelCauseFunc

	telling sync.Mutex // held while Plan is called

	mu    sync.Mutex
	blind bool  // not everything could be looked at
	cut   error // why the walk ended early
	extra []extra
}

// node is a directory of the trees.
type node struct {
	name   string // "" for the root
	parent *node
	depth  int
	wanted bool   // all that is in it is, but for what is excluded
	there  bool   // at the goal
	print  uint64 // of its listing at the source

	made chan struct{} // closed when it was tried to make it; under walk.mu
	ok   bool          // and it was
}

func (n *node) child(name string, wanted, there bool) *node {
	return &node{name: n.join(name), parent: n, depth: n.depth + 1, wanted: wanted, there: there}
}

func (n *node) join(name string) string {
	if n.name == "" {
		return name
	}
	return n.name + "/" + name
}

// follower is told of a job's end, and must not block.
type follower struct{ told func(State) }

func (f *follower) end(s State) {
	if f != nil {
		f.told(s)
	}
}

var errLeft = errors.New("not asked for any more")

// jobs is the sequence of the mirror's jobs.
func (w *walk) jobs(n *run) iter.Seq[Job] {
	n.mirror, w.run = w, n
	return func(yield func(Job) bool) {
		ctx, stop := context.WithCancelCause(n.wanted)
		w.stop = stop
		go func() {
			defer close(w.out)
			w.all(ctx)
		}()
		defer func() {
			stop(errLeft)
			for job := range w.out { // until the walk has ended
				job.mirror.end(NotRun)
			}
		}()
		for job := range w.out {
			if !yield(job) {
				return
			}
		}
	}
}

// ended says, when the sequence has ended, whether that was before its time, and
// whether there may be jobs that were not seen. w may be nil.
func (w *walk) ended() (cut, blind bool) {
	if w == nil {
		return false, false
	}
	if w.cut != nil {
		w.run.stop(w.cut)
	}
	return w.cut != nil, w.blind
}

// all is the whole of a mirror.
func (w *walk) all(ctx context.Context) {
	w.directory(ctx, &node{wanted: len(w.include) == 0, there: w.up || w.root != nil})
	w.deletions(ctx)
	if ctx.Err() != nil {
		w.cut = context.Cause(ctx)
	}
}

// branch runs f in a goroutine of its own if one is free, or else at once.
func (w *walk) branch(wg *sync.WaitGroup, f func()) {
	if !w.fork(wg, f) {
		f()
	}
}

// fork runs f in a goroutine of its own if one is free.
func (w *walk) fork(wg *sync.WaitGroup, f func()) bool {
	select {
	case w.slots <- struct{}{}:
	default:
		return false
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		f()
		<-w.slots
	}()
	return true
}

// directory goes through one directory and all below it.
func (w *walk) directory(ctx context.Context, n *node) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, sub := range w.visit(ctx, n, &wg) {
		w.branch(&wg, func() { w.directory(ctx, sub) })
	}
}
