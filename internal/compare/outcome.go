package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// outcome is what became of a job under one fault. The worse is the greater.
type outcome int

const (
	unmet        outcome = iota // the client does not send the command that the fault waits for
	fine                        // success, and it is true
	failed                      // an error, and the job is not done
	falseFailure                // an error, although the job is done
	hang                        // it did not return within an hour
	duplicate                   // bytes were appended that had been appended before
	falseSuccess                // no error, but wrong bytes, or a wrong tree on the server
)

// outcomes is how many there are.
const outcomes = int(falseSuccess) + 1

func (o outcome) String() string {
	return [...]string{"not sent", "ok", "failed", "false failure", "hang", "duplicate", "false success"}[o]
}

// judge tells the outcome of a job that returned.
func judge(j job, got string, err error, tree map[string]string) (o outcome, detail string) {
	wrong := differences(j.wanted(), tree)
	switch have, old := tree["/log"], before()["/log"]; {
	case len(have) > len(old)+len(body):
		return duplicate, fmt.Sprintf("/log has %d bytes too many, error: %v", len(have)-len(old)-len(body), err)
	case err != nil && j.after != nil && wrong == "":
		return falseFailure, err.Error()
	case err != nil:
		return failed, err.Error()
	case wrong != "":
		return falseSuccess, wrong
	case got != j.want:
		return falseSuccess, fmt.Sprintf("read %d bytes that are not the right %d", len(got), len(j.want))
	}
	return fine, ""
}

// plant puts a tree on a server.
func plant(srv *retrytest.Server, tree map[string]string) error {
	for name, content := range tree {
		var err error
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			err = srv.Mkdir(dir)
		} else {
			err = srv.WriteFile(name, []byte(content))
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// harvest reads a server's tree.
func harvest(srv *retrytest.Server) (map[string]string, error) {
	tree := map[string]string{}
	for _, name := range srv.Names() {
		for dir := path.Dir(strings.TrimSuffix(name, "/")); dir != "/"; dir = path.Dir(dir) {
			tree[dir+"/"] = ""
		}
		if strings.HasSuffix(name, "/") {
			tree[name] = ""
			continue
		}
		b, err := srv.ReadFile(name)
		if err != nil {
			return nil, err
		}
		tree[name] = string(b)
	}
	return tree, nil
}

// differences says in what two trees differ, without their contents.
func differences(want, got map[string]string) string {
	var out []string
	for name, w := range want {
		if g, ok := got[name]; !ok {
			out = append(out, name+" is missing")
		} else if g != w {
			out = append(out, fmt.Sprintf("%s has %d bytes, not the right %d", name, len(g), len(w)))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			out = append(out, name+" is left over")
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
