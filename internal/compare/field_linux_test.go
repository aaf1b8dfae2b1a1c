package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/faultlist"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAProgramIsJudgedByTheFileAndNotByWhatItSays(t *testing.T) {
	f := newField(t, "retrytest")
	busy := faultlist.Entry{Name: "refused by 450", Fault: retrytest.Fault{On: "STOR", Nth: 1, Reply: "450 Busy."}}
	sloppy := func(ctx context.Context, b booth, e errand) error {
		return errors.Join(library(ctx, b, e), errors.New("exit status 1"))
	}
	for _, row := range []struct {
		says string
		run  func(ctx context.Context, b booth, e errand) error
		e    errand
		what faultlist.Entry
		want outcome
	}{
		{"put in spite of a fault", library, put, busy, fine},
		{"put without meeting the fault", library, put, faultlist.Entry{Name: "refused by 450", Fault: retrytest.Fault{On: "APPE", Nth: 1, Reply: "450 Busy."}}, unmet},
		{"got", library, get, faultlist.Entry{}, fine},
		{"says it is done, and did nothing", func(context.Context, booth, errand) error { return nil }, put, busy, falseSuccess},
		{"says it is done, and got a byte", func(_ context.Context, b booth, _ errand) error {
			return os.WriteFile(filepath.Join(b.near, "got"), []byte(body[:1]), 0o600)
		}, get, busy, falseSuccess},
		{"says it failed, and did nothing", func(context.Context, booth, errand) error { return errors.New("exit status 1") }, get, busy, failed},
		{"says it failed, and put it", sloppy, put, busy, falseFailure},
	} {
		t.Run(row.says, func(t *testing.T) {
			t.Parallel()
			r, _, err := f.try(program{name: "program", run: row.run}, row.e, row.what)
			require.NoError(t, err)
			assert.Equal(t, row.want, r.outcome, r.detail)
		})
	}
}
