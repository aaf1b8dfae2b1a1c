//go:build linux

package ftpretry_test

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
)

// realTLS are the ways in which a server can want TLS.
var realTLS = []struct {
	name    string
	options ftpd.Options
	kinds   []ftpd.Kind
}{
	{"explicit", ftpd.Options{}, ftpd.Kinds()},
	{"explicit, reuse demanded", ftpd.Options{RequireReuse: true}, []ftpd.Kind{ftpd.VSFTPD, ftpd.ProFTPD}},
	{"implicit", ftpd.Options{ImplicitTLS: true}, []ftpd.Kind{ftpd.VSFTPD, ftpd.ProFTPD, ftpd.Pyftpdlib}},
	{"implicit, reuse demanded", ftpd.Options{ImplicitTLS: true, RequireReuse: true}, []ftpd.Kind{ftpd.VSFTPD, ftpd.ProFTPD}},
	{"explicit, client certificate demanded", ftpd.Options{RequireCert: true}, []ftpd.Kind{ftpd.VSFTPD, ftpd.ProFTPD}},
}

// TestRealUploadsOverTLSArrive counts, for every server, version and way: 30 uploads of 1 MiB and 4 of 16 MiB, each a
// single attempt that nothing but its own 226 and SIZE may call complete, and what is then on the server's disk. The bare
// ftp package loses 30 of 30 with pyftpdlib and TLS 1.3, all of them answered 226. FTPRETRY_REAL_CASES=all uploads 30 of
// 16 MiB too.
func TestRealUploadsOverTLSArrive(t *testing.T) {
	ftpd.Require(t)
	large := 4
	if os.Getenv("FTPRETRY_REAL_CASES") == "all" {
		large = 30
	}
	for _, way := range realTLS {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, kind := range way.kinds {
				t.Run(fmt.Sprintf("%s, %s, %s", kind, tls.VersionName(version), way.name), func(t *testing.T) {
					t.Parallel()
					o := way.options
					o.TLS = true
					s := ftpd.Start(t, kind, o)
					realUploads(t, s, o, version, 30, 1<<20)
					realUploads(t, s, o, version, large, 16<<20)
				})
			}
		}
	}
}

// realUploads makes n uploads of a size, two at a time, and prints what became of them.
func realUploads(t *testing.T, s *ftpd.Server, o ftpd.Options, version uint16, n, size int) {
	t.Helper()
	cfg := realConfig(s, nil)
	cfg.ImplicitTLS, cfg.TLS = o.ImplicitTLS, s.TLS.Clone()
	cfg.TLS.MinVersion, cfg.TLS.MaxVersion = version, version
	cfg.Verify, cfg.Policy = retry.VerifyNone, policy.Policy{Attempts: 1} // the disk is looked at below
	cfg.MaxConns = 2
	c := realClient(t, cfg)
	content := noiseOf(size)
	want := sha256.Sum256(content)
	var failed, short atomic.Int64
	var workers sync.WaitGroup
	next := make(chan string)
	for range cfg.MaxConns {
		workers.Go(func() {
			for name := range next {
				if err := c.Stor(t.Context(), "/"+name, retry.Bytes(content)); err != nil {
					failed.Add(1)
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	for i := range n {
		next <- fmt.Sprintf("%d-%d", size, i)
	}
	close(next)
	workers.Wait()
	require.NoError(t, c.Close())
	for i := range n {
		local := filepath.Join(s.Root, fmt.Sprintf("%d-%d", size, i))
		if sumOf(t, local) != want {
			short.Add(1)
		}
		_ = os.Remove(local)
	}
	t.Logf("%s, %s: %d uploads of %d MiB: %d failed, %d short", s.Kind, tls.VersionName(version), n, size>>20, failed.Load(), short.Load())
	assert.Zero(t, short.Load(), "files that are not what was sent\n%s", s.Log())
}

// noiseOf is content that differs at every offset, and in every size.
func noiseOf(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size), byte(size >> 8)}).Read(b)
	return b
}

// sumOf is the hash of a local file, of nothing if it is not there.
func sumOf(t *testing.T, name string) (sum [sha256.Size]byte) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		return sum
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	return [sha256.Size]byte(h.Sum(nil))
}

// TestRealAServerThatWantsACertificateIsToldOfNoOther has the client show none: one
// attempt. TLS 1.2 has no word of its own for a certificate that is missing (RFC 5246, section 7.4.6).
func TestRealAServerThatWantsACertificateIsToldOfNoOther(t *testing.T) {
	for version, want := range map[uint16]string{tls.VersionTLS12: "handshake failure", tls.VersionTLS13: "certificate required"} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, ftpd.Options{TLS: true, RequireCert: true})
				var seen realEvents
				cfg := realConfig(s, &seen)
				cfg.TLS = s.TLS.Clone()
				cfg.TLS.Certificates, cfg.TLS.MaxVersion = nil, version
				err := realClient(t, cfg).Stor(realContext(t), "/new", retry.Bytes([]byte(body)))
				require.ErrorIs(t, err, retry.ErrPermanent, s.Log())
				require.ErrorContains(t, err, want)
				if version == tls.VersionTLS12 {
					assert.Equal(t, 1, seen.attempts())
				} // else the refusal comes after the client's handshake, and a reset behind it may overtake it
				assert.Empty(t, harvestReal(t, s))
			}, ftpd.PureFTPd, ftpd.Pyftpdlib) // they demand none
		})
	}
}
