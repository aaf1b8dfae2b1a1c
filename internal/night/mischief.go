package night

import (
	"math"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// The replies with which commands fail: what Serv-U's reference on the replies
// 431, 450, 451 and 452 says of them, and RFC 959 of the others.
var (
	closing  = retrytest.Fault{Reply: "421 Service not available, closing control connection.", Control: retrytest.FIN}
	busy     = retrytest.Fault{Reply: "450 Requested file action not taken."}
	security = retrytest.Fault{Reply: "431 Need unavailable resource to process security."}
	aborted  = retrytest.Fault{Reply: "451 Requested action aborted: local error in processing."}
	noSpace  = retrytest.Fault{Reply: "452 Requested action not taken; insufficient storage space."}
	noData   = retrytest.Fault{Reply: "425 Can't open data connection."}
	cut      = retrytest.Fault{Reply: "426 Connection closed; transfer aborted.", Data: retrytest.FIN}
)

// troubles are by command what it can fail of. Every command that the client
// sends is among them but QUIT, whose reply nobody needs. A 425 comes where the
// transfer begins: at EPSV it only makes the ftp package use PASV.
var troubles = map[string][]retrytest.Fault{
	"AUTH": {closing, security}, "PBSZ": {closing, security}, "PROT": {closing, security},
	"USER": {closing}, "PASS": {closing}, "FEAT": {closing}, "OPTS": {closing}, "TYPE": {closing}, "NOOP": {closing},
	"PWD": {closing}, "EPSV": {closing}, "PASV": {closing}, "REST": {closing},
	"SIZE": {closing, busy}, "MDTM": {closing, busy}, "MFMT": {closing, busy}, "MLST": {closing, busy}, "CWD": {closing, busy},
	"RNFR": {closing, busy}, "RNTO": {closing, busy}, "DELE": {closing, busy}, "MKD": {closing, busy},
	"LIST": {closing, busy, aborted, noData, cut}, "MLSD": {closing, busy, aborted, noData, cut}, "NLST": {closing, busy, aborted, noData, cut},
	"RETR": {closing, busy, aborted, noData, cut},
	"STOR": {closing, busy, aborted, noSpace, noData, cut, cut},
}

// misbehave fails one in so many commands of each kind.
func (n *Night) misbehave() {
	if n.cfg.OneIn < 0 {
		return
	}
	for verb := range troubles {
		n.next(verb)
	}
}

// next decides of which command of a kind will be failed next, and how.
func (n *Night) next(verb string) {
	n.mu.Lock()
	p := 1 / float64(n.cfg.OneIn)
	f := troubles[verb][n.rand.IntN(len(troubles[verb]))]
	f.On, f.Nth = verb, 1+int(math.Log(1-n.rand.Float64())/math.Log(1-p))
	if f.Data != retrytest.Keep {
		f.At = n.rand.Int64N(256 << 10)
	}
	n.mu.Unlock()
	code := f.Reply[:3]
	f.Run = func() {
		n.mu.Lock()
		n.failures[code]++
		n.mu.Unlock()
		n.next(verb)
	}
	n.Inject(f)
}
