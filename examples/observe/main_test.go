package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestTheLogTellsWhatHappened(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-json", "-debug"}, &out))
	seen := map[string]int{}
	for line := range strings.Lines(out.String()) {
		var entry struct {
			Msg   string
			Level string
			Class string
			Code  int
			Moved int64 `json:"moved_twice"`
			FTP   struct {
				Op, Path string
				Attempt  int
			}
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		switch entry.Msg {
		case "attempt failed":
			seen[entry.Class]++
			require.Equal(t, "WARN", entry.Level)
		case "stats":
			require.Positive(t, entry.Moved)
			continue
		default:
			seen[entry.Msg+" "+entry.Level]++
		}
		require.Equal(t, "STOR", entry.FTP.Op, line)
		require.NotEmpty(t, entry.FTP.Path)
		require.Positive(t, entry.FTP.Attempt)
	}
	delete(seen, "progress DEBUG")
	require.Equal(t, map[string]int{
		"overload": 1, "busy": 1, "network": 1, "permanent": 1,
		"attempt DEBUG": 6, "connected INFO": 3, "waiting INFO": 3, "done INFO": 2, "done ERROR": 1,
	}, seen)
}

func TestAPasswordIsNeverLogged(t *testing.T) {
	for what, args := range map[string][]string{"as text": {"-debug"}, "as JSON": {"-json", "-debug"}} {
		t.Run(what, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), args, &out))
			require.NotContains(t, out.String(), "sesame")
		})
	}
	t.Run("nor one that the server repeats", func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{Faults: []retrytest.Fault{{On: "PASS", Reply: "530 No, open sesame is wrong."}}})
		var out bytes.Buffer
		client, err := retry.New(retry.Config{
			Addr: srv.Addr(), User: "robot", Password: "open sesame", Policy: policy.Policy{Initial: time.Millisecond},
			Hooks: hooks(slog.New(slog.NewTextHandler(&out, nil))),
		})
		require.NoError(t, err)
		defer func() { _ = client.Close() }()
		require.Error(t, client.Delete(t.Context(), "x"))
		require.Contains(t, out.String(), "level=ERROR")
		require.NotContains(t, out.String(), "sesame")
	})
}

func TestAnEndedIdleSessionIsLogged(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	var out bytes.Buffer
	client, err := retry.New(retry.Config{Addr: srv.Addr(), Hooks: hooks(slog.New(slog.NewTextHandler(&out, nil)))})
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	require.NoError(t, client.MakeDir(t.Context(), "d"))
	srv.Inject(retrytest.Fault{On: "NLST", Lose: true, Control: retrytest.FIN}, retrytest.Fault{On: "EPSV", Lose: true, Control: retrytest.FIN})
	_, err = client.NameList(t.Context(), "")
	require.NoError(t, err)
	require.Contains(t, out.String(), `msg="idle session had ended"`)
}

func TestTheCommandLineIsChecked(t *testing.T) {
	var out bytes.Buffer
	require.ErrorIs(t, run(t.Context(), []string{"-h"}, &out), flag.ErrHelp)
	require.ErrorContains(t, run(t.Context(), []string{"x"}, &out), "see -h")
	require.Error(t, run(t.Context(), []string{"-no-such"}, &out))
}
