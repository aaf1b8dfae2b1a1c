package retry

import (
	"context"
	"fmt"
	"strings"

	"github.com/jlaffaye/ftp"
)

// deepest bounds how far RemoveDirRecur goes down: a server can make up a tree
// without end.
const deepest = 200

// RemoveDirRecur removes a directory and all that is in it, each entry by an
// operation of its own, so that a failure half-way costs no more than the entry
// at hand and the call can be made again. Symbolic links are removed, not
// followed.
func (c *Client) RemoveDirRecur(ctx context.Context, path string) error {
	return c.removeTree(ctx, path, 0)
}

// removeTree is RemoveDirRecur for Client and Conn.
func (r *runner) removeTree(ctx context.Context, dir string, depth int) error {
	if depth > deepest {
		return &Error{Op: "RMD", Path: dir, Verdict: invalidVerdict, Reason: ErrPermanent, Err: fmt.Errorf("directories are nested more than %d deep", deepest)}
	}
	list := listing(dir)
	if list.invalid == nil {
		list.invalid = checkPath(dir)
	}
	if err := r.do(ctx, list); err != nil {
		return err
	}
	for _, e := range list.answer {
		if own(e) {
			continue
		}
		if err := checkName(e.Name); err != nil {
			return &Error{Op: "RMD", Path: dir, Verdict: invalidVerdict, Reason: ErrPermanent, Err: err}
		}
		if err := r.removeEntry(ctx, within(dir, e.Name), e.Type, depth); err != nil {
			return err
		}
	}
	return r.do(ctx, removing("RMD", dir))
}

// own reports whether an entry of a listing is the directory itself or its
// parent. Some servers list them under their whole path (RFC 3659, section
// 7.5.1).
func own(e *ftp.Entry) bool {
	return e.Name == "." || e.Name == ".." || e.Type == ftp.EntryTypeFolder && strings.HasPrefix(e.Name, "/")
}

// removeEntry removes one entry of a directory. What is listed as a directory
// may be a symbolic link to one, which pure-ftpd does not tell apart in MLSD:
// DELE removes a link and is refused for a directory, so it is tried first.
func (r *runner) removeEntry(ctx context.Context, name string, kind ftp.EntryType, depth int) error {
	err := r.do(ctx, removing("DELE", name))
	if err == nil || kind != ftp.EntryTypeFolder || !refused(err) {
		return err
	}
	return r.removeTree(ctx, name, depth+1)
}

// checkName refuses a name from a listing that is not one: it could lead out of
// the directory it was listed in.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") || checkText(name) != nil {
		return fmt.Errorf("server lists %q, which is not a name", name)
	}
	return nil
}
