package batch

import (
	"context"
	"crypto/rand"
	"errors"
	"os"

	"github.com/ftpretry/ftpretry/retry"
)

const tempDigits = 10 // of the random part that retry.Client.TempName wants

// look finds out what earlier runs have made of job.
func (l *lane) look(job Job) (err error) {
	l.past, l.now = past{}, version{}
	if l.run.log == nil {
		return nil
	}
	l.now = versionOf(job, nil)
	if job.Kind == Upload {
		if local, err := os.Stat(job.Local); err == nil {
			l.now = versionOf(job, local)
		}
	}
	l.past, err = l.run.log.look(job, l.now)
	return err
}

// begin writes down that job may change something on the server from now on. The
// context that it returns tells the operation what an earlier run has left.
func (l *lane) begin(job Job) (context.Context, error) {
	log := l.run.log
	if log == nil || job.Kind == Upload && l.run.Direct {
		return l.ctx, nil
	}
	ctx, temp := l.ctx, ""
	switch was := l.past.begun; {
	case job.Kind != Upload:
		if was != nil {
			ctx = retry.WithMaybeDone(ctx)
		}
	case was != nil && l.past.same:
		temp = string(was.Temp)
		ctx = retry.WithTemp(ctx, retry.Temp{Name: temp, Left: true, Keep: true})
	default:
		temp = l.client.TempName(job.Remote, rand.Text()[:tempDigits])
		ctx = retry.WithTemp(ctx, retry.Temp{Name: temp, Keep: true})
	}
	return ctx, log.begin(job, l.now, temp, l.past)
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
	if err := n.log.end(l.res, l.now); err != nil {
		n.stop(err)
		if l.res.State == Done {
			l.res.Note = "done, but not in the journal: the next run does it again"
			n.tally.note(l.res.Note)
		}
	}
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
