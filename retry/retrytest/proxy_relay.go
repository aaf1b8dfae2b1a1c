package retrytest

import (
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// connectTime is how long a transfer waits for the client's data connection.
const connectTime = 30 * time.Second

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
