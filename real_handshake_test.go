//go:build linux

package ftpretry_test

import (
	"testing"

	"github.com/ftpretry/ftpretry/internal/ftpd"
)

// A network that breaks the data connection's handshake makes proftpd say 425 "Operation not permitted", as its policy
// on session reuse does. Here the client's own handshake failed of a reset: the network's doing, and a replay heals it.
func TestRealAHandshakeThatIsCutHeals(t *testing.T) {
	realServers(t, func(t *testing.T, kind ftpd.Kind) {
		s := ftpd.Start(t, kind, ftpd.Options{AllowStoreRestart: true, TLS: true})
		for _, name := range []string{"Stor", "Append", "Retr", "List"} {
			for _, after := range []int64{1, 300} {
				realCut(t, s, named(t, name), after)
			}
		}
	})
}
