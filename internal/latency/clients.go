//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// clients do a job. Those of this library do what they do by default:
// everything is verified.
var clients = []struct {
	name string
	run  func(j job) error
}{
	{"jlaffaye/ftp", bare},
	{"ftpretry", func(j job) error { return library(j, retry.Direct) }},
	{"ftpretry-atomic", func(j job) error { return library(j, retry.Atomic) }},
	{"ftpretry/batch", runner},
	{"lftp", lftp},
	{"rclone", rclone},
	{"curl", curl},
}

func names() (all []string) {
	for _, c := range clients {
		all = append(all, c.name)
	}
	return all
}

// work does the job and says how long it took, connecting and leaving included.
func work(o options) error {
	var j job
	if err := json.Unmarshal([]byte(o.job), &j); err != nil {
		return err
	}
	if j.Program == "connect" {
		return connect(j.Site.Addr)
	}
	for _, c := range clients {
		if c.name != j.Program {
			continue
		}
		began := time.Now()
		if err := c.run(j); err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(outcome{time.Since(began)})
	}
	return fmt.Errorf("no client is called %q: use one of %v", j.Program, names())
}

// each calls move for every file, in as many goroutines as there are sessions.
func (j job) each(move func(worker int, remote, local string) error) error {
	var next atomic.Int64
	next.Store(int64(j.From))
	failures := make([]error, j.Sessions)
	var all sync.WaitGroup
	for worker := range j.Sessions {
		all.Go(func() {
			for failures[worker] == nil {
				i := int(next.Add(1)) - 1
				if i >= j.To {
					return
				}
				name := strconv.Itoa(i)
				failures[worker] = move(worker, j.Remote+"/"+name, filepath.Join(j.Local, name))
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// bare uses the ftp package as its own examples do.
func bare(j job) error {
	conns := make([]*ftp.ServerConn, j.Sessions)
	err := j.each(func(worker int, remote, local string) (err error) {
		if conns[worker] == nil {
			var options []ftp.DialOption
			if c := j.tls(); c != nil {
				c.ClientSessionCache = tls.NewLRUClientSessionCache(4)
				options = append(options, ftp.DialWithExplicitTLS(c))
			}
			if conns[worker], err = ftp.Dial(j.Site.Addr, options...); err != nil {
				return err
			}
			if err := conns[worker].Login(j.Site.User, j.Site.Password); err != nil {
				return err
			}
		}
		if j.Up {
			f, err := os.Open(local)
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // opened for reading
			return conns[worker].Stor(remote, f)
		}
		f, err := os.Create(local)
		if err != nil {
			return err
		}
		r, err := conns[worker].Retr(remote)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, r.Close(), f.Close())
	})
	for _, conn := range conns {
		if conn != nil {
			err = errors.Join(err, conn.Quit())
		}
	}
	return err
}

func (j job) config(mode retry.UploadMode) retry.Config {
	return retry.Config{Addr: j.Site.Addr, User: j.Site.User, Password: j.Site.Password, MaxConns: j.Sessions, Upload: mode, TLS: j.tls()}
}

// tls trusts whatever certificate: only time is measured.
func (j job) tls() *tls.Config {
	if !j.Site.TLS {
		return nil
	}
	return &tls.Config{ServerName: "localhost", InsecureSkipVerify: true} //nolint:gosec // see above
}

// library uses a Client from several goroutines, as bare uses its connections.
func library(j job, mode retry.UploadMode) (err error) {
	c, err := retry.New(j.config(mode))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	ctx := context.Background()
	return j.each(func(_ int, remote, local string) error {
		if j.Up {
			return c.StorFile(ctx, remote, local)
		}
		f, err := os.Create(local)
		if err != nil {
			return err
		}
		_, err = c.Retr(ctx, remote, f)
		return errors.Join(err, f.Close())
	})
}

// runner uses a batch.
func runner(j job) (err error) {
	c, err := retry.New(j.config(retry.Direct)) // uploads of a batch are atomic all the same
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	r := batch.Runner{Client: c, Workers: j.Sessions}
	report, err := r.Run(context.Background(), j.jobs())
	if err == nil && report.Jobs.Done != report.Jobs.Total {
		err = errors.New("not all jobs were done")
	}
	return err
}

func (j job) jobs() iter.Seq[batch.Job] {
	kind := batch.Download
	if j.Up {
		kind = batch.Upload
	}
	return func(yield func(batch.Job) bool) {
		for i := j.From; i < j.To; i++ {
			name := strconv.Itoa(i)
			if !yield(batch.Job{Kind: kind, Remote: j.Remote + "/" + name, Local: filepath.Join(j.Local, name)}) {
				return
			}
		}
	}
}

func lftp(j job) error {
	script := fmt.Sprintf("set cmd:fail-exit yes\nset net:max-retries 1\nset net:connection-limit %d\nopen --user %s --password %s ftp://%s\n",
		j.Sessions, j.Site.User, j.Site.Password, j.Site.Addr)
	if j.Up {
		script += fmt.Sprintf("mirror -R --parallel=%d %s %s\n", j.Sessions, j.Local, j.Remote)
	} else {
		script += fmt.Sprintf("mirror --parallel=%d %s %s\n", j.Sessions, j.Remote, j.Local)
	}
	cmd := exec.Command("lftp", "--norc", "-f", "/dev/stdin")
	cmd.Stdin = strings.NewReader(script)
	return execute(cmd)
}

func rclone(j job) error {
	host, port, err := net.SplitHostPort(j.Site.Addr)
	if err != nil {
		return err
	}
	hide := exec.Command("rclone", "obscure", "-")
	hide.Stdin = strings.NewReader(j.Site.Password)
	hidden, err := hide.Output()
	if err != nil {
		return err
	}
	from, to := ":ftp:"+j.Remote, j.Local
	if j.Up {
		from, to = to, from
	}
	n := strconv.Itoa(j.Sessions)
	cmd := exec.Command("rclone", "copy", from, to, "--config", "", "--transfers", n, "--checkers", n)
	cmd.Env = append(os.Environ(), "RCLONE_FTP_HOST="+host, "RCLONE_FTP_PORT="+port, "RCLONE_FTP_USER="+j.Site.User,
		"RCLONE_FTP_PASS="+strings.TrimSpace(string(hidden)))
	return execute(cmd)
}

func curl(j job) error {
	var list strings.Builder
	fmt.Fprintf(&list, "user = \"%s:%s\"\n", j.Site.User, j.Site.Password)
	for i := j.From; i < j.To; i++ {
		what := "output"
		if j.Up {
			what = "upload-file"
		}
		fmt.Fprintf(&list, "%s = \"%s/%d\"\nurl = \"ftp://%s%s/%d\"\n", what, j.Local, i, j.Site.Addr, j.Remote, i)
	}
	cmd := exec.Command("curl", "-q", "-sS", "-Z", "--parallel-max", strconv.Itoa(j.Sessions), "-K", "-")
	cmd.Stdin = strings.NewReader(list.String())
	return execute(cmd)
}

// execute runs a program; its error is the last line that it said.
func execute(cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		return fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	return nil
}
