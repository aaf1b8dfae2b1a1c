package ftpretry_test

import (
	"context"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// TestAGibibyteCutTwentyTimesIsMovedHardlyMoreThanOnce cuts a large download and
// a large upload at random places: what is moved twice is less than half a
// percent, beyond what was in flight when it was cut.
func TestAGibibyteCutTwentyTimesIsMovedHardlyMoreThanOnce(t *testing.T) {
	t.Parallel()
	size := int64(1 << 30)
	if sample > 1 {
		size /= 8 // under the race detector
	}
	const cuts = 20
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "root"), 0o700))
	srv := retrytest.NewServer(t, retrytest.Config{Root: filepath.Join(dir, "root"), LogSize: -1})
	local, back := filepath.Join(dir, "local"), filepath.Join(dir, "back")
	sum := writeRandom(t, local, size)
	rng := rand.New(rand.NewPCG(20, 26))
	cut := func(verb string) {
		for n := range cuts {
			f := retrytest.Fault{On: verb, Nth: n + 1, Data: retrytest.RST, At: rng.Int64N(size / cuts), Reply: "426 Connection closed; transfer aborted."}
			if n%2 == 0 {
				f.Reply, f.Lose, f.Control = "", true, retrytest.RST
			}
			srv.Inject(f)
		}
	}
	client, err := retry.New(retry.Config{Addr: srv.Addr(), Policy: policy.Policy{Initial: time.Millisecond, Max: 2 * time.Millisecond}})
	require.NoError(t, err)
	defer client.Close()
	ctx := context.Background()

	cut("STOR")
	require.NoError(t, client.StorFile(ctx, "/f", local))
	require.Zero(t, srv.Pending(), "cuts that were never met")
	up := client.Stats()
	cut("RETR")
	require.NoError(t, client.RetrFile(ctx, "/f", back))
	down := client.Stats()
	require.Zero(t, srv.Pending(), "cuts that were never met")
	assert.Equal(t, sum, checksum(t, back))
	assert.EqualValues(t, 2*cuts, down.Attempts-2)

	// A reset loses what the sender's and the receiver's kernel hold.
	const inFlight = cuts * (6 << 20)
	assert.LessOrEqual(t, up.MovedTwice, size/200+inFlight, "upload")
	assert.LessOrEqual(t, down.MovedTwice-up.MovedTwice, size/200, "download")
	t.Logf("of %d MiB were moved twice: up %.2f MiB, down %.2f MiB", size>>20,
		float64(up.MovedTwice)/(1<<20), float64(down.MovedTwice-up.MovedTwice)/(1<<20))
}

// writeRandom makes a local file whose every part differs, and returns its
// checksum.
func writeRandom(t *testing.T, name string, size int64) uint32 {
	t.Helper()
	f, err := os.Create(name)
	require.NoError(t, err)
	var seed [32]byte
	sum := crc32.NewIEEE()
	_, err = io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8(seed), size)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return sum.Sum32()
}

func checksum(t *testing.T, name string) uint32 {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	sum := crc32.NewIEEE()
	_, err = io.Copy(sum, f)
	require.NoError(t, err)
	return sum.Sum32()
}
