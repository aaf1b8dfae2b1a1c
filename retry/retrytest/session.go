package retrytest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// grace is how long a transfer may go on after its control connection ended.
const grace = 5 * time.Second

// session is one control connection. One goroutine runs its command loop; a
// transfer has a second one, so that the loop sees ABOR and the client's hanging
// up meanwhile. The loop executes nothing else until the transfer is over.
type session struct {
	srv *Server
	id  int
	raw net.Conn

	// Of the command loop, and of the transfer that it waits for.
	in         *bufio.Reader
	user       string
	loggedIn   bool
	cwd        string
	rest       int64
	renameFrom string
	announced  bool // by PRET
	ascii      bool
	secure     bool // the control connection is TLS
	protect    bool // PROT P
	tlsConf    *tls.Config
	hash       string // the algorithm of HASH
	aborted    bool   // the ABOR being executed ended a transfer
	transfers  sync.WaitGroup

	out    sync.Mutex // guards what follows: the loop, the transfer and Push all write
	conn   net.Conn   // raw, or TLS over it
	idle   bool       // waiting for a command
	mute   bool       // a Stall: nothing is answered any more
	ending bool       // QUIT or a fault ended the session
	line   []byte     // reused
	timer  *time.Timer

	mu      sync.Mutex // guards what follows, which ends a transfer from outside
	ended   bool
	gone    chan struct{} // closed with ended
	passive listener
	data    net.Conn
	stalled bool // StallData: do not outlive the control connection
}

func newSession(srv *Server, id int, conn net.Conn) *session {
	return &session{
		srv: srv, id: id, raw: conn, conn: conn, cwd: "/",
		in: bufio.NewReader(conn), hash: "SHA-256",
		gone: make(chan struct{}),
	}
}

// run is the life of the session.
func (s *session) run() {
	defer func() { _ = s.raw.Close() }()
	defer s.transfers.Wait()
	defer s.hangUp()
	if !s.begin() {
		return
	}
	for {
		verb, arg, err := s.next()
		if errors.Is(err, errLong) {
			s.transfers.Wait()
			s.reply("500 Line too long.")
			continue
		}
		if err != nil {
			return
		}
		aborted := verb == "ABOR" && s.abortTransfer()
		s.transfers.Wait()
		if s.busy() {
			s.srv.log.add(s.id, verb, arg) // a stalled session hears, but does nothing
			continue
		}
		s.aborted = aborted
		s.execute(verb, arg)
		if s.over() {
			return
		}
	}
}

// begin greets the client, over TLS if that is implicit.
func (s *session) begin() bool {
	if s.srv.cfg.TLS != nil {
		s.tlsConf = sessionTLS(s.srv.cfg.TLS)
	}
	if s.srv.cfg.IdleTimeout > 0 {
		s.out.Lock()
		s.timer = time.AfterFunc(s.srv.cfg.IdleTimeout, s.timeout)
		s.out.Unlock()
		defer s.rearm()
	}
	admitted := s.srv.admit(s)
	if s.srv.cfg.ImplicitTLS {
		if !s.startTLS() {
			return false
		}
		s.protect = true
	}
	event := s.srv.log.add(s.id, Connect, "")
	if !admitted {
		s.srv.leave(s)
		s.srv.log.answer(event, "421 Too many users.", 0)
		s.reply("421 Too many users.")
		return false
	}
	f := s.srv.script.match(Connect, "")
	s.finish(event, f, s.opening(f), 0)
	return !s.over()
}

// opening is the greeting, or "" if the fault takes its place.
func (s *session) opening(f *Fault) string {
	f.begin(s.gone)
	if f.refuses() {
		return ""
	}
	if f != nil && f.Also && !f.After {
		s.reply(f.Reply)
	}
	return s.srv.cfg.Greeting
}

var errLong = errors.New("line too long")

// next reads a command line.
func (s *session) next() (verb, arg string, err error) {
	line, err := readCommand(s.in)
	if err != nil {
		return "", "", err
	}
	verb, arg = parse(line)
	return verb, arg, nil
}

// readCommand reads a command line (RFC 959 section 5.3), with its end. One
// that does not fit into the reader's buffer is read away, and is errLong.
// The line is valid until the next read.
func readCommand(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	if err != nil {
		return nil, err
	}
	return nil, errLong
}

// parse splits a command line. Telnet's interrupt and data mark, which some
// clients send before ABOR (RFC 959 section 4.1.3), are skipped.
func parse(line []byte) (verb, arg string) {
	for len(line) >= 2 && line[0] == 0xff {
		line = line[2:]
	}
	text := strings.TrimRight(string(line), "\r\n")
	verb, arg, _ = strings.Cut(text, " ")
	return strings.ToUpper(verb), arg
}

// execute meets one command: with its fault, if the script has one.
func (s *session) execute(verb, arg string) {
	event := s.srv.log.add(s.id, verb, arg)
	f := s.srv.script.match(verb, arg)
	f.begin(s.gone)
	if f.refuses() {
		if commands[verb].data != nil {
			s.rest = 0
			if f.final("") != "" || f.Control != Keep {
				s.closePassive() // a server that is silent leaves it open
			}
		}
		s.finish(event, f, "", 0)
		return
	}
	if f != nil && f.Also && !f.After {
		s.reply(f.Reply)
	}
	own, t := s.dispatch(verb, arg)
	if t == nil {
		s.finish(event, f, own, 0)
		return
	}
	s.transfers.Add(1)
	go func() {
		defer s.transfers.Done()
		reply, moved := t.move(s, f, event)
		if t.early {
			reply, f.Reply, f.Also = "", "", false
		}
		s.finish(event, f, reply, moved)
	}()
}

// finish sends the final reply that the fault leaves of the command's own, and
// does what the fault does after it.
func (s *session) finish(event *Event, f *Fault, own string, moved int64) {
	reply := own
	if f != nil {
		reply = f.final(own)
		if f.Stall {
			s.out.Lock()
			s.mute = true
			s.out.Unlock()
		}
	}
	s.srv.log.answer(event, reply, moved)
	secured := strings.HasPrefix(reply, "234")
	s.send(reply, !secured)
	if secured && !s.startTLS() {
		s.cut(FIN)
		return
	}
	if f == nil {
		return
	}
	if f.Push != "" {
		s.reply(f.Push)
	}
	if f.Control != Keep {
		s.cut(f.Control)
	}
}
