package retrytest

import "time"

// Cut is how a connection is ended.
type Cut int

// The ways to end a connection.
const (
	Keep Cut = iota // leave it open
	FIN             // an orderly close, over TLS with close_notify; a client that is still sending is then reset
	RST             // a reset; the client may miss the last bytes before it, and of a new connection may learn in connect
)

// Connect in [Fault.On] stands for a new control connection: the fault takes
// the place of the greeting.
const Connect = "CONNECT"

// Fault is one thing that goes wrong, and when. The zero value of every field
// but On is the harmless one, so that a literal names only what goes wrong:
//
//	{On: "STOR", Reply: "450 Requested file action not taken."} // refused before it ran
//	{On: "STOR", After: true, Reply: "451 Local error."}         // ran, but answered 451
//	{On: "DELE", After: true, Lose: true, Control: FIN}          // ran, reply lost
//	{On: "RETR", Data: FIN, At: 1000, Reply: "426 Cut."}         // data cut after 1000 bytes
//	{On: "STOR", Data: RST, At: 1000, Reply: "226 Done."}        // cut, and a lie about it
//	{On: "RETR", Data: FIN, At: 0, Lose: true, Control: RST}     // everything cut
//	{On: "SIZE", Stall: true}                                    // never answered
//	{On: Connect, Reply: "421 Too many users.", Control: FIN, Times: 3}
type Fault struct {
	On    string // the verb, upper case; Connect; or "*" for any command
	Path  string // only where the command's argument is this; "" = any
	Nth   int    // the occurrence it starts with, counted over all sessions since it was injected; 0 = 1
	Times int    // occurrences in a row from Nth on; 0 = 1, < 0 = every one

	After bool   // the command is executed first; otherwise it is not executed at all
	Reply string // sent instead of the command's own final reply; lines separated by \n, so it can be two replies
	Also  bool   // Reply is sent, then the command's own final reply too
	Lose  bool   // no final reply at all
	Stall bool   // neither reply nor close: the server is silent until the client hangs up

	Data      Cut   // ends the data connection after At bytes of it
	At        int64 // bytes of the data connection before Data or StallData acts; counted from the start of this transfer
	StallData bool  // the data connection falls silent after At bytes, until the client hangs up
	Early     bool  // the final reply is sent before the data

	Silent bool // the preliminary reply (150) is not sent

	Delay time.Duration // waited before anything else
	Run   func()        // called when the fault acts, after Delay and before anything is sent; must not call Server.Close

	Control Cut    // then ends the control connection
	Push    string // after the command's reply, this is sent unasked: "421 Timeout."; before Control acts
}
