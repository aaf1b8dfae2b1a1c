//go:build unix

// Package browser shows pages in chromium, for tests that look at them and for
// pictures. It speaks the DevTools protocol over a pipe, which needs no port and
// ends the browser when this program ends.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Browser is a chromium without a window, with a profile of its own.
type Browser struct {
	cmd     *exec.Cmd
	wire    *wire
	profile string
}

// ErrNone is that there is no chromium.
var ErrNone = errors.New("chromium is not installed: apt-get install -y --no-install-recommends chromium")

// Start starts chromium. It ends with ctx at the latest.
func Start(ctx context.Context) (*Browser, error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return nil, ErrNone
	}
	profile, err := os.MkdirTemp("", "ftpretry-browser-")
	if err != nil {
		return nil, err
	}
	b := &Browser{profile: profile}
	if err := b.begin(ctx, program); err != nil {
		return nil, errors.Join(fmt.Errorf("chromium does not start: %w", err), os.RemoveAll(profile))
	}
	return b, nil
}

func (b *Browser) begin(ctx context.Context, program string) error {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return err
	}
	// Its sandbox refuses to run as root, and what it shows here is ours.
	b.cmd = exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--hide-scrollbars", "--user-data-dir="+b.profile, "--remote-debugging-pipe", "about:blank")
	b.cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as chromium expects them
	b.cmd.WaitDelay = time.Second
	err = b.cmd.Start()
	err = errors.Join(err, theirIn.Close(), theirOut.Close())
	if err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	b.wire = newWire(in, out)
	return nil
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = b.wire.call(ctx, "", "Browser.close", nil, nil)
	b.wire.close()
	patience := time.AfterFunc(5*time.Second, func() { _ = b.cmd.Process.Kill() })
	defer patience.Stop()
	if err := b.cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) && !errors.Is(err, exec.ErrWaitDelay) {
		return err
	}
	// Its children write into the profile for a moment longer than it lives.
	var err error
	for range 20 {
		if err = os.RemoveAll(b.profile); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
