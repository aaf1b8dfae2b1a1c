//go:build linux

package ftpretry_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry"
)

// cpu is the processor time that this process has used, in user and in kernel
// mode together: the client's, since the server is a process of its own.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkRealSpeed moves a gibibyte from and to vsftpd, the bare ftp package
// and ours in turn, who begins changing from round to round. Ours verifies,
// tells progress and has its deadlines; RetrFile makes its file durable, which
// costs nothing on tmpfs. Both sides' files are on tmpfs, each round writes new
// ones, and the first round is not counted.
//
// It reports the medians of MB/s and of the client's CPU seconds, and of the
// ratios of each round, whose two runs are next to one another in time. On a
// virtual machine new files come in two speeds, two to three times apart: a page
// that the host has yet to provide costs far more to write than one that was
// used a moment ago (first file of a fresh machine: 146 MB/s with 4.6 CPU
// seconds, a later one: 850 with 1.2), whoever writes it. Both sides meet both,
// and a single run says nothing.
//
//	FTPRETRY_REAL=1 go test -run '^$' -bench RealSpeed -benchtime 11x .
func BenchmarkRealSpeed(b *testing.B) {
	const size = 1 << 30
	srv := ftpd.Start(b, ftpd.VSFTPD, ftpd.Options{Root: ftpd.SmallDisk(b, "2600m")})
	scratch := ftpd.SmallDisk(b, "2600m")
	local, back := filepath.Join(scratch, "local"), filepath.Join(scratch, "back")
	require.NoError(b, os.WriteFile(local, make([]byte, size), 0o600))
	bare, err := ftp.Dial(srv.Addr, ftp.DialWithTimeout(30*time.Second))
	require.NoError(b, err)
	require.NoError(b, bare.Login(srv.User, srv.Password))
	defer func() { _ = bare.Quit() }()
	client, err := retry.New(retry.Config{Addr: srv.Addr, User: srv.User, Password: srv.Password,
		Hooks: retry.Hooks{Progress: func(context.Context, retry.Progress) {}}})
	require.NoError(b, err)
	defer client.Close()
	ctx := b.Context()
	require.NoError(b, client.StorFile(ctx, "/file", local))

	bareTo := func(w io.Writer) error {
		resp, err := bare.Retr("/file")
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, resp); err != nil {
			return err
		}
		return resp.Close()
	}
	for _, job := range []struct {
		name       string
		bare, ours func() error
	}{
		{"RetrFile", func() error {
			f, err := os.Create(back)
			if err != nil {
				return err
			}
			if err := bareTo(f); err != nil {
				return err
			}
			return f.Close()
		}, func() error { return client.RetrFile(ctx, "/file", back) }},
		{"Retr", func() error { return bareTo(io.Discard) }, func() error { _, err := client.Retr(ctx, "/file", io.Discard); return err }},
		{"StorFile", func() error {
			f, err := os.Open(local)
			if err != nil {
				return err
			}
			defer f.Close()
			return bare.Stor("/to", f)
		}, func() error { return client.StorFile(ctx, "/to", local) }},
	} {
		b.Run(job.name, func(b *testing.B) {
			type figures struct{ rate, cpu []float64 }
			var all [2]figures
			var ratio figures // of ours to the bare one
			sides := []func() error{job.bare, job.ours}
			measure := func(i int) (took, used float64) {
				_ = os.Remove(back)
				start, before := time.Now(), cpu()
				require.NoError(b, sides[i]())
				took, used = time.Since(start).Seconds(), (cpu() - before).Seconds()
				return took, used
			}
			measure(0)
			measure(1)
			for round := 0; b.Loop(); round++ {
				var took, used [2]float64
				for i := range sides {
					i = (i + round) % 2
					took[i], used[i] = measure(i)
					all[i].rate = append(all[i].rate, size/1e6/took[i])
					all[i].cpu = append(all[i].cpu, used[i])
				}
				ratio.rate = append(ratio.rate, took[0]/took[1])
				ratio.cpu = append(ratio.cpu, used[1]/used[0])
			}
			median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
			for i, side := range []string{"bare", "ours"} {
				b.ReportMetric(median(all[i].rate), side+"-MB/s")
				b.ReportMetric(median(all[i].cpu), side+"-cpu-s")
				b.Logf("%s %s: %.0f to %.0f MB/s", job.name, side, all[i].rate[0], all[i].rate[len(all[i].rate)-1])
			}
			b.ReportMetric(median(ratio.rate), "x-bare")
			b.ReportMetric(median(ratio.cpu), "x-bare-cpu")
			b.ReportMetric(0, "ns/op")
		})
	}
}
