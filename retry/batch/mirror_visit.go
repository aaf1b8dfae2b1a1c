package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// visit deals with all that is in a directory but its directories, which it
// returns: those that no other goroutine has begun with.
func (w *walk) visit(ctx context.Context, n *node, wg *sync.WaitGroup) (rest []*node) {
	if ctx.Err() != nil {
		return nil
	}
	if n.depth > deepest {
		w.fault(ctx, n.label(), w.source.look(n.name), errDeep)
		return nil
	}
	from, err := w.source.list(ctx, n.name)
	if err != nil {
		w.unseen(ctx, n, w.source, err)
		return nil
	}
	if !w.sound(ctx, n, from) || n.wanted && !w.make(ctx, n) {
		return nil
	}
	to, ok := w.listGoal(ctx, n)
	if !ok {
		return nil
	}
	w.partly(ctx, n, w.source, from)
	w.partly(ctx, n, w.goal, to)
	v := &visiting{walk: w, node: n, from: from, to: to, goal: make(map[string]*entry, len(to.entries)), leads: make(map[string]*node), wg: wg}
	v.listed = to
	if !w.up {
		v.listed = from
	}
	if w.Compare == Hash && v.listed.Directory != nil && !v.listed.Hashes {
		w.stop(errNoHash)
		return nil
	}
	return v.all(ctx)
}

const adviceExclude = "exclude it, if it is not wanted"

var errDeep = &advised{fmt.Errorf("directories are nested more than %d deep", deepest), adviceExclude}

var errNoHash = errors.New("Mirror.Compare is Hash, but the server computes no hashes: compare by SizeAndTime or Size")

// listGoal lists a directory at the goal; one that is not there has nothing in
// it.
func (w *walk) listGoal(ctx context.Context, n *node) (*content, bool) {
	if !n.there {
		return &content{}, true
	}
	to, err := w.goal.list(ctx, n.name)
	if err == nil {
		return to, true
	}
	if n.depth == 0 && w.up && ctx.Err() == nil {
		// A server may refuse to list what is not there in many ways.
		if there, unsure := w.client.Exists(ctx, w.Remote); unsure == nil && !there {
			n.there = false
			return &content{}, !n.wanted || w.make(ctx, n)
		}
	}
	w.unseen(ctx, n, w.goal, err)
	return nil, false
}

// visiting is a directory at hand.
type visiting struct {
	*walk
	node     *node
	from, to *content
	listed   *content            // by the server, one of the two
	goal     map[string]*entry   // what is at the goal and not dealt with yet
	likes    map[string][]*entry // the same by likeness, where that is of interest
	leads    map[string]*node    // by the names of the first of twins, their directories, nil for others
	wg       *sync.WaitGroup
}

// all deals with every name in the directory. Directories come first, as far as
// there are goroutines for them, so that they are listed meanwhile.
func (v *visiting) all(ctx context.Context) (rest []*node) {
	for i := range v.to.entries {
		v.goal[v.to.entries[i].name] = &v.to.entries[i]
	}
	entries := v.from.entries[:0]
	last := ""
	for _, e := range v.from.entries {
		if v.usable(ctx, e, last) {
			entries = append(entries, e)
			last = e.name
		}
	}
	entries, twins := v.twins(entries)
	files := entries[:0]
	for _, e := range entries {
		if e.nature == folder {
			rest = v.enter(ctx, e, rest)
			continue
		}
		files = append(files, e)
	}
	for _, e := range files {
		if ctx.Err() != nil {
			return nil
		}
		v.file(ctx, e)
	}
	for _, t := range twins {
		switch {
		case !v.apart(ctx, t):
		case t.entry.nature == folder:
			rest = v.enter(ctx, t.entry, rest)
		default:
			v.file(ctx, t.entry)
		}
	}
	v.extraneous(ctx)
	return rest
}

// enter goes into the directory e at the source, or adds it to what is left to go
// into.
func (v *visiting) enter(ctx context.Context, e entry, rest []*node) []*node {
	sub := v.folder(ctx, e)
	if _, leads := v.leads[e.name]; leads {
		v.leads[e.name] = sub
	}
	if sub == nil || v.fork(v.wg, func() { v.directory(ctx, sub) }) {
		return rest
	}
	return append(rest, sub)
}

// folder is the directory e at the source, nil if it is not to be gone into.
func (v *visiting) folder(ctx context.Context, e entry) *node {
	wanted := v.asked(v.node, e)
	at := v.take(ctx, e.name)
	there := at != nil && at.nature == folder
	if at != nil && !there && !v.clear(ctx, *at, e) {
		return nil
	}
	return v.node.child(e.name, wanted, there)
}

// file deals with what is at the source and no directory.
func (v *visiting) file(ctx context.Context, e entry) {
	at := v.take(ctx, e.name)
	name := v.node.join(e.name)
	if e.nature != file {
		v.pass(name, "a "+e.nature.String()+" is not copied")
		v.run.tally.note("a " + e.nature.String() + " is not copied")
		return
	}
	if at == nil || at.nature != file {
		if (at == nil || v.clear(ctx, *at, e)) && v.make(ctx, v.node) {
			v.copy(ctx, name, e, "not there")
		}
		return
	}
	goal := *at
	decide := func() {
		why, same, err := v.differ(ctx, name, e, goal, v.listed)
		switch {
		case err != nil:
			v.fault(ctx, name, v.copying(name, e), fmt.Errorf("cannot be compared: %w", err))
		case why != "":
			v.copy(ctx, name, e, why)
		default:
			v.pass(name, same)
		}
	}
	if _, leads := v.leads[e.name]; !leads && v.asks(e, goal, v.listed) {
		v.branch(v.wg, decide)
		return
	}
	decide()
}

// copy copies a file. The first of twins is copied at once: the others are held
// against what is there then.
func (v *visiting) copy(ctx context.Context, name string, e entry, why string) {
	if _, leads := v.leads[e.name]; leads {
		v.do(ctx, name, v.copying(name, e), why)
		return
	}
	v.send(ctx, name, v.copying(name, e), why, nil)
}

// take finds what is at the goal in the place of name, and takes it off what is
// not dealt with. What is not listed under this name may be there nevertheless:
// under one that the goal takes for the same.
func (v *visiting) take(ctx context.Context, name string) *entry {
	at := v.goal[name]
	delete(v.goal, name)
	if at != nil || len(v.goal) == 0 {
		return at
	}
	if v.likes == nil {
		v.likes = make(map[string][]*entry, len(v.goal))
		for _, e := range v.goal {
			key := likeness(e.name)
			v.likes[key] = append(v.likes[key], e)
		}
	}
	var found []*entry
	for _, at := range v.likes[likeness(name)] {
		if v.goal[at.name] != nil && alike(at.name, name) {
			found = append(found, at)
		}
	}
	return v.under(ctx, name, found)
}

// label is the name of an entry in a Step.
func (v *visiting) label(e entry) string {
	if e.nature == folder {
		return v.node.join(e.name) + "/"
	}
	return v.node.join(e.name)
}

// copying is the job that copies a file. A download gets the time of the listing
// where there is none better: a server that tells times (MDTM) is asked for it.
func (v *visiting) copying(name string, e entry) Job {
	job := Job{Kind: Upload, Local: v.local.path(name), Remote: v.remote.path(name), Size: e.size}
	if !v.up {
		job.Kind = Download
		if v.from.Exact || !v.from.TellsTime {
			job.Time = e.time
		}
	}
	return job
}
