package main

import (
	"bytes"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/transient"
)

func TestAReplyIsExplained(t *testing.T) {
	for what, row := range map[string]struct {
		args []string
		want []string
	}{
		"one that heals": {[]string{"-command", "stor", "450", "Requested file action not taken."},
			[]string{"class      busy\n", "transient  yes", "waits      1s, 2s, 4s, 8s, 16s, 32s, then it gives up; each is spread"}},
		"one that says when": {[]string{"421 Too many users, try again in 5 minutes"},
			[]string{"class      overload\n", "asked for  5m0s at least", "waits      5m0s, 5m0s, 5m0s, 5m0s, 5m0s, 5m0s, then it gives up\n"}},
		"one that does not heal": {[]string{"530", "Login incorrect"},
			[]string{"class      permanent\n", "transient  no", "locks accounts"}},
		"one that is about the offset": {[]string{"-command", "STOR", "451", "Append/Restart not permitted, try again"},
			[]string{"class      permanent\n", "from its start it may succeed"}},
		"one of many lines": {[]string{"-command", "RETR", "550-The process cannot access the file because it is being used by another process. \r\n Win32 error:\r\n550 End"},
			[]string{"class      busy\n"}},
		"a name that is not the server's word": {[]string{"-command", "RETR", "-path", "try again later.csv", "550 try again later.csv: failed"},
			[]string{"class      permanent\n"}},
	} {
		t.Run(what, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, run(row.args, &out))
			for _, want := range row.want {
				require.Contains(t, out.String(), want)
			}
		})
	}
}

func TestWithoutAReplyTheRulesArePrinted(t *testing.T) {
	var out, want bytes.Buffer
	require.NoError(t, run(nil, &out))
	require.NoError(t, transient.Explain(&want))
	require.Equal(t, want.String(), out.String())
}

func TestWhatIsNoReplyIsRefused(t *testing.T) {
	for _, text := range []string{"hello", "", "45", "4x0 File busy", "-12 File busy"} {
		var out bytes.Buffer
		require.ErrorContains(t, run([]string{"--", text}, &out), "File busy", text)
		require.Empty(t, out.String())
	}
	var out bytes.Buffer
	require.ErrorIs(t, run([]string{"-h"}, &out), flag.ErrHelp)
	require.Contains(t, out.String(), "-command VERB")
	require.Error(t, run([]string{"-no-such"}, &out))
}
