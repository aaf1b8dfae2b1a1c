package main

import (
	"crypto/tls"
	"net"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// server is the one to send to.
type server struct {
	config   retry.Config
	embedded *retrytest.Server // nil for one of the user's
	faults   []fault
}

// fault is a line of the script.
type fault struct {
	sign, what string // for people
	retrytest.Fault
}

// script is what the embedded server does wrong: it answers 431, 450, 451 and
// 452, and there is more that servers do. Nth counts the commands of that kind,
// replays included. big is the largest file, so that a cut leaves something to
// go on from.
func script(big file) []fault {
	return []fault{
		{"421", "the first connection is refused", retrytest.Fault{
			On: retrytest.Connect, Reply: "421 Too many users, please try again later.", Control: retrytest.FIN}},
		{"431", "there is no TLS for now", retrytest.Fault{
			On: "AUTH", Reply: "431 Need unavailable resource to process security."}},
		{"lost", "a directory is made, but nobody says so", retrytest.Fault{
			On: "MKD", Nth: 2, After: true, Lose: true, Control: retrytest.FIN}},
		{"450", "a file is in use", retrytest.Fault{
			On: "STOR", Nth: 2, Reply: "450 Requested file action not taken."}},
		{"451", "an upload breaks off", retrytest.Fault{
			On: "STOR", Nth: 5, Data: retrytest.FIN, At: 100, Reply: "451 Requested action aborted: local error in processing."}},
		{"452", "the disk is full", retrytest.Fault{
			On: "STOR", Nth: 8, Reply: "452 Requested action not taken; insufficient storage space."}},
		{"lost", "an upload is complete, but nobody says so", retrytest.Fault{
			On: "STOR", Nth: 11, After: true, Lose: true, Control: retrytest.RST}},
		{"226", "an upload is cut short, and called complete", retrytest.Fault{
			On: "STOR", Nth: 14, Data: retrytest.FIN, At: 100, Reply: "226 Transfer complete."}},
		{"425", "there is no port for a listing", retrytest.Fault{
			On: "MLSD", Reply: "425 Can't open data connection."}},
		{"421", "a session is ended between two files", retrytest.Fault{
			On: "RETR", Nth: big.number/2 + 1, Push: "421 Timeout: closing control connection.", Control: retrytest.FIN}},
		{"426", "the largest download is cut half-way", retrytest.Fault{
			On: "RETR", Nth: big.number, Data: retrytest.RST, At: big.size / 2, Reply: "426 Connection closed; transfer aborted."}},
	}
}

// connectTo starts the embedded server, or describes the user's.
func connectTo(opt *options, files tree) (*server, error) {
	if opt.addr != "" {
		s := &server{config: retry.Config{Addr: opt.addr, User: opt.user, Password: password()}}
		if opt.tls {
			host, _, err := net.SplitHostPort(opt.addr)
			if err != nil {
				host = opt.addr
			}
			s.config.TLS = &tls.Config{ServerName: host}
		}
		return s, nil
	}
	offer, trust, err := retrytest.SelfSigned()
	if err != nil {
		return nil, err
	}
	s := &server{faults: script(files.largest())}
	cfg := retrytest.Config{TLS: offer, RequireTLS: true}
	for _, f := range s.faults {
		cfg.Faults = append(cfg.Faults, f.Fault)
	}
	if s.embedded, err = retrytest.Start(cfg); err != nil {
		return nil, err
	}
	s.config = retry.Config{Addr: s.embedded.Addr(), TLS: trust}
	return s, nil
}

func (s *server) close() {
	if s.embedded != nil {
		s.embedded.Close()
	}
}
