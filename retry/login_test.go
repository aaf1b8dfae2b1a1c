package retry_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestAnErrorTellsARefusedLoginFromAFailedOperation(t *testing.T) {
	t.Parallel()
	for told, c := range map[string]struct {
		fault            retrytest.Fault
		session, refused bool // no session, for want of the login
	}{
		"a wrong password":        {retrytest.Fault{On: "PASS", Reply: "530 Login incorrect."}, true, true},
		"a user nobody knows":     {retrytest.Fault{On: "USER", Reply: "530 Who?"}, true, true},
		"a server that is closed": {retrytest.Fault{On: retrytest.Connect, Reply: "500 Go away.", Control: retrytest.FIN}, true, false},
		"a server that is full":   {retrytest.Fault{On: "PASS", Reply: "530 Too many users."}, false, false},
		"a refused operation":     {retrytest.Fault{On: "SIZE", Reply: "530 Not for you."}, false, false},
	} {
		t.Run(told, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c.fault.Times = -1
				srv := memory(t, retrytest.Config{}, c.fault)
				cl := client(t, srv, func(cfg *retry.Config) { cfg.Policy = policy.Policy{Attempts: 3} })
				_, err := cl.FileSize(t.Context(), "/f")
				require.Error(t, err)
				assert.Equal(t, c.session, errors.Is(err, retry.ErrNoSession))
				assert.Equal(t, c.refused, errors.Is(err, retry.ErrLogin))
				assert.NotContains(t, err.Error(), "session", "the text is the server's")
				require.NoError(t, cl.Close())
			})
		})
	}
}

func TestAPasswordThatIsRefusedBesideLiveSessionsIsRefusedForAllWhoNeedOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := memory(t, retrytest.Config{})
		cl := client(t, srv, func(cfg *retry.Config) { cfg.MaxConns, cfg.Policy = 4, policy.Policy{} })
		require.NoError(t, srv.WriteFile("/f", nil))
		for i := range 4 {
			f := retrytest.Fault{On: "SIZE", Nth: i + 1, After: true, Delay: time.Duration(i+1) * time.Second}
			f.Lose = i < 3
			if f.Lose {
				f.Control = retrytest.RST
			}
			srv.Inject(f)
		}
		defer time.AfterFunc(500*time.Millisecond, func() {
			srv.Inject(retrytest.Fault{On: "PASS", Reply: "530 Login incorrect.", Times: -1})
		}).Stop()
		errs, _ := crowd(12, func(i int) error {
			_, err := cl.FileSize(t.Context(), "/f")
			return err
		})
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
				continue
			}
			assert.ErrorIs(t, err, retry.ErrLogin)
		}
		assert.Equal(t, 1, done, "with the session that is left")
		refused := 0
		for _, e := range srv.Log() {
			if e.Command == "PASS" && strings.HasPrefix(e.Reply, "530") {
				refused++
			}
		}
		assert.Equal(t, 1, refused)
		require.NoError(t, cl.Close())
	})
}
