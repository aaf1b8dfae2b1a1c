// Package retry moves files to and from an FTP server and runs what fails again,
// where that can help: the server was busy, full or away, or the connection was
// lost. It reconnects, brings the new session into the state of the old one, and
// replays the transaction under a backoff policy.
//
// [Client] is for programs that move files: it keeps a few sessions, is safe for
// concurrent use, and has an operation for everything that a batch job does.
// [Conn] is for programs that exist: a drop-in for *ftp.ServerConn of
// github.com/jlaffaye/ftp, dialled by [Dial].
//
// Success is reported only for what is proven: the server's final reply was
// read, and the bytes that were moved agree with what it says of the file. A
// command whose reply was lost is not simply sent again; the server is asked
// what became of it. What it does not tell ends in [ErrOutcomeUnknown].
//
// Every failure is an *[Error]: what was tried how often, why it ended, and the
// last failure with the server's last reply. [Hooks] tell the rest as it happens.
package retry
