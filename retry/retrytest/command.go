package retrytest

import (
	"path"
	"strings"
)

// command is one verb of the protocol.
type command struct {
	run  func(s *session, arg string) string              // the final reply
	data func(s *session, arg string) (*transfer, string) // a transfer, or the reply that refuses it
	open bool                                             // allowed before login
	need bool                                             // an argument is required
}

// commands is never changed after the package is initialized. It is filled
// there, since HELP and FEAT look into it.
var commands map[string]command

func init() {
	commands = map[string]command{
		"USER": {run: (*session).userName, open: true, need: true},
		"PASS": {run: (*session).password, open: true},
		"ACCT": {run: constant("202 No account is needed."), open: true},
		"QUIT": {run: (*session).bye, open: true},
		"REIN": {run: (*session).reinitialize, open: true},
		"NOOP": {run: constant("200 NOOP ok."), open: true},
		"SYST": {run: constant("215 UNIX Type: L8"), open: true},
		"FEAT": {run: (*session).features, open: true},
		"OPTS": {run: (*session).options, open: true, need: true},
		"HELP": {run: constant("214 See RFC 959 and RFC 3659."), open: true},
		"AUTH": {run: (*session).authenticate, open: true, need: true},
		"PBSZ": {run: (*session).bufferSize, open: true, need: true},
		"PROT": {run: (*session).protection, open: true, need: true},
		"CCC":  {run: constant("533 Control connection stays protected."), open: true},
		"TYPE": {run: (*session).representation, need: true},
		"STRU": {run: only("F", "structure"), need: true},
		"MODE": {run: only("S", "mode"), need: true},
		"ALLO": {run: constant("202 No storage allocation is needed.")},
		"SITE": {run: constant("504 SITE has no parameters here.")},
		"PORT": {run: constant("502 Only passive connections are served: use EPSV or PASV.")},
		"EPRT": {run: constant("502 Only passive connections are served: use EPSV or PASV.")},
		"EPSV": {run: (*session).extendedPassive},
		"PASV": {run: (*session).passiveMode},
		"ABOR": {run: (*session).aborting},
		"STAT": {run: (*session).status},

		"PWD":  {run: (*session).printDir},
		"XPWD": {run: (*session).printDir},
		"CWD":  {run: (*session).changeDir, need: true},
		"CDUP": {run: func(s *session, _ string) string { return s.changeDir("..") }},
		"MKD":  {run: (*session).makeDir, need: true},
		"XMKD": {run: (*session).makeDir, need: true},
		"RMD":  {run: (*session).removeDir, need: true},
		"XRMD": {run: (*session).removeDir, need: true},
		"DELE": {run: (*session).deleteFile, need: true},
		"RNFR": {run: (*session).renameFromName, need: true},
		"RNTO": {run: (*session).renameToName, need: true},
		"SIZE": {run: (*session).fileSize, need: true},
		"MDTM": {run: (*session).modified, need: true},
		"MFMT": {run: (*session).setModified, need: true},
		"MLST": {run: (*session).machineEntry},

		"PRET": {run: (*session).preTransfer, need: true},
		"REST": {run: (*session).restart, need: true},
		"RETR": {data: (*session).retrieve, need: true},
		"STOR": {data: (*session).store, need: true},
		"APPE": {data: (*session).appendTo, need: true},
		"LIST": {data: (*session).listing},
		"NLST": {data: (*session).nameListing},
		"MLSD": {data: (*session).machineListing},

		"HASH":    {run: (*session).hashFile, need: true},
		"XCRC":    {run: checksum("CRC32"), need: true},
		"XMD5":    {run: checksum("MD5"), need: true},
		"XSHA":    {run: checksum("SHA-1"), need: true},
		"XSHA1":   {run: checksum("SHA-1"), need: true},
		"XSHA256": {run: checksum("SHA-256"), need: true},
		"XSHA512": {run: checksum("SHA-512"), need: true},
	}
}

func constant(reply string) func(*session, string) string {
	return func(*session, string) string { return reply }
}

// only accepts the one parameter that every server has (RFC 959 section 5.1).
func only(param, what string) func(*session, string) string {
	return func(_ *session, arg string) string {
		if strings.EqualFold(arg, param) {
			return "200 Ok."
		}
		return "504 No other " + what + " than " + param + "."
	}
}

// dispatch executes a command: it returns its final reply, or the transfer that
// will have one.
func (s *session) dispatch(verb, arg string) (reply string, t *transfer) {
	c, known := commands[verb]
	if verb != "RNTO" {
		s.renameFrom = ""
	}
	switch {
	case !known:
		return "500 Unknown command.", nil
	case s.srv.lacks[verb]:
		return "502 Command not implemented.", nil
	case !c.open && !s.loggedIn:
		return "530 Log in with USER and PASS first.", nil
	case c.need && arg == "":
		return "501 " + verb + " needs an argument.", nil
	case strings.ContainsRune(arg, 0):
		return "501 A name must not contain NUL.", nil
	case c.run != nil:
		return c.run(s, arg), nil
	}
	t, reply = s.prepare(c, arg)
	return reply, t
}

// absolute resolves a name against the working directory.
func (s *session) absolute(name string) string {
	if strings.HasPrefix(name, "/") {
		return path.Clean(name)
	}
	return path.Join(s.cwd, name)
}

// quote puts a name in double quotes (RFC 959 appendix II).
func quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
