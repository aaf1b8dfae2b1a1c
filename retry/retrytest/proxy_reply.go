package retrytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// say sends a reply that leaves the state of the session as it is.
func (s *passage) say(text string) {
	s.out.Lock()
	defer s.out.Unlock()
	s.write(text)
}

// send sends a final reply, "" for none. The session counts as idle before the
// client can have read it.
func (s *passage) send(text string) {
	s.out.Lock()
	defer s.out.Unlock()
	s.idle = true
	s.write(text)
}

// write sends lines separated by \n. The caller holds out.
func (s *passage) write(text string) {
	if text != "" && !s.mute {
		_, _ = s.client.Write(appendReply(nil, text)) // a client that is gone shows in the next read
	}
}

// push sends an unasked reply if the session is waiting for a command.
func (s *passage) push(text string) {
	s.out.Lock()
	defer s.out.Unlock()
	if s.idle {
		s.write(text)
	}
}

// busy marks the session as executing a command and tells whether a Stall
// keeps it from doing so.
func (s *passage) busy() (mute bool) {
	s.out.Lock()
	defer s.out.Unlock()
	s.idle = false
	return s.mute
}

func (s *passage) silent() bool {
	s.out.Lock()
	defer s.out.Unlock()
	return s.mute
}

func (s *passage) hush() {
	s.out.Lock()
	defer s.out.Unlock()
	s.mute = true
}

// hear reads the upstream's replies.
func (s *passage) hear(in *bufio.Reader, replies chan<- string) {
	defer close(replies)
	for {
		reply, err := readReply(in)
		pause := s.auth.Load() && !preliminary(reply) // asked before the loop can have the reply
		if reply != "" {
			select {
			case replies <- reply:
			case <-s.ctx.Done():
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.lost.Store(int32(RST))
			}
			return
		}
		if pause && !s.pause(s.toUpstream) {
			return
		}
	}
}

var errReply = errors.New("reply too long")

// readReply reads a whole reply (RFC 959 section 4.2), its lines separated by
// \n. What is no reply comes as it is, line by line. At an error, what came
// before it is returned.
func readReply(in *bufio.Reader) (string, error) {
	var all []string
	for size := 0; ; {
		line, err := in.ReadSlice('\n')
		text := strings.TrimRight(string(line), "\r\n")
		if size += len(line); len(line) > 0 {
			all = append(all, text)
		}
		if err == nil && size > 16*longest {
			err = errReply
		}
		if err != nil || endsReply(all[0], text) {
			return strings.Join(all, "\n"), err
		}
	}
}

// endsReply tells whether line is the last of the reply that begins with first.
func endsReply(first, line string) bool {
	if len(first) < 4 || first[3] != '-' {
		return true
	}
	if _, err := strconv.Atoi(first[:3]); err != nil {
		return true
	}
	return strings.HasPrefix(line, first[:3]) && (len(line) == 3 || line[3] == ' ')
}

// preliminary tells whether another reply follows (RFC 959 section 4.2.1).
func preliminary(reply string) bool { return strings.HasPrefix(reply, "1") }

// unasked hands on a reply that came while no command was executed.
func (s *passage) unasked(reply string) {
	if s.owed && !strings.HasPrefix(reply, "421") {
		s.owed = preliminary(reply)
		return
	}
	s.say(reply)
}

var passiveAddress = regexp.MustCompile(`\d+,\d+,\d+,\d+,(\d+),(\d+)`)

// throughHere opens a port for the data connection that the upstream has
// offered, and puts it into the reply: to EPSV (RFC 2428 section 3) or to PASV
// (RFC 959 section 4.2).
func (s *passage) throughHere(verb, reply string) string {
	var port, from, to int
	switch {
	case verb == "EPSV" && strings.HasPrefix(reply, "229"):
		open, end := strings.LastIndexByte(reply, '('), strings.LastIndexByte(reply, ')')
		if open < 0 || end < open+6 {
			return reply
		}
		fields := strings.Split(reply[open+1:end], reply[open+1:open+2])
		if len(fields) != 5 {
			return reply
		}
		port, _ = strconv.Atoi(fields[3])
		to = end - 1
		from = to - len(fields[3])
	case verb == "PASV" && strings.HasPrefix(reply, "227"):
		at := passiveAddress.FindStringSubmatchIndex(reply)
		if at == nil {
			return reply
		}
		high, _ := strconv.Atoi(reply[at[2]:at[3]])
		low, _ := strconv.Atoi(reply[at[4]:at[5]])
		port, from, to = high<<8|low, at[0], at[1]
	default:
		return reply
	}
	here, err := s.openPassive(port)
	if err != nil {
		return "425 Cannot open a passive connection at the proxy."
	}
	text := strconv.Itoa(here.Port)
	if verb == "PASV" {
		host := strings.ReplaceAll(here.IP.String(), ".", ",")
		text = fmt.Sprintf("%s,%d,%d", host, here.Port>>8, here.Port&0xff)
	}
	return reply[:from] + text + reply[to:]
}
