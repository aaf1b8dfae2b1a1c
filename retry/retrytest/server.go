package retrytest

import (
	"errors"
	"fmt"
	"net"
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
	stage
	door
	cfg   Config
	lacks map[string]bool
	tree  tree
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
	s := &Server{cfg: cfg, lacks: cfg.lacks()}
	s.log.size = cfg.LogSize
	in, port := place(cfg.InMemory)
	s.door = newDoor(in, func(id int, conn net.Conn) guest { return newSession(s, id, conn) })
	if cfg.Root == "" {
		s.tree = newMemTree(cfg.Quirks)
	} else if s.tree, err = newDiskTree(cfg.Root); err != nil {
		return nil, fmt.Errorf("retrytest: cannot serve Config.Root: %w", err)
	}
	s.script.add(cfg.Faults...)
	if err := s.open(port); err != nil {
		return nil, errors.Join(err, s.tree.close())
	}
	return s, nil
}

// admit waits for one of the MaxSessions places and tells whether it got one.
func (s *Server) admit(c *session) bool {
	if s.cfg.MaxSessions == 0 {
		return true
	}
	var patience *time.Timer
	for {
		before, left := s.before(c.id)
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

// Close ends the server and waits for every goroutine of it. It may be called
// more than once. A directory on disk stays as it is; the tree in memory can
// still be read.
func (s *Server) Close() {
	s.shut()
	_ = s.tree.close()
}
