package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// oneDelete is a list of one job.
const oneDelete = "kind,remote\ndelete,a.txt\n"

// TestAFlagOutranksTheEnvironmentAndThatTheFile: the server hears which user it
// was that held.
func TestAFlagOutranksTheEnvironmentAndThatTheFile(t *testing.T) {
	for want, row := range map[string]struct{ flag, environment, file string }{
		"of-the-flag":        {"-user=of-the-flag", "of-the-environment", "user: of-the-file"},
		"of-the-environment": {"-v", "of-the-environment", "user: of-the-file"},
		"of-the-file":        {"-v", "", "user: of-the-file"},
		"anonymous":          {"-v", "", "workers: 2"},
	} {
		t.Run(want, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("a.txt", nil))
			dir := put(t, map[string]string{"list": oneDelete, "night.yaml": row.file})
			env := []string{"FTPRETRY_CONFIG=night.yaml", "FTPRETRY_ADDR=" + srv.Addr(), "FTPRETRY_USER=" + row.environment}
			p := launch(t, dir, env, nil, "run", row.flag, "list")
			require.Equal(t, allDone, p.wait(), p.err.String())
			require.Contains(t, srv.Commands(), "USER "+want)
		})
	}
}

// parsed is what the settings are by these.
func parsed(t *testing.T, file string, env map[string]string, args ...string) (*settings, []string, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "settings.yaml")
	require.NoError(t, os.WriteFile(name, []byte(file), 0o600))
	for _, v := range os.Environ() {
		if key, _, _ := strings.Cut(v, "="); strings.HasPrefix(key, prefix) {
			t.Setenv(key, "")
		}
	}
	for key, value := range env {
		t.Setenv(key, value)
	}
	c := command{name: "all", groups: []group{serverGroup, runGroup, mirrorGroup, outputGroup, fileGroup}}
	s, _, strange, err := c.parse(terminal{}, append(args, "-config", name, "x", "y"), 2)
	return s, strange, err
}

func TestEverySourceCanSetEverything(t *testing.T) {
	want, _, err := parsed(t, "", nil, "-addr", "h:1", "-tls", "-workers", "8", "-policy", "attempts=3 initial=500ms storage.initial=5m",
		"-stall-timeout", "90s", "-include", "*.csv", "-include", "b", "-compare", "hash", "-dry-run", "-html", "r.html")
	require.NoError(t, err)
	require.Equal(t, number(8), want.workers)
	require.Equal(t, span(90*time.Second), want.stall)
	require.Equal(t, patterns{"*.csv", "b"}, want.include)
	require.Equal(t, "attempts=3 initial=500ms storage.initial=5m", want.policy.String())

	file := `# of the night
addr: h:1
tls: true
workers: 8
policy:
  attempts: 3
  initial: 500ms
  classes: {storage: {initial: 5m}}
stall-timeout: 90s
include:
  - "*.csv"
  - b
compare: hash
dry-run: true
html: r.html
`
	got, _, err := parsed(t, file, nil)
	require.NoError(t, err)
	got.file, want.file = "", ""
	require.Equal(t, want, got, "the file")

	got, _, err = parsed(t, "policy: attempts=3 initial=500ms storage.initial=5m\nworkers: 2", map[string]string{
		"FTPRETRY_ADDR": "h:1", "FTPRETRY_TLS": "true", "FTPRETRY_WORKERS": "8", "FTPRETRY_STALL_TIMEOUT": "90s",
		"FTPRETRY_INCLUDE": "*.csv,b", "FTPRETRY_COMPARE": "hash", "FTPRETRY_DRY_RUN": "1", "FTPRETRY_HTML": "r.html",
	})
	require.NoError(t, err)
	got.file = ""
	require.Equal(t, want, got, "the environment")
}

func TestAListOfAHigherRankReplacesTheOther(t *testing.T) {
	s, _, err := parsed(t, "exclude: [a, b]", map[string]string{"FTPRETRY_EXCLUDE": "c,d"}, "-exclude", "e")
	require.NoError(t, err)
	require.Equal(t, patterns{"e"}, s.exclude)
}

func TestADeadlineIsATimeOfDayOrADuration(t *testing.T) {
	for _, text := range []string{"00:00", "06:30", "23:59", "8h"} {
		var m moment
		require.NoError(t, m.Set(text))
		require.True(t, m.After(time.Now()), text)
		require.LessOrEqual(t, time.Until(m.Time), 25*time.Hour, text) // a day with a change of clocks
	}
	for _, text := range []string{"", "6", "24:00", "-1h", "tomorrow"} {
		require.Error(t, new(moment).Set(text), text)
	}
}

// TestAMistakeInTheCallIsExplained: with exit status 2, before the server is
// spoken to.
func TestAMistakeInTheCallIsExplained(t *testing.T) {
	const file = "FTPRETRY_CONFIG=night.yaml"
	for what, row := range map[string]struct {
		args string
		env  string
		yaml string
		want string
	}{
		"a command that is none":          {args: "mirorr-up a b", want: `"mirorr-up" is no command: batch -h lists them`},
		"no server":                       {args: "run list", want: "no server: give -addr host:port"},
		"a server that is a URL":          {args: "run -addr ftp://u:" + "open%20sesame@h/ list", want: "-addr is host:port and nothing else"},
		"a server that is none":           {args: "run -addr h:x list", want: "port from 1 to 65535"},
		"no list":                         {args: "run -addr h", want: "run takes FILE, but 0 arguments are given"},
		"two lists":                       {args: "run -addr h list list", want: "but 2 arguments are given"},
		"a list that is not there":        {args: "run -addr h nowhere", want: "job list: open nowhere: no such file"},
		"a list that is a directory":      {args: "run -addr h .", want: ". is a directory: mirror-up sends one"},
		"an unknown flag":                 {args: "run -adr h list", want: "flag provided but not defined: -adr"},
		"a password as a flag":            {args: "run -password=x -addr h list", want: "flag provided but not defined: -password"},
		"a flag of another command":       {args: "run -addr h -delete list", want: "flag provided but not defined: -delete"},
		"a bad policy":                    {args: "run -addr h -policy attempt=3 list", want: "attempt"},
		"a policy that cannot be":         {args: "run -addr h -policy multiplier=0.1 list", want: "multiplier"},
		"no workers":                      {args: "run -addr h -workers 0 list", want: `invalid value "0" for flag -workers: want a whole number, 1 or more`},
		"no number of workers":            {args: "run -addr h -workers many list", want: `invalid value "many" for flag -workers: want a whole number`},
		"a time without unit":             {args: "run -addr h -stall-timeout 30 list", want: "want a duration with its unit, such as 500ms"},
		"neither true nor false":          {args: "run list", env: file, yaml: "tls: maybe\n", want: "line 1: tls: want true or false"},
		"a bad deadline":                  {args: "run -addr h -deadline soon list", want: "want a time of day such as 06:00, or a duration such as 8h"},
		"a bad proof":                     {args: "run -addr h -verify md5 list", want: "want size, hash, none"},
		"trust without TLS":               {args: "run -addr h -ca list list", want: "-ca is for TLS: give -tls too"},
		"trust in a file of no use":       {args: "run -addr h -tls -ca list list", want: "list holds no certificate in PEM form"},
		"trust in no file":                {args: "run -addr h -tls -ca nowhere list", want: "-ca: open nowhere"},
		"no password file":                {args: "run -addr h -user u -password-file nowhere list", want: "password file: open nowhere"},
		"no password":                     {args: "run -addr h -user u list", env: without, want: "no password for u: set FTP_PASSWORD, or give -password-file"},
		"a bad variable":                  {args: "run -addr h list", env: "FTPRETRY_WORKERS=many", want: `environment: FTPRETRY_WORKERS is "many"`},
		"a bad variable of a policy":      {args: "run -addr h list", env: "FTPRETRY_POLICY=initial=3", want: "a duration with its unit"},
		"no settings file":                {args: "run -config nowhere list", want: "settings file nowhere: open nowhere"},
		"an unknown key":                  {args: "run list", env: file, yaml: "addr: h\nworker: 3\n", want: "settings file night.yaml: line 2: worker is no setting"},
		"a password in the settings file": {args: "run list", env: file, yaml: "password: x\n", want: "the password goes into FTP_PASSWORD"},
		"a bad value":                     {args: "run list", env: file, yaml: "addr: h\n\nworkers: many\n", want: "line 3: workers: want a whole number, 1 or more"},
		"a key without value":             {args: "run list", env: file, yaml: "addr:\n", want: "line 1: addr: has no value"},
		"a bad policy in the file":        {args: "run list", env: file, yaml: "policy:\n  atempts: 3\n", want: `line 1: policy: key "atempts": want one of attempts`},
		"two values for one":              {args: "run list", env: file, yaml: "addr: [a, b]\n", want: "line 1: addr: want one value"},
		"parts of what has none":          {args: "run list", env: file, yaml: "addr: {a: b}\n", want: "line 1: addr: want one value"},
		"a key twice":                     {args: "run list", env: file, yaml: "addr: h\naddr: i\n", want: `already defined`},
		"no keys at all":                  {args: "run list", env: file, yaml: "- addr\n", want: "line 1: want keys with values"},
		"no YAML":                         {args: "run list", env: file, yaml: "addr: [h\n", want: "settings file night.yaml: is no YAML"},
	} {
		t.Run(what, func(t *testing.T) {
			dir := put(t, map[string]string{"list": oneDelete, "night.yaml": row.yaml})
			p := launch(t, dir, []string{row.env}, nil, strings.Fields(row.args)...)
			require.Equal(t, wrongUsage, p.wait(), p.err.String())
			require.Contains(t, p.err.String(), row.want)
			require.True(t, strings.HasPrefix(p.err.String(), "batch: "), p.err.String())
			require.Equal(t, 1, strings.Count(p.err.String(), "\n"), "one line: %s", p.err.String())
			require.NotContains(t, p.err.String(), "sesame")
			require.Empty(t, p.out.String())
		})
	}
}

func TestAVariableThatIsNoSettingIsToldOf(t *testing.T) {
	srv := server(t, retrytest.Config{})
	p := launch(t, put(t, map[string]string{"list": oneDelete}), []string{"FTPRETRY_WORKER=9", "FTPRETRY_DELETE=true"}, nil, join([]string{"run"}, to(srv), []string{"list"})...)
	require.Equal(t, someFailed, p.wait())
	require.Contains(t, p.err.String(), "FTPRETRY_WORKER is no setting, and changes nothing")
	require.NotContains(t, p.err.String(), "FTPRETRY_DELETE", "it is one of another command")
}

func TestThePasswordMayComeFromAFile(t *testing.T) {
	srv := server(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("a.txt", nil))
	dir := put(t, map[string]string{"list": oneDelete, "secret": secret + "\r\nnothing more\n"})
	p := launch(t, dir, []string{passwordVariable + "=wrong"}, nil, join([]string{"run"}, to(srv, "-password-file", "secret"), []string{"list"})...)
	require.Equal(t, allDone, p.wait(), p.err.String())
}

func TestFlagsMayFollowWhatTheyBelongTo(t *testing.T) {
	srv := server(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("a.txt", nil))
	dir := put(t, map[string]string{"-list": oneDelete})
	status, _, errs := ran(t, dir, join([]string{"run"}, to(srv, "--", "-list"))...)
	require.Equal(t, allDone, status, errs)
	require.NoError(t, srv.WriteFile("a.txt", nil))
	status, _, errs = ran(t, dir, join([]string{"run", "./-list"}, to(srv))...)
	require.Equal(t, allDone, status, errs)
}

func TestHelpIsThereForWhoAsks(t *testing.T) {
	for args, want := range map[string]string{"-h": "Exit status:", "help": "Exit status:", "run -h": "-addr host", "run --help": "barrier"} {
		status, out, errs := ran(t, t.TempDir(), strings.Fields(args)...)
		require.Equal(t, allDone, status)
		require.Contains(t, out, want)
		require.Empty(t, errs)
		for line := range strings.Lines(out) {
			require.LessOrEqual(t, len(line), 121, line)
		}
	}
	status, out, errs := ran(t, t.TempDir())
	require.Equal(t, wrongUsage, status)
	require.Empty(t, out)
	require.Contains(t, errs, "batch run")
}
