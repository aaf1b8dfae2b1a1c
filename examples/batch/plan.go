package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// plan is what a mirror has decided so far. Its methods are called one at a
// time.
type plan struct {
	out  io.Writer
	tell teller
	log  *log // in place of lines on out; nil = none
	dry  bool // the plan is all there is
	all  bool // tell of what is left as it is, too

	kinds map[batch.Kind]int64 // 0 is what is left as it is
	bytes int64                // of files to be copied
}

// step is told of each decision.
func (p *plan) step(s batch.Step) {
	p.kinds[s.Job.Kind]++
	p.bytes += max(0, s.Job.Size)
	if s.Job.Kind == 0 {
		p.tell.leave()
	}
	if !p.dry || s.Job.Kind == 0 && !p.all {
		return
	}
	what := "leave"
	if s.Job.Kind != 0 {
		what = s.Job.Kind.String()
	}
	if p.log != nil {
		p.log.Info("planned", "what", what, "name", s.Name, "why", s.Why)
		return
	}
	fmt.Fprintf(p.out, "%-8s  %s  (%s)\n", what, shown(s.Name), shown(s.Why))
}

// summary is the plan in one line.
func (p *plan) summary() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(p.kinds)) {
		n := p.kinds[kind]
		switch {
		case kind == 0:
		case kind == batch.Upload || kind == batch.Download:
			parts = append(parts, fmt.Sprintf("%v %s (%s)", kind, grouped(n), amount(p.bytes)))
		default:
			parts = append(parts, fmt.Sprintf("%v %s", kind, grouped(n)))
		}
	}
	if parts == nil {
		parts = append(parts, "nothing to do")
	}
	parts = append(parts, fmt.Sprintf("leave %s as it is", grouped(p.kinds[0])))
	return strings.Join(parts, ", ")
}
