package ftpretry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/ftpretry/ftpretry/retry"
)

// soaker is one worker, and what its directory must hold.
type soaker struct {
	*soak
	rng   *rand.Rand
	dir   string
	model map[string][]byte
	n     int
}

func (s *soaker) report(t *testing.T, what string, err error) {
	t.Helper()
	s.operations.Add(1)
	if err != nil {
		s.failed.Add(1)
		t.Errorf("%s: %s: %v", s.dir, what, err)
	}
}

// step does one operation and looks at what came of it.
func (s *soaker) step(ctx context.Context, t *testing.T) {
	files := slices.Sorted(maps.Keys(s.model))
	s.n++
	for s.commands.Load() > 20*s.faults.Load() {
		s.faults.Add(1)
		s.server.Inject(soakFault(s.rng))
	}
	fresh := fmt.Sprintf("%s/f%d", s.dir, s.n)
	content := make([]byte, s.rng.IntN(60_000))
	for i := range content {
		content[i] = byte(s.rng.Uint32())
	}
	kind := s.rng.IntN(10)
	if len(files) == 0 {
		kind = 0
	}
	if len(files) > 8 {
		kind = 8
	}
	old := fresh
	if len(files) > 0 {
		old = files[s.rng.IntN(len(files))]
	}
	c := s.client
	var what string
	var err error
	switch kind {
	case 0, 1:
		what = "Stor " + fresh
		err = c.Stor(ctx, fresh, retry.Bytes(content))
		s.model[fresh] = content
	case 2:
		what = "Stor over " + old
		err = c.Stor(ctx, old, retry.Bytes(content))
		s.model[old] = content
	case 3:
		what = "Stor Atomic " + old
		err = c.WithUpload(retry.Atomic).Stor(ctx, old, retry.Bytes(content))
		s.model[old] = content
	case 4:
		what = "Append " + old
		err = c.Append(ctx, old, retry.Bytes(content))
		s.model[old] = append(bytes.Clone(s.model[old]), content...)
	case 5, 6:
		what = "Retr " + old
		err = s.retrieve(ctx, old)
	case 7:
		what = "Rename " + old + " " + fresh
		err = c.Rename(ctx, old, fresh)
		s.model[fresh] = s.model[old]
		delete(s.model, old)
	case 8:
		what = "Delete " + old
		err = c.Delete(ctx, old)
		delete(s.model, old)
	default:
		what = "NameList " + s.dir
		var listed []string
		listed, err = c.NameList(ctx, s.dir)
		if got := strings.Fields(names(listed, path.Base)); err == nil && len(got) != len(s.model) {
			err = fmt.Errorf("%d names are listed of %d files", len(got), len(s.model))
		}
	}
	s.report(t, what, err)
	for _, name := range []string{old, fresh} {
		want, has := s.model[name]
		got, there := s.look(name)
		if has != there || !bytes.Equal(want, got) {
			if err == nil {
				s.wrong.Add(1)
				t.Errorf("%s was called a success: %s is there %v, not %v, with %d bytes, not %d", what, name, there, has, len(got), len(want))
			}
			delete(s.model, name)
			if there {
				s.model[name] = got
			}
		}
	}
}

// retrieve downloads a file and compares.
func (s *soaker) retrieve(ctx context.Context, name string) error {
	var got []byte
	var err error
	if s.rng.IntN(2) == 0 {
		var b bytes.Buffer
		_, err = s.client.Retr(ctx, name, &b)
		got = b.Bytes()
	} else {
		var r io.ReadCloser
		if r, err = s.client.Open(ctx, name); err == nil {
			got, err = io.ReadAll(r)
			_ = r.Close()
		}
	}
	if err == nil && !bytes.Equal(got, s.model[name]) {
		err = errors.New("wrong bytes")
	}
	return err
}
