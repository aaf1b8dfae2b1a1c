package retrytest

import (
	"io"
	"net"
	"strings"
)

// pausing is a reader that stops where TLS may begin, until it is told whether
// to go on. It has to be told once for each stop.
type pausing chan bool

// pause tells whether to go on reading.
func (s *passage) pause(reader pausing) bool {
	select {
	case on := <-reader:
		return on
	case <-s.ctx.Done():
		return false
	}
}

func (s *passage) resume(reader pausing, on bool) {
	select {
	case reader <- on:
	case <-s.ctx.Done():
	}
}

// secures tells whether TLS may follow the command.
func (s *passage) secures(verb string) bool { return verb == "AUTH" && s.proxy.cfg.PassTLS }

// authenticate hands AUTH on. After 234 the session is relayed unseen.
func (s *passage) authenticate(event *Event, f *Fault, line []byte) bool {
	s.auth.Store(true)
	s.forward(line)
	own, alive := s.outcome(patience{}, s.say)
	s.auth.Store(false)
	if !alive {
		return s.conclude(event, f, own, 0, false)
	}
	secure := strings.HasPrefix(own, "234")
	more := s.conclude(event, f, own, 0, true)
	s.resume(s.toUpstream, !secure)
	if !secure || !more {
		return more
	}
	s.resume(s.toClient, false)
	s.tasks.Go(func() { join(s.client, s.upstreamIn, s.upstream) })
	join(s.upstream, s.clientIn, s.client)
	return false
}

// join hands on what from has, which belongs to the connection far, and how it
// ends.
func join(to net.Conn, from io.Reader, far net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		abort(far)
		abort(to)
		return
	}
	finish(to)
}
