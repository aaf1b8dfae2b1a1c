//go:build linux

package ftpd

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startLimit = 10 * time.Second // a server that greets later than this is broken
	poll       = 5 * time.Millisecond
)

// process is a server's listener and the sessions that it forks, which share a process group.
type process struct {
	program program
	log     string

	mu      sync.Mutex
	pid     int           // of the listener and the group; 0 when it is not running
	done    chan struct{} // closed when the listener was waited for
	outcome error         // its exit, valid after done
	release func()        // of the guard
}

func newProcess(p program, log string) *process { return &process{program: p, log: log} }

// begin starts the listener.
func (p *process) begin() error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // the server holds its own copy
	cmd := exec.Command(p.program.path, p.program.args...)
	cmd.Env = append(os.Environ(), p.program.env...)
	cmd.Dir = filepath.Dir(p.log)
	// vsftpd writes what is wrong with its configuration to its standard input, where inetd has the client.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = out, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	p.pid, p.done = cmd.Process.Pid, done
	go func() {
		p.outcome = cmd.Wait()
		close(done)
	}()
	p.release, err = guard(`kill -KILL "-$1"; shift; rm -rf -- "$@"`,
		append([]string{strconv.Itoa(p.pid), filepath.Dir(p.log)}, p.program.outside...)...)
	return err
}

// end ends the listener and its sessions, and returns when all are gone. It may be called more than once.
func (p *process) end(politely bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return
	}
	// Stopped first, or a session could be forked behind the back of the list.
	signal(syscall.SIGSTOP, p.pid)
	family := p.family()
	if politely {
		signal(syscall.SIGTERM, p.pid)
		signal(syscall.SIGCONT, p.pid)
		select {
		case <-p.done:
		case <-time.After(2 * time.Second):
		}
	}
	signal(syscall.SIGKILL, family...)
	<-p.done
	// A child that a session forked since has the session's group.
	_ = every(poll, func() bool { // what SIGKILL does not end, nobody can
		left := alive(family)
		signal(syscall.SIGKILL, left...)
		return len(left) == 0
	})
	p.pid = 0
	if p.release != nil {
		p.release()
	}
}

func signal(s syscall.Signal, pids ...int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, s) // it may have ended by itself
	}
}

// up starts the server and waits for its greeting. Where nobody else can be connecting, it also waits for the end of its
// own first session, which would count against a limit of one.
func (s *Server) up(alone bool) error {
	p := s.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.begin(); err != nil {
		return err
	}
	idle := len(p.family())
	var last error
	greeted := every(poll, func() bool {
		select {
		case <-p.done:
			return true
		default:
		}
		last = s.greet()
		return last == nil
	})
	select {
	case <-p.done:
		return fmt.Errorf("it ended at once: %w", errors.Join(p.outcome, last))
	default:
	}
	if !greeted {
		return fmt.Errorf("no greeting within %v: %w", startLimit, last)
	}
	if alone && !every(poll, func() bool { return len(p.family()) <= idle }) {
		return errors.New("the first session does not end")
	}
	return nil
}

// every asks until the answer is yes, or for startLimit. The kernel tells nobody when a grandchild ends or a port opens.
func every(pause time.Duration, done func() bool) bool {
	again := time.NewTicker(pause)
	defer again.Stop()
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); <-again.C {
		if done() {
			return true
		}
	}
	return false
}

// greet reads one greeting and says good-bye, until the server has hung up.
func (s *Server) greet() error {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if s.implicit {
		conn = tls.Client(conn, s.TLS)
	}
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("after %q: %w", line, err)
		}
		if strings.HasPrefix(line, "220 ") {
			break
		}
		if !strings.HasPrefix(line, "220") {
			return fmt.Errorf("the greeting is %q", strings.TrimSpace(line))
		}
	}
	if _, err := fmt.Fprint(conn, "QUIT\r\n"); err != nil {
		return err
	}
	for {
		if _, err := in.ReadString('\n'); err != nil {
			return nil
		}
	}
}
