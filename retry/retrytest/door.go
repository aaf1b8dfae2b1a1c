package retrytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// guest is one control connection, as the door sees it.
type guest interface {
	run()     // its whole life; returns when all its goroutines have ended
	kill(Cut) // ends all its connections, from outside
	push(text string)
}

// door is where clients come in: it listens, and knows who is inside. It is
// what the server and the proxy have in common. Safe for concurrent use.
type door struct {
	net   network
	enter func(id int, conn net.Conn) guest
	addr  *net.TCPAddr   // set by the first open
	done  sync.WaitGroup // the accept loop and every guest

	mu      sync.Mutex
	left    chan struct{} // closed and renewed whenever a guest leaves
	ln      listener      // nil while down
	release func()        // while down: lets the port go
	closed  bool
	inside  map[guest]int // the guests, with their numbers
	count   int           // guests so far
}

func newDoor(in network, enter func(id int, conn net.Conn) guest) door {
	return door{net: in, enter: enter, left: make(chan struct{}), inside: make(map[guest]int)}
}

// open listens on the port and starts to accept.
func (d *door) open(port int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return errors.New("retrytest: the server is closed: start a new one")
	case d.ln != nil:
		return nil
	}
	ln, err := d.net.listen(port)
	if err != nil {
		return fmt.Errorf("retrytest: cannot listen: %w", err)
	}
	d.ln = ln
	if d.release != nil {
		d.release()
		d.release = nil
	}
	if d.addr == nil {
		d.addr = ln.Addr().(*net.TCPAddr) // never changes: Up takes the same port
	}
	d.done.Add(1)
	go d.accept(ln)
	return nil
}

// accept runs until the listener is closed.
func (d *door) accept(ln listener) {
	defer d.done.Done()
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			d.breathe()
			continue
		}
		d.mu.Lock()
		if d.closed || d.ln != ln {
			d.mu.Unlock()
			_ = conn.Close()
			return
		}
		d.count++
		g := d.enter(d.count, conn)
		d.done.Add(1)
		d.inside[g] = d.count
		d.mu.Unlock()
		go func() {
			defer d.done.Done()
			defer d.leave(g)
			g.run()
		}()
	}
}

// breathe keeps accept from spinning when no file descriptor is left: it waits
// until a guest leaves, or a moment.
func (d *door) breathe() {
	d.mu.Lock()
	left := d.left
	d.mu.Unlock()
	moment := time.NewTimer(time.Millisecond)
	defer moment.Stop()
	select {
	case <-left:
	case <-moment.C:
	}
}

// before counts the guests with a lower number than id. left is closed when
// one of the guests leaves.
func (d *door) before(id int) (n int, left <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, other := range d.inside {
		if other < id {
			n++
		}
	}
	return n, d.left
}

// leave gives up a guest's place. It may be called more than once.
func (d *door) leave(g guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.inside[g]; there {
		delete(d.inside, g)
		close(d.left)
		d.left = make(chan struct{})
	}
}

// live returns the guests of this moment.
func (d *door) live() []guest {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]guest, 0, len(d.inside))
	for g := range d.inside {
		all = append(all, g)
	}
	return all
}

// Addr is where clients connect: "127.0.0.1:" and a free port, or
// "192.0.2.1:21" in memory. It stays the same after Down and Up.
func (d *door) Addr() string { return d.addr.String() }

// Dial connects to the address of Addr, or to a port that was opened for data.
// In memory it is the only way to do so, and of the address only the port
// matters. It fits the Dial field of the client's Config, and through a closure
// ftp.DialWithDialFunc.
func (d *door) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return d.net.dial(ctx, network, addr)
}

// Sessions is the number of control connections that have a place now.
func (d *door) Sessions() int { return len(d.live()) }

// Push sends a reply that nobody asked for, such as "421 Timeout.", to every
// session that is waiting for a command. It does not end the sessions; Kick
// does.
func (d *door) Push(reply string) {
	for _, g := range d.live() {
		g.push(reply)
	}
}

// Kick ends the control and data connections of every session: by FIN or RST.
// Keep does nothing. It does not wait until the sessions have noticed.
func (d *door) Kick(cut Cut) {
	if cut == Keep {
		return
	}
	for _, g := range d.live() {
		g.kill(cut)
	}
}

// Down stops listening, so that connections are refused, and cuts every
// session by FIN. What is not of a session, the script and the log for
// example, stays.
func (d *door) Down() {
	d.mu.Lock()
	if d.ln != nil {
		_ = d.ln.Close()
		d.ln = nil
		d.release = d.net.hold(d.addr.Port)
	}
	d.mu.Unlock()
	d.Kick(FIN)
}

// Up listens again on the same address after Down.
func (d *door) Up() error { return d.open(d.addr.Port) }

// shut ends everything and waits for every goroutine. It may be called more
// than once.
func (d *door) shut() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.Down()
	d.mu.Lock()
	if d.release != nil {
		d.release()
		d.release = nil
	}
	d.mu.Unlock()
	d.done.Wait()
}
