//go:build unix

package browser

import (
	"context"
	"os"
	"testing"
	"time"
)

// Require skips the test unless FTPRETRY_REAL=1 is set, and starts a browser that
// ends with it: one that is not installed fails the test then.
func Require(t testing.TB) (context.Context, *Browser) {
	t.Helper()
	if os.Getenv("FTPRETRY_REAL") != "1" {
		t.Skip("runs in a real browser: bash .ci/install-servers, then FTPRETRY_REAL=1 go test -run TestReal ./...")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	b, err := Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return ctx, b
}
