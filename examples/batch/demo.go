package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ftpretry/ftpretry/internal/night"
	"github.com/ftpretry/ftpretry/policy"
)

// bad is how bad the night of the demonstration is, and quick is a shorter one.
var (
	bad = night.Config{
		Files: 300, Seed: 3, Every: 6 * time.Second, Down: time.Second, FullFrom: 9 * time.Second, FullFor: 4 * time.Second,
		Line: night.Line{RoundTrip: 10 * time.Millisecond, Rate: 8 << 20}, TLS: true,
	}
	quick = night.Config{
		Files: 120, Seed: 3, Every: 1500 * time.Millisecond, Down: 300 * time.Millisecond, FullFrom: 2 * time.Second, FullFor: 500 * time.Millisecond,
		Line: night.Line{RoundTrip: 4 * time.Millisecond, Rate: 32 << 20}, TLS: true,
	}
)

// demonstrate is the command -demo: a mirror to a server on a bad night.
func demonstrate(t terminal, c command, args []string) (int, error) {
	s, _, strange, err := c.parse(t, args, 0)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "ftpretry-demo-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	how := bad
	if s.quick {
		how = quick
	}
	n, err := night.Start(how)
	if err != nil {
		return 0, err
	}
	defer n.Close()
	if err := n.Fill(dir); err != nil {
		return 0, err
	}
	s.addr, s.dial, s.trusted = n.Addr(), n.Dial, n.Client
	s.workers, s.policy = 8, policy.Policy{Attempts: 200, Initial: how.Down / 12, Max: how.Down}
	if s.html == "" {
		page, err := os.CreateTemp("", "ftpretry-demo-*.html")
		if err != nil {
			return 0, err
		}
		_ = page.Close()
		s.html = page.Name()
	}
	say := func(format string, args ...any) {
		if !s.json {
			fmt.Fprintf(t.out, format+"\n", args...)
		}
	}
	say("%s files go by %d workers to a server on a bad night: it lets in 3 sessions, restarts every %v,\nfails one of 50 commands, and somebody fills its disk. Nothing of that is in the program:\nbatch mirror-up is all that runs.\n", grouped(int64(len(n.Files))), s.workers, how.Every)
	status, err := s.copyTree(t, strange, s.mirror(dir, "/"), up)
	if err != nil {
		return status, err
	}
	say("\n%s\n", story(n.Record()))
	say("report: %s, for a browser", s.html)
	if status != allDone {
		return status, nil
	}
	if err := n.Check(); err != nil {
		fmt.Fprintln(t.err, "batch:", err)
		return someFailed, nil
	}
	say("all %s files have arrived, each whole and each once: compared byte by byte", grouped(int64(len(n.Files))))
	return allDone, nil
}

// story is what the server itself says of the night.
func story(r night.Record) string {
	var full time.Duration
	for _, s := range r.Fulls {
		full += s.To - s.From
	}
	failed := 0
	var codes []string
	for _, code := range slices.Sorted(maps.Keys(r.Failures)) {
		failed += r.Failures[code]
		codes = append(codes, fmt.Sprintf("%d x %s", r.Failures[code], code))
	}
	return fmt.Sprintf("the server says that it restarted %d times, refused %d sessions, failed %d commands\n(%s), and had a full disk for %s",
		len(r.Downs), r.Refused, failed, strings.Join(codes, ", "), clock(full))
}
