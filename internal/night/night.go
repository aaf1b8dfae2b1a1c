// Package night is a server on a bad night, for a test and for a demonstration:
// it restarts, refuses sessions, fails commands, and for a while has no space.
// It keeps a record of all that, against which a report can be held.
package night

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// Config says how bad the night is. A zero field has the stated default.
type Config struct {
	Files    int           // that are to arrive; 0 = 5,000
	Seed     uint64        // of names, sizes and troubles
	Every    time.Duration // the server restarts once in so long; 0 = 10s, < 0 = never
	Down     time.Duration // how long each time; 0 = 2s
	Sessions int           // at once, one more is refused; 0 = 3
	OneIn    int           // of so many commands one fails; 0 = 50, < 0 = none
	FullFrom time.Duration // when the disk is full, since the start; 0 = 30s
	FullFor  time.Duration // 0 = 20s, < 0 = never
	Line                   // between the client and the server
	TLS      bool          // explicit, so that commands of security can fail too
	InMemory bool          // no sockets, see retrytest.Config
}

// Night is such a server. It goes on until Close. It is safe for concurrent use.
type Night struct {
	*retrytest.Server
	Files  []File
	Began  time.Time
	Client *tls.Config // for the client; nil without TLS

	cfg  Config
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	rand     *rand.Rand
	failures map[string]int
	downs    []Span
	fulls    []Span
}

// Span is a time of trouble, since the night began.
type Span struct{ From, To time.Duration }

// Record is what has happened.
type Record struct {
	Failures map[string]int // commands that were failed on purpose, by reply code
	Refused  int            // sessions that were one too many
	Downs    []Span         // when nobody could connect
	Fulls    []Span         // when the disk was full
}

// Start begins the night.
func Start(cfg Config) (*Night, error) {
	cfg.settle()
	n := &Night{cfg: cfg, Began: time.Now(), rand: rand.New(rand.NewPCG(cfg.Seed, 42)), failures: make(map[string]int)}
	n.Files = files(cfg.Files, n.rand)
	server := retrytest.Config{InMemory: cfg.InMemory, MaxSessions: cfg.Sessions, LogSize: 1 << 20}
	for _, f := range n.Files {
		server.Capacity += 2 * f.Size // the half that a temporary file needs, and more
	}
	var err error
	if cfg.TLS {
		if server.TLS, n.Client, err = retrytest.SelfSigned(); err != nil {
			return nil, err
		}
		// The one with an implementation in assembly: a night has 10,000
		// handshakes.
		server.TLS.CurvePreferences = []tls.CurveID{tls.CurveP256}
	}
	if n.Server, err = retrytest.Start(server); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.misbehave()
	n.run(ctx, cfg.Every >= 0, n.restarts)
	n.run(ctx, cfg.FullFor >= 0, n.fill)
	return n, nil
}

func (c *Config) settle() {
	if c.Files == 0 {
		c.Files = 5000
	}
	if c.Every == 0 {
		c.Every = 10 * time.Second
	}
	if c.Down == 0 {
		c.Down = 2 * time.Second
	}
	if c.Sessions == 0 {
		c.Sessions = 3
	}
	if c.OneIn == 0 {
		c.OneIn = 50
	}
	if c.FullFrom == 0 {
		c.FullFrom = 30 * time.Second
	}
	if c.FullFor == 0 {
		c.FullFor = 20 * time.Second
	}
}

func (n *Night) run(ctx context.Context, wanted bool, f func(context.Context)) {
	if !wanted {
		return
	}
	n.done.Add(1)
	go func() {
		defer n.done.Done()
		f(ctx)
	}()
}

// Close ends the night and waits for all its goroutines. The files that arrived
// can still be read.
func (n *Night) Close() {
	n.stop()
	n.done.Wait()
	n.Server.Close()
}

// Dial connects to the server, over the line. It fits retry.Config.
func (n *Night) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return n.cfg.Line.dial(ctx, network, addr, n.Server.Dial)
}

// restarts takes the server down and up again.
func (n *Night) restarts(ctx context.Context) {
	for pause(ctx, n.cfg.Every-n.cfg.Down) {
		n.Server.Down()
		n.begin(&n.downs)
		pause(ctx, n.cfg.Down)
		n.end(&n.downs)
		if err := n.Up(); err != nil {
			return // another program has taken the port: it stays down
		}
	}
}

// fill has somebody else fill the disk, once.
func (n *Night) fill(ctx context.Context) {
	const log = "/.log-of-somebody-else"
	if !pause(ctx, n.cfg.FullFrom) {
		return
	}
	n.begin(&n.fulls)
	var room int64
	for _, f := range n.Files {
		room += 2 * f.Size
	}
	_ = n.WriteFile(log, make([]byte, room)) // as much of it as there is space for
	pause(ctx, n.cfg.FullFor)
	_ = n.Remove(log)
	n.end(&n.fulls)
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *Night) begin(list *[]Span) {
	n.mu.Lock()
	defer n.mu.Unlock()
	*list = append(*list, Span{From: time.Since(n.Began), To: -1})
}

func (n *Night) end(list *[]Span) {
	n.mu.Lock()
	defer n.mu.Unlock()
	(*list)[len(*list)-1].To = time.Since(n.Began)
}

// Record returns what has happened so far. A trouble that goes on ends now.
func (n *Night) Record() Record {
	r := Record{Failures: make(map[string]int)}
	for _, e := range n.Log() {
		if e.Command == retrytest.Connect && e.Reply == "421 Too many users." {
			r.Refused++
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for code, times := range n.failures {
		r.Failures[code] = times
	}
	now := time.Since(n.Began)
	until := func(spans []Span) (all []Span) {
		for _, s := range spans {
			if s.To < 0 {
				s.To = now
			}
			all = append(all, s)
		}
		return all
	}
	r.Downs, r.Fulls = until(n.downs), until(n.fulls)
	return r
}

// Check says what of the files has not arrived as it should: each whole, under
// its name, renamed there once, and nothing else beside them.
func (n *Night) Check() error {
	renamed := make(map[string]int)
	for _, e := range n.Log() {
		if e.Command == "RNTO" && strings.HasPrefix(e.Reply, "2") {
			renamed[e.Arg]++
		}
	}
	for _, f := range n.Files {
		text, err := n.ReadFile(f.Name)
		switch {
		case err != nil:
			return fmt.Errorf("%s has not arrived: %w", f.Name, err)
		case string(text) != string(f.Content()):
			return fmt.Errorf("%s has arrived with %d bytes that are not the %d of the file", f.Name, len(text), f.Size)
		case renamed[f.Name] > 1:
			return fmt.Errorf("%s has arrived %d times", f.Name, renamed[f.Name])
		}
	}
	if names := n.Names(); len(names) != len(n.Files) {
		return fmt.Errorf("the server has %d files: want %d", len(names), len(n.Files))
	}
	return nil
}
