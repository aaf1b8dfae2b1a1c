package batch

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// twin is an entry whose name is like that of another one in its directory, which
// is dealt with before it.
type twin struct{ entry, first entry }

// twins parts the entries of a directory at the source: those that are alike come
// after the one of them that is the first, which is the one that is at the goal
// already, or else a directory. Both of two that are at the goal are told apart
// there.
func (v *visiting) twins(all []entry) (firsts []entry, rest []twin) {
	groups := make(map[string]int, len(all)) // where the first of a likeness is
	more := make(map[string][]entry)
	for i, e := range all {
		key := likeness(e.name)
		first, found := groups[key]
		switch {
		case !found:
			groups[key] = i
		case more[key] == nil:
			more[key] = []entry{all[first], e}
		default:
			more[key] = append(more[key], e)
		}
	}
	if len(more) == 0 {
		return all, nil
	}
	after := make(map[string]bool)
	for _, group := range more {
		slices.SortStableFunc(group, func(a, b entry) int { return cmp.Compare(v.rank(a), v.rank(b)) })
		for i, e := range group {
			for _, first := range group[:i] {
				if alike(first.name, e.name) && (v.goal[first.name] == nil || v.goal[e.name] == nil) {
					after[e.name] = true
					rest = append(rest, twin{e, first})
					v.leads[first.name] = nil
					break
				}
			}
		}
	}
	slices.SortFunc(rest, func(a, b twin) int { return cmp.Compare(a.entry.name, b.entry.name) })
	return slices.DeleteFunc(all, func(e entry) bool { return after[e.name] }), rest
}

// rank is lower for what is to be the first of twins.
func (v *visiting) rank(e entry) int {
	switch {
	case v.goal[e.name] != nil:
		return 0
	case e.nature == folder:
		return 1
	}
	return 2
}

// apart reports whether the goal tells the name of a twin from that of the first
// one, which has been dealt with; where it does not, the twin fails: it would
// overwrite the first.
func (v *visiting) apart(ctx context.Context, t twin) bool {
	if first := v.leads[t.first.name]; v.up && first != nil && !v.make(ctx, first) {
		return false
	}
	where := "local file system"
	if v.up {
		where = "server"
	}
	one, err := v.one(ctx, t.first.name, t.entry.name)
	switch {
	case err != nil:
		err = fmt.Errorf("%s does not say whether it tells it from %q, which is at the source too: %w", where, t.first.name, err)
	case one:
		err = fmt.Errorf("%s does not tell it from %q, which is at the source too", where, t.first.name)
	default:
		return true
	}
	job := v.copying(v.node.join(t.entry.name), t.entry)
	if t.entry.nature == folder {
		job = v.making(v.node.join(t.entry.name))
	}
	v.blindly()
	v.fault(ctx, v.label(t.entry), job, &advised{err, "rename one of them, or exclude it"})
	return false
}

// one reports whether the goal takes a name for the one, alike, that is there.
func (v *visiting) one(ctx context.Context, there, name string) (bool, error) {
	if v.up {
		return v.client.Exists(ctx, v.remote.path(v.node.join(name)))
	}
	return v.names().one(there, name), nil
}

// under finds which of the entries at the goal, all alike, is there under this
// name, too, and takes it off what is not dealt with. Of several, a server cannot
// tell which it is: they are left alone.
func (v *visiting) under(ctx context.Context, name string, among []*entry) *entry {
	if len(among) == 0 {
		return nil
	}
	if !v.up {
		for _, at := range among {
			if v.same(v.node.join(at.name), v.node.join(name)) {
				delete(v.goal, at.name)
				return at
			}
		}
		return nil
	}
	if there, err := v.client.Exists(ctx, v.remote.path(v.node.join(name))); err == nil && !there {
		return nil
	}
	for _, at := range among {
		delete(v.goal, at.name)
	}
	if len(among) > 1 {
		return nil
	}
	return among[0]
}

// sameHere reports whether two local names are of one file.
func (w *walk) sameHere(a, b string) bool {
	one, err := w.root.Lstat(filepath.FromSlash(a))
	if err != nil {
		return false
	}
	other, err := w.root.Lstat(filepath.FromSlash(b))
	return err == nil && os.SameFile(one, other)
}

// blurs is what a file system does not tell apart.
type blurs struct{ cases, forms bool }

// one reports whether it takes two names that are alike for one.
func (b blurs) one(name, other string) bool {
	if strings.EqualFold(name, other) {
		return b.cases
	}
	return b.forms
}

// blursOf finds out by a file that is made in a directory: is it there under other
// names, too? Where nothing may be made (dry), the directory's own name has to
// tell, which it cannot where it has no letters, or another file system begins
// there.
func blursOf(root *os.Root, dir string, dry bool) (b blurs) {
	const before, after, composed, decomposed = ".ftpretry-", ".part", "\u00e9", "e\u0301"
	if !dry {
		f, err := root.OpenFile(before+composed+after, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_ = f.Close()
			there := func(name string) bool { _, err := root.Lstat(name); return err == nil }
			b.cases = there(strings.ToUpper(before) + composed + after)
			b.forms = there(before + decomposed + after)
			_ = root.Remove(before + composed + after)
			return b
		}
	}
	whole, err := filepath.Abs(dir)
	if err != nil {
		return b
	}
	other := filepath.Join(filepath.Dir(whole), strings.Map(swapCase, filepath.Base(whole)))
	if other == whole {
		return b
	}
	here, err := os.Stat(whole)
	if err != nil {
		return b
	}
	there, err := os.Stat(other)
	b.cases = err == nil && os.SameFile(here, there)
	return b
}

func swapCase(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return r - 'a' + 'A'
	case r >= 'A' && r <= 'Z':
		return r - 'A' + 'a'
	}
	return r
}
