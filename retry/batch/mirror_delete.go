package batch

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// extra is something at the goal that is not at the source.
type extra struct {
	entry
	node  *node // that it is in
	doubt bool  // a server could show a link as this directory
}

// extraneous deals with what is left at the goal: it is noted down to be deleted
// when everything else has ended.
func (v *visiting) extraneous(ctx context.Context) {
	for _, e := range v.to.entries {
		if v.goal[e.name] == nil || ctx.Err() != nil {
			continue
		}
		switch why := v.kept(v.node, e); {
		case why != "":
			v.pass(v.label(e), why)
		case !v.Delete:
			v.pass(v.label(e), "extraneous, and left there")
		default:
			v.mu.Lock()
			v.extra = append(v.extra, extra{e, v.node, v.doubtful(v.to)})
			v.mu.Unlock()
		}
	}
}

// kept says why something extraneous is not to be deleted; "" if it is.
func (w *walk) kept(n *node, e entry) string {
	switch {
	case e.nature == ours:
		return "a " + ours.String() + " is left alone"
	case w.temporary(e):
		return noteTemporary
	}
	if err := checkName(e.name, false); w.up && err != nil {
		w.blindly()
		return err.Error()
	}
	return w.unasked(n, e)
}

// doubtful reports whether directories in a listing may be links to some: MLSD
// of Pure-FTPd and pyftpdlib does not tell them apart.
func (w *walk) doubtful(at *content) bool { return w.up && at.Directory != nil && at.Exact }

// deletions deletes what is extraneous, when all copies have ended.
func (w *walk) deletions(ctx context.Context) {
	if len(w.extra) == 0 || ctx.Err() != nil {
		return
	}
	if w.blind {
		for _, x := range w.extra {
			name := x.node.join(x.name)
			w.pass(name, noteBlind)
			w.run.end(Result{Job: w.deleting(name), Note: noteBlind, Worker: -1})
		}
		return
	}
	if !w.DryRun && !w.give(ctx, Job{Kind: Barrier}) {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, x := range w.extra {
		w.branch(&wg, func() { w.remove(ctx, x, "extraneous") })
	}
}

const noteBlind = "extraneous, but not deleted: not every directory could be read as a whole"

// remove deletes something at the goal, directories with all that is in them,
// and reports whether nothing is left.
func (w *walk) remove(ctx context.Context, x extra, why string) bool {
	name := x.node.join(x.name)
	if x.nature != folder {
		return w.do(ctx, name, w.deleting(name), why)
	}
	if x.doubt && !w.DryRun && w.client.Delete(ctx, w.remote.path(name)) == nil {
		w.pass(name, why+": it was a symbolic link")
		w.run.tally.note("symbolic link was deleted")
		return true
	}
	n := x.node.child(x.name, w.asked(x.node, x.entry), true)
	if n.depth > deepest {
		w.fault(ctx, n.label(), w.goal.look(n.name), errDeep)
		return false
	}
	left, gone := w.empty(ctx, n, why)
	if left || !n.wanted && !gone {
		return false
	}
	job := Job{Kind: RemoveDir, Remote: w.remote.path(n.name)}
	if !w.up {
		job = w.deleting(n.name)
	}
	return w.do(ctx, n.label(), job, why)
}

// empty deletes what is in a directory, and reports whether something is left
// and whether something is gone.
func (w *walk) empty(ctx context.Context, n *node, why string) (left, gone bool) {
	at, err := w.goal.list(ctx, n.name)
	if err != nil {
		w.unseen(ctx, n, w.goal, err)
		return true, false
	}
	w.partly(ctx, n, w.goal, at)
	var stay, went atomic.Bool
	stay.Store(at.unread > 0)
	var wg sync.WaitGroup
	for _, e := range at.entries {
		x := extra{e, n, w.doubtful(at)}
		if why := w.kept(n, e); why != "" {
			w.pass(n.join(e.name), why)
			stay.Store(true)
			continue
		}
		end := func(ok bool) {
			if ok {
				went.Store(true)
			} else {
				stay.Store(true)
			}
		}
		if e.nature == folder {
			w.branch(&wg, func() { end(w.remove(ctx, x, why)) })
			continue
		}
		wg.Add(1)
		if !w.send(ctx, n.join(e.name), w.deleting(n.join(e.name)), why, func(s State) { end(s == Done); wg.Done() }) {
			end(false)
			wg.Done()
		}
	}
	wg.Wait()
	return stay.Load(), went.Load()
}

// deleting is the job that deletes a file at the goal, or here an empty
// directory.
func (w *walk) deleting(name string) Job {
	if w.up {
		return Job{Kind: Delete, Remote: w.remote.path(name)}
	}
	return Job{Kind: LocalDelete, Local: w.local.path(name)}
}

// clear makes room for what is at the source and something else at the goal, if
// that may be deleted.
func (v *visiting) clear(ctx context.Context, at, e entry) bool {
	name := v.node.join(e.name)
	inTheWay := fmt.Sprintf("a %v is in the way", at.nature)
	job := v.copying(name, e)
	if e.nature == folder {
		job = v.making(name)
	}
	if why := v.kept(v.node, at); why != "" {
		v.fault(ctx, v.label(e), job, &advised{fmt.Errorf("%s at the goal, and is left alone: %s", inTheWay, why), "remove what is in the way, or exclude this name at the source too"})
		return false
	}
	if !v.Delete {
		v.fault(ctx, v.label(e), job, &advised{fmt.Errorf("%s at the goal", inTheWay), "remove what is in the way, or mirror with Delete"})
		return false
	}
	if v.remove(ctx, extra{at, v.node, v.doubtful(v.to)}, inTheWay) {
		return true
	}
	v.fault(ctx, v.label(e), job, &advised{fmt.Errorf("%s at the goal, and could not be removed as a whole", inTheWay), "remove what is in the way, or exclude it"})
	return false
}
