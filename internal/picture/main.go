//go:build unix

// Picture makes the picture of a report that the README shows, from a run of the
// night: 5,000 files to a server that keeps failing, in virtual time.
//
//	go run ./internal/picture
//
// It needs chromium, and no network: the server runs in memory.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ftpretry/ftpretry/internal/browser"
	"github.com/ftpretry/ftpretry/internal/night"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

func main() {
	to := flag.String("to", "docs/report.png", "the picture")
	page := flag.String("page", "", "keep the page under this name, too")
	// Virtual time is only to be had from within a test, so that this program is
	// one.
	testing.Init()
	flag.Parse()
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "picture", F: func(t *testing.T) {
		var rep *batch.Report
		synctest.Test(t, func(t *testing.T) { rep = run(t) })
		if t.Failed() {
			return
		}
		if *page == "" {
			*page = filepath.Join(t.TempDir(), "report.html")
		}
		if err := write(rep, *page); err != nil {
			t.Fatal(err)
		}
		if err := show(t.Context(), *page, *to); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("wrote %s of a run of %v with %d jobs\n", *to, rep.Took.Round(time.Second), rep.Jobs.Total)
	}}}, nil, nil)
}

// run is the night, and a file that nothing can make arrive.
func run(t *testing.T) *batch.Report {
	n, err := night.Start(night.Config{InMemory: true, TLS: true, Seed: 7, Line: night.Line{RoundTrip: 20 * time.Millisecond, Rate: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	dir := t.TempDir()
	if err := n.Fill(dir); err != nil {
		t.Fatal(err)
	}
	var jobs []batch.Job
	for _, name := range n.Dirs() {
		jobs = append(jobs, batch.Job{Kind: batch.MakeDir, Remote: name})
	}
	jobs = append(jobs, batch.Job{Kind: batch.Barrier})
	for i, f := range n.Files {
		jobs = append(jobs, batch.Job{Kind: batch.Upload, Local: f.Local(dir), Remote: f.Name})
		if i == len(n.Files)/2 {
			jobs = append(jobs, batch.Job{Kind: batch.Download, Remote: "/orders/answers.csv", Local: filepath.Join(dir, "answers.csv")})
		}
	}
	client, err := retry.New(retry.Config{Addr: n.Addr(), Dial: n.Dial, TLS: n.Client, MaxConns: 8, Policy: policy.Policy{Attempts: 40}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	rep, err := (&batch.Runner{Client: client, Workers: 8, GiveUp: -1}).Run(t.Context(), slices.Values(jobs))
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func write(rep *batch.Report, name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := rep.WriteHTML(f); err != nil {
		return err
	}
	return f.Close()
}

// show takes the picture: from the top of the page to the end of the timeline.
func show(ctx context.Context, page, to string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	b, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // the picture is there
	view := browser.View{Width: 1080, Height: 800}
	p, err := b.Open(ctx, page, view)
	if err != nil {
		return err
	}
	if err := p.Run(ctx, `Math.ceil(document.querySelector(".legend").getBoundingClientRect().bottom + window.scrollY + 20)`, &view.Height); err != nil {
		return err
	}
	if err := p.See(ctx, view); err != nil {
		return err
	}
	if err := p.Run(ctx, "new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))", nil); err != nil {
		return err
	}
	png, err := p.Picture(ctx, false)
	if err != nil {
		return err
	}
	if png, err = smaller(png); err != nil {
		return err
	}
	return os.WriteFile(to, png, 0o644)
}
