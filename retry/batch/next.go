package batch

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"net/textproto"
	"os"
	"syscall"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/transient"
)

// Next says what a person does about a job that ended failed or unknown; "" for
// any other. Whatever it says, running the job again is safe: a journal knows
// what is done. The order is that of a decision: the caller's own fault outranks
// the reply, the reply outranks the symptom.
func (r Result) Next() string {
	advice := r.advice()
	if advice != "" && errors.Is(r.Err, retry.ErrLeftBehind) {
		advice += "; and delete the temporary file that the error names: nothing else will"
	}
	return advice
}

func (r Result) advice() string {
	if r.State == Unknown {
		return unsure[r.Kind]
	}
	if r.State != Failed {
		return ""
	}
	var known *advised
	if errors.As(r.Err, &known) {
		return known.next
	}
	if local := nextHere(r.Err); local != "" {
		return local
	}
	switch {
	case errors.Is(r.Err, retry.ErrLogin):
		return adviceLogin
	case errors.Is(r.Err, context.Canceled):
		return "run it again: the run was interrupted before this job had ended"
	case errors.Is(r.Err, retry.ErrDeadline), errors.Is(r.Err, context.DeadlineExceeded):
		return "run it again with more time: the time for this run was over"
	case errors.Is(r.Err, retry.ErrChanged):
		return "run it again when nothing writes to the file any more"
	case errors.Is(r.Err, retry.ErrIncomplete):
		return "look at the server's disk space and log: it keeps fewer or other bytes than it was sent"
	case errors.Is(r.Err, retry.ErrPath):
		return "rename the file: FTP has no way to send this name"
	case errors.Is(r.Err, retry.ErrBudget):
		return "run it again when the server is well: too many attempts had failed at once"
	}
	var failed *retry.Error
	if !errors.As(r.Err, &failed) {
		return "run it again when the cause that the error names is gone"
	}
	if failed.Verdict.Transient() {
		return patience[failed.Verdict.Class]
	}
	if errors.Is(r.Err, fs.ErrExist) {
		return "remove what is under this name on the server, or upload under it at once (Direct): the server renames nothing onto what is there"
	}
	if reply := failed.Verdict.Reply; reply != nil {
		return nextOfReply(r.Kind, reply)
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(r.Err, &untrusted) {
		return "trust the authority that has signed the server's certificate, or have the server's operator put the certificate right"
	}
	var name *net.DNSError
	if errors.As(r.Err, &name) {
		return "check the server's address: there is no host of this name"
	}
	return "run it again when the cause that the error names is gone"
}

const adviceLogin = "check user and password, and whether the account is locked, then run it again"

// advised is an error of which it is known what to do about it.
type advised struct {
	error
	next string
}

// unsure is what to do where the server could not tell what became of a job.
var unsure = map[Kind]string{
	Upload:    "compare the file on the server with the local one; if it is not whole, run it again",
	Download:  "compare the local file with the one on the server; if it is not whole, run it again",
	Delete:    "look whether the file is still on the server; if it is, run it again",
	Rename:    "look under which of the two names the file is; if it is the old one, rename it by hand, or with a new journal",
	RemoveDir: "look whether the directory is still there; if it is, run it again",
	MakeDir:   "look whether the directory is there; if it is not, run it again",
}

// patience is what to do where a failure could have healed and did not.
var patience = map[transient.Class]string{
	transient.Busy:        "run it again when whatever holds the file on the server has let go of it",
	transient.Storage:     "free space on the server, then run it again",
	transient.Overload:    "run it again with fewer workers, or at a quieter hour: the server took no more users",
	transient.DataChannel: "check the firewall and the server's passive ports, then run it again: no data connection held",
	transient.Security:    "run it again later: the server had no means for TLS; if it stays so, ask its operator",
	transient.Network:     "see that the server is up and can be reached, then run it again",
}

// nextHere is for what failed on this side; "" where nothing did.
func nextHere(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	if !errors.As(err, &path) && !errors.As(err, &link) {
		return ""
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "put the local file in its place, or take the job out of the list"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "let this user read and write the local file and its directory, then run it again"
	case errors.Is(err, syscall.ENAMETOOLONG):
		return "give the file a shorter name: up to ten bytes are added while it is under way"
	case errors.Is(err, syscall.ENOSPC):
		return "free space on the local disk, then run it again"
	}
	return "see what is wrong with the local file, then run it again"
}

// nextOfReply is for a reply that will be the same tomorrow.
func nextOfReply(kind Kind, reply *textproto.Error) string {
	switch reply.Code {
	case 430, 530, 532:
		return adviceLogin
	case 452, 552:
		return "free space on the server, or have the account's quota raised, then run it again"
	case 553:
		return "rename the file, or ask the server's operator: the server does not take this name here"
	case 450, 550:
		if kind == Upload || kind == MakeDir {
			return "see that the directory is on the server and that this account may write to it"
		}
		if kind == List || kind == RemoveDir {
			return "see that the directory is on the server under this name and that this account may use it"
		}
		return "see that the file is on the server under this name and that this account may use it"
	case 500, 501, 502, 503, 504:
		return "ask the server's operator: the server does not know or not allow the command"
	}
	return "ask the server's operator, and quote the reply"
}
