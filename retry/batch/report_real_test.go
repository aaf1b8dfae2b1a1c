//go:build unix

package batch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/browser"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// crowded is a report with so many bars, waits and outages, and trouble in it.
func crowded(bars, lanes int) *batch.Report {
	r := aReport()
	r.Workers, r.Took = lanes, 8*time.Hour
	each := r.Took / time.Duration(bars/lanes)
	r.Bars, r.Waits, r.Outages = nil, nil, nil
	for i := range bars {
		from := time.Duration(i%(bars/lanes)) * each
		b := batch.Bar{
			Lane: i * lanes / bars, From: from, To: from + each*9/10, Jobs: 1, Bytes: int64(i), Attempts: 1, State: batch.Done,
			Name: fmt.Sprintf("/orders/2026/order-%06d-%s.csv", i, hostile),
		}
		switch {
		case i%100 == 7:
			b.State = batch.Failed
		case i%100 == 8:
			b.State = batch.Unknown
		case i%5 == 0:
			b.Attempts = 3
			r.Waits = append(r.Waits, batch.Span{Lane: b.Lane, From: b.From, To: b.From + each/2, Why: "busy: 450"})
		}
		r.Bars = append(r.Bars, b)
	}
	for i := range 500 {
		from := time.Duration(i)*r.Took/500 + 30*time.Second
		r.Outages = append(r.Outages, batch.Span{Lane: -1, From: from, To: from + 10*time.Second, Why: "network: refused"})
	}
	for i := range 1000 {
		r.Problems = append(r.Problems, batch.Entry{Kind: batch.Upload, Remote: fmt.Sprintf("/f%d%s", i, hostile), State: batch.Failed, Error: "550 " + hostile, Next: fmt.Sprintf("do %d", i%3)})
	}
	return r
}

// open shows the page of a report.
func open(ctx context.Context, t *testing.T, b *browser.Browser, r *batch.Report, v browser.View) *browser.Page {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(name)
	require.NoError(t, err)
	require.NoError(t, r.WriteHTML(f))
	require.NoError(t, f.Close())
	p, err := b.Open(ctx, name, v)
	require.NoError(t, err)
	return p
}

// value is what a script comes to.
func value[T any](ctx context.Context, t *testing.T, p *browser.Page, script string) (v T) {
	t.Helper()
	require.NoError(t, p.Run(ctx, script, &v), script)
	return v
}

// pixels counts those of the timeline that have nearly a colour of the page's:
// what lies between two pixels is mixed of both.
const pixels = `(name) => {
	const from = document.getElementById("lanes"), c = document.createElement("canvas"), p = c.getContext("2d", { willReadFrequently: true });
	[c.width, c.height] = [from.width, from.height];
	p.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
	p.fillRect(0, 0, 1, 1);
	const want = p.getImageData(0, 0, 1, 1).data;
	p.clearRect(0, 0, 1, 1);
	p.drawImage(from, 0, 0);
	const all = p.getImageData(0, 0, c.width, c.height).data;
	let n = 0;
	for (let i = 0; i < all.length; i += 4) if ([0, 1, 2].every((k) => Math.abs(all[i + k] - want[k]) < 12) && all[i + 3] > 200) n++;
	return n;
}`

var (
	desk  = browser.View{Width: 1280, Height: 800}
	phone = browser.View{Width: 390, Height: 844, Scale: 2, Phone: true}
)

const (
	drawn   = "new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
	sayTold = `document.getElementById("detail").textContent`
)

func TestRealThePageDrawsTheNightInLightAndDarkAndOnAPhone(t *testing.T) {
	ctx, b := browser.Require(t)
	papers := make(map[string]bool)
	for name, v := range map[string]browser.View{
		"light": desk, "dark": {Width: 1280, Height: 800, Dark: true}, "phone": phone, "dark phone": {Width: 390, Height: 844, Scale: 3, Phone: true, Dark: true},
	} {
		p := open(ctx, t, b, crowded(10_000, 8), v)
		require.NoError(t, p.Run(ctx, "show(0, took / 100); redraw(); "+drawn, nil))
		for _, colour := range []string{"done", "again", "failed", "unknown"} {
			assert.Greater(t, value[int](ctx, t, p, fmt.Sprintf("(%s)(%q)", pixels, colour)), 50, "%s: %s", name, colour)
		}
		papers[value[string](ctx, t, p, "getComputedStyle(document.documentElement).backgroundColor")] = true
		assert.LessOrEqual(t, value[int](ctx, t, p, "document.documentElement.scrollWidth"), v.Width, "%s: nothing is wider than the screen", name)
		assert.Zero(t, value[int](ctx, t, p, "document.images.length"), "what a server made up is not obeyed")
		assert.Empty(t, p.Troubles(), name)
	}
	assert.Len(t, papers, 2, "light and dark are two")
}

func TestRealThePageFollowsWhenTheScreenTurnsDark(t *testing.T) {
	ctx, b := browser.Require(t)
	p := open(ctx, t, b, crowded(100, 4), desk)
	light := value[int](ctx, t, p, fmt.Sprintf("(%s)(%q)", pixels, "idle"))
	require.Greater(t, light, 1000)
	dark := desk
	dark.Dark = true
	require.NoError(t, p.See(ctx, dark))
	require.NoError(t, p.Run(ctx, drawn, nil))
	assert.Greater(t, value[int](ctx, t, p, fmt.Sprintf("(%s)(%q)", pixels, "idle")), light/2, "drawn anew, in the colours of the dark")
	assert.Empty(t, p.Troubles())
}

func TestRealThePageTellsOfAFileByMouseFingerAndKey(t *testing.T) {
	ctx, b := browser.Require(t)
	p := open(ctx, t, b, aReport(), desk)
	require.NoError(t, p.Run(ctx, `document.getElementById("chart").scrollIntoView({ block: "center" }); document.getElementById("chart").focus()`, nil))
	for _, step := range []struct{ key, want string }{
		{"ArrowRight", `</script><img src=x onerror=alert(1)>\x1b[2J\r\n\u202e'"` + "`" + `{{.}}\u2028\xff and 9 more: done, 0 B, 10 attempts, worker 1, 01:00:00 to 01:05:00 (5m 00s)`},
		{"ArrowDown", "/in/a.csv: failed, 0 B, 7 attempts, worker 2, 01:01:00 to 01:02:00 (1m 00s), waited 30.0 s, last for storage"},
		{"ArrowUp", "worker 1"}, {"n", "/in/a.csv"}, {"Escape", "Point at a bar"},
	} {
		require.NoError(t, p.Press(ctx, step.key))
		assert.Contains(t, value[string](ctx, t, p, sayTold), step.want, step.key)
	}
	require.NoError(t, p.Press(ctx, "0"))
	var at struct{ X, Y float64 }
	require.NoError(t, p.Run(ctx, `(() => { const b = document.getElementById("lanes").getBoundingClientRect(); return { x: b.left + across(90e6), y: b.top + top_(1) + laneHeight / 2 } })()`, &at))
	require.NoError(t, p.Mouse(ctx, "mouseMoved", at.X, at.Y, nil))
	assert.Contains(t, value[string](ctx, t, p, sayTold), "/in/a.csv: failed")

	before := value[string](ctx, t, p, `document.getElementById("window").textContent`)
	require.NoError(t, p.Mouse(ctx, "mouseWheel", at.X, at.Y, map[string]any{"deltaX": 0, "deltaY": -100, "modifiers": 2}))
	require.NoError(t, p.Run(ctx, drawn, nil))
	assert.NotEqual(t, before, value[string](ctx, t, p, `document.getElementById("window").textContent`), "Ctrl and the wheel zoom")
	assert.Empty(t, p.Troubles())
}

// The bounds are far above what was measured, for a machine that is busy; the
// number of elements is what makes a page sluggish for good.
func TestRealThePageOfTwentyThousandBarsIsNotSluggish(t *testing.T) {
	ctx, b := browser.Require(t)
	began := time.Now()
	p := open(ctx, t, b, crowded(20_000, 8), desk)
	require.NoError(t, p.Run(ctx, drawn, nil))
	loaded := time.Since(began)
	elements := value[int](ctx, t, p, `document.querySelectorAll("*").length`)
	drawing := value[float64](ctx, t, p, `(() => {
		const began = performance.now();
		for (let i = 0; i < 50; i++) { zoom(0.9, took / 3); draw(); }
		for (let i = 0; i < 50; i++) { zoom(1 / 0.9, took / 3); draw(); }
		const c = document.getElementById("lanes"); c.getContext("2d").getImageData(0, 0, 1, 1);
		return (performance.now() - began) / 100;
	})()`)
	frames := value[float64](ctx, t, p, `new Promise((done) => {
		let n = 0; const began = performance.now();
		(function next() { if (n++ === 60) return done((performance.now() - began) / 60); window.scrollBy(0, n % 2 ? 40 : -30); redraw(); requestAnimationFrame(next); })();
	})`)
	t.Logf("20,000 bars: written, loaded and drawn after %v, %.1f ms for a drawing, %.1f ms from frame to frame while scrolling, %d elements", loaded, drawing, frames, elements)
	assert.Less(t, elements, 10_000)
	assert.Less(t, loaded, 20*time.Second)
	assert.Less(t, drawing, 500.0, "milliseconds")
	assert.Empty(t, p.Troubles())
}
