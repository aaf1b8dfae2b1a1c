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

// BenchmarkRealSpeed moves a gibibyte to and from vsftpd on tmpfs, the bare ftp
// package and ours in turn, and reports the medians of MB/s and of the client's
// CPU seconds, with the least and the most of MB/s. Ours verifies, tells
// progress and has its deadlines.
//
//	FTPRETRY_REAL=1 go test -run '^$' -bench RealSpeed -benchtime 5x .
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
			for b.Loop() {
				for i, run := range []func() error{job.bare, job.ours} {
					_ = os.Remove(back)
					start, used := time.Now(), cpu()
					require.NoError(b, run())
					all[i].rate = append(all[i].rate, size/1e6/time.Since(start).Seconds())
					all[i].cpu = append(all[i].cpu, (cpu() - used).Seconds())
				}
			}
			median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
			for i, side := range []string{"bare", "ours"} {
				b.ReportMetric(median(all[i].rate), side+"-MB/s")
				b.ReportMetric(median(all[i].cpu), side+"-cpu-s")
				b.Logf("%s %s: %.0f to %.0f MB/s", job.name, side, all[i].rate[0], all[i].rate[len(all[i].rate)-1])
			}
			b.ReportMetric(median(all[1].rate)/median(all[0].rate), "x-bare")
			b.ReportMetric(median(all[1].cpu)/median(all[0].cpu), "x-bare-cpu")
			b.ReportMetric(0, "ns/op")
		})
	}
}
