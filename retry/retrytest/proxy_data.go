package retrytest

import (
	"net"
	"strconv"
	"strings"
	"time"
)

// transfers tells whether a command uses a data connection.
func transfers(verb string) bool { return commands[verb].data != nil || verb == "STOU" }

// openPassive listens for the client's data connection, which is to go to a
// port of the upstream. An earlier one that was not used is given up.
func (s *passage) openPassive(port int) (*net.TCPAddr, error) {
	ln, err := s.proxy.net.listenData()
	if err != nil {
		return nil, err
	}
	host := s.upstream.RemoteAddr().(*net.TCPAddr).IP.String()
	s.closePassive()
	s.waiting = &relay{
		ln: ln, to: net.JoinHostPort(host, strconv.Itoa(port)),
		reached: make(chan struct{}), delivered: make(chan struct{}), over: make(chan struct{}),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relays[s.waiting] = struct{}{}
	if s.ended {
		s.waiting.stop(FIN)
	}
	return ln.Addr().(*net.TCPAddr), nil
}

// closePassive gives up a data connection that no transfer has used.
func (s *passage) closePassive() {
	if s.waiting != nil {
		s.forget(s.waiting)
		s.waiting = nil
	}
}

func (s *passage) forget(r *relay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.stop(FIN)
	delete(s.relays, r)
}

// refuseTransfer leaves the upstream as after a transfer that it refused
// itself: no offset is remembered, and no data connection awaited.
func (s *passage) refuseTransfer(f *Fault) {
	if f.final("") != "" || f.Control != Keep {
		s.closePassive() // a server that is silent leaves it open
	}
	if s.restart && f.Control == Keep && !f.Stall {
		s.restart = false
		s.quietly("REST 0", "")
	}
}

// transfer has the upstream execute a command with its data connection.
func (s *passage) transfer(event *Event, f *Fault, line []byte, verb string) (own string, moved int64, alive bool) {
	r := s.waiting
	s.waiting, s.restart = nil, false
	if r != nil {
		r.upload = verb == "STOR" || verb == "APPE" || verb == "STOU"
		s.tasks.Go(func() {
			defer s.forget(r)
			r.run(s, f)
		})
	}
	s.forward(line)
	began, early := false, false
	own, alive = s.outcome(patience{on: r}, func(preliminary string) {
		began = true
		if f == nil || !f.Silent {
			s.say(preliminary)
		}
		if f != nil && f.Early && !early {
			early = true
			reply := f.final("226 Transfer complete.")
			s.proxy.log.answer(event, reply, 0)
			s.say(reply)
		}
	})
	if own == "" && alive && f != nil && (early || f.Reply != "" || f.Lose || f.Stall) {
		s.owed = true // else the client is to have it when it comes
	}
	if r != nil {
		s.settle(r, own, began, f != nil && f.StallData)
		moved = r.moved
	}
	if early {
		own, f.Reply, f.Also = "", "", false
	}
	return own, moved, alive
}

// settle waits until the bytes of a transfer are through: its final reply must
// not overtake them. One that did not begin has none; one that failed may not
// get them through.
func (s *passage) settle(r *relay, own string, began, stalled bool) {
	good := strings.HasPrefix(own, "2")
	if !began && !good {
		r.stop(FIN)
	}
	moment := time.NewTimer(s.proxy.cfg.Settle)
	defer moment.Stop()
	patience, hungUp, reached := moment.C, s.hungUp, r.reached
	switch {
	case stalled:
		patience = nil
	case !good:
		reached = nil
	}
	for {
		select {
		case <-r.delivered:
			return
		case <-reached:
			reached, patience = nil, nil // a client may take its time to read
		case <-patience:
			r.stop(FIN)
			<-r.delivered
			return
		case <-hungUp:
			moment.Reset(graceful)
			hungUp, patience = nil, moment.C
		case <-s.ctx.Done():
			<-r.delivered
			return
		}
	}
}
