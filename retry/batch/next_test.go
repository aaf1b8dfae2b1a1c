package batch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/textproto"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/transient"
)

func TestEveryProblemSaysWhatToDoNext(t *testing.T) {
	t.Parallel()
	reply := func(code int, text string, class transient.Class, reason error) error {
		r := &textproto.Error{Code: code, Msg: text}
		return fmt.Errorf("job 7: %w", &retry.Error{Op: "STOR", Path: "a", Attempts: 4,
			Verdict: transient.Verdict{Class: class, Reply: r}, Reason: reason, Err: r})
	}
	local := func(err error) error {
		return &retry.Error{Op: "STOR", Path: "a", Reason: retry.ErrPermanent, Err: &fs.PathError{Op: "open", Path: "/data/a", Err: err}}
	}
	bare := func(reason, err error, class transient.Class) error {
		return &retry.Error{Op: "STOR", Path: "a", Verdict: transient.Verdict{Class: class}, Reason: reason, Err: err}
	}
	for told, c := range map[string]struct {
		kind  Kind
		state State
		err   error
		want  string
	}{
		"a job that is done has nothing to be done":         {Upload, Done, nil, ""},
		"nor has one of an earlier run":                     {Upload, Skipped, nil, ""},
		"nor has one that was not run":                      {Upload, NotRun, errors.New("x"), ""},
		"an upload nobody knows of is compared":             {Upload, Unknown, bare(retry.ErrOutcomeUnknown, nil, 0), "compare the file on the server"},
		"a rename nobody knows of is looked for":            {Rename, Unknown, bare(retry.ErrOutcomeUnknown, nil, 0), "which of the two names"},
		"a deletion nobody knows of is looked for":          {Delete, Unknown, bare(retry.ErrOutcomeUnknown, nil, 0), "still on the server"},
		"a server without space needs space":                {Upload, Failed, reply(452, "disk full", transient.Storage, retry.ErrAttempts), "free space on the server"},
		"a server that stayed full needs fewer workers":     {Upload, Failed, reply(421, "too many users", transient.Overload, retry.ErrAttempts), "fewer workers"},
		"a file that stayed busy is waited for":             {Download, Failed, reply(450, "in use", transient.Busy, retry.ErrElapsed), "let go of it"},
		"a server that stayed down is looked after":         {Upload, Failed, bare(retry.ErrAttempts, syscall.ECONNREFUSED, transient.Network), "server is up"},
		"data connections that never held point to a port":  {Upload, Failed, reply(425, "no data connection", transient.DataChannel, retry.ErrAttempts), "passive ports"},
		"a wrong password is checked":                       {Upload, Failed, reply(530, "Login incorrect", transient.Permanent, retry.ErrPermanent), "password"},
		"a file that is not there is looked for":            {Download, Failed, reply(550, "no such file", transient.Permanent, retry.ErrPermanent), "under this name"},
		"an upload that is denied looks at the directory":   {Upload, Failed, reply(550, "no such directory", transient.Permanent, retry.ErrPermanent), "the directory is on the server"},
		"a quota is raised":                                 {Upload, Failed, reply(552, "quota exceeded", transient.Permanent, retry.ErrPermanent), "quota"},
		"a name that the server refuses is changed":         {Upload, Failed, reply(553, "bad name", transient.Permanent, retry.ErrPermanent), "rename the file"},
		"a name that FTP cannot send is changed":            {Upload, Failed, bare(retry.ErrPermanent, fmt.Errorf("a\nb: %w", retry.ErrPath), transient.Permanent), "rename the file"},
		"a command that the server does not know is asked":  {Rename, Failed, reply(502, "not implemented", transient.Permanent, retry.ErrPermanent), "operator"},
		"any other refusal is quoted to its operator":       {Upload, Failed, reply(599, "no", transient.Permanent, retry.ErrPermanent), "quote the reply"},
		"a local file that is missing is put there":         {Upload, Failed, local(fs.ErrNotExist), "put the local file in its place"},
		"a local file that may not be read is given rights": {Upload, Failed, local(fs.ErrPermission), "let this user read"},
		"a local disk that may not be written likewise":     {Download, Failed, local(syscall.EROFS), "let this user read"},
		"a local disk that is full needs space":             {Download, Failed, local(syscall.ENOSPC), "free space on the local disk"},
		"our own disk outranks the reply of the server":     {Download, Failed, errors.Join(reply(426, "cut", transient.DataChannel, retry.ErrAttempts), local(syscall.ENOSPC)), "local disk"},
		"any other local trouble is looked at":              {Upload, Failed, local(syscall.EIO), "wrong with the local file"},
		"a local name that is too long is shortened":        {Download, Failed, local(syscall.ENAMETOOLONG), "shorter name"},
		"a name in the way is removed, or written over":     {Upload, Failed, bare(retry.ErrPermanent, fmt.Errorf("550 no (%w)", fs.ErrExist), transient.Permanent), "Direct"},
		"a directory that is not there is looked for":       {List, Failed, reply(550, "no such directory", transient.Permanent, retry.ErrPermanent), "see that the directory"},
		"an interrupted job is run again":                   {Upload, Failed, bare(context.Canceled, nil, 0), "interrupted"},
		"a job without time gets more":                      {Upload, Failed, bare(retry.ErrDeadline, nil, transient.Busy), "more time"},
		"a file that grows is left in peace":                {Download, Failed, bare(retry.ErrChanged, nil, 0), "nothing writes"},
		"a server that keeps too little is looked at":       {Upload, Failed, bare(retry.ErrIncomplete, nil, 0), "disk space and log"},
		"a budget that is spent waits for the server":       {Upload, Failed, bare(retry.ErrBudget, nil, transient.Busy), "server is well"},
		"a host that is not there is checked":               {Upload, Failed, bare(retry.ErrPermanent, &net.DNSError{Err: "no such host", IsNotFound: true}, transient.Permanent), "address"},
		"a refused login outranks what became of it":        {Upload, Failed, bare(retry.ErrPermanent, fmt.Errorf("%w, %w", context.Canceled, retry.ErrLogin), transient.Permanent), "password"},
		"a certificate nobody trusts is put right":          {Upload, Failed, bare(retry.ErrPermanent, &tls.CertificateVerificationError{Err: errors.New("unknown authority")}, transient.Permanent), "trust the authority"},
		"an error of another package points to itself":      {Upload, Failed, errors.New("x"), "the error names"},
	} {
		t.Run(told, func(t *testing.T) {
			t.Parallel()
			got := Result{Job: Job{Kind: c.kind}, State: c.state, Err: c.err}.Next()
			if c.want == "" {
				assert.Empty(t, got)
				return
			}
			assert.Contains(t, got, c.want)
		})
	}
}
