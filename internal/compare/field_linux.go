//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ftpretry/ftpretry/internal/faultlist"
	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// abreast is how many programs run at once against one server. They mostly wait.
const abreast = 6

// settles is how long a server may take to finish with an upload after the
// client has gone.
const settles = 500 * time.Millisecond

// gate is what stands between a program and the files, and fails on cue.
type gate interface {
	Addr() string
	Inject(faults ...retrytest.Fault)
	Pending() int
	Commands() []string
	Close()
}

// field is one server with the programs run against it.
type field struct {
	root           string // the server's files
	user, password string
	open           func() (gate, error)
	adopt          func(dir string) error // gives a directory to the server's account
	cases          int
	mu             sync.Mutex
}

// newField starts a server: "retrytest", which fails by itself, or a real one,
// which does so behind the proxy.
func newField(t *testing.T, server string) *field {
	t.Helper()
	if server == "retrytest" {
		f := &field{root: t.TempDir(), user: user, password: password, adopt: func(string) error { return nil }}
		f.open = func() (gate, error) {
			return retrytest.Start(retrytest.Config{Root: f.root, Users: map[string]string{user: password}})
		}
		return f
	}
	s := ftpd.Start(t, ftpd.Kind(server), ftpd.Options{})
	return &field{
		root: s.Root, user: s.User, password: s.Password, adopt: ownedLike(s.Root),
		open: func() (gate, error) { return retrytest.StartProxy(s.Addr, retrytest.ProxyConfig{}) },
	}
}

// enumerate lets a program run its errand into every nth fault that can meet a
// command that it sends. No case begins after ctx has ended.
func (f *field) enumerate(ctx context.Context, p program, e errand, nth int) ([]result, error) {
	calm, commands, err := f.try(p, e, faultlist.Entry{})
	if err != nil {
		return nil, err
	}
	if calm.outcome != fine {
		return nil, fmt.Errorf("%s: %s without a fault: %s: %s", p.name, e, calm.outcome, calm.detail)
	}
	var faults []faultlist.Entry
	count := map[string]int{}
	for _, line := range commands {
		verb, _, _ := strings.Cut(line, " ")
		count[verb]++
		for _, at := range faultsAt(verb) {
			at.Fault.On, at.Fault.Nth = verb, count[verb]
			faults = append(faults, at)
		}
	}
	var chosen []faultlist.Entry
	for i := 0; i < len(faults); i += nth {
		chosen = append(chosen, faults[i])
	}
	results, failures := make([]result, len(chosen)), make([]error, len(chosen))
	var all sync.WaitGroup
	places := make(chan struct{}, abreast)
	for i, what := range chosen {
		places <- struct{}{}
		if ctx.Err() != nil {
			failures[i] = fmt.Errorf("%s: %s: %d of %d cases were run when the time was over", p.name, e, i, len(chosen))
			break
		}
		all.Go(func() {
			defer func() { <-places }()
			results[i], _, failures[i] = f.try(p, e, what)
		})
	}
	all.Wait()
	return results, errors.Join(failures...)
}

// try lets a program run its errand into one fault, or into none if it is the
// zero one. The error is of the field, not of the program.
func (f *field) try(p program, e errand, what faultlist.Entry) (r result, commands []string, err error) {
	r = result{trial: trial{job: job{name: string(e)}, step: step{what.Fault.On, what.Fault.Nth}, fault: what}, client: p.name}
	b, err := f.booth()
	if err != nil {
		return r, nil, err
	}
	defer os.RemoveAll(b.near) //nolint:errcheck // it is in the temporary folder
	g, err := f.open()
	if err != nil {
		return r, nil, err
	}
	defer g.Close()
	if what.Fault.On != "" {
		g.Inject(what.Fault)
	}
	b.addr = g.Addr()
	ctx, cancel := context.WithTimeout(context.Background(), given)
	defer cancel()
	began := time.Now()
	failure := p.run(ctx, b, e)
	r.took = time.Since(began)
	pending := what.Fault.On != "" && g.Pending() > 0
	g.Close()
	name := filepath.Join(f.root, b.far, "new")
	if e == get {
		name = filepath.Join(b.near, "got")
	}
	whole, size := f.arrived(name)
	switch {
	case ctx.Err() != nil:
		r.outcome, r.detail = hang, "did not end within "+given.String()
	case failure != nil && whole:
		r.outcome, r.detail = falseFailure, failure.Error()
	case failure != nil:
		r.outcome, r.detail = failed, failure.Error()
	case !whole:
		r.outcome, r.detail = falseSuccess, fmt.Sprintf("%d bytes that are not the right %d", size, len(body))
	case pending:
		r.outcome = unmet
	default:
		r.outcome = fine
	}
	return r, g.Commands(), nil
}

// booth makes a directory for one case on either side.
func (f *field) booth() (b booth, err error) {
	f.mu.Lock()
	f.cases++
	b = booth{user: f.user, password: f.password, far: fmt.Sprintf("/case%d", f.cases)}
	f.mu.Unlock()
	if b.near, err = os.MkdirTemp("", "ftpretry-compare-"); err != nil {
		return b, err
	}
	far := filepath.Join(f.root, b.far)
	return b, errors.Join(
		os.WriteFile(filepath.Join(b.near, "new"), []byte(body), 0o600),
		os.Mkdir(far, 0o755),
		os.WriteFile(filepath.Join(far, "file"), []byte(body), 0o644),
		f.adopt(far),
		f.adopt(filepath.Join(far, "file")),
	)
}

// arrived tells whether the file is whole, and gives the server time to finish
// writing it.
func (f *field) arrived(name string) (whole bool, size int) {
	patience := time.NewTimer(settles)
	defer patience.Stop()
	again := time.NewTicker(settles / 20)
	defer again.Stop()
	for {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, 0
		}
		if slices.Equal(b, []byte(body)) {
			return true, len(b)
		}
		select {
		case <-patience.C:
			return false, len(b)
		case <-again.C:
		}
	}
}

// ownedLike gives files to the account that has the directory.
func ownedLike(dir string) func(string) error {
	return func(name string) error {
		like, err := os.Stat(dir)
		if err != nil {
			return err
		}
		who, ok := like.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("the owner of %s cannot be told", dir)
		}
		return os.Chown(name, int(who.Uid), int(who.Gid))
	}
}
