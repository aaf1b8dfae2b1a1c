package retrytest

import (
	"fmt"
	"net"
	"strings"
)

func (s *session) userName(arg string) string {
	if s.srv.cfg.RequireTLS && !s.secure {
		return "530 TLS is required: send AUTH TLS first."
	}
	s.user, s.loggedIn = arg, false
	return "331 Password please."
}

func (s *session) password(arg string) string {
	if s.user == "" {
		return "503 Send USER first."
	}
	if users := s.srv.cfg.Users; users != nil {
		if want, known := users[s.user]; !known || want != arg {
			s.user = ""
			return "530 Login incorrect."
		}
	}
	s.loggedIn = true
	return "230 Logged in."
}

func (s *session) bye(string) string {
	s.quit()
	return "221 Goodbye."
}

// reinitialize logs out and resets the parameters; TLS stays (RFC 4217 section 11).
func (s *session) reinitialize(string) string {
	s.user, s.loggedIn, s.cwd = "", false, "/"
	s.rest, s.renameFrom, s.ascii = 0, "", false
	s.protect = s.srv.cfg.ImplicitTLS
	s.closePassive()
	return "220 Ready for a new user."
}

// features lists what RFC 959 does not have (RFC 2389 section 3).
func (s *session) features(string) string {
	var b strings.Builder
	b.WriteString("211-Features:")
	offer := func(verb, line string) {
		if !s.srv.lacks[verb] {
			b.WriteString("\n " + line)
		}
	}
	if s.srv.cfg.TLS != nil {
		if !s.srv.cfg.ImplicitTLS {
			offer("AUTH", "AUTH TLS")
		}
		offer("PBSZ", "PBSZ")
		offer("PROT", "PROT")
	}
	offer("EPSV", "EPSV")
	offer("PASV", "PASV")
	offer("HASH", "HASH "+hashFeature(s.hash))
	offer("MDTM", "MDTM")
	offer("MFMT", "MFMT")
	offer("MLST", "MLST type*;size*;modify*;perm*;")
	if q := s.srv.cfg.Quirks; q.Pret || q.PretNeeded {
		offer("PRET", "PRET")
	}
	offer("REST", "REST STREAM")
	offer("SIZE", "SIZE")
	offer("TVFS", "TVFS")
	offer("UTF8", "UTF8")
	for _, verb := range []string{"XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512"} {
		offer(verb, verb)
	}
	b.WriteString("\n211 End")
	return b.String()
}

func (s *session) options(arg string) string {
	what, value, _ := strings.Cut(arg, " ")
	what = strings.ToUpper(what)
	switch {
	case s.srv.lacks[what]:
	case what == "UTF8":
		return "200 Names are UTF-8."
	case what == "MLST":
		return "200 MLST OPTS type;size;modify;perm;"
	case what == "HASH":
		if value == "" {
			return "200 " + s.hash
		}
		if name := strings.ToUpper(value); hashes[name] != nil {
			s.hash = name
			return "200 " + name
		}
	}
	return "501 Option not understood."
}

// representation is TYPE. Transfers never convert, but SIZE and REST are
// refused in ASCII, as ProFTPD and pyftpdlib do.
func (s *session) representation(arg string) string {
	switch strings.ToUpper(arg) {
	case "A", "A N":
		s.ascii = true
		return "200 Type is ASCII."
	case "I", "L 8":
		s.ascii = false
		return "200 Type is binary."
	}
	return "504 No such type."
}

func (s *session) authenticate(arg string) string {
	switch {
	case s.tlsConf == nil:
		return "502 TLS is not configured."
	case s.secure:
		return "503 TLS is active already."
	case !strings.EqualFold(arg, "TLS") && !strings.EqualFold(arg, "SSL") && !strings.EqualFold(arg, "TLS-C"):
		return "504 Only AUTH TLS."
	}
	return "234 Proceed with the handshake."
}

func (s *session) bufferSize(string) string {
	if !s.secure {
		return "503 AUTH comes first."
	}
	return "200 PBSZ=0"
}

func (s *session) protection(arg string) string {
	switch {
	case !s.secure:
		return "503 AUTH comes first."
	case strings.EqualFold(arg, "P"):
		s.protect = true
		return "200 Data connections are protected."
	case strings.EqualFold(arg, "C"):
		s.protect = false
		return "200 Data connections are clear."
	}
	return "536 Only PROT P and PROT C."
}

// extendedPassive is EPSV (RFC 2428 section 3).
func (s *session) extendedPassive(arg string) string {
	switch strings.ToUpper(arg) {
	case "", "1":
	case "ALL":
		return "200 EPSV it is."
	default:
		return "522 Network protocol not supported, use (1)"
	}
	addr, refusal := s.passivePort()
	if refusal != "" {
		return refusal
	}
	return fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)", addr.Port)
}

// passivePort makes a port for both commands, or refuses to.
func (s *session) passivePort() (addr *net.TCPAddr, refusal string) {
	if q := s.srv.cfg.Quirks; q.PretNeeded && !s.announced {
		return nil, "503 Use PRET first."
	}
	s.announced = false
	addr, err := s.openPassive()
	if err != nil {
		return nil, "425 Cannot open a passive connection."
	}
	return addr, ""
}

// preTransfer takes note of the transfer that comes (draft-dd-pret). A port
// that was given for another one is none any more, where the name matters.
func (s *session) preTransfer(string) string {
	q := s.srv.cfg.Quirks
	switch {
	case q.PretNeeded:
		s.announced = true
		s.closePassive()
	case !q.Pret:
		return "500 Unknown command."
	}
	return "200 Ready to proceed."
}

func (s *session) passiveMode(string) string {
	addr, refusal := s.passivePort()
	if refusal != "" {
		return refusal
	}
	host := s.srv.cfg.PassiveHost
	if host == "" {
		host = addr.IP.String()
	}
	return fmt.Sprintf("227 Entering Passive Mode (%s,%d,%d).",
		strings.ReplaceAll(host, ".", ","), addr.Port>>8, addr.Port&0xff)
}

// aborting answers ABOR; the transfer it ended has had its 426 already.
func (s *session) aborting(string) string {
	if s.aborted {
		return "226 Transfer aborted."
	}
	return "225 No transfer to abort."
}

// status is STAT: of the server, or a listing over the control connection.
func (s *session) status(arg string) string {
	if arg == "" {
		return "211-Status:\n Logged in as " + s.user + "\n211 End"
	}
	text, refusal := s.unixListing(arg)
	if refusal != "" {
		return refusal
	}
	reply := "213-Status:\n"
	for line := range strings.Lines(string(text)) {
		reply += " " + strings.TrimRight(line, "\r\n") + "\n"
	}
	return reply + "213 End"
}
