package retrytest_test

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// program finds a client. Where it is missing, the test passes it over, unless
// FTPRETRY_REAL=1 says that real programs are there to be tested with.
func program(t *testing.T, name string) string {
	t.Helper()
	at, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("FTPRETRY_REAL") == "1" {
			t.Fatalf("%s is not installed: install it, or unset FTPRETRY_REAL", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return at
}

// clientOf runs a client in a directory of its own.
type clientOf struct {
	t       *testing.T
	dir     string
	program string
	args    []string
}

func (c clientOf) run(args ...string) string {
	c.t.Helper()
	cmd := exec.Command(c.program, append(append([]string{}, c.args...), args...)...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "HOME="+c.dir, "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoErrorf(c.t, cmd.Run(), "%v\n%s%s", cmd.Args, out.String(), errs.String())
	return out.String()
}

func (c clientOf) write(name string, data []byte) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(filepath.Join(c.dir, name), data, 0o600))
}

func (c clientOf) read(name string) []byte {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, name))
	require.NoError(c.t, err)
	return data
}

// realServers are the configurations that real clients are tried on.
func realServers(t *testing.T, test func(t *testing.T, srv *retrytest.Server, ca string, implicit bool)) {
	serverTLS, _ := selfSigned(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: serverTLS.Certificates[0].Certificate[0]}
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(block), 0o600))
	for name, cfg := range map[string]retrytest.Config{
		"plain, in memory":         {},
		"plain, on disk":           {Root: t.TempDir()},
		"plain, without MLSD":      {Without: []string{"MLSD"}},
		"plain, without EPSV":      {Without: []string{"EPSV"}},
		"explicit TLS":             {TLS: serverTLS, RequireTLS: true},
		"explicit TLS with reuse":  {TLS: serverTLS, RequireTLS: true, RequireReuse: true},
		"implicit TLS, on disk":    {TLS: serverTLS, ImplicitTLS: true, Root: t.TempDir()},
		"explicit TLS, but on 1.2": {TLS: serverTLS, RequireTLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the clients spend their time waiting
			if name == "explicit TLS, but on 1.2" {
				cfg.TLS = cfg.TLS.Clone()
				cfg.TLS.MaxVersion = 0x0303
			}
			cfg.Users = map[string]string{"ann": "secret"}
			srv := retrytest.NewServer(t, cfg)
			certificate := ca
			if cfg.TLS == nil {
				certificate = ""
			}
			test(t, srv, certificate, cfg.ImplicitTLS)
		})
	}
}

// sample is a file, and what an interrupted transfer left of it.
func sample() (whole, half []byte) {
	whole = bytes.Repeat([]byte("a line of an ordinary file\n"), 40000)
	return whole, whole[:len(whole)/2]
}

func TestCurlUsesTheServer(t *testing.T) {
	t.Parallel()
	curl := program(t, "curl")
	realServers(t, func(t *testing.T, srv *retrytest.Server, ca string, implicit bool) {
		c := clientOf{t: t, dir: t.TempDir(), program: curl, args: []string{"-sS", "--max-time", "20", "-u", "ann:secret"}}
		url := "ftp://" + srv.Addr()
		if ca != "" {
			c.args = append(c.args, "--ssl-reqd", "--cacert", ca)
		}
		if implicit {
			url = "ftps://" + srv.Addr()
		}
		whole, half := sample()
		c.write("whole", whole)

		c.run("-T", "whole", "--ftp-create-dirs", url+"/in/a%20b.txt")
		stored, err := srv.ReadFile("/in/a b.txt")
		require.NoError(t, err)
		require.True(t, bytes.Equal(whole, stored), "uploaded")

		require.Equal(t, "a b.txt\n", crlf(c.run("-l", url+"/in/")))
		require.Regexp(t, `^-rw-r--r-- +1 ftp +ftp +1080000 \w+ +\d+ +[\d:]+ a b\.txt\n$`, crlf(c.run(url+"/in/")))

		c.run("-o", "down", url+"/in/a%20b.txt")
		require.True(t, bytes.Equal(whole, c.read("down")), "downloaded")

		c.write("down", half)
		c.run("-C", "-", "-o", "down", url+"/in/a%20b.txt")
		require.True(t, bytes.Equal(whole, c.read("down")), "download resumed")

		require.NoError(t, srv.WriteFile("/in/part", half))
		c.run("-C", "-", "-T", "whole", url+"/in/part")
		stored, _ = srv.ReadFile("/in/part")
		require.True(t, bytes.Equal(whole, stored), "upload resumed")

		c.run("-Q", "-DELE /in/part", "-Q", "-RNFR /in/a b.txt", "-Q", "-RNTO /in/b", "-l", url+"/in/")
		assert.True(t, srv.Exists("/in/b"))
		assert.False(t, srv.Exists("/in/part"))
	})
}

func TestLftpUsesTheServer(t *testing.T) {
	t.Parallel()
	lftp := program(t, "lftp")
	realServers(t, func(t *testing.T, srv *retrytest.Server, ca string, implicit bool) {
		dir := t.TempDir()
		c := clientOf{t: t, dir: dir, program: lftp, args: []string{"-c"}}
		url, settings := "ftp://"+srv.Addr(), "set net:max-retries 1; set net:timeout 20; set xfer:clobber on;"
		if ca == "" {
			settings += "set ftp:ssl-allow off;"
		} else {
			settings += "set ftp:ssl-force on; set ftp:ssl-protect-data on; set ssl:ca-file " + ca + ";"
		}
		if implicit {
			url = "ftps://" + srv.Addr()
		}
		do := func(commands string) string {
			t.Helper()
			return c.run(settings + "open -u ann,secret " + url + " && " + commands)
		}
		whole, half := sample()
		c.write("whole", whole)
		c.write("half", half)

		do("mkdir -p in/deep && put whole -o 'in/a b.txt'")
		stored, err := srv.ReadFile("/in/a b.txt")
		require.NoError(t, err)
		require.True(t, bytes.Equal(whole, stored), "uploaded")

		require.Contains(t, do("cls -1 in/"), "a b.txt\n")
		require.Regexp(t, `1080000 .* a b\.txt\n`, do("ls in"))

		do("get 'in/a b.txt' -o down")
		require.True(t, bytes.Equal(whole, c.read("down")), "downloaded")

		do("get -c 'in/a b.txt' -o half")
		require.True(t, bytes.Equal(whole, c.read("half")), "download resumed")

		require.NoError(t, srv.WriteFile("/in/part", half))
		do("put -c whole -o in/part")
		stored, _ = srv.ReadFile("/in/part")
		require.True(t, bytes.Equal(whole, stored), "upload resumed")

		require.NoError(t, os.Mkdir(filepath.Join(dir, "tree"), 0o700))
		c.write("tree/x", half)
		do("mirror -R tree in/tree && mirror in back && mv in/part in/gone && rm -r in/deep")
		require.True(t, bytes.Equal(half, c.read("back/tree/x")), "mirrored")
		assert.True(t, srv.Exists("/in/gone"))
		assert.False(t, srv.Exists("/in/deep"))
	})
}

func crlf(s string) string { return string(bytes.ReplaceAll([]byte(s), []byte("\r\n"), []byte("\n"))) }
