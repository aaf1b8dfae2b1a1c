package retry

import (
	"context"
	"time"

	"github.com/ftpretry/ftpretry/transient"
)

// Hooks tell a program what happens inside its operations, for logs, metrics
// and progress bars. Any of them may be nil. They are called synchronously, in
// the goroutine of the operation, with no lock held; the operation waits for
// them, and holds its session meanwhile: a hook that runs another operation of the
// same Client may wait for that session for ever. Operations that run at the same
// time call them at the same time. They get the operation's context and never a
// password or the content of a file.
//
// For one operation they are called in this order:
//
//	Attempt Login? Connect? Progress* ( Failed ( Redial | Wait ) Attempt Login? Connect? Progress* )* ( Failed Wait? )? Done
//
// The last Failed is missing when the operation succeeded; a Wait after it was cut
// short, by the end of the context or by Close. Where an attempt does
// not count, because its session turned out to be dead already or because the
// server bears no more sessions than there are, Redial stands in place of Wait and
// the same attempt number comes again.
//
// Down, Up and Limit are of the server as a whole. They are told once for all, by
// the operation that has met it, after Attempt and before Failed or Done.
//
// The reader of Client.Open is one such operation when it is opened, and another
// each time that its download has to be started again; Progress is told in
// between, as it is read.
type Hooks struct {
	Attempt  func(context.Context, Attempt)  // an attempt begins
	Login    func(context.Context, Login)    // the attempt tried to log in on a new connection, well or not
	Connect  func(context.Context, Connect)  // the attempt made a new connection and logged in; not when that failed
	Progress func(context.Context, Progress) // bytes of a transfer moved, at most ten times a second, and once at its end
	Failed   func(context.Context, Failed)   // the attempt failed
	Redial   func(context.Context, Attempt)  // it found a dead session, or no room for one more: the attempt is made again, as the same one
	Wait     func(context.Context, Wait)     // a wait begins, before the next attempt
	Done     func(context.Context, Done)     // the operation ended, well or not; exactly once

	Down  func(context.Context, Down)  // the server lets nobody in, and there is no session left; not for each attempt that meets it
	Up    func(context.Context, Up)    // it lets somebody in again
	Limit func(context.Context, Limit) // another number of sessions is used from now on
}

// Attempt is one try of an operation.
type Attempt struct {
	Op     string // main command: "STOR"
	Path   string
	Number int // from 1
}

// Login is a login that was tried, USER and PASS, on a new connection.
type Login struct {
	Attempt
	Addr string
	User string
	Took time.Duration
	Err  error // why it was refused or broke off; nil = logged in
}

// Connect is a new connection to the server, logged in.
type Connect struct {
	Attempt
	Addr string
	TLS  bool
	Took time.Duration
}

// Failed is an attempt that failed.
type Failed struct {
	Attempt
	Command string            // the command that failed: "EPSV"; "" while connecting
	Verdict transient.Verdict // what the classifier says of it
	Err     error
	Took    time.Duration
}

// Wait is a pause before the next attempt.
type Wait struct {
	Attempt               // the one that failed
	Delay   time.Duration // how long
	Verdict transient.Verdict
}

// Down is a server that lets nobody in: no connection, or no login. One operation
// at a time tries again, the others wait for what comes of it.
type Down struct {
	Attempt // that has met it
	Addr    string
	Since   time.Time // when the last session was lost, or nobody got in
	Verdict transient.Verdict
	Err     error
}

// Up is a server that was down and lets somebody in again.
type Up struct {
	Attempt // that has met it
	Addr    string
	Away    time.Duration // since Down.Since
	Dials   int           // that were made meanwhile, the first and the last included
}

// Limit is a change of the number of sessions that are used at the most: fewer
// when the server has refused one more, one more when it has borne that.
type Limit struct {
	Attempt        // that has met it
	From, To int   // up to Config.MaxConns
	Err      error // the refusal; nil where it was raised
}

// Progress is the state of a transfer.
type Progress struct {
	Attempt
	Bytes int64   // transferred so far, over all attempts
	Total int64   // the whole; -1 where it is not known
	Rate  float64 // bytes a second of this attempt
}

// Done is an operation that ended.
type Done struct {
	Op, Path string
	Attempts int
	Elapsed  time.Duration
	Err      error // what the operation returns; nil = success

	Moved      int64 // bytes moved over data connections, by all attempts
	MovedTwice int64 // of these, bytes of attempts that were replayed and not kept
}
