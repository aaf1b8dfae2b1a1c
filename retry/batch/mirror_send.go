package batch

import (
	"context"
	"fmt"
	"path"
)

// send gives a job to the run, once a worker is free for it, and reports whether
// it was taken. told, if it is not nil, is told of the job's end and must not
// block; in a dry run every job would be done.
func (w *walk) send(ctx context.Context, name string, job Job, why string, told func(State)) bool {
	if ctx.Err() != nil {
		return false
	}
	w.tell(Step{name, job, why})
	if w.DryRun {
		w.run.end(Result{Job: job, Worker: -1})
		if told != nil {
			told(Done)
		}
		return true
	}
	job.compared = true
	if told != nil {
		job.mirror = &follower{told}
	}
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
	if !w.send(ctx, name, job, why, func(s State) { ended <- s }) {
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
	w.run.end(Result{Job: job, State: Failed, Err: err, Worker: -1})
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
		w.fault(ctx, n.label(), t.look(n.name), &advised{
			fmt.Errorf("%d of the entries that the server lists are not understood", c.unread), "look at the server's listing of the directory for what is unusual in it",
		})
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
