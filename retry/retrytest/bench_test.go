package retrytest_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// zeros reads as n zeros, in pieces as large as the reader asks for.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	z.n -= n
	return int(n), nil
}

// BenchmarkServer measures what the server costs a client that adds nothing of
// its own.
func BenchmarkServer(b *testing.B) {
	const large = 256 << 20
	small := make([]byte, 4<<10)
	for _, where := range []struct {
		name string
		cfg  func() retrytest.Config
	}{
		{"memory", func() retrytest.Config {
			return retrytest.Config{LogSize: -1, Quirks: retrytest.Quirks{Discard: true}}
		}},
		{"disk", func() retrytest.Config { return retrytest.Config{LogSize: -1, Root: b.TempDir()} }},
		{"no sockets", func() retrytest.Config {
			return retrytest.Config{LogSize: -1, InMemory: true, Quirks: retrytest.Quirks{Discard: true}}
		}},
	} {
		buf := make([]byte, 256<<10)
		get := func(c *ftp.ServerConn, name string) error {
			r, err := c.Retr(name)
			if err != nil {
				return err
			}
			if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, buf); err != nil {
				return err
			}
			return r.Close()
		}
		for _, job := range []struct {
			name  string
			bytes int64
			run   func(c *ftp.ServerConn) error
		}{
			{"NoOp", 0, func(c *ftp.ServerConn) error { return c.NoOp() }},
			{"FileSize", 0, func(c *ftp.ServerConn) error { _, err := c.FileSize("small"); return err }},
			{"Stor 4 KiB", 4 << 10, func(c *ftp.ServerConn) error { return c.Stor("up", bytes.NewReader(small)) }},
			{"Retr 4 KiB", 4 << 10, func(c *ftp.ServerConn) error { return get(c, "small") }},
			{"Stor 256 MiB", large, func(c *ftp.ServerConn) error { return c.Stor("up", &zeros{large}) }},
			{"Retr 256 MiB", large, func(c *ftp.ServerConn) error { return get(c, "large") }},
		} {
			b.Run(where.name+"/"+job.name, func(b *testing.B) {
				srv := retrytest.NewServer(b, where.cfg())
				require.NoError(b, srv.WriteFile("small", small))
				require.NoError(b, srv.Truncate("large", large))
				c := login(b, srv)
				b.SetBytes(job.bytes)
				b.ReportAllocs()
				for b.Loop() {
					if err := job.run(c); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkProxy is the same through a proxy: what it costs to stand in between.
func BenchmarkProxy(b *testing.B) {
	const large = 256 << 20
	for _, job := range []struct {
		name  string
		bytes int64
		run   func(c *ftp.ServerConn, buf []byte) error
	}{
		{"NoOp", 0, func(c *ftp.ServerConn, _ []byte) error { return c.NoOp() }},
		{"Stor 256 MiB", large, func(c *ftp.ServerConn, _ []byte) error { return c.Stor("up", &zeros{large}) }},
		{"Retr 256 MiB", large, func(c *ftp.ServerConn, buf []byte) error {
			r, err := c.Retr("large")
			if err != nil {
				return err
			}
			if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, buf); err != nil {
				return err
			}
			return r.Close()
		}},
	} {
		b.Run(job.name, func(b *testing.B) {
			srv := retrytest.NewServer(b, retrytest.Config{LogSize: -1, Quirks: retrytest.Quirks{Discard: true}})
			require.NoError(b, srv.Truncate("large", large))
			c := login(b, retrytest.NewProxy(b, srv.Addr(), retrytest.ProxyConfig{LogSize: -1}))
			buf := make([]byte, 256<<10)
			b.SetBytes(job.bytes)
			b.ReportAllocs()
			for b.Loop() {
				if err := job.run(c, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
