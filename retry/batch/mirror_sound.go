package batch

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
)

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
