package wire

import "time"

const (
	// gatherSize is how much of a fast download the kernel gathers before it
	// wakes us, and what is then read at once. Left to itself it wakes us for
	// every segment, which on a fast line is more work than the copying
	// (BenchmarkRealSpeed, and op=Retr256MiB of BenchmarkOverhead).
	gatherSize = 256 << 10

	// A download is fast while a stretch of gatherStretch comes at gatherRate
	// or more: what is gathered then takes 3 ms at most.
	gatherStretch = 1 << 20
	gatherRate    = 100e6 // bytes a second

	// gatherWait is how long gathering may hold back what has come when the
	// line falls silent, or slow.
	gatherWait = 200 * time.Millisecond
)

// gathering makes the kernel gather what comes on a connection (SO_RCVLOWAT,
// socket(7)) for as long as it comes fast. The zero value does not gather.
type gathering struct {
	on    bool
	since time.Time // when the stretch at hand began
	got   int       // bytes of it
}

// paced takes note of n bytes that have come, and begins or ends gathering by
// how long the last stretch of them took.
func (d *Data) paced(n int) {
	g := &d.gathering
	if g.got += n; g.got < gatherStretch {
		return
	}
	now := time.Now()
	fast := !g.since.IsZero() && float64(g.got) >= gatherRate*now.Sub(g.since).Seconds()
	g.since, g.got = now, 0
	if fast != g.on {
		d.gather(fast)
	}
}

// gather begins or ends gathering, where it can be had.
func (d *Data) gather(on bool) {
	low := 1
	if on {
		low = gatherSize
	}
	if d.tls != nil || !setLowWater(d.raw, low) {
		return
	}
	d.gathering.on = on
	d.armedIn = time.Time{} // there is another deadline
}

// late reports whether err says only that gathering has taken too long. It is
// over then, and what is there can be read.
func (d *Data) late(err error) bool {
	if !d.gathering.on || !isTimeout(err) || !d.mayGoOn() {
		return false
	}
	d.gather(false)
	return true
}
