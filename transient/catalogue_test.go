package transient_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/ftpretry/ftpretry/transient"
)

// row is a reply that a real server sends, as it stands on the wire, and the
// class it deserves.
type row struct {
	wire    string // lines separated by \n
	command string // "" is the greeting
	path    string
	want    Class
}

// reply reads a reply from the wire the way the ftp package does.
func reply(t testing.TB, wire string) *textproto.Error {
	t.Helper()
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(strings.ReplaceAll(wire, "\n", "\r\n") + "\r\n")))
	code, msg, err := r.ReadResponse(0)
	var e *textproto.Error
	if err != nil && !errors.As(err, &e) {
		require.NoError(t, err, "not a reply: %q", wire)
	}
	return &textproto.Error{Code: code, Msg: msg}
}

// dressed returns the error in the forms in which it may reach the classifier.
func dressed(err error) map[string]error {
	reset := fmt.Errorf("read tcp 127.0.0.1:21: %w", syscall.ECONNRESET)
	return map[string]error{
		"bare":                  err,
		"wrapped":               fmt.Errorf("STOR in/a.csv: %w", err),
		"behind a broken pipe":  errors.Join(syscall.EPIPE, err),
		"before an end of file": errors.Join(err, io.EOF),
		"deep in a joined tree": fmt.Errorf("closing: %w", errors.Join(reset, fmt.Errorf("reply: %w", errors.Join(io.ErrUnexpectedEOF, err)))),
		"twice":                 errors.Join(err, err),
	}
}

func checkCatalogue(t *testing.T, rows map[string]row) {
	t.Helper()
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			e := reply(t, r.wire)
			for dress, err := range dressed(e) {
				v := Classify(Failure{Command: r.command, Path: r.path, Err: err})
				assert.Equal(t, r.want.String(), v.Class.String(), "%s: %s", dress, v.Rule)
				assert.Same(t, e, v.Reply, dress)
				assert.Equal(t, r.want > Permanent, v.Transient(), dress)
				assert.Truef(t, strings.HasPrefix(v.Rule, fmt.Sprint(e.Code)), "the rule %q does not name the code", v.Rule)
			}
		})
	}
}

func TestTheRepliesOfServUsReferenceHeal(t *testing.T) {
	checkCatalogue(t, map[string]row{
		"431 to AUTH":  {"431 Need unavailable resource to process security.", "AUTH", "TLS", Security},
		"431 to PBSZ":  {"431 Need unavailable resource to process security.", "PBSZ", "0", Security},
		"431 to PROT":  {"431 Need unavailable resource to process security.", "PROT", "P", Security},
		"450 to RETR":  {"450 Requested file action not taken.", "RETR", "file", Busy},
		"450 to STOR":  {"450 Requested file action not taken.", "STOR", "in/a.csv", Busy},
		"450 to NLST":  {"450 Requested file action not taken.", "NLST", "", Busy},
		"451 to STOR":  {"451 Requested action aborted: local error in processing.", "STOR", "in/a.csv", Busy},
		"451 to LIST":  {"451 Requested action aborted: local error in processing.", "LIST", "in", Busy},
		"452 to STOR":  {"452 Requested action not taken; insufficient storage space.", "STOR", "in/a.csv", Storage},
		"426 to RETR":  {"426 Connection closed; transfer aborted.", "RETR", "in/a.csv", DataChannel},
		"425 to RETR":  {"425 Can't open data connection.", "RETR", "in/a.csv", DataChannel},
		"421 greeting": {"421 Too many users", "", "", Overload},
		"421 as RFC 959 words it": {
			"421 Service not available, closing control connection.", "NOOP", "", Overload},
		"120 greeting": {"120 Service ready in 5 minutes", "", "", Overload},
	})
}

func TestSessionsThatServersRefuseOrEnd(t *testing.T) {
	checkCatalogue(t, map[string]row{
		"vsftpd pushes its idle timeout":                      {"421 Timeout.", "NOOP", "", Overload},
		"vsftpd gives up a data connection that stands still": {"421 Data timeout. Reconnect. Sorry.", "STOR", "a", DataChannel},
		"vsftpd is full":                  {"421 There are too many connected users, please try later.", "", "", Overload},
		"vsftpd is full for this address": {"421 There are too many connections from your internet address.", "", "", Overload},
		"vsftpd refuses by tcp_wrappers, in RFC 959's general words": {"421 Service not available.", "", "", Overload},
		"vsftpd fails the handshake over a cut":                      {"421 Negotiation failed: unexpected eof while reading", "AUTH", "TLS", Security},
		"vsftpd fails the handshake over ciphers":                    {"421 Negotiation failed: no shared cipher", "AUTH", "TLS", Permanent},
		"proftpd pushes its idle timeout":                            {"421 Idle timeout (600 seconds): closing control connection", "NOOP", "", Overload},
		"proftpd pushes its transfer timeout":                        {"421 No transfer timeout (300 seconds): closing control connection", "STOR", "a", Overload},
		"proftpd pushes its login timeout":                           {"421 Login timeout (300 seconds): closing control connection", "PASS", "", Overload},
		"proftpd pushes its session timeout":                         {"421 Session Timeout (3600 seconds): closing control connection", "NOOP", "", Overload},
		"proftpd shuts down":                                         {"421 FTP server shutting down - back soon", "NOOP", "", Overload},
		"proftpd has too high a load":                                {"421 System busy, try again later", "", "", Overload},
		"proftpd fails the handshake":                                {"421 TLS handshake failed", "AUTH", "TLS", Security},
		"pure-ftpd is full":                                          {"421 50 users (the maximum) are already logged in, sorry", "", "", Overload},
		"pure-ftpd is full for this address":                         {"421 Too many connections (8) from this IP", "", "", Overload},
		"pure-ftpd is full for this user":                            {"421 I can't accept more than 3 connections as the same user", "PASS", "", Overload},
		"pure-ftpd pushes its idle timeout":                          {"421 Timeout - try typing a little faster next time", "NOOP", "", Overload},
		"pure-ftpd pushes its idle timeout at NOOP":                  {"421 Timeout (no operation for 900 seconds)", "NOOP", "", Overload},
		"pure-ftpd waits in vain for the data connection":            {"421 Timeout", "RETR", "a", Overload},
		"pure-ftpd wants TLS": {
			"421-Sorry, cleartext sessions and weak ciphers are not accepted on this server.\n421 Please reconnect using TLS security mechanisms.", "USER", "", Permanent},
		"pure-ftpd cannot confine the user":                    {"421 Unable to set up a secure chroot() jail", "PASS", "", Permanent},
		"pure-ftpd has no home for the user":                   {"421 Home directory not available - aborting", "PASS", "", Permanent},
		"pure-ftpd does not trust the user":                    {"421 Sorry, but I can't trust you", "PASS", "", Permanent},
		"pure-ftpd fails the handshake":                        {"400 SSL/TLS failed", "AUTH", "TLS", Security},
		"pyftpdlib is full":                                    {"421 Too many connections. Service temporarily unavailable.", "", "", Overload},
		"pyftpdlib is full for this address":                   {"421 Too many connections from the same IP address.", "", "", Overload},
		"pyftpdlib pushes its idle timeout":                    {"421 Control connection timed out.", "NOOP", "", Overload},
		"pyftpdlib waits in vain for the passive connection":   {"421 Passive data channel timed out.", "NOOP", "", DataChannel},
		"pyftpdlib waits in vain for the active connection":    {"421 Active data channel timed out.", "RETR", "a", DataChannel},
		"pyftpdlib gives up a transfer that stands still":      {"421 Data connection timed out.", "RETR", "a", DataChannel},
		"ftpserverlib pushes its idle timeout":                 {"421 command timeout (900 seconds): closing control connection", "NOOP", "", Overload},
		"ftpserverlib has no passive port left":                {"421 Could not listen for passive connection: could not find any port to listen to", "EPSV", "", Overload},
		"ftpserverlib does not do active mode":                 {"421 PORT command is disabled", "PORT", "127,0,0,1,4,1", Permanent},
		"ftpserverlib wants TLS":                               {"421 TLS is required", "USER", "", Permanent},
		"ftpserverlib wants TLS for data":                      {"421 unable to open transfer: TLS is required", "RETR", "a", Permanent},
		"ftpserverlib has no certificate":                      {"421 Cannot get a TLS config for active connection: not configured", "PORT", "127,0,0,1,4,1", Permanent},
		"FileZilla pushes its login timeout":                   {"421 Login time exceeded. Closing control connection.", "PASS", "", Overload},
		"FileZilla pushes its activity timeout":                {"421 Activity timeout.", "NOOP", "", Overload},
		"FileZilla is full for this user":                      {"421 Too many active connections, try again later", "PASS", "", Overload},
		"FileZilla gets no socket":                             {"421 Could not create socket.", "EPRT", "|1|127.0.0.1|1025|", Overload},
		"mina is full":                                         {"421 Maximum login limit has been reached.", "USER", "", Overload},
		"IIS is full and says so in words of its own":          {"421 Come back when the others are gone.", "", "", Overload},
		"a server counts wrong passwords with a 421":           {"421 Too many failed login attempts, try again later", "PASS", "", Permanent},
		"a server has banned us and asks us back later":        {"421 You are banned, try again later", "", "", Permanent},
		"a 430 with no text known":                             {"430 x", "PASS", "", Permanent},
		"a data connection that broke, in a 500":               {"500 Transfer failed: Broken pipe", "STOR", "a", DataChannel},
		"a server that has no certificate, proftpd":            {"431 Necessary security resource unavailable", "AUTH", "TLS", Permanent},
		"a server that has no TLS, mina":                       {"431 Service is unavailable.", "AUTH", "TLS", Permanent},
		"a server that has security off, mina":                 {"431 Security is disabled.", "PROT", "P", Permanent},
		"a server short of a security resource, IIS":           {"431 Need some unavailable resource to process security", "AUTH", "TLS", Security},
		"a wrong password in a 430":                            {"430 Invalid username or password", "PASS", "", Permanent},
		"a full house in a 430":                                {"430 Too many users logged in, try later", "USER", "", Overload},
		"a host that is away in a 434":                         {"434 Requested host unavailable.", "USER", "", Busy},
		"a greeting that promises an unknown number, RFC 959":  {"120 Service ready in nnn minutes.", "", "", Overload},
		"a reply of another command":                           {"229 Entering Extended Passive Mode (|||40001|)", "SIZE", "a", Network},
		"an answer to MKD that is none of RFC 959's, but fine": {"250 Directory created.", "MKD", "in", Network},
		"a 120 in the middle of a session":                     {"120 Service ready in 5 minutes", "STOR", "a", Network},
		"a login that wants an account too":                    {"332 Need account for login.", "PASS", "", Permanent},
		"a number that is no reply code of FTP":                {"633 protected", "NOOP", "", Permanent},
	})
}

func TestDataConnectionsThatFail(t *testing.T) {
	checkCatalogue(t, map[string]row{
		"vsftpd was sent no PASV":                             {"425 Use PORT or PASV first.", "RETR", "a", DataChannel},
		"vsftpd waited in vain":                               {"425 Failed to establish connection.", "STOR", "a", DataChannel},
		"vsftpd saw another address":                          {"425 Security: Bad IP connecting.", "STOR", "a", Permanent},
		"proftpd was refused":                                 {"425 Unable to build data connection: Connection refused", "RETR", "a", DataChannel},
		"proftpd timed out":                                   {"425 Unable to build data connection: Connection timed out", "RETR", "a", DataChannel},
		"proftpd wants the TLS session reused":                {"425 Unable to build data connection: Operation not permitted", "STOR", "a", Permanent},
		"proftpd has no port left":                            {"425 Unable to build data connection: Internal error", "PASV", "", Overload},
		"proftpd cannot bind a port":                          {"425 PASV: Address already in use", "PASV", "", Overload},
		"pure-ftpd was sent no PASV":                          {"425 No data connection", "STOR", "a", DataChannel},
		"pure-ftpd has no port left":                          {"425 All reserved TCP ports are busy", "EPSV", "", Overload},
		"pure-ftpd wants EPSV":                                {"425 You cannot use PASV on IPv6 connections. Use EPSV instead.", "PASV", "", Permanent},
		"pure-ftpd wants an IPv6 client":                      {"425 Please use an IPv6-conformant client with EPSV support", "PASV", "", Permanent},
		"pure-ftpd does not know the address family":          {"425 Sorry, invalid address given", "", "", Permanent},
		"pure-ftpd saw the end of the session":                {"425 Logout.", "NOOP", "", Permanent},
		"pyftpdlib is full":                                   {"425 Too many connections. Can't open data channel.", "PASV", "", Overload},
		"pyftpdlib cannot connect back":                       {"425 Can't connect to specified address.", "PORT", "127,0,0,1,4,1", DataChannel},
		"pyftpdlib met a stranger on the port":                {"425 Rejected data connection from foreign address 10.0.0.9:1027.", "RETR", "a", DataChannel},
		"ftpserverlib waited in vain":                         {"425 failed to accept passive transfer connection: accept tcp [::]:40001: i/o timeout", "STOR", "a", DataChannel},
		"FileZilla was sent no PASV":                          {"425 Use PORT, PASV or EPSV first.", "RETR", "a", DataChannel},
		"FileZilla has no port left":                          {"425 Cannot prepare for data connection.", "EPSV", "", Overload},
		"FileZilla wants the TLS session reused":              {"425 Unable to build data connection: TLS session of data connection not resumed.", "STOR", "a", Permanent},
		"FileZilla wants ALPN":                                {"425 Unable to build data connection: No or wrong ALPN value in TLS handshake.", "STOR", "a", Permanent},
		"FileZilla wants PROT P":                              {"425 Unable to build data connection: PROT C is not allowed when the control connection is secure. Use PROT P.", "STOR", "a", Permanent},
		"FileZilla was cut off":                               {"425 Error while transfering data: ECONNRESET - Connection reset by peer", "STOR", "a", DataChannel},
		"FileZilla cannot write":                              {"425 Error writing to file: Access denied", "STOR", "a", Permanent},
		"FileZilla cannot read":                               {"425 Error reading from file: I/O error", "RETR", "a", Permanent},
		"FileZilla has a full disk":                           {"425 Error writing to file: There is not enough space on the disk.", "STOR", "a", Storage},
		"goftp fails":                                         {"425 Data connection failed", "EPSV", "", DataChannel},
		"IIS does not connect to low ports":                   {"425-The network connection was aborted by the local system. \n Win32 error:   The network connection was aborted by the local system. \n Error details: System call failed: WSAConnect\n425 End", "STOR", "a", Permanent},
		"a port that ends in 1236 is no Windows error":        {"425 Can't open data connection to port 51236.", "RETR", "a", DataChannel},
		"vsftpd could not write to the network":               {"426 Failure writing network stream.", "RETR", "a", DataChannel},
		"vsftpd could not read from the network":              {"426 Failure reading network stream.", "STOR", "a", DataChannel},
		"proftpd was cut off":                                 {"426 Transfer aborted. Data connection closed", "STOR", "a", DataChannel},
		"proftpd was told to abort":                           {"426 Transfer aborted. Data connection closed.", "RETR", "a", DataChannel},
		"pyftpdlib was cut off":                               {"426 Transfer aborted; 4096 bytes transmitted.", "RETR", "a", DataChannel},
		"pyftpdlib 1.5.7 has a full disk and cannot say it":   {"426 None; transfer aborted.", "STOR", "a", DataChannel},
		"pyftpdlib has a full disk":                           {"426 No space left on device; transfer aborted.", "STOR", "a", Storage},
		"pyftpdlib has a spent quota":                         {"426 Disk quota exceeded; transfer aborted.", "STOR", "a", Permanent},
		"pure-ftpd lost an upload's data":                     {"451-Error during read from data connection\n451-Transfer aborted\n451 0.001 seconds (measured here)", "STOR", "a", DataChannel},
		"ftpserverlib lost a transfer's data":                 {"550 Issue during transfer: network error: read tcp 127.0.0.1:2121->127.0.0.1:40000: read: connection reset by peer", "STOR", "a", DataChannel},
		"a server gave up an idle data connection with a 5xx": {"550 Data connection timed out", "RETR", "a", DataChannel},
		"pyftpdlib's data handshake broke off":                {"522 SSL handshake failed.", "RETR", "a", DataChannel},
	})
}
