package retrytest

import (
	"bufio"
	"context"
	"net"
	"strings"
	"time"
)

// dialTime bounds a connection to the upstream.
const dialTime = 10 * time.Second

func (s *passage) dial(addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, dialTime)
	defer cancel()
	return s.proxy.cfg.Dial(ctx, "tcp", addr)
}

// connect opens the upstream's control connection and returns its greeting.
func (s *passage) connect() (greeting string, alive bool) {
	conn, err := s.dial(s.proxy.upstream)
	if err != nil {
		s.lost.Store(int32(RST)) // as near to a refused connection as one can come that has accepted
		return "", false
	}
	s.mu.Lock()
	s.upstream = conn
	if s.ended {
		_ = conn.Close()
	}
	s.mu.Unlock()
	in, replies := bufio.NewReaderSize(conn, longest), make(chan string)
	s.upstreamIn, s.replies = in, replies
	s.tasks.Go(func() { s.hear(in, replies) })
	return s.outcome(patience{}, s.say)
}

// reach makes the upstream ready for a command: it is connected to, where a
// fault kept that from happening, and what it still owes is read away.
func (s *passage) reach() (alive bool) {
	if s.upstream == nil {
		if _, alive := s.connect(); !alive {
			return false
		}
	}
	if s.owed {
		// Only NOOP's reply has the code 200, so that it can be told from the
		// late one, if that comes at all.
		s.owed = false
		return s.quietly("NOOP", "200")
	}
	return true
}

// quietly has the upstream execute a command of the proxy's own, and reads its
// replies up to the one that begins as given.
func (s *passage) quietly(command, reply string) (alive bool) {
	s.forward([]byte(command + "\r\n"))
	for {
		got, alive := s.outcome(patience{settle: true}, func(string) {})
		if !alive || got == "" || strings.HasPrefix(got, reply) {
			return alive
		}
	}
}

func (s *passage) forward(line []byte) {
	_, _ = s.upstream.Write(line) // an upstream that is gone shows in the next reply
}

// patience says how long to wait for a reply of the upstream's. The zero value
// waits as long as both sides are there.
type patience struct {
	on     *relay // the command's data connection; may be nil
	settle bool   // no longer than ProxyConfig.Settle
}

// lacking tells whether a reply that is not there now is late.
func (p patience) lacking(s *passage, dataOver bool) bool {
	if p.on == nil {
		return p.settle
	}
	return dataOver && (p.settle || p.on.cut.Load() || s.held != nil)
}

// outcome returns the upstream's final reply to the command that was forwarded,
// or "" if none came. Preliminary replies are given to hand. alive is false
// when the session must end.
func (s *passage) outcome(p patience, hand func(string)) (own string, alive bool) {
	var ended <-chan struct{}
	if p.on != nil {
		ended = p.on.over
	}
	var settled, grace *time.Timer
	hungUp, lines, dataOver := s.hungUp, s.lines, false
	for {
		if s.held != nil {
			lines = nil
		}
		if settled == nil && p.lacking(s, dataOver) {
			settled = time.NewTimer(s.proxy.cfg.Settle)
			defer settled.Stop()
		}
		select {
		case reply, open := <-s.replies:
			if !open {
				s.replies = nil
				return "", false
			}
			if !preliminary(reply) {
				return reply, true
			}
			hand(reply)
		case line, open := <-lines:
			if !open {
				lines = nil
				continue
			}
			s.hold(line, p.on != nil)
		case <-ended:
			ended, dataOver = nil, true
		case <-expiry(settled):
			return "", true
		case <-hungUp:
			hungUp = nil
			finish(s.upstream)
			grace = time.NewTimer(graceful)
			defer grace.Stop()
		case <-expiry(grace):
			return "", false
		case <-s.ctx.Done():
			return "", false
		}
	}
}

func expiry(t *time.Timer) <-chan time.Time {
	if t == nil {
		return nil
	}
	return t.C
}

// hold keeps a command that came while another is executed. ABOR is for the
// transfer, so the upstream gets it at once.
func (s *passage) hold(line []byte, transfer bool) {
	s.held = line
	if verb, _ := parse(line); verb == "ABOR" && transfer {
		s.aborting = true
		s.forward(line)
	}
}

// graceful is how long the upstream may go on after its client hung up.
const graceful = grace

// kill ends all connections of the session, from within or from outside.
func (s *passage) kill(c Cut) {
	s.proxy.leave(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.end()
	for r := range s.relays {
		r.stop(c)
	}
	closeBy(s.client, c)
	if s.upstream != nil {
		closeBy(s.upstream, c)
	}
}
