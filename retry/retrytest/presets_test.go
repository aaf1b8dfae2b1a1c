package retrytest_test

import (
	"testing"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestServersCloseToRealOnes(t *testing.T) {
	for name, row := range map[string]struct {
		cfg   retrytest.Config
		lines string
	}{
		"vsftpd": {retrytest.Vsftpd(), `
			MLSD => 502
			MFMT 20200102030405 old.txt => 502
			MDTM 20200102030405 old.txt => 213
			REST 12 => 350
			STOR old.txt < x => 226
			SIZE old.txt => 213 13
			HASH old.txt => 502`},
		"ProFTPD": {retrytest.Proftpd(), `
			REST 5 => 350
			STOR old.txt => 451 old.txt: Append/Restart not permitted, try again
			XCRC old.txt => 502`},
		"pure-ftpd": {retrytest.PureFTPd(), `
			REST 12 => 350
			STOR old.txt < x => 226
			SIZE old.txt => 213 11
			REST 2 => 350
			STOR old.txt < x => 226
			SIZE old.txt => 213 3`},
		"pyftpdlib": {retrytest.Pyftpdlib(), `
			REST 12 => 350
			RETR old.txt => 554
			MLST old.txt => 250`},
	} {
		t.Run(name, func(t *testing.T) {
			row.cfg.Greeting = "220 ready"
			everywhere(t, row.cfg, func(t *testing.T, srv *retrytest.Server) {
				converse(t, session(t, srv), row.lines)
			})
		})
	}
}
