package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestNoDirectoryIsMadeForALoginThatIsRefused(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{Users: map[string]string{"u": "another"}})
	dir := t.TempDir()
	status, _, errs := ran(t, dir, join([]string{"mirror-down"}, to(srv), []string{"/in", "a/b"})...)
	require.Equal(t, someFailed, status, errs)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestADryRunWritesNothingHere(t *testing.T) {
	srv := server(t, retrytest.Config{})
	dir := put(t, map[string]string{"tree/a.txt": "x"})
	args := join([]string{"mirror-up", "-dry-run", "-journal", "tree/night.db", "-html", "night.html"}, to(srv), []string{"tree", "/in"})
	status, _, errs := ran(t, dir, args...)
	require.Equal(t, allDone, status, errs)
	require.Contains(t, errs, "-html is left out: a dry run has no report")
	require.Equal(t, map[string]string{"tree/a.txt": "x"}, read(t, dir))

	j, err := batch.OpenJournal(filepath.Join(dir, "tree/night.db"))
	require.NoError(t, err)
	require.NoError(t, j.Close())
	status, out, errs := ran(t, dir, args...)
	require.Equal(t, allDone, status, errs)
	require.NotContains(t, out, "night.db", "a run would leave it alone")
}

func TestTheOpeningOfAJournalCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	opening := make(chan struct{})
	block := make(chan struct{})
	defer close(block)
	go func() {
		<-opening
		cancel(errInterrupted)
	}()
	_, err := unlessEnded(ctx, func() (int, error) {
		close(opening)
		<-block
		return 0, nil
	})
	require.ErrorIs(t, err, errInterrupted)
	wrong := errors.New("damaged")
	n, err := unlessEnded(t.Context(), func() (int, error) { return 7, wrong })
	require.ErrorIs(t, err, wrong)
	require.Equal(t, 7, n)
}

func TestTheHelpTellsOfTheGrace(t *testing.T) {
	status, out, _ := ran(t, t.TempDir(), "run", "-h")
	require.Equal(t, allDone, status)
	require.Regexp(t, `-deadline when\s+begin nothing after when(.*\n)?.*30s`, out)
}

func TestTheUserMayBeInANetrc(t *testing.T) {
	const other = "machine other login x password y\n"
	for what, row := range map[string]struct {
		text, user string
		mode       os.FileMode
		status     int
		want       string
	}{
		"an entry for the host":          {text: other + "machine 127.0.0.1 login u password \"open sesame\"\n"},
		"over several lines":             {text: "# of nobody\nmachine 127.0.0.1\n\tlogin u\n\taccount z\n\tpassword \"open sesame\"\n" + other},
		"the default":                    {text: other + "default login u password \"open sesame\""},
		"the one of the user":            {text: "machine 127.0.0.1 login x password y machine 127.0.0.1 login u password \"open sesame\"", user: "u"},
		"after a macro":                  {text: "macdef init\nmachine 127.0.0.1 login x password y\n\nmachine 127.0.0.1 login u password \"open sesame\""},
		"a quote that is not closed":     {text: "machine 127.0.0.1 login u password \"open sesame\n", status: wrongUsage, want: "line 1: a quote is not closed"},
		"none for the host":              {text: other, status: wrongUsage, want: "no entry for 127.0.0.1"},
		"none for the user":              {text: "machine 127.0.0.1 login x password y", user: "u", status: wrongUsage, want: "no entry for u at 127.0.0.1"},
		"readable by others":             {text: "machine 127.0.0.1 login u password z", mode: 0o644, status: wrongUsage, want: "others can read it: chmod 600"},
		"a word that is none":            {text: "machine 127.0.0.1 user u", status: wrongUsage, want: "line 1: a word is none of machine"},
		"a word without what belongs to": {text: "machine 127.0.0.1 login", status: wrongUsage, want: "login has no value"},
	} {
		t.Run(what, func(t *testing.T) {
			srv := server(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("a.txt", nil))
			dir := put(t, map[string]string{"list": oneDelete, "netrc": row.text})
			if row.mode == 0 {
				row.mode = 0o600
			}
			require.NoError(t, os.Chmod(filepath.Join(dir, "netrc"), row.mode))
			args := []string{"run", "-addr", srv.Addr(), "-netrc", "-policy", "initial=1ms", "list"}
			if row.user != "" {
				args = append(args, "-user", row.user)
			}
			p := launch(t, dir, []string{"NETRC=netrc", without}, nil, args...)
			require.Equal(t, row.status, p.wait(), p.err.String())
			require.Contains(t, p.err.String(), row.want)
		})
	}
	_, _, errs := ran(t, put(t, map[string]string{"list": oneDelete}), "run", "-addr", "h", "-netrc", "-password-file", "x", "list")
	require.Contains(t, errs, "give one of them")
}
