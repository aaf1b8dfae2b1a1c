//go:build unix

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
)

// View is what a page is seen through.
type View struct {
	Width, Height int
	Scale         float64 // pixels of the screen for each of the page's; 0 = 1
	Dark          bool    // what prefers-color-scheme says
	Phone         bool    // with a touch screen
}

// Page is one that is shown.
type Page struct {
	wire    *wire
	session string
	loaded  chan struct{}

	mu       sync.Mutex
	troubles []string
}

type object = map[string]any

// Open shows a file and returns when it has been loaded.
func (b *Browser) Open(ctx context.Context, file string, view View) (*Page, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	var target struct{ TargetID, SessionID string }
	if err := b.wire.call(ctx, "", "Target.createTarget", object{"url": "about:blank"}, &target); err != nil {
		return nil, err
	}
	if err := b.wire.call(ctx, "", "Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}, &target); err != nil {
		return nil, err
	}
	p := &Page{wire: b.wire, session: target.SessionID, loaded: make(chan struct{}, 1)}
	b.wire.mu.Lock()
	b.wire.events = p.event
	b.wire.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		if err := p.call(ctx, domain+".enable", nil, nil); err != nil {
			return nil, err
		}
	}
	if err := p.See(ctx, view); err != nil {
		return nil, err
	}
	if err := p.call(ctx, "Page.navigate", object{"url": "file://" + file}, nil); err != nil {
		return nil, err
	}
	select {
	case <-p.loaded:
		return p, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s is not loaded: %w", file, context.Cause(ctx))
	}
}

func (p *Page) call(ctx context.Context, method string, params, result any) error {
	return p.wire.call(ctx, p.session, method, params, result)
}

func (p *Page) event(m message) {
	if m.Session != p.session {
		return
	}
	switch m.Method {
	case "Page.loadEventFired":
		select {
		case p.loaded <- struct{}{}:
		default:
		}
	case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
		p.mu.Lock()
		p.troubles = append(p.troubles, m.Method+" "+string(m.Params))
		p.mu.Unlock()
	}
}

// Troubles are what the page has written to the console, by itself or by the
// browser: errors of its scripts, and what its policy did not allow.
func (p *Page) Troubles() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.troubles...)
}

// See changes what the page is seen through.
func (p *Page) See(ctx context.Context, v View) error {
	if v.Scale == 0 {
		v.Scale = 1
	}
	err := p.call(ctx, "Emulation.setDeviceMetricsOverride", object{"width": v.Width, "height": v.Height, "deviceScaleFactor": v.Scale, "mobile": v.Phone}, nil)
	if err != nil {
		return err
	}
	if err := p.call(ctx, "Emulation.setTouchEmulationEnabled", object{"enabled": v.Phone}, nil); err != nil {
		return err
	}
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	return p.call(ctx, "Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// Run runs a script, waits for it if it is a promise, and reads its value into
// value, if that is not nil.
func (p *Page) Run(ctx context.Context, script string, value any) error {
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := p.call(ctx, "Runtime.evaluate", object{"expression": script, "awaitPromise": true, "returnByValue": true}, &got); err != nil {
		return err
	}
	if e := got.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s", e.Text, e.Exception.Description)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(got.Result.Value, value)
}

// Picture is a PNG of what is seen, or of the whole page.
func (p *Page) Picture(ctx context.Context, whole bool) ([]byte, error) {
	var got struct{ Data []byte }
	err := p.call(ctx, "Page.captureScreenshot", object{"format": "png", "captureBeyondViewport": whole}, &got)
	return got.Data, err
}

// Mouse moves the mouse: kind is mouseMoved, mousePressed, mouseReleased or
// mouseWheel, as the protocol calls them.
func (p *Page) Mouse(ctx context.Context, kind string, x, y float64, more map[string]any) error {
	params := object{"type": kind, "x": x, "y": y}
	for k, v := range more {
		params[k] = v
	}
	return p.call(ctx, "Input.dispatchMouseEvent", params, nil)
}

// Press presses a key and lets it go.
func (p *Page) Press(ctx context.Context, key string) error {
	for _, kind := range []string{"keyDown", "keyUp"} {
		params := object{"type": kind, "key": key}
		if kind == "keyDown" && len(key) == 1 {
			params["text"] = key
		}
		if err := p.call(ctx, "Input.dispatchKeyEvent", params, nil); err != nil {
			return err
		}
	}
	return nil
}
