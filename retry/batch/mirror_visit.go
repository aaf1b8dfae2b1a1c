package batch

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/ftpretry/ftpretry/retry"
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
	v := &visiting{walk: w, node: n, from: from, to: to, goal: make(map[string]*entry, len(to.entries)), wg: wg}
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

// sound refuses a directory of the server that shows what one above it shows: it
// is a link to that, which the server shows as a directory.
func (w *walk) sound(ctx context.Context, n *node, from *content) bool {
	if w.up || len(from.entries) == 0 {
		return true
	}
	n.print = from.print()
	alike := 0
	if slices.ContainsFunc(from.entries, func(e entry) bool { return e.nature == file }) {
		alike = mostAlike // files of one name, size and time are no chance
	}
	for up := n.parent; up != nil; up = up.parent {
		if up.print == n.print {
			if alike++; alike <= mostAlike {
				continue
			}
			w.fault(ctx, n.label(), w.source.look(n.name), &advised{fmt.Errorf("it shows what is in %q, above it, and is taken for a link to that", "/"+up.name), adviceExclude})
			return false
		}
	}
	return true
}

// mostAlike is how many directories without a file may show the same in each
// other: a/a/a that was made at once is no link.
const mostAlike = 8

var seed = maphash.MakeSeed()

// print is the same for the same content.
func (c *content) print() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, e := range c.entries {
		maphash.WriteComparable(&h, e)
	}
	return h.Sum64()
}

// visiting is a directory at hand.
type visiting struct {
	*walk
	node     *node
	from, to *content
	listed   *content          // by the server, one of the two
	goal     map[string]*entry // what is at the goal, by key, and not dealt with yet
	cases    map[string]*entry // the same by its lower case, where that is of interest
	wg       *sync.WaitGroup
}

// all deals with every name in the directory. Directories come first, as far as
// there are goroutines for them, so that they are listed meanwhile.
func (v *visiting) all(ctx context.Context) (rest []*node) {
	for i := range v.to.entries {
		v.goal[v.key(v.to.entries[i].name)] = &v.to.entries[i]
	}
	seen := make(map[string]string, len(v.from.entries))
	files := v.from.entries[:0]
	for _, e := range v.from.entries {
		if !v.usable(ctx, e, seen) {
			continue
		}
		if e.nature == folder {
			if sub := v.folder(ctx, e); sub != nil && !v.fork(v.wg, func() { v.directory(ctx, sub) }) {
				rest = append(rest, sub)
			}
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
	v.extraneous(ctx)
	return rest
}

// key is the same for names that the goal does not tell apart.
func (v *visiting) key(name string) string {
	if v.folds {
		return strings.ToLower(name)
	}
	return name
}

// usable refuses names that cannot be used and passes over what is not asked
// for.
func (v *visiting) usable(ctx context.Context, e entry, seen map[string]string) bool {
	if !v.up {
		if err := checkName(e.name, runtime.GOOS == "windows"); err != nil {
			v.blindly()
			v.fault(ctx, v.node.join(brief(e.name)), Job{Kind: Download, Remote: v.remote.path(v.node.join(e.name))}, err)
			return false
		}
	}
	name := v.label(e)
	if v.temporary(e) {
		v.pass(name, noteTemporary)
		v.run.tally.note(noteTemporary)
		delete(v.goal, v.key(e.name))
		return false
	}
	if why := v.unasked(v.node, e); why != "" {
		delete(v.goal, v.key(e.name))
		v.pass(name, why)
		return false
	}
	if other, twice := seen[v.key(e.name)]; twice {
		v.blindly()
		v.fault(ctx, name, v.copying(v.node.join(e.name), e), &advised{fmt.Errorf("the local file system does not tell it from %q, or the server lists it twice", other), "rename one of them on the server"})
		return false
	}
	seen[v.key(e.name)] = e.name
	return true
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
			v.send(ctx, name, v.copying(name, e), "not there", nil)
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
			v.send(ctx, name, v.copying(name, e), why, nil)
		default:
			v.pass(name, same)
		}
	}
	if v.asks(e, goal, v.listed) {
		v.branch(v.wg, decide)
		return
	}
	decide()
}

// take finds what is at the goal in the place of name, and takes it off what is
// not dealt with.
func (v *visiting) take(ctx context.Context, name string) *entry {
	at := v.goal[v.key(name)]
	delete(v.goal, v.key(name))
	if at != nil || !v.up || len(v.goal) == 0 {
		return at
	}
	if v.cases == nil {
		v.cases = make(map[string]*entry, len(v.goal))
		for _, e := range v.goal {
			v.cases[strings.ToLower(e.name)] = e
		}
	}
	at = v.cases[strings.ToLower(name)]
	if at == nil || v.goal[at.name] == nil {
		return nil
	}
	// Not listed under this name, and there nevertheless: the server does not
	// tell upper and lower case apart, and it is the same file.
	if there, err := v.client.Exists(ctx, v.remote.path(v.node.join(name))); err == nil && !there {
		return nil
	}
	delete(v.goal, at.name)
	return at
}

// label is the name of an entry in a Step.
func (v *visiting) label(e entry) string {
	if e.nature == folder {
		return v.node.join(e.name) + "/"
	}
	return v.node.join(e.name)
}

// temporary reports whether an entry is a file that a transfer of ours has
// not completed yet.
func (w *walk) temporary(e entry) bool {
	return e.nature == file && (retry.IsPart(e.name) || w.client.IsTemp(e.name))
}

const noteTemporary = "temporary file of a transfer is left alone"

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

// unasked says why an entry is left alone; "" if it is not.
func (w *walk) unasked(n *node, e entry) string {
	name, isFolder := n.join(e.name), e.nature == folder
	if p, ok := w.exclude.match(name, isFolder); ok {
		return "excluded by " + p
	}
	if w.asked(n, e) || isFolder && w.include.reach(name) {
		return ""
	}
	return "not included"
}

// asked reports whether an entry, with all that is in it, is included.
func (w *walk) asked(n *node, e entry) bool {
	if n.wanted {
		return true
	}
	_, ok := w.include.match(n.join(e.name), e.nature == folder)
	return ok
}
