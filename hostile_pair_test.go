package ftpretry_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// pair is two servers behind one name, asked in turn, that know nothing of each
// other's files: a round robin whose members do not share a disk.
func pair(t *testing.T, change ...func(*retrytest.Config)) (one, two *retrytest.Server, cfg retry.Config) {
	t.Helper()
	sc := retrytest.Config{InMemory: true}
	for _, f := range change {
		f(&sc)
	}
	one, two = retrytest.NewServer(t, sc), retrytest.NewServer(t, sc)
	sessions, last := 0, one
	cfg = retry.Config{
		Addr: "ftp.example:21", User: "user", Password: "secret", MaxConns: 1,
		Policy: policy.Policy{Attempts: 4, Initial: time.Second, Jitter: -1},
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			if host == "ftp.example" && port == "21" {
				last = []*retrytest.Server{one, two}[sessions%2]
				sessions++
				return last.Dial(ctx, network, last.Addr())
			}
			host, _, err = net.SplitHostPort(last.Addr())
			if err != nil {
				return nil, err
			}
			return last.Dial(ctx, network, net.JoinHostPort(host, port))
		},
	}
	return one, two, cfg
}

// other is content of a size that is nowhere that of body.
func other(size int) string { return strings.Repeat("another file; ", size/14+1)[:size] }

// TestTwoServersThatDisagree cuts a transfer on one server and has it go on at
// another, which has something else under that name. Whatever is called a
// success is whole on the server that said so.
func TestTwoServersThatDisagree(t *testing.T) {
	const cut = 70_000
	for name, there := range map[string]string{
		"nothing": "", "an old file that is shorter": other(cut / 2), "one that is as long as what was sent": other(cut),
		"one that is as long as the new one": other(len(body)), "one that is longer": other(2 * len(body)),
		"the beginning of the new one, by an earlier run": body[:cut/2],
	} {
		faults := map[string]retrytest.Fault{
			"reset":      {Data: retrytest.RST, At: cut, Lose: true, Control: retrytest.RST},
			"ended":      {Data: retrytest.FIN, At: cut, Reply: "426 Cut.", Control: retrytest.FIN},
			"reply lost": {After: true, Lose: true, Control: retrytest.RST},
		}
		for how, fault := range faults {
			plantPair := func(t *testing.T, one, two *retrytest.Server, onOne string) {
				t.Helper()
				require.NoError(t, one.WriteFile("/f", []byte(onOne)))
				if there != "" {
					require.NoError(t, two.WriteFile("/f", []byte(there)))
				}
			}
			content := func(t *testing.T, srv *retrytest.Server) string {
				t.Helper()
				b, err := srv.ReadFile("/f")
				if err != nil {
					return ""
				}
				return string(b)
			}
			t.Run("Retr "+how+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					one, two, cfg := pair(t)
					plantPair(t, one, two, body)
					fault.On = "RETR"
					one.Inject(fault)
					client, err := retry.New(cfg)
					require.NoError(t, err)
					var got bytes.Buffer
					_, err = client.Retr(t.Context(), "/f", &got)
					if err == nil {
						require.NoError(t, equal("content", body, got.String()))
					} else {
						var e *retry.Error
						require.ErrorAs(t, err, &e)
						assert.True(t, strings.HasPrefix(body, got.String()), "what was delivered is not the file's")
					}
					require.NoError(t, client.Close())
				})
			})
			for mode, label := range map[retry.UploadMode]string{retry.Direct: "Stor", retry.Atomic: "Stor Atomic"} {
				t.Run(label+" "+how+", "+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						one, two, cfg := pair(t)
						plantPair(t, one, two, "")
						fault.On = "STOR"
						one.Inject(fault)
						cfg.Upload = mode
						client, err := retry.New(cfg)
						require.NoError(t, err)
						err = client.Stor(t.Context(), "/f", retry.Bytes([]byte(body)))
						if err == nil {
							require.True(t, content(t, one) == body || content(t, two) == body, "a success, and nowhere is it whole")
							require.True(t, content(t, two) == body || content(t, two) == there, "the second has half of each")
						} else if mode == retry.Atomic {
							require.Equal(t, there, content(t, two))
						}
						require.NoError(t, client.Close())
					})
				})
			}
			t.Run("Append "+how+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					one, two, cfg := pair(t)
					plantPair(t, one, two, "base")
					fault.On = "APPE"
					one.Inject(fault)
					client, err := retry.New(cfg)
					require.NoError(t, err)
					err = client.Append(t.Context(), "/f", retry.Bytes([]byte(body)))
					if err == nil {
						require.True(t, content(t, one) == "base"+body || content(t, two) == there+body, "a success, and nowhere is it whole")
					} else {
						require.True(t, errors.Is(err, retry.ErrOutcomeUnknown) || errors.Is(err, retry.ErrPermanent), "%v", err)
					}
					require.NoError(t, client.Close())
				})
			})
		}
	}
}
