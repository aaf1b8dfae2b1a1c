package transient

// RestartRefused reports whether the server refuses to continue a transfer at
// an offset, where it might well accept it from the start: its reply rejects
// REST, or the RETR, STOR or APPE behind it because of REST. Such a failure is
// Permanent as it is; the same transfer without REST may succeed. Servers that
// refuse APPE to an existing file say it in the same words, so that a true of
// APPE speaks of APPE itself.
//
// It goes by the reply alone and does not know whether REST was sent. It is
// safe for concurrent use.
func RestartRefused(f Failure) bool {
	refused := false
	walk(f.Err, func(err error) bool {
		reply := replyOf(err)
		if reply == nil {
			return true
		}
		s := subject{command: f.Command, path: f.Path, message: reply.Msg}
		for i := range restartTable {
			if _, ok := restartTable[i].fits(&s, reply.Code); ok {
				refused = true
			}
		}
		return true
	})
	return refused
}

var restartTable = compile(restartRules)

// restartRules are the replies that refuse an offset. They come before all
// others: proftpd ends one of them with "try again".
var restartRules = []Rule{
	{Code: 400, To: 599, Text: "restart not permitted|restart not allowed|restart not supported", Class: Permanent,
		Reason: "the server allows no REST here: transfer from the start (proftpd: AllowStoreRestart, AllowRetrieveRestart)"},
	{Code: 400, To: 599, Text: "rest not compatible|appe not compatible|rest*not compatible", Class: Permanent,
		Reason: "the server stores under a hidden name and so allows no REST: transfer from the start (proftpd: HiddenStores)"},
	{Code: 400, To: 599, Text: "rest request is pending", Class: Permanent,
		Reason: "APPE and STOU do not go with REST: send them without (pyftpdlib)"},
	{Code: 400, To: 599, Text: "resuming transfers not allowed|no support for resume|ascii resume is unsafe", Class: Permanent,
		Reason: "no REST in ASCII mode: use TYPE I or transfer from the start"},
	{Code: 500, To: 599, Command: "REST RETR STOR APPE", Text: "invalid rest|rest: invalid|rest not supported|rest not implemented|rest not allowed|rest command not|restart offset*too large", Class: Permanent,
		Reason: "the server does not take this offset: transfer from the start"},
	{Code: 554, Command: "REST RETR STOR APPE", Class: Permanent,
		Reason: "invalid REST parameter (RFC 3659 section 5.3): the file on the server is shorter"},
	{Code: 500, To: 504, Command: "REST", Class: Permanent, Reason: "the server does not know or not allow REST: transfer from the start"},
	{Code: 550, Command: "REST", Class: Permanent, Reason: "the server refuses REST: transfer from the start"},
}
