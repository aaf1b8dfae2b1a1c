//go:build linux

package ftpretry_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry"
)

// TestRealACancelStorm is TestACancelStorm by the kernel's clock: 125 cancellations at each server, with and without TLS. In the end the kernel
// knows of no connection to it, and until then the client has used no more than its places.
func TestRealACancelStorm(t *testing.T) {
	ftpd.Require(t)
	for way, options := range map[string]ftpd.Options{"in clear text": {AllowStoreRestart: true}, "over TLS": {AllowStoreRestart: true, TLS: true}} {
		t.Run(way, func(t *testing.T) {
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, options)
				plantReal(t, s, before())
				c := realClient(t, realConfig(s, nil))
				st := storm{client: c, cancels: 125, longest: 60 * time.Millisecond}
				late, stop := lateness()
				st.run(t, late)
				stop()
				// A machine with more to do than it can is late by itself; nobody waits for the server, whose timeouts are longer.
				assert.LessOrEqual(t, st.slow, st.cancels/10, "operations that did not return at once")
				assert.Less(t, st.worst, 2500*time.Millisecond)
				assert.LessOrEqual(t, established(t, s.Addr), 2*4, "a control and a data connection for each place")
				for i := range 8 {
					name := fmt.Sprintf("/after%d", i)
					require.NoError(t, c.Stor(realContext(t), name, retry.Bytes([]byte(body))))
					got, err := os.ReadFile(s.Root + name)
					require.NoError(t, err)
					require.NoError(t, equal("content", body, string(got)))
				}
				require.NoError(t, c.Close())
				assert.Zero(t, established(t, s.Addr), "connections that nobody closes")
			})
		})
	}
}

// lateness watches by how much the machine is late to wake a sleeper: a busy one is, and the client no earlier.
func lateness() (most func() time.Duration, stop func()) {
	const nap = 5 * time.Millisecond
	ask, done := make(chan chan time.Duration), make(chan struct{})
	go func() {
		tick := time.NewTicker(nap)
		defer tick.Stop()
		worst, last := time.Duration(0), time.Now()
		for {
			select {
			case <-done:
				return
			case answer := <-ask:
				worst = max(worst, time.Since(last)-nap) // the tick may be as late as everything else
				answer <- worst
			case <-tick.C:
				now := time.Now()
				worst, last = max(worst, now.Sub(last)-nap), now
			}
		}
	}()
	return func() time.Duration {
		answer := make(chan time.Duration)
		ask <- answer
		return <-answer
	}, func() { close(done) }
}

// established counts this program's open connections to the port and to the data ports next to it, by the kernel's table
// (proc(5)).
func established(t *testing.T, addr string) (n int) {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	first, err := strconv.Atoi(port)
	require.NoError(t, err)
	table, err := os.Open("/proc/net/tcp")
	require.NoError(t, err)
	defer table.Close()
	const open = "01"
	for lines := bufio.NewScanner(table); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != open {
			continue
		}
		_, hex, _ := strings.Cut(fields[2], ":") // the other end's, which is the server's
		if to, err := strconv.ParseInt(hex, 16, 32); err == nil && to >= int64(first) && to < int64(first)+64 {
			n++
		}
	}
	return n
}
