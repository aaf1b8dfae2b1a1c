package batch

import (
	"context"
	"fmt"
	"path"
)

// send gives a job to the run, once a worker is free for it, and reports whether
// it was taken.
func (w *walk) send(ctx context.Context, name string, job Job, why string) bool {
	return w.sendTold(ctx, name, job, why, nil)
}

// sendTold is send for a job whose end is to be told. In a dry run every job
// would be done.
func (w *walk) sendTold(ctx context.Context, name string, job Job, why string, ended func(State)) bool {
	if ctx.Err() != nil {
		return false
	}
	w.tell(Step{name, job, why})
	if w.DryRun {
		w.mu.Lock()
		w.planned++
		w.mu.Unlock()
		if ended != nil {
			ended(Done)
		}
		return true
	}
	job.mirror = &mirrored{ended: ended}
	return w.give(ctx, job)
}

func (w *walk) give(ctx context.Context, job Job) bool {
	select {
	case w.out <- job:
		return true
	case <-ctx.Done():
		return false
	}
}

// do is send that waits for the job's end.
func (w *walk) do(ctx context.Context, name string, job Job, why string) bool {
	ended := make(chan State, 1)
	if !w.sendTold(ctx, name, job, why, func(s State) { ended <- s }) {
		return false
	}
	select {
	case s := <-ended:
		return s == Done
	case <-ctx.Done():
		return false
	}
}

// fault makes a failed job of what cannot even be begun.
func (w *walk) fault(ctx context.Context, name string, job Job, err error) {
	if ctx.Err() != nil {
		return // it is not the job's fault
	}
	w.tell(Step{Name: name, Why: err.Error()})
	job.mirror = &mirrored{fault: err}
	w.give(ctx, job)
}

// unseen is a directory that could not be listed.
func (w *walk) unseen(ctx context.Context, n *node, t tree, err error) {
	w.blindly()
	w.fault(ctx, n.label(), t.look(n.name), err)
}

// partly tells of entries that there are besides those that were understood.
func (w *walk) partly(ctx context.Context, n *node, t tree, c *content) {
	if c.unread > 0 {
		w.blindly()
		w.fault(ctx, n.label(), t.look(n.name), fmt.Errorf("%d of the entries that the server lists are not understood: look at its listing", c.unread))
	}
}

// blindly notes that not everything could be looked at, so that nothing
// extraneous may be deleted.
func (w *walk) blindly() {
	w.mu.Lock()
	w.blind = true
	w.mu.Unlock()
}

// pass tells of what is left as it is.
func (w *walk) pass(name, why string) { w.tell(Step{Name: name, Why: why}) }

func (w *walk) tell(s Step) {
	if w.Plan == nil {
		return
	}
	w.telling.Lock()
	defer w.telling.Unlock()
	w.Plan(s)
}

// note counts what the report is to say and is no failure.
func (w *walk) note(text string) {
	w.mu.Lock()
	w.notes[text]++
	w.mu.Unlock()
}

// make makes a directory at the goal, and before it those above it. It reports
// whether it is there.
func (w *walk) make(ctx context.Context, n *node) bool {
	if n.there {
		return true
	}
	w.mu.Lock()
	first := n.made == nil
	if first {
		n.made = make(chan struct{})
	}
	w.mu.Unlock()
	if !first {
		<-n.made // which ends with ctx
		return n.ok
	}
	defer close(n.made)
	if n.parent == nil && w.up {
		for _, dir := range w.above(ctx) {
			if !w.do(ctx, "./", Job{Kind: MakeDir, Remote: dir}, "directory above the mirror's is not there") {
				return false
			}
		}
	}
	if n.parent != nil && !w.make(ctx, n.parent) {
		return false
	}
	n.ok = w.do(ctx, n.label(), w.making(n.name), "not there")
	return n.ok
}

// making is the job that makes a directory at the goal.
func (w *walk) making(name string) Job {
	if w.up {
		return Job{Kind: MakeDir, Remote: w.remote.path(name)}
	}
	return Job{Kind: LocalDir, Local: w.local.path(name)}
}

// above finds what is missing on the server above Mirror.Remote.
func (w *walk) above(ctx context.Context) (missing []string) {
	for dir := path.Dir(path.Clean(w.Remote)); dir != "/" && dir != "." && dir != ".."; dir = path.Dir(dir) {
		if there, err := w.client.Exists(ctx, dir); err != nil || there {
			break // or it will turn out
		}
		missing = append([]string{dir}, missing...)
	}
	return missing
}

func (n *node) label() string {
	if n.name == "" {
		return "./"
	}
	return n.name + "/"
}
