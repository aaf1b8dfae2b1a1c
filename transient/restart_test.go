package transient_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	. "github.com/ftpretry/ftpretry/transient"
)

func TestWhichServersRefuseToContinueATransfer(t *testing.T) {
	rows := map[string]struct {
		wire, command, path string
		want                bool
	}{
		"proftpd, upload":                       {"451 a: Append/Restart not permitted, try again", "STOR", "a", true},
		"proftpd, download":                     {"451 a: Restart not permitted, try again", "RETR", "a", true},
		"proftpd with HiddenStores":             {"501 REST not compatible with server configuration", "STOR", "a", true},
		"proftpd with HiddenStores, append":     {"550 APPE not compatible with server configuration", "APPE", "a", true},
		"proftpd in ASCII mode":                 {"501 REST: Resuming transfers not allowed in ASCII mode", "REST", "100", true},
		"proftpd beyond the end":                {"554 REST: invalid a argument", "RETR", "a", true},
		"vsftpd in ASCII mode":                  {"550 No support for resume of ASCII transfer.", "RETR", "a", true},
		"pure-ftpd in ASCII mode":               {"503 ASCII resume is unsafe, please delete the file first", "STOR", "a", true},
		"pure-ftpd beyond the end":              {"554-Restart offset 100 is too large for file size 50.\n554 Restart offset reset to 0", "RETR", "a", true},
		"pyftpdlib in ASCII mode":               {"501 Resuming transfers not allowed in ASCII mode.", "REST", "100", true},
		"pyftpdlib beyond the end":              {"554 Invalid REST parameter.", "RETR", "a", true},
		"pyftpdlib with REST before APPE":       {"450 Can't APPE while REST request is pending.", "APPE", "a", true},
		"a server that knows the offset only":   {"501 Invalid REST marker", "STOR", "a", true},
		"RFC 3659's own reply":                  {"554 Requested action not taken", "RETR", "a", true},
		"ftpserverlib does not read the offset": {"550 Couldn't parse size: invalid syntax", "REST", "100", true},
		"a server without REST":                 {"502 Command not implemented.", "REST", "100", true},
		"a server that does not know REST":      {"500 Unknown command", "REST", "100", true},
		"a server that takes REST 0 only":       {"504 Reply marker must be 0 in ASCII mode", "REST", "100", true},
		"the verb in lower case":                {"502 Command not implemented.", "rest", "100", true},
		"a missing file":                        {"550 No such file", "RETR", "a", false},
		"a busy file":                           {"450 Requested file action not taken.", "RETR", "a", false},
		"a session that ends at REST":           {"421 Timeout.", "REST", "100", false},
		"a session that is not logged in":       {"530 Please login with USER and PASS.", "REST", "100", false},
		"a command that is not there":           {"502 Command not implemented.", "MLSD", "", false},
		"a file whose name says it":             {"550 restart not permitted: No such file", "RETR", "restart not permitted", false},
		"a path that says it over two elements": {"550 append/restart not permitted: No such file", "RETR", "append/restart not permitted", false},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			e := reply(t, r.wire)
			for dress, err := range dressed(e) {
				f := Failure{Command: r.command, Path: r.path, Err: err}
				assert.Equal(t, r.want, RestartRefused(f), dress)
				if r.want {
					assert.Equal(t, Permanent, Classify(f).Class, dress)
				}
			}
		})
	}
	t.Run("a failure without a reply", func(t *testing.T) {
		assert.False(t, RestartRefused(Failure{Command: "REST"}))
		assert.False(t, RestartRefused(Failure{Command: "REST", Err: io.EOF}))
	})
	t.Run("the second of two replies", func(t *testing.T) {
		err := errors.Join(reply(t, "426 Cut"), fmt.Errorf("a: %w", reply(t, "554 Invalid REST parameter.")))
		assert.True(t, RestartRefused(Failure{Command: "RETR", Err: err}))
	})
}
