package retrytest

import (
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// connectTime is how long a transfer waits for the client's data connection.
const connectTime = 30 * time.Second

// transfers tells whether a command uses a data connection.
func transfers(verb string) bool { return commands[verb].data != nil || verb == "STOU" }

// relay is one data connection through the proxy.
type relay struct {
	ln     listener
	to     string // the upstream's address
	upload bool

	reached   chan struct{} // closed when the client has connected
	delivered chan struct{} // closed when all bytes have been handed on, or none will be any more
	over      chan struct{} // closed when both sides have ended
	cut       atomic.Bool   // the fault has acted
	moved     int64         // to be read after delivered

	mu      sync.Mutex
	stopped bool
	conns   []net.Conn
}

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

// stop ends the relay from outside.
func (r *relay) stop(c Cut) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	_ = r.ln.Close()
	for _, conn := range r.conns {
		closeBy(conn, c)
	}
}

// hold takes a connection that stop is to end, and tells whether it is too late.
func (r *relay) hold(conn net.Conn) (late bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, conn)
	if r.stopped {
		_ = conn.Close()
	}
	return r.stopped
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
		s.moving = r
		s.tasks.Go(func() {
			defer s.forget(r)
			r.run(s, f)
		})
	}
	s.forward(line)
	early := false
	own, alive = s.outcome(patience{on: r}, func(preliminary string) {
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
		s.settle(r, own)
		moved = r.moved
	}
	if early {
		own, f.Reply, f.Also = "", "", false
	}
	return own, moved, alive
}

// settle waits until the bytes of a transfer are through: its final reply must
// not overtake them. After a refusal there may be none.
func (s *passage) settle(r *relay, own string) {
	moment := time.NewTimer(s.proxy.cfg.Settle)
	defer moment.Stop()
	patience, hungUp := moment.C, s.hungUp
	reached := r.reached
	if !strings.HasPrefix(own, "2") {
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

// run is the life of a data connection in use.
func (r *relay) run(s *passage, f *Fault) {
	defer close(r.over)
	defer r.stop(FIN)
	through := sync.OnceFunc(func() { close(r.delivered) })
	defer through()
	_ = r.ln.SetDeadline(time.Now().Add(connectTime))
	client, err := r.ln.Accept()
	if err != nil || r.hold(client) {
		return
	}
	close(r.reached)
	upstream, err := s.dial(r.to)
	if err != nil {
		abort(client)
		return
	}
	if r.hold(upstream) {
		return
	}
	from, to := upstream, client
	if r.upload {
		from, to = client, upstream
	}
	limit := int64(-1)
	if f != nil && (f.Data != Keep || f.StallData) {
		limit = f.At
	}
	frozen := atomic.Bool{}
	back := make(chan struct{})
	go func() {
		defer close(back)
		r.watch(from, to, &frozen)
	}()
	defer func() { <-back }()
	r.moved, err = pump(to, from, limit)
	switch {
	case err != nil:
		abort(from)
		abort(to)
	case limit < 0:
		finish(to)
		through()
		if r.upload {
			<-back // until the upstream has ended its side
		}
	case f.StallData:
		r.cut.Store(true)
		frozen.Store(true)
		r.stall(s, back)
		abort(upstream)
	default:
		r.cut.Store(true)
		frozen.Store(true)
		if f.Data == RST {
			abort(from)
		}
		if f.Data == FIN {
			finish(to)
		}
		closeBy(to, f.Data)
	}
	r.stop(FIN) // ends watch
}

// stall waits until the client hangs up. Of an upload that shows on the control
// connection only, since nothing more may be read.
func (r *relay) stall(s *passage, back <-chan struct{}) {
	if r.upload {
		back = nil
	}
	select {
	case <-back:
	case <-s.hungUp:
	case <-s.ctx.Done():
	}
}

// watch is the other direction, in which only an end is expected.
func (r *relay) watch(from, to net.Conn, frozen *atomic.Bool) {
	_, err := pump(from, to, -1)
	switch {
	case frozen.Load():
	case err != nil:
		abort(from)
		abort(to)
	case r.upload:
		_ = from.Close() // the upstream reads no more
	default:
		finish(from)
	}
}

// relayBuffers are for data that the kernel cannot move by itself.
var relayBuffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// pump moves at most limit bytes, or all if limit < 0: by splice where the
// system has it.
func pump(to, from net.Conn, limit int64) (int64, error) {
	var r io.Reader = from
	if limit >= 0 {
		r = &io.LimitedReader{R: from, N: limit}
	}
	tcp, direct := to.(*net.TCPConn)
	if _, ok := from.(*net.TCPConn); ok && direct && runtime.GOOS == "linux" {
		return tcp.ReadFrom(r)
	}
	buf := relayBuffers.Get().(*[256 << 10]byte)
	defer relayBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{r}, buf[:])
}
