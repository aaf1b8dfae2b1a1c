//go:build linux

package ftpretry_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry"
)

// TestRealACancelStorm is TestACancelStorm before real servers: 125 cancellations at each, with and without TLS. In the end the kernel knows of no
// connection to it, and until then the client has used no more than its places.
func TestRealACancelStorm(t *testing.T) {
	ftpd.Require(t)
	for way, options := range map[string]ftpd.Options{"in clear text": {AllowStoreRestart: true}, "over TLS": {AllowStoreRestart: true, TLS: true}} {
		t.Run(way, func(t *testing.T) {
			realServers(t, func(t *testing.T, kind ftpd.Kind) {
				s := ftpd.Start(t, kind, options)
				plantReal(t, s, before())
				c := realClient(t, realConfig(s, nil))
				st := storm{client: c, cancels: 125, longest: 60 * time.Millisecond}
				clock, stop := pulse()
				st.run(t, clock)
				stop()
				assert.Zero(t, st.slow, "operations that did not return at once")
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

// pulse is a clock that goes as fast as this program gets to run: it counts the naps of 5 ms that a goroutine comes to take. A machine with too
// much to do wakes that one no earlier than any other, so that what takes longer by this clock waits for something else: the server, whose timeouts
// are beyond the bounds of the test, or the end of a time of ours.
func pulse() (clock func() time.Duration, stop func()) {
	const nap = 5 * time.Millisecond
	var naps atomic.Int64
	done := make(chan struct{})
	go func() {
		timer := time.NewTimer(nap)
		defer timer.Stop()
		for {
			select {
			case <-done:
				return
			case <-timer.C:
				naps.Add(1)
				timer.Reset(nap)
			}
		}
	}()
	return func() time.Duration { return time.Duration(naps.Load()) * nap }, func() { close(done) }
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
