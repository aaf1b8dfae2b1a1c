package retry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

const password = "tr0ub4dor&3"

// revealed is everything that can be seen of a value.
func revealed(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&b, format, v)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("", "v", v)
	if text, err := json.Marshal(v); err == nil {
		b.Write(text)
	}
	return b.String()
}

// hides fails the test if a value shows the password.
func hides(t *testing.T, what string, v any) {
	t.Helper()
	shown := revealed(t, v)
	for _, form := range []string{password, fmt.Sprintf("%x", password), fmt.Sprintf("%d", []byte(password))} {
		assert.False(t, strings.Contains(shown, form), "%s shows the password", what)
	}
}

func TestAConfigurationIsPrintedWithoutItsPassword(t *testing.T) {
	cfg := retry.Config{Addr: "ftp.example:21", User: "batch", Password: password, MaxConns: 7}
	hides(t, "Config", cfg)
	hides(t, "*Config", &cfg)
	hides(t, "a struct with a Config", struct{ C retry.Config }{cfg})
	shown := fmt.Sprintf("%+v", cfg)
	for _, want := range []string{"Addr:ftp.example:21", "User:batch", "MaxConns:7", "Password:(hidden)"} {
		assert.Contains(t, shown, want)
	}
	assert.Contains(t, fmt.Sprintf("%+v", retry.Config{Addr: "a"}), "Password: ", "none is shown as none")

	client, err := retry.New(cfg)
	require.NoError(t, err)
	hides(t, "Client", client)
	hides(t, "*Client", *client)
	require.NoError(t, client.Close())
	bad := cfg
	bad.Password += "\r\nDELE x"
	_, err = retry.New(bad)
	require.Error(t, err)
	hides(t, "an error of the configuration", err)
}

// TestAServerThatRepeatsThePasswordAnywhere has it say the password in reply to
// each command, with each code that makes the reply an error, and looks at all
// that a program can see.
func TestAServerThatRepeatsThePasswordAnywhere(t *testing.T) {
	for i, verb := range []string{retrytest.Connect, "USER", "PASS", "FEAT", "TYPE", "OPTS", "EPSV", "STOR", "SIZE", "RNFR", "RNTO", "DELE", "MKD", "CWD", "MLST", "MDTM", "QUIT"} {
		for j, code := range []string{"120", "200", "211", "213", "227", "250", "257", "331", "421", "450", "452", "530", "550", "553"} {
			texts := []string{code + " you said " + password, code + "-you\n " + password + "\n" + code + " said", "what? " + password, code + " (1,2,3,4," + password + ",6)", code + " (|||" + password + "|)"}
			text := texts[(i+j)%len(texts)]
			srv := memory(t, retrytest.Config{}, retrytest.Fault{On: verb, Reply: text, Times: -1})
			var seen []any
			note := func(v any) { seen = append(seen, v) }
			cl := client(t, srv, func(cfg *retry.Config) {
				cfg.Password, cfg.Policy.Attempts, cfg.Policy.Initial = password, 2, time.Nanosecond
				cfg.ReplyTimeout = time.Second
				cfg.Hooks = retry.Hooks{
					Attempt: func(_ context.Context, v retry.Attempt) { note(v) }, Connect: func(_ context.Context, v retry.Connect) { note(v) },
					Failed: func(_ context.Context, v retry.Failed) { note(v); note(v.Err); note(v.Verdict); note(v.Verdict.Reply) },
					Redial: func(_ context.Context, v retry.Attempt) { note(v) }, Wait: func(_ context.Context, v retry.Wait) { note(v) },
					Done: func(_ context.Context, v retry.Done) { note(v); note(v.Err) },
				}
			})
			ctx := t.Context()
			for _, err := range []error{
				cl.Stor(ctx, "/f", retry.Bytes([]byte("content"))), cl.Rename(ctx, "/f", "/g"), cl.Delete(ctx, "/g"), cl.MakeDir(ctx, "/d"),
				cl.Do(ctx, func(_ context.Context, conn *ftp.ServerConn) error {
					if err := conn.ChangeDir("/"); err != nil {
						return err
					}
					_, err := conn.GetTime("/g")
					return err
				}),
			} {
				for ; err != nil; err = errors.Unwrap(err) {
					note(err)
				}
			}
			note(cl.Stats())
			require.NoError(t, cl.Close())
			for _, v := range seen {
				hides(t, fmt.Sprintf("%T after %q to %s", v, strings.ReplaceAll(text, password, "***"), verb), v)
			}
			srv.Close()
		}
	}
}

func TestWhatAServerSaysIsShownAsOneShortLine(t *testing.T) {
	for name, said := range map[string]string{
		"a reply of many lines":    "550-one\n550-two\n550 three",
		"one that paints the text": "550 \x1b[31mred\x1b[0m \a \x9b2J",
		"one with NUL":             "550 a\x00b",
		"one without measure":      "550 " + strings.Repeat("long ", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "DELE", Reply: said})
			cl := client(t, srv)
			err := cl.Delete(t.Context(), "/f")
			require.ErrorIs(t, err, retry.ErrPermanent)
			text := err.Error()
			assert.Less(t, len(text), 1200)
			assert.NotContains(t, text, "\n")
			assert.Equal(t, -1, strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }), "%q", text)
			_ = cl.Close()
		})
	}
}
