package retrytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// settle is how long a new connection waits for a place when MaxSessions is
// reached: a client that hung up a moment ago may not have been noticed yet,
// and its place must not be counted.
const settle = 25 * time.Millisecond

// Server is an FTP server on the loopback interface, or in memory. All its
// methods are safe for concurrent use. End it by Close.
//
// A session counts against Config.MaxSessions from its greeting until it sends
// QUIT or its connection ends.
type Server struct {
	cfg    Config
	lacks  map[string]bool
	net    network
	tree   tree
	script script
	log    journal
	addr   *net.TCPAddr                     // set by Start
	done   sync.WaitGroup                   // the accept loop and every session
	fatalf func(format string, args ...any) // of NewServer's test; may be nil

	mu       sync.Mutex
	left     chan struct{} // closed and renewed whenever a session leaves
	ln       listener      // nil while down
	release  func()        // while down: lets the port go
	closed   bool
	sessions map[*session]struct{}
	count    int // sessions so far
}

// NewServer starts a server for a test: it fails the test when it cannot, and
// closes the server when the test ends. Inside a testing/synctest bubble, set
// Config.InMemory.
func NewServer(tb TB, cfg Config) *Server {
	tb.Helper()
	s, err := Start(cfg)
	if err != nil {
		tb.Fatalf("cannot start the FTP server: %v", err)
		return nil
	}
	s.fatalf = tb.Fatalf
	tb.Cleanup(s.Close)
	return s
}

// Start starts a server for a program. The caller ends it by Close.
func Start(cfg Config) (*Server, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, lacks: cfg.lacks(), net: loopback{},
		log:      journal{size: cfg.LogSize},
		left:     make(chan struct{}),
		sessions: make(map[*session]struct{}),
	}
	port := 0
	if cfg.InMemory {
		s.net, port = newMemory(), 21
	}
	if cfg.Root == "" {
		s.tree = newMemTree(cfg.Quirks)
	} else if s.tree, err = newDiskTree(cfg.Root); err != nil {
		return nil, fmt.Errorf("retrytest: cannot serve Config.Root: %w", err)
	}
	s.script.add(cfg.Faults...)
	if err := s.up(port); err != nil {
		return nil, errors.Join(err, s.tree.close())
	}
	return s, nil
}

// up listens on the port and starts to accept.
func (s *Server) up(port int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errors.New("retrytest: the server is closed: start a new one")
	case s.ln != nil:
		return nil
	}
	ln, err := s.net.listen(port)
	if err != nil {
		return fmt.Errorf("retrytest: cannot listen: %w", err)
	}
	s.ln = ln
	if s.release != nil {
		s.release()
		s.release = nil
	}
	if s.addr == nil {
		s.addr = ln.Addr().(*net.TCPAddr) // never changes: Up takes the same port
	}
	s.done.Add(1)
	go s.accept(ln)
	return nil
}

// accept runs until the listener is closed.
func (s *Server) accept(ln listener) {
	defer s.done.Done()
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.breathe()
			continue
		}
		s.mu.Lock()
		if s.closed || s.ln != ln {
			s.mu.Unlock()
			_ = conn.Close()
			return
		}
		s.count++
		c := newSession(s, s.count, conn)
		s.done.Add(1)
		s.sessions[c] = struct{}{}
		s.mu.Unlock()
		go c.run()
	}
}

// breathe keeps accept from spinning when no file descriptor is left: it waits
// until a session ends, or a moment.
func (s *Server) breathe() {
	s.mu.Lock()
	left := s.left
	s.mu.Unlock()
	moment := time.NewTimer(time.Millisecond)
	defer moment.Stop()
	select {
	case <-left:
	case <-moment.C:
	}
}

// admit waits for one of the MaxSessions places and tells whether it got one.
func (s *Server) admit(c *session) bool {
	if s.cfg.MaxSessions == 0 {
		return true
	}
	var patience *time.Timer
	for {
		s.mu.Lock()
		before := 0
		for other := range s.sessions {
			if other.id < c.id {
				before++
			}
		}
		left := s.left
		s.mu.Unlock()
		if before < s.cfg.MaxSessions {
			return true
		}
		if patience == nil {
			patience = time.NewTimer(settle)
			defer patience.Stop()
		}
		select {
		case <-left:
		case <-c.gone:
			return false
		case <-patience.C:
			return false
		}
	}
}

// leave gives up a session's place. It may be called more than once.
func (s *Server) leave(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.sessions[c]; there {
		delete(s.sessions, c)
		close(s.left)
		s.left = make(chan struct{})
	}
}

// Addr is where clients connect: "127.0.0.1:" and a free port, or
// "192.0.2.1:21" in memory. It stays the same after Down and Up.
func (s *Server) Addr() string { return s.addr.String() }

// Dial connects to the server, or to a port it opened for data. In memory it is
// the only way to do so, and of the address only the port matters. It fits the
// Dial field of the client's Config, and through a closure
// ftp.DialWithDialFunc.
func (s *Server) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.net.dial(ctx, network, addr)
}

// Down stops listening, so that connections are refused, and cuts every
// session by FIN. The tree, the script and the log stay.
func (s *Server) Down() {
	s.mu.Lock()
	if s.ln != nil {
		_ = s.ln.Close()
		s.ln = nil
		s.release = s.net.hold(s.addr.Port)
	}
	s.mu.Unlock()
	s.Kick(FIN)
}

// Up listens again on the same address after Down.
func (s *Server) Up() error { return s.up(s.addr.Port) }

// Close ends the server and waits for every goroutine of it. It may be called
// more than once. A directory on disk stays as it is; the tree in memory can
// still be read.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Down()
	s.mu.Lock()
	if s.release != nil {
		s.release()
		s.release = nil
	}
	s.mu.Unlock()
	s.done.Wait()
	_ = s.tree.close()
}
