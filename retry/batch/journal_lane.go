package batch

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/ftpretry/ftpretry/retry"
)

const tempDigits = 10 // of the random part that retry.Client.TempName wants

// tidyTime is how long the removal of a temporary file may take that no journal
// knows of, after the run was cut.
const tidyTime = 2 * time.Second

// plan is a job that a worker has, and what the journal says of it.
type plan struct {
	job   Job
	now   version
	past  past
	temp  string // name of an upload's temporary file
	begun bool   // it is written down that it may change something
	err   error  // the journal could not be read
}

// look makes the plan of a job.
func (l *lane) look(job Job) plan {
	p := plan{job: job}
	if l.run.log == nil {
		return p
	}
	var local fs.FileInfo
	if job.Kind == Upload {
		local, _ = os.Stat(job.Local) // that it is not there is for the upload to say
	}
	p.now = versionOf(job, local)
	p.past, p.err = l.run.log.look(job, p.now)
	l.aim(&p)
	return p
}

// aim chooses the name of an upload's temporary file: the one that an earlier run
// has begun with the same content, or a new one.
func (l *lane) aim(p *plan) {
	switch {
	case !l.noted(p.job) || p.job.Kind != Upload:
	case p.past.same:
		p.temp = string(p.past.begun.Temp)
	default:
		p.temp = l.client.TempName(p.job.Remote, rand.Text()[:tempDigits])
	}
}

// noted reports whether it must be known of job that it was begun.
func (l *lane) noted(job Job) bool {
	if l.run.log == nil {
		return false
	}
	switch job.Kind {
	case Upload:
		return !l.run.Direct
	case Delete, RemoveDir, Rename:
		return true
	}
	return false
}

// see tells the plan of the version that the local file has at last.
func (l *lane) see(now version) {
	p := &l.plan
	if p.now == now {
		return
	}
	if p.begun {
		p.past.begun, p.begun = &begun{Temp: []byte(p.temp)}, false
	}
	p.now, p.past.same = now, false
	l.aim(p)
}

// begin writes down that the job may change something on the server from now on,
// if that is not done. The context that it returns tells the operation what an
// earlier run has left.
func (l *lane) begin() (context.Context, error) {
	p := &l.plan
	if !l.noted(p.job) {
		return retry.WithTemp(l.ctx, retry.Temp{Patience: tidyTime}), nil
	}
	if !p.begun {
		if err := l.run.log.write(l.run.log.begin(*p)); err != nil {
			return nil, err
		}
		p.begun = true
	}
	switch {
	case p.job.Kind == Upload:
		return retry.WithTemp(l.ctx, retry.Temp{Name: p.temp, Left: p.past.same, Keep: true}), nil
	case p.past.begun != nil:
		return retry.WithMaybeDone(l.ctx), nil
	}
	return l.ctx, nil
}

// settle counts the job and writes down what came of it, in this order, so that
// the report in the journal is not behind. A job whose beginning could not be
// written down was not begun.
func (l *lane) settle() {
	n := l.run
	if errors.Is(l.res.Err, ErrJournalFailed) {
		n.stop(l.res.Err)
		l.res.State, l.res.Err = NotRun, nil
	}
	n.tally.add(l.res)
	if n.log == nil {
		return
	}
	changes := n.log.end(l.res.State, l.plan)
	both := l.res.State == Done && l.ahead() && !l.next.past.done && l.noted(l.next.job)
	if both {
		changes = append(changes, n.log.begin(*l.next))
	}
	err := n.log.write(changes...)
	if err == nil {
		if both {
			l.next.begun = true
		}
		return
	}
	n.stop(err)
	if l.res.State == Done {
		l.res.Note = "done, but not in the journal: the next run does it again"
		n.tally.note(l.res.Note)
	}
}

// ahead takes the next job if there is one already, so that its beginning is
// written down together with the end of the one before: a worker waits for the
// disk once for each job.
func (l *lane) ahead() bool {
	select {
	case job, ok := <-l.run.queue:
		if !ok {
			return false
		}
		p := l.look(job)
		l.next = &p
		return p.err == nil
	default:
		return false
	}
}

// drop ends a job that is not to be run any more.
func (l *lane) drop(p plan) {
	n := l.run
	if p.begun && p.past.begun == nil {
		_ = n.log.write(n.log.forget(p.job)) // where that fails, the next run asks the server in vain
	}
	n.end(Result{Job: p.job, Worker: -1})
	n.landed(p.job)
}

// tidy removes the temporary files that no run will go on with. What cannot be
// removed now is left for the next run. unread says that there may be jobs that
// were not seen: what they have begun is kept.
func (n *run) tidy(unread bool) {
	if n.log == nil {
		return
	}
	n.mu.Lock()
	early := n.left || unread
	n.mu.Unlock()
	if n.ctx.Err() != nil || n.wanted.Err() != nil && early {
		return
	}
	if err := n.log.stale(); err != nil {
		n.stop(err)
		return
	}
	for from := ""; ; {
		names, err := n.log.left(from)
		if err != nil {
			n.stop(err)
		}
		if err != nil || len(names) == 0 {
			return
		}
		from = names[len(names)-1] + "\x00"
		if !n.remove(names) {
			return
		}
	}
}

// remove deletes temporary files on the server, and reports whether there is use
// in going on.
func (n *run) remove(names []string) bool {
	ctx := retry.WithMaybeDone(n.ctx)
	client := n.Client.WithHooks(n.Client.Hooks().And(n.Hooks.Hooks))
	var gone []string
	able := true
	for _, name := range names {
		err := client.Delete(ctx, name)
		if err == nil {
			gone = append(gone, name)
			continue
		}
		n.tally.note("temporary file of an upload that was broken off could not be removed: " + reason(err))
		if able = errors.Is(err, retry.ErrPermanent); !able {
			break
		}
	}
	if err := n.log.removed(gone); err != nil {
		n.stop(err)
		return false
	}
	return able
}
