package transient

// defaults are the default rules, made ready. The order of the groups is the
// order in which they are asked: what is certain comes before what is likely,
// and the bare code comes last.
var defaults = compile(restartRules, denialRules, storageRules, busyRules, loadRules, fileRules, dataRules, codeRules)

func compile(groups ...[]Rule) table {
	var t table
	for _, group := range groups {
		for _, r := range group {
			t = append(t, r.compile())
		}
	}
	return t
}

// Server texts that more than one code carries.
const (
	wrongLogin = "login incorrect|incorrect login|login failed|failed login|login failure|login attempt|bad login|" +
		"authentication fail|authentication attempt|password incorrect|incorrect password|invalid password|wrong password|bad password|" +
		"password*expired|invalid credential|invalid user|account*locked|account*disabled|account*expired|locked out"
	banned = "banned|blacklisted"

	// After lftp's list of the texts behind which it waits, and the words of
	// the servers in the catalogue.
	fullHouse = "too many|overloaded|maximum number|number of connect|only*session*allowed|more connection|already connected|" +
		"simultaneous login|(the maximum)|maximum login limit|maximum server connection|limit has been reached|limit reached|" +
		"rate limit|server busy|server is busy|system busy|system is busy|too busy|server is full|" +
		"is restricted to*users|is restricted to*clients|is restricted to*connections|is restricted to*sessions|" +
		"service temporarily unavailable|shutting down|shut down|shutdown in progress|the load was"
	comeBack = "try later|try again later|try back later|retry later|come back later|try again in"
	notLoad  = "too many levels|too many links|too many symbolic|too many arguments|too many parameters"

	quota    = "quota exceed|exceeded quota|exceeds*quota|exceeded*quota|over quota|quota reached|disk quota"
	diskFull = "no space left|disk full|disk is full|upload later|not enough space|not enough disk|insufficient storage|" +
		"insufficient disk|insufficient space|out of space|out of disk|file system full|filesystem full|volume full|no free space"

	inUse = "used by another process|in use by|file in use|file is in use|currently in use|text file busy|resource busy|" +
		"file busy|file is busy|file locked|file is locked|locked by another|sharing violation|" +
		"resource temporarily unavailable|temporary hidden file*already exists"
	noFile = "no such file|no such directory|not found|does not exist|doesn't exist|non-existing|" +
		"permission denied|access denied|access is denied|no permission|not a regular file|not a plain file|not a directory|" +
		"is a directory|bad file name|file name too long|read-only file system|invalid argument|operation not supported"

	cut = "connection reset|broken pipe|connection aborted|closed by the remote host|i/o timeout|timed out|network error"
)

// denialRules are refusals that no waiting mends, whatever code they carry.
var denialRules = []Rule{
	{Code: 400, To: 599, Text: wrongLogin, Class: Permanent, Reason: "login refused: check user and password; trying again locks accounts"},
	{Code: 400, To: 599, Text: banned, Class: Permanent, Reason: "the server has banned this client; trying again prolongs it"},
	{Code: 400, To: 599, Text: notLoad, Class: Permanent, Reason: "a limit of the request, not of the server's load"},

	{Code: 421, Text: "cleartext sessions*not accepted|tls is required|tls required", Class: Permanent, Reason: "the server wants TLS: set Config.TLS (pure-ftpd, ftpserverlib)"},
	{Code: 421, Text: "get a tls config", Class: Permanent, Reason: "the server has no certificate to use (ftpserverlib)"},
	{Code: 421, Text: "command is disabled", Class: Permanent, Reason: "the server allows passive mode only (ftpserverlib)"},
	{Code: 421, Text: "secure chroot|home directory not available|i can't trust you", Class: Permanent, Reason: "the account is set up wrongly on the server (pure-ftpd)"},
	{Code: 400, To: 421, Text: handshakeMismatch, Class: Permanent, Reason: "the two sides do not agree on TLS: check versions, ciphers and certificates"},
	{Code: 421, Text: "negotiation failed|tls handshake failed", Class: Security, Reason: "TLS handshake broken off; a cut heals, and a mismatch shows as a TLS alert (vsftpd, proftpd)"},
	{Code: 400, Command: "AUTH", Class: Security, Reason: "TLS handshake broken off (pure-ftpd)"},

	{Code: 425, Text: "operation not permitted|not resumed|session reuse|wrong alpn|prot c is not allowed", Class: Permanent, Reason: "the data connection's TLS is not what the server demands: PROT P, and the control connection's session (proftpd, FileZilla)"},
	{Code: 425, Text: "bad ip connecting", Class: Permanent, Reason: "data came from another address than commands: use one address for both (vsftpd)"},
	{Code: 425, Text: "cannot use pasv on ipv6|epsv support", Class: Permanent, Reason: "the server wants EPSV (pure-ftpd)"},
	{Code: 425, Text: "invalid address given|logout.", Class: Permanent, Reason: "the server ended the session over an address it does not accept, or at its end (pure-ftpd)"},
	{Code: 425, Text: "connection was aborted by the local system|win32*1236", Class: Permanent, Reason: "the server does not connect to ports below 1024 (IIS)"},

	{Code: 431, Text: "necessary security resource unavailable|security is disabled", Class: Permanent, Reason: "the server has no certificate (proftpd, mina)"},
	{Code: 431, Command: "AUTH", Text: "service is unavailable", Class: Permanent, Reason: "the server has no TLS set up (mina)"},
}

const handshakeMismatch = "no shared cipher|no suitable cipher|no suitable key|wrong version|unsupported protocol|unknown protocol|version too low|certificate|unknown ca|http request"

// storageRules tell space that others may free from an allowance that is spent.
var storageRules = []Rule{
	{Code: 425, To: 426, Text: quota, Class: Permanent, Reason: "the account's allowance is spent"},
	{Code: 450, To: 452, Text: quota, Class: Permanent, Reason: "the account's allowance is spent"},
	{Code: 550, To: 559, Text: quota, Class: Permanent, Reason: "the account's allowance is spent"},
	{Code: 425, To: 426, Text: diskFull, Class: Storage, Reason: "no space on the server for now"},
	{Code: 450, To: 452, Text: diskFull, Class: Storage, Reason: "no space on the server for now"},
	{Code: 550, To: 559, Text: diskFull, Class: Storage, Reason: "no space on the server for now"},
	{Code: 451, Text: "writing to local file|error during write to file", Class: Storage, Reason: "the server could not write, mostly for want of space (vsftpd, pure-ftpd)"},
	{Code: 451, Command: "STOR APPE STOU", Text: "input/output error", Class: Storage, Reason: "the disk filled up during the upload (proftpd)"},
	{Code: 551, Command: "STOR APPE STOU", Text: "error on output file", Class: Storage, Reason: "the server could not write, mostly for want of space (mina)"},
}

// busyRules are files that another has open. They come before the load, as the
// server may add "try again later".
var busyRules = []Rule{
	{Code: 450, To: 451, Text: inUse, Class: Busy, Reason: "the file is in use (IIS, proftpd)"},
	{Code: 550, To: 559, Text: inUse, Class: Busy, Reason: "the file is in use (IIS, proftpd)"},
}

// loadRules are the texts of a server that is full, in codes that do not say so
// or say the opposite.
var loadRules = []Rule{
	{Code: 425, Command: "PASV EPSV", Text: "ports are busy|internal error|pasv:|epsv:|address already in use|temporarily unavailable", Class: Overload, Reason: "no free port for data at the moment (pure-ftpd, proftpd)"},
	{Code: 425, Text: "ports are busy|cannot prepare for data connection|too many open files", Class: Overload, Reason: "no free port for data at the moment (pure-ftpd, FileZilla)"},
	{Code: 500, Text: "oops: vsf_sysutil_bind|oops: priv_sock_get_int", Class: Overload, Reason: "no free port for data at the moment (vsftpd)"},
	{Code: 500, Text: "oops: child died|oops: priv_sock_", Class: Overload, Reason: "a process of the server's for this session died (vsftpd)"},
	{Code: 421, Text: "data timeout|data connection timed out|data channel timed out", Class: DataChannel, Reason: "the data connection stood still (vsftpd, pyftpdlib)"},
	{Code: 421, Text: "service not available", Class: Overload, Reason: "RFC 959's words for a server on its way down; vsftpd says them also to clients it never admits"},
	{Code: 421, Text: fullHouse, Class: Overload, Reason: "the server is full for now"},
	{Code: 425, To: 426, Text: fullHouse, Class: Overload, Reason: "the server is full for now"},
	{Code: 450, To: 451, Text: fullHouse, Class: Overload, Reason: "the server is full for now"},
	{Code: 430, Text: fullHouse + "|" + comeBack, Class: Overload, Reason: "the server is full, or asks to come back later"},
	{Code: 500, Text: fullHouse + "|" + comeBack, Class: Overload, Reason: "the server is full, or asks to come back later"},
	{Code: 530, Text: fullHouse + "|" + comeBack, Class: Overload, Reason: "the server is full, or asks to come back later"},
	{Code: 550, To: 559, Text: fullHouse + "|" + comeBack, Class: Overload, Reason: "the server is full, or asks to come back later"},
}

// fileRules are refusals about the file that come with a 4xx and never heal.
var fileRules = []Rule{
	{Code: 450, Command: "NLST LIST MLSD STAT", Text: "no files found|no files", Class: Permanent, Reason: "the directory is empty (proftpd)"},
	{Code: 450, To: 451, Text: noFile, Class: Permanent, Reason: "the file is not there or not allowed, which this server says with a 4xx (proftpd, ftpserverlib, mina)"},
	{Code: 450, Text: "could not stat", Class: Permanent, Reason: "the file is not there (ftpserverlib)"},
	{Code: 450, Command: "MDTM SIZE", Text: "not available", Class: Permanent, Reason: "the file is not there (goftp)"},
	{Code: 450, Text: "unable to generate unique", Class: Permanent, Reason: "no free name for STOU (proftpd)"},
	{Code: 450, Text: "ascii mode are not supported", Class: Permanent, Reason: "use TYPE I (pure-ftpd)"},
	{Code: 451, Text: "unable to accept opts", Class: Permanent, Reason: "the server does not take this option (proftpd)"},
	{Code: 451, Text: "parameter is incorrect", Class: Permanent, Reason: "the server does not take the command as sent (IIS)"},
}

// dataRules are cut data connections in codes that do not say so.
var dataRules = []Rule{
	{Code: 425, Text: "error writing to file|error reading from file", Class: Permanent, Reason: "the server cannot read or write the file (FileZilla)"},
	{Code: 451, Text: "during read from data connection|during write to data connection", Class: DataChannel, Reason: "the data connection was cut (pure-ftpd)"},
	{Code: 500, Text: cut, Class: DataChannel, Reason: "the data connection was cut"},
	{Code: 522, Text: "ssl handshake failed", Class: DataChannel, Reason: "broken off: the same settings served the control connection (pyftpdlib)"},
	{Code: 550, To: 559, Text: cut, Class: DataChannel, Reason: "the data connection was cut (ftpserverlib)"},
}

// codeRules are what a code means with no text known.
var codeRules = []Rule{
	{Code: 120, Command: Connect, Class: Overload, Reason: "the server will be ready later"},
	{Code: 332, Command: "USER PASS", Class: Permanent, Reason: "the server wants ACCT, which the client does not send"},
	{Code: 100, To: 399, Class: Network, Reason: "no error: the reply belongs to another command, the connection is out of step"},
	{Code: 421, Class: Overload, Reason: "the server ends or refuses the session for now: load, timeout or shutdown"},
	{Code: 425, Class: DataChannel, Reason: "no data connection"},
	{Code: 426, Class: DataChannel, Reason: "the data connection was cut"},
	{Code: 430, Class: Permanent, Reason: "user or password refused; trying again locks accounts"},
	{Code: 431, Class: Security, Reason: "a security resource is missing for now"},
	{Code: 450, Class: Busy, Reason: "the file is not available for now"},
	{Code: 451, Class: Busy, Reason: "an error in the server, for now"},
	{Code: 452, Class: Storage, Reason: "no space on the server for now"},
	{Code: 400, To: 499, Class: Busy, Reason: "refused for now (RFC 959 section 4.2.1)"},
	{Code: 500, To: 504, Class: Permanent, Reason: "the server does not know or not accept the command"},
	{Code: 530, Class: Permanent, Reason: "not logged in or not admitted; trying again locks accounts"},
	{Code: 521, To: 522, Class: Permanent, Reason: "data connections must be protected as the server demands: PROT P, and the control connection's TLS session"},
	{Code: 533, To: 537, Class: Permanent, Reason: "the server's security policy refuses it (RFC 2228)"},
	{Code: 550, Class: Permanent, Reason: "no such file, or no permission"},
	{Code: 552, Class: Permanent, Reason: "storage allocation exceeded"},
	{Code: 553, Class: Permanent, Reason: "the file name is not allowed"},
	{Code: 500, To: 599, Class: Permanent, Reason: "refused for good (RFC 959 section 4.2.1)"},
}
