package retry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"path"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// forgeAll has every data connection of the server give text, whatever it was
// asked for.
func forgeAll(text []byte) func(*retry.Config) {
	return func(c *retry.Config) {
		dial, control := c.Dial, c.Addr
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil || addr == control {
				return conn, err
			}
			return &forged{conn, bytes.NewReader(text)}, nil
		}
	}
}

// FuzzListing has a server answer every question for a listing with the same
// arbitrary bytes. Nothing may panic, grow, or act on a name that is none.
func FuzzListing(f *testing.F) {
	for _, text := range []string{
		"", "\r\n", "a", "type=file;size=3;modify=20240102030405; a.txt\r\n", "type=dir;modify=20240102030405; d\r\n",
		"type=cdir; /home\r\ntype=pdir; /\r\ntype=file; ../x\r\n", "type=file; a/b\r\ntype=file; ..\r\ntype=file; \r\n",
		"-rw-r--r-- 1 u g 3 Jan 1 2020 f\r\ndrwxr-xr-x 2 u g 0 Jan 1 12:00 d\r\nlrwxrwxrwx 1 u g 1 Jan 1 2020 l -> ../../etc\r\n",
		"-rw-r--r-- 1 u g 3 Jan 1 2020 ../../etc/passwd\r\n", "-rw-r--r-- 1 u g 3 Jan 1 2020 a\x00b\r\n", "total 5\r\n",
		"01-02-20 03:04PM <DIR> d\r\n01-02-20 03:04PM 12 f.txt\r\n", "+i8388621.29609,m824255902,/,\tdir\r\n",
		"type=file;size=99999999999999999999; x\r\n", "type=file;size=1;modify=99999999999999; x\r\ntype=OS.unix=slink:/x; l\r\n", "type=file; half",
	} {
		f.Add([]byte(text), true)
		f.Add([]byte(text), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, mlsd bool) {
		cfg := retrytest.Config{}
		if !mlsd {
			cfg.Without = []string{"MLSD", "MLST"}
		}
		srv := memory(t, cfg)
		defer srv.Close()
		srv.WriteFile("/d/f", []byte("content"))
		cl := client(t, srv, forgeAll(text), func(c *retry.Config) { c.Policy = policy.Policy{Attempts: 2, Initial: 1, Max: 1} })
		defer cl.Close()

		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = cl.List(t.Context(), "/d")
		_, _ = cl.NameList(t.Context(), "/d")
		runtime.ReadMemStats(&after)
		assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20+1000*len(text)), "memory grows with what a listing says")

		// One name is many: each entry of a directory listed in itself would go
		// down for ever, were it not for the depth and this time.
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		fsys := cl.FS(ctx)
		entries, _ := fs.ReadDir(fsys, "d")
		for _, e := range entries {
			plain(t, e.Name())
		}
		if dir, err := fsys.Open("d"); err == nil {
			if many, ok := dir.(fs.ReadDirFile); ok {
				entries, _ := many.ReadDir(-1)
				for _, e := range entries {
					plain(t, e.Name())
				}
			}
			_ = dir.Close()
		}
		srv.ResetLog()
		err := cl.RemoveDirRecur(ctx, "/d")
		for _, command := range srv.Commands() {
			verb, name, _ := strings.Cut(command, " ")
			if verb != "DELE" && verb != "RMD" {
				continue
			}
			assert.True(t, name == "/d" || strings.HasPrefix(name, "/d/"), "%q leads out of the directory", command)
			for _, part := range strings.Split(name, "/")[1:] {
				plain(t, part)
			}
		}
		var e *retry.Error
		assert.True(t, err == nil || errors.As(err, &e), "%v", err)
	})
}

// plain fails the test unless name is that of something in a directory.
func plain(t *testing.T, name string) {
	t.Helper()
	if name == "" || name == "." || name == ".." || path.Base(name) != name || strings.ContainsAny(name, "\r\n\x00") {
		t.Errorf("%q is not a name", name)
	}
}

// cuts makes faults of a seed, for one command.
func cuts(rng *rand.Rand, verb string, size int) (faults []retrytest.Fault) {
	for nth := 1; nth <= 1+rng.IntN(5); nth++ {
		f := retrytest.Fault{On: verb, Nth: nth, At: rng.Int64N(int64(size) + 2)}
		switch rng.IntN(7) {
		case 0:
			f.Data, f.Reply = retrytest.FIN, "426 Cut."
		case 1:
			f.Data, f.Reply = retrytest.RST, "426 Cut."
		case 2:
			f.Data, f.Lose, f.Control = retrytest.RST, true, retrytest.RST
		case 3:
			f.Data, f.Lose, f.Control = retrytest.FIN, true, retrytest.FIN
		case 4:
			f.After, f.Lose, f.Control = true, true, retrytest.FIN
		case 5:
			f.Lose, f.Control = true, retrytest.RST
		case 6:
			f.Reply = "450 Busy."
		}
		faults = append(faults, f)
	}
	if rng.IntN(3) == 0 {
		faults = append(faults, retrytest.Fault{On: "REST", Nth: 1 + rng.IntN(3), Reply: "502 No."})
	}
	if rng.IntN(3) == 0 {
		faults = append(faults, retrytest.Fault{On: "SIZE", Nth: 1 + rng.IntN(4), Lose: true, Control: retrytest.FIN})
	}
	return faults
}

// FuzzResume cuts transfers wherever a seed says, on servers with each habit of
// restarting, and wants the right bytes, or an error that does not hide what it
// has left.
func FuzzResume(f *testing.F) {
	for seed := range uint64(24) {
		f.Add(seed, byte(seed), uint16(seed*977))
	}
	f.Fuzz(func(t *testing.T, seed uint64, habit byte, length uint16) {
		rng := rand.New(rand.NewPCG(seed, uint64(habit)))
		habits := []retrytest.Config{
			{}, retrytest.Vsftpd(), retrytest.Proftpd(), retrytest.PureFTPd(), retrytest.Pyftpdlib(),
			{Quirks: retrytest.Quirks{RestartIgnored: true}}, {Quirks: retrytest.Quirks{RestartAppends: true}},
			{Quirks: retrytest.Quirks{RestartTruncates: true}}, {Quirks: retrytest.Quirks{RestartClamped: true}},
			{Quirks: retrytest.Quirks{DeleteFailedUploads: true}}, {Quirks: retrytest.Quirks{ResetIsSuccess: true}},
			{Without: []string{"MLST", "MLSD"}}, {Without: []string{"SIZE"}},
		}
		cfg := habits[int(habit)%len(habits)]
		data, old := make([]byte, int(length)+1), make([]byte, rng.IntN(70_000))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		for _, op := range []string{"STOR", "STOR atomic", "APPE", "RETR", "Open"} {
			verb, _, _ := strings.Cut(op, " ")
			if op == "Open" {
				verb = "RETR"
			}
			srv := memory(t, cfg, cuts(rng, verb, len(data))...)
			cl := client(t, srv, func(c *retry.Config) { c.Policy = policy.Policy{Attempts: 8, Initial: 1, Max: 1} })
			want := data
			if verb == "RETR" {
				srv.WriteFile("/f", data)
			} else {
				srv.WriteFile("/f", old)
			}
			var err error
			var got []byte
			switch op {
			case "STOR":
				err = cl.Stor(t.Context(), "/f", retry.Bytes(data))
			case "STOR atomic":
				err = cl.WithUpload(retry.Atomic).Stor(t.Context(), "/f", retry.Bytes(data))
			case "APPE":
				want = append(bytes.Clone(old), data...)
				err = cl.Append(t.Context(), "/f", retry.Bytes(data))
			case "RETR":
				var b bytes.Buffer
				_, err = cl.Retr(t.Context(), "/f", &b)
				got = b.Bytes()
			default:
				var r io.ReadCloser
				if r, err = cl.Open(t.Context(), "/f"); err == nil {
					got, err = io.ReadAll(r)
					_ = r.Close()
				}
			}
			if verb != "RETR" {
				got, _ = srv.ReadFile("/f")
			}
			switch {
			case err == nil:
				require.True(t, bytes.Equal(want, got), "%s: success, and %d bytes that are not the %d; %q", op, len(got), len(want), srv.Commands())
			case verb == "RETR":
				require.True(t, bytes.HasPrefix(want, got), "%s: what was delivered is not the file's: %v", op, err)
			case op == "STOR atomic":
				require.True(t, bytes.Equal(old, got) || bytes.Equal(data, got), "%s: half a file under the final name: %v", op, err)
			case op == "APPE" && !cfg.DeleteFailedUploads:
				require.True(t, bytes.HasPrefix(want, got), "%s: something was added twice: %v, %q", op, err, srv.Commands())
			}
			var e *retry.Error
			require.True(t, err == nil || errors.As(err, &e))
			_ = cl.Close()
			srv.Close()
		}
	})
}
