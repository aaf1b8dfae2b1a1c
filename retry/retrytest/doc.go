// Package retrytest is an FTP server for tests, in the manner of
// net/http/httptest: it runs inside the test's own process, serves a directory
// or a tree in memory, and fails on cue.
//
// It is for whoever uses FTP and wants to see what their program does when the
// server says "450 file busy", closes the connection or loses a reply. Nothing
// in it depends on the rest of this module, so that it serves for testing any
// client.
//
//	func TestUploadSurvivesABusyFile(t *testing.T) {
//		srv := retrytest.NewServer(t, retrytest.Config{})
//		srv.Inject(retrytest.Fault{On: "STOR", Reply: "450 File busy."})
//
//		err := upload(srv.Addr(), "report.csv") // the program under test
//
//		if err != nil {
//			t.Error(err)
//		}
//		if !srv.Exists("/report.csv") || srv.Pending() > 0 {
//			t.Errorf("not uploaded, or never refused: %q", srv.Commands())
//		}
//	}
//
// # A server
//
// The zero [Config] is a plain server on a free port of 127.0.0.1 with an empty
// tree in memory, that lets every user in. [NewServer] ends with the test;
// [Start] is for programs, and [Server.Close] for ending what it started.
//
// What is in the tree can be set and read at any time: [Server.WriteFile],
// [Server.ReadFile], [Server.Files] and others. Sessions, tests and transfers
// all see the same tree.
//
// For TLS, [SelfSigned] makes a certificate and both sides' configuration.
//
// To be like a certain server rather than like any, a Config can leave commands
// out ([Config].Without) and take on habits ([Quirks]). [Vsftpd], [Proftpd],
// [PureFTPd] and [Pyftpdlib] come close to these four as they are installed.
//
// # A script
//
// A [Fault] names a command, an occurrence of it, and what goes wrong: another
// reply before or after the command is executed, no reply, a cut of the control
// or the data connection by FIN or RST after so many bytes, silence, a reply
// that nobody asked for. Its fields combine; the comment on Fault has a line
// for each of the usual ones.
//
// The faults of a script are independent of each other. Each counts the
// commands it is about, over all sessions, from when it was injected; at each
// command the first of those that are due acts, and the others stay due. So
//
//	{On: "STOR", Reply: "450 Busy."}, {On: "STOR", Reply: "451 Local error."}
//
// meets the first two uploads, in this order, and
//
//	{On: "STOR", Nth: 3, Reply: "450 Busy."}
//
// the third, whatever happened to the others. [Server.Pending] tells whether a
// script has been used up: a test that asserts it is zero cannot pass because
// its fault never acted.
//
// What is not a command has a method: [Server.Push] for the 421 of an idle
// server, [Server.Kick] for a network that fails, [Server.Down] and [Server.Up]
// for a restart.
//
// # A server of another make
//
// A [Proxy] stands before any FTP server, the one that a program will meet in
// earnest for example, and lets the same faults happen on the way to it:
//
//	proxy := retrytest.NewProxy(t, "ftp.example.com:21", retrytest.ProxyConfig{})
//	proxy.Inject(retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 1000})
//	err := upload(proxy.Addr(), "report.csv")
//
// What the script keeps from being executed, the upstream never hears of. What
// it says to a cut is its own word, so that a test sees what it takes for a
// complete upload.
//
// # A log
//
// [Server.Commands] is what arrived, over all sessions, and [Server.Log] adds
// the replies. A command is in the log before its reply is sent. Passwords are
// not in it.
//
// # Virtual time
//
// With Config.InMemory there are no sockets: connections exist only through
// [Server.Dial]. Server and connections then work inside a testing/synctest
// bubble, where a client's backoff of minutes takes no time, and a goroutine
// left over fails the test:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
//		c, err := ftp.Dial(srv.Addr(), ftp.DialWithDialFunc(
//			func(network, addr string) (net.Conn, error) {
//				return srv.Dial(t.Context(), network, addr)
//			}))
//		...
//	})
//
// A connection in memory behaves as a socket does: its errors are those of
// package net, deadlines work, and SetLinger(0) makes its Close a reset.
//
// # What it is not
//
// It is no server for production. It has no active mode (PORT and EPRT are
// answered 502), never converts line ends in TYPE A, and hashes a file within
// the command that asks for it.
package retrytest
