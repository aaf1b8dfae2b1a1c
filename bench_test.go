package ftpretry_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/leak"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// side is one of the two that are measured side by side: "bare" is jlaffaye/ftp
// as its own documentation uses it, "ftpretry" is ours, with VerifyNone so that
// both do the same work.
type side struct {
	name string
	noop func() error
	size func(path string) error
	stor func(path string, r io.ReadSeeker) error
	retr func(path string, w io.Writer) error
}

func sides(b *testing.B, addr string) []side {
	b.Helper()
	bare, err := ftp.Dial(addr, ftp.DialWithTimeout(30*time.Second))
	require.NoError(b, err)
	require.NoError(b, bare.Login("user", "secret"))
	b.Cleanup(func() { _ = bare.Quit() })
	ctx, cancel := context.WithCancel(b.Context()) // as a program has one
	b.Cleanup(cancel)
	cfg := retry.Config{Addr: addr, User: "user", Password: "secret", Verify: retry.VerifyNone}
	client, err := retry.New(cfg)
	require.NoError(b, err)
	b.Cleanup(func() { _ = client.Close() })
	conn, err := retry.Dial(ctx, cfg)
	require.NoError(b, err)
	require.NoError(b, conn.Login("user", "secret"))
	b.Cleanup(func() { _ = conn.Quit() })
	return []side{{
		name: "bare",
		noop: bare.NoOp,
		size: func(path string) error { _, err := bare.FileSize(path); return err },
		stor: func(path string, r io.ReadSeeker) error { return bare.Stor(path, r) },
		retr: func(path string, w io.Writer) error {
			resp, err := bare.Retr(path)
			if err != nil {
				return err
			}
			if _, err := io.Copy(w, resp); err != nil {
				return err
			}
			return resp.Close()
		},
	}, {
		name: "ftpretry",
		noop: conn.NoOp,
		size: func(path string) error { _, err := client.FileSize(ctx, path); return err },
		stor: func(path string, r io.ReadSeeker) error { return client.Stor(ctx, path, retry.Seeker(r)) },
		retr: func(path string, w io.Writer) error { _, err := client.Retr(ctx, path, w); return err },
	}}
}

// sink counts and drops, without a ReadFrom of its own.
type sink struct{ n int64 }

func (s *sink) Write(p []byte) (int, error) { s.n += int64(len(p)); return len(p), nil }

// The files of the server that is measured against.
const small, large = 4 << 10, 256 << 20

// serveVariable makes the test binary the server of BenchmarkOverhead, which is
// a process of its own, as servers are: in one process with its client the
// scheduler would be what is measured.
const serveVariable = "FTPRETRY_BENCH_SERVER"

// seldom is how often garbage is collected while this package's tests run, as
// GOGC: thousands of small servers take a third less time so. Tests of memory
// have it collected as often as anywhere.
const seldom = 400

func TestMain(m *testing.M) {
	if addr, local, ok := strings.Cut(os.Getenv(crashVariable), " "); ok {
		if err := download(addr, local); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(serveVariable) == "" {
		flag.Parse()
		if flag.Lookup("test.bench").Value.String() == "" {
			debug.SetGCPercent(seldom)
		}
		os.Exit(leak.Run(m))
	}
	srv, err := retrytest.Start(retrytest.Config{LogSize: -1, Quirks: retrytest.Quirks{Discard: true}})
	if err == nil {
		err = errors.Join(srv.WriteFile("/small", make([]byte, small)), srv.Truncate("/large", large))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(srv.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark ends
}

// benchServer starts that server and returns its address.
func benchServer(b *testing.B) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(addr)
}

// middle is the mean of values without the least and the most of them, a
// twentieth each.
func middle(values []float64) float64 {
	slices.Sort(values)
	cut := len(values) / 20
	values = values[cut : len(values)-cut]
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// BenchmarkOverhead holds each operation against the bare ftp package's.
func BenchmarkOverhead(b *testing.B) {
	addr := benchServer(b)
	content := map[string]*bytes.Reader{"4KiB": bytes.NewReader(make([]byte, small)), "256MiB": bytes.NewReader(make([]byte, large))}
	stored := map[string]string{"4KiB": "/small", "256MiB": "/large"}
	all := sides(b, addr)
	each := func(name string, bytes int64, run func(side) error) {
		for _, s := range all {
			b.Run("op="+name+"/side="+s.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(bytes)
				for b.Loop() {
					if err := run(s); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		// Both sides in turn, which one first is left to chance, so that
		// whatever else the machine does meets both: how the means of the
		// middle nine tenths compare. Two bare connections that are measured so
		// differ by a hundredth at most; batch by batch, by up to eight.
		b.Run("op="+name+"/ratio", func(b *testing.B) {
			var took [2][]float64
			for b.Loop() {
				first := rand.IntN(len(all))
				for i := range all {
					i = (i + first) % len(all)
					start := time.Now()
					if err := run(all[i]); err != nil {
						b.Fatal(err)
					}
					took[i] = append(took[i], time.Since(start).Seconds())
				}
			}
			b.ReportMetric(middle(took[1])/middle(took[0]), "x-bare")
			b.ReportMetric(0, "ns/op")
		})
	}
	each("NoOp", 0, func(s side) error { return s.noop() })
	each("FileSize", 0, func(s side) error { return s.size("/small") })
	for _, size := range []string{"4KiB", "256MiB"} {
		r := content[size]
		each("Stor"+size, r.Size(), func(s side) error {
			_, _ = r.Seek(0, io.SeekStart)
			return s.stor("/to-"+size, r)
		})
		each("Retr"+size, r.Size(), func(s side) error {
			w := &sink{}
			if err := s.retr(stored[size], w); err != nil {
				return err
			}
			if w.n != r.Size() {
				b.Fatalf("%d bytes", w.n)
			}
			return nil
		})
	}
}
