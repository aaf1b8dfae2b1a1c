package night

import (
	"context"
	"net"
	"time"
)

// Line is the way between the client and the server. The zero Line is none: as
// fast as the machine.
type Line struct {
	RoundTrip time.Duration // there and back
	Rate      int64         // bytes a second of each connection, one way; 0 = no limit
}

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func (l Line) dial(ctx context.Context, network, addr string, dial dialer) (net.Conn, error) {
	if l.RoundTrip > 0 && !pause(ctx, l.RoundTrip) {
		return nil, context.Cause(ctx)
	}
	conn, err := dial(ctx, network, addr)
	if err != nil || l == (Line{}) {
		return conn, err
	}
	return &slow{Conn: conn, line: l}, nil
}

// slow is a connection over a Line. Each way takes half of the round trip, once
// for what arrives together.
type slow struct {
	net.Conn
	line    Line
	arrived time.Time // what was read last
	left    time.Time // what was written last
}

// piece is how much is sent at once: of a rate of 1 MB/s, a thirtieth of a second.
const piece = 32 << 10

// Read reads what has arrived by now.
func (s *slow) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p[:min(len(p), piece)])
	if time.Since(s.arrived) > s.line.RoundTrip/2 {
		time.Sleep(s.line.RoundTrip / 2)
	}
	s.line.spend(n)
	s.arrived = time.Now()
	return n, err
}

// Write sends p.
func (s *slow) Write(p []byte) (n int, err error) {
	if time.Since(s.left) > s.line.RoundTrip/2 {
		time.Sleep(s.line.RoundTrip / 2)
	}
	for len(p) > 0 && err == nil {
		var m int
		s.line.spend(min(len(p), piece))
		m, err = s.Conn.Write(p[:min(len(p), piece)])
		n, p = n+m, p[m:]
	}
	s.left = time.Now()
	return n, err
}

// spend waits for as long as n bytes take.
func (l Line) spend(n int) {
	if l.Rate > 0 {
		time.Sleep(time.Duration(int64(n) * int64(time.Second) / l.Rate))
	}
}

// SetLinger makes Close a reset, where the connection can.
func (s *slow) SetLinger(seconds int) error {
	if c, ok := s.Conn.(interface{ SetLinger(int) error }); ok {
		return c.SetLinger(seconds)
	}
	return nil
}

// CloseWrite ends one direction, where the connection can.
func (s *slow) CloseWrite() error {
	if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
