package retrytest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// passage is one control connection through the proxy. One goroutine runs its
// command loop; one reads each side.
type passage struct {
	proxy *Proxy
	id    int
	ctx   context.Context // ends with the session
	end   context.CancelFunc
	tasks sync.WaitGroup // the readers and the data connections

	client   net.Conn
	clientIn *bufio.Reader
	lines    chan []byte   // what the client sends; closed at its end
	hungUp   chan struct{} // closed when the client's side has ended

	lost                 atomic.Int32 // the Cut by which the upstream's side ended
	auth                 atomic.Bool  // the upstream's reader is to pause after the next reply
	toClient, toUpstream pausing

	// Of the command loop.
	upstreamIn *bufio.Reader
	replies    chan string // what the upstream sends; closed at its end; nil until there is one
	held       []byte      // a command that came while another was executed
	aborting   bool        // held is an ABOR that the upstream has already
	restart    bool        // the upstream remembers a REST
	owed       bool        // the upstream may still send a reply that the client has had, or lost
	waiting    *relay      // of the last PASV or EPSV

	out  sync.Mutex // guards what follows: the loop and Push write
	idle bool       // waiting for a command
	mute bool       // a Stall: nothing is answered any more

	mu       sync.Mutex // guards what follows, which kill ends from outside
	ended    bool
	upstream net.Conn // nil until connected
	relays   map[*relay]struct{}
}

// longest is the longest line of either side.
const longest = 64 << 10

func newPassage(p *Proxy, id int, conn net.Conn) *passage {
	s := &passage{
		proxy: p, id: id, client: conn, clientIn: bufio.NewReaderSize(conn, longest),
		lines: make(chan []byte), hungUp: make(chan struct{}),
		toClient: make(pausing), toUpstream: make(pausing),
		relays: make(map[*relay]struct{}),
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// run is the life of the session.
func (s *passage) run() {
	defer s.tasks.Wait()
	defer s.kill(FIN)
	s.tasks.Go(s.listen)
	if !s.greet() {
		return
	}
	for s.step() {
	}
}

// listen reads the client's commands.
func (s *passage) listen() {
	defer close(s.lines)
	defer close(s.hungUp)
	for {
		line, err := readCommand(s.clientIn)
		if errors.Is(err, errLong) {
			s.say("500 Line too long.")
			continue
		}
		if err != nil {
			return
		}
		select {
		case s.lines <- bytes.Clone(line):
		case <-s.ctx.Done():
			return
		}
		if verb, _ := parse(line); s.secures(verb) && !s.pause(s.toClient) {
			return
		}
	}
}

// greet is the beginning: the greeting of the upstream, or what a fault makes
// of it.
func (s *passage) greet() bool {
	event := s.proxy.log.add(s.id, Connect, "")
	f := s.proxy.script.match(Connect, "")
	f.begin(s.ctx.Done())
	if f.refuses() {
		return s.conclude(event, f, "", 0, true)
	}
	if f != nil && f.Also && !f.After {
		s.say(f.Reply)
	}
	own, alive := s.connect()
	return s.conclude(event, f, own, 0, alive)
}

// step does one thing that comes from either side, and tells whether to go on.
func (s *passage) step() bool {
	line := s.held
	s.held = nil
	if line == nil {
		select {
		case next, open := <-s.lines:
			if !open {
				return false
			}
			line = next
		case reply, open := <-s.replies:
			if open {
				s.unasked(reply)
				return true
			}
			s.replies = nil
			return s.silent() || s.die(Cut(s.lost.Load()))
		case <-s.ctx.Done():
			return false
		}
	}
	verb, arg := parse(line)
	if s.busy() {
		s.proxy.log.add(s.id, verb, arg) // a stalled session hears, but does nothing
		if s.secures(verb) {
			s.resume(s.toClient, true)
		}
		return true
	}
	more := s.execute(line, verb, arg)
	if more && s.secures(verb) {
		s.resume(s.toClient, true)
	}
	return more
}

// execute meets one command: with its fault, if the script has one.
func (s *passage) execute(line []byte, verb, arg string) bool {
	event := s.proxy.log.add(s.id, verb, arg)
	f := s.proxy.script.match(verb, arg)
	f.begin(s.ctx.Done())
	sent := s.aborting
	s.aborting = false
	if f.refuses() && !sent {
		if transfers(verb) {
			s.refuseTransfer(f)
		}
		return s.conclude(event, f, "", 0, true)
	}
	if f != nil && f.Also && !f.After {
		s.say(f.Reply)
	}
	if own := s.answer(verb); own != "" {
		return s.conclude(event, f, own, 0, true)
	}
	if !sent && !s.reach() {
		return s.conclude(event, f, "", 0, false)
	}
	if s.secures(verb) {
		return s.authenticate(event, f, line)
	}
	if transfers(verb) {
		own, moved, alive := s.transfer(event, f, line, verb)
		return s.conclude(event, f, own, moved, alive)
	}
	if !sent {
		s.forward(line)
	}
	own, alive := s.outcome(patience{settle: sent}, s.say)
	if verb == "REST" {
		s.restart = strings.HasPrefix(own, "350")
	}
	return s.conclude(event, f, s.throughHere(verb, own), 0, alive)
}

// answer is the proxy's own reply to what cannot pass it.
func (s *passage) answer(verb string) string {
	switch {
	case verb == "PORT" || verb == "EPRT":
		return "502 Only passive connections pass the proxy: use EPSV or PASV."
	case verb == "AUTH" && !s.proxy.cfg.PassTLS:
		return "502 TLS does not pass the proxy."
	}
	return ""
}

// conclude sends the final reply that the fault leaves of the upstream's own,
// and does what the fault does after it. It tells whether to go on.
func (s *passage) conclude(event *Event, f *Fault, own string, moved int64, alive bool) bool {
	reply := own
	if f != nil {
		reply = f.final(own)
		if own == "" && !alive && !f.Stall && f.Control == Keep {
			reply = "" // the upstream died of it: that is what the client sees
		}
		if f.Stall {
			s.hush()
		}
	}
	s.proxy.log.answer(event, reply, moved)
	s.send(reply)
	if f != nil {
		if f.Push != "" {
			s.say(f.Push)
		}
		if f.Control != Keep {
			return s.die(f.Control)
		}
	}
	return alive || s.silent() || s.die(Cut(s.lost.Load()))
}

// die ends both sides in the same way.
func (s *passage) die(c Cut) bool {
	s.kill(max(c, FIN))
	return false
}
