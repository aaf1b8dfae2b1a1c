package main

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ftpretry/ftpretry/internal/faultlist"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// forever is the virtual time after which a client that has not returned hangs.
// Ours is done after minutes at most: a reply has two of them, seven attempts
// wait for less than one and a half.
const forever = time.Hour

// step is one command of a job: the nth with its verb.
type step struct {
	verb string
	nth  int
}

// trial is one fault at one step of one job.
type trial struct {
	job   job
	step  step
	fault faultlist.Entry
}

// result is what one client made of a trial.
type result struct {
	trial
	client  string
	outcome outcome
	detail  string
	took    time.Duration // virtual
}

// steps are the commands of a job without faults, by whichever client. All
// clients meet the same faults, so that each also meets some at commands that
// only another one sends; those do it no harm and are counted apart.
func steps(t *testing.T, j job) []step {
	t.Helper()
	var all []step
	for _, c := range clients() {
		count := map[string]int{}
		for _, line := range calm(t, c, j) {
			verb, _, _ := strings.Cut(line, " ")
			count[verb]++
			if s := (step{verb, count[verb]}); !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// calm runs a job without a fault and returns the commands it took.
func calm(t *testing.T, c client, j job) (commands []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := server(t)
		got, err := c.run(t.Context(), srv, j)
		synctest.Wait()
		tree, unread := harvest(srv)
		if unread != nil {
			t.Fatal(unread)
		}
		if o, detail := judge(j, got, err, tree); o != fine {
			t.Fatalf("%s, %s without a fault: %s: %s", j.name, c.name, o, detail)
		}
		commands = srv.Commands()
	})
	return commands
}

// trials are all faults at all steps of a job.
func trials(t *testing.T, j job) []trial {
	t.Helper()
	var all []trial
	for _, s := range steps(t, j) {
		for _, f := range faultsAt(s.verb) {
			f.Fault.On, f.Fault.Nth = s.verb, s.nth
			all = append(all, trial{j, s, f})
		}
	}
	return all
}

func server(t *testing.T) *retrytest.Server {
	t.Helper()
	srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, Users: map[string]string{user: password}})
	if err := plant(srv, before()); err != nil {
		t.Fatal(err)
	}
	return srv
}

// try lets a client run into a trial. It works in virtual time (testing/synctest):
// an hour in which nothing happens takes no time.
func try(t *testing.T, c client, tr trial) result {
	t.Helper()
	r := result{trial: tr, client: c.name}
	synctest.Test(t, func(t *testing.T) {
		srv := server(t)
		srv.Inject(tr.fault.Fault)
		began := time.Now()
		var got string
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			got, err = c.run(t.Context(), srv, tr.job)
		}()
		select {
		case <-done:
		case <-time.After(forever):
			r.outcome, r.detail, r.took = hang, "did not return within "+forever.String(), forever
			srv.Close() // lets it go
			<-done
			return
		}
		r.took = time.Since(began)
		synctest.Wait() // a client may leave before the server has read its QUIT
		tree, unread := harvest(srv)
		if unread != nil {
			t.Fatal(unread)
		}
		r.outcome, r.detail = judge(tr.job, got, err, tree)
		if srv.Pending() > 0 {
			if r.outcome != fine {
				t.Fatalf("%s, %s without meeting its fault: %s: %s", tr.job.name, c.name, r.outcome, r.detail)
			}
			r.outcome = unmet
		}
	})
	return r
}

// enumerate lets the clients run into every trial of the jobs. The results come
// in the order of the jobs, whatever ran first.
func enumerate(t *testing.T, jobs []job, clients []client) []result {
	t.Helper()
	perJob := make([][]result, len(jobs))
	t.Run("jobs", func(t *testing.T) {
		for i, j := range jobs {
			t.Run(j.name, func(t *testing.T) {
				t.Parallel()
				for _, tr := range trials(t, j) {
					for _, c := range clients {
						perJob[i] = append(perJob[i], try(t, c, tr))
					}
				}
			})
		}
	})
	return slices.Concat(perJob...)
}
