package batch

import (
	"context"
	"errors"
	"runtime"

	"github.com/ftpretry/ftpretry/retry"
)

// usable refuses names that cannot be used and passes over what is not asked
// for. last is the name before, in order.
func (v *visiting) usable(ctx context.Context, e entry, last string) bool {
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
		v.take(ctx, e.name)
		return false
	}
	if why := v.unasked(v.node, e); why != "" {
		v.take(ctx, e.name)
		v.pass(name, why)
		return false
	}
	if e.name == last {
		v.blindly()
		v.fault(ctx, name, v.copying(v.node.join(e.name), e), &advised{errors.New("server lists it twice"), "look at the server's listing of the directory for what is unusual in it"})
		return false
	}
	return true
}

// temporary reports whether an entry is a file that a transfer of ours has
// not completed yet.
func (w *walk) temporary(e entry) bool {
	return e.nature == file && (retry.IsPart(e.name) || w.client.IsTemp(e.name))
}

const noteTemporary = "temporary file of a transfer, as its name tells (.part, .part.info, .ftpretry), is left alone"

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
