package batch

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ftpretry/ftpretry/transient"
)

// mostCauses is how many causes of waits are told one by one.
const mostCauses = 8

// digest is what the readable forms of a report tell, in the order in which a
// person wants to know it.
type digest struct {
	*Report
	Headline string
	Well     bool     // nothing is left to be done
	Alerts   []string // what the numbers alone would not tell
	Todo     []todo   // most jobs first
	Replays  []replays
	Waits    []cause // most time first
	Away     Span    // the longest outage
	AwayFor  time.Duration
	Slices   []slice
	Step     time.Duration // of the slices
}

// todo is one thing that a person does, for all the jobs that want it.
type todo struct {
	Next string
	Jobs []Entry
}

// replays are the attempts that were replayed for one class of failures.
type replays struct {
	Class, Means string
	Times        int64
}

// cause is what was waited for.
type cause struct {
	Why               string
	Times             int
	Together, Longest time.Duration
}

func (r *Report) digest() *digest {
	d := &digest{Report: r, Headline: r.headline(), Alerts: r.alerts(), Todo: r.todo(), Replays: r.replays(), Waits: r.causes()}
	d.Well = r.Stopped == "" && r.Jobs.Done+r.Jobs.Skipped == r.Jobs.Total
	for _, o := range r.Outages {
		d.AwayFor += o.To - o.From
		if o.To-o.From > d.Away.To-d.Away.From {
			d.Away = o
		}
	}
	d.Slices, d.Step = r.slices()
	return d
}

// headline is the answer to "how did it go?".
func (r *Report) headline() string {
	j := r.Jobs
	bad := j.Failed + j.Unknown
	switch {
	case r.Stopped != "" && bad == 0:
		return "The run ended early: " + count(j.Done+j.Skipped) + " of " + of(j.Total, "job") + " are done."
	case r.Stopped != "":
		return "The run ended early, and " + of(bad, "job") + " of " + count(j.Total) + " " + needs(bad) + " you."
	case bad > 0:
		return of(bad, "job") + " of " + count(j.Total) + " " + needs(bad) + " you."
	case j.NotRun > 0:
		return count(j.Done+j.Skipped) + " of " + of(j.Total, "job") + " are done; " + count(j.NotRun) + " were not run."
	case j.Total == 0:
		return "There was nothing to do."
	case j.Total == 1:
		return "The one job is done."
	}
	return "All " + of(j.Total, "job") + " are done."
}

func needs(n int64) string {
	if n == 1 {
		return "needs"
	}
	return "need"
}

// alerts are what the numbers alone would not tell.
func (r *Report) alerts() (all []string) {
	if r.Stopped != "" {
		text := "Ended early: " + legible(r.Stopped) + "."
		if r.Jobs.NotRun > 0 {
			text += " " + of(r.Jobs.NotRun, "job") + " had no turn: run it again."
		}
		all = append(all, text)
	}
	if r.Unread {
		all = append(all, "There may be more jobs than these: the list of jobs was not read to its end. They are counted nowhere.")
	}
	if bad := r.Jobs.Failed + r.Jobs.Unknown; bad > int64(len(r.Problems)) {
		all = append(all, "Only the first "+count(len(r.Problems))+" of "+of(bad, "problem")+" are listed here.")
	}
	return all
}

// todo sorts the problems by what is to be done about them.
func (r *Report) todo() (all []todo) {
	place := make(map[string]int)
	for _, e := range r.Problems {
		next := cmp.Or(legible(e.Next), "see what the error says, then run it again")
		i, known := place[next]
		if !known {
			i = len(all)
			place[next] = i
			all = append(all, todo{Next: next})
		}
		all[i].Jobs = append(all[i].Jobs, e)
	}
	slices.SortStableFunc(all, func(a, b todo) int { return cmp.Compare(len(b.Jobs), len(a.Jobs)) })
	return all
}

// means says of a class what it is about, for people who do not know the codes.
var means = map[string]string{
	transient.Busy.String():        "a file or the server was busy (450, 451)",
	transient.Storage.String():     "the server had no space (452)",
	transient.Overload.String():    "too many sessions, or a server that was closing (421)",
	transient.DataChannel.String(): "the data connection failed (425, 426)",
	transient.Security.String():    "the server had no means for TLS (431)",
	transient.Network.String():     "the connection was lost, or refused",
}

func (r *Report) replays() (all []replays) {
	for _, class := range slices.Sorted(maps.Keys(r.Replays)) {
		if times := r.Replays[class]; times > 0 {
			all = append(all, replays{Class: legible(class), Means: means[class], Times: times})
		}
	}
	slices.SortStableFunc(all, func(a, b replays) int { return cmp.Compare(b.Times, a.Times) })
	return all
}

// causes adds up the waits by what they were for.
func (r *Report) causes() (all []cause) {
	place := make(map[string]int)
	for _, w := range r.Waits {
		why := legible(strings.ReplaceAll(w.Why, r.Server, "the server"))
		i, known := place[why]
		if !known {
			i = len(all)
			place[why] = i
			all = append(all, cause{Why: why})
		}
		c := &all[i]
		c.Times++
		c.Together += w.To - w.From
		c.Longest = max(c.Longest, w.To-w.From)
	}
	slices.SortStableFunc(all, func(a, b cause) int { return cmp.Compare(b.Together, a.Together) })
	if len(all) <= mostCauses {
		return all
	}
	rest := cause{Why: "other causes"}
	for _, c := range all[mostCauses-1:] {
		rest.Times += c.Times
		rest.Together += c.Together
		rest.Longest = max(rest.Longest, c.Longest)
	}
	return append(all[:mostCauses-1], rest)
}

// noted are the notes, of most jobs first.
func (r *Report) noted() (all []cause) {
	for _, text := range slices.Sorted(maps.Keys(r.Notes)) {
		all = append(all, cause{Why: legible(text), Times: int(r.Notes[text])})
	}
	slices.SortStableFunc(all, func(a, b cause) int { return cmp.Compare(b.Times, a.Times) })
	return all
}
