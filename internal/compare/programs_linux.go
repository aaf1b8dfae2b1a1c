package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
)

// briefly is how long each program waits for a server that is silent: one of
// its own settings, so that a thousand silences take minutes. It is long enough
// for a server on the same machine.
const briefly = 3 * time.Second

// given is the real time after which a program that has not ended hangs: more
// than all attempts with all their waits, and than the two minutes that curl
// gives a reply where none of its settings reaches.
const given = 3 * time.Minute

// booth is where one program does one job, alone.
type booth struct {
	addr           string // of the proxy
	user, password string
	far            string // its directory on the server: "/case1"
	near           string // its directory here
}

// errand is one job for a program: "put" of near/new to far/new, or "get" of
// far/file to near/got.
type errand string

const (
	put errand = "put"
	get errand = "get"
)

// program is one that people use to put and get files, with the settings it
// has for trying again.
type program struct {
	name string
	how  string
	run  func(ctx context.Context, b booth, e errand) error
}

func programs() []program {
	all := []program{
		{"curl", "`--retry 6 --retry-all-errors --retry-delay 1 --connect-timeout 3 --max-time 6`", curl},
		{"lftp", "`net:max-retries 7`, `net:timeout 3`, one second between attempts", lftp},
		{"goftp", "`Store` and `Retrieve` of secsy/goftp, which resume by themselves, `Timeout` 3 s; called again, 7 times in all, one second apart, where the error is `Temporary`", secsy},
		{"rclone", "`--retries 7 --retries-sleep 1s --timeout 3s --contimeout 3s --ftp-shut-timeout 3s`", rclone},
		{"ftpretry", "`StorFile` and `RetrFile`, 7 attempts from 0.1 s, `ReplyTimeout` and `StallTimeout` 3 s", library},
	}
	return slices.DeleteFunc(all, func(p program) bool { return only != "" && !slices.Contains(strings.Split(only, ","), p.name) })
}

// version is the name with the version, as the program itself tells it.
func (p program) version() string {
	if p.name == "ftpretry" {
		return p.name
	}
	out, _ := exec.Command(p.name, "--version").Output()
	for _, word := range strings.Fields(string(out)) {
		if number := strings.TrimPrefix(word, "v"); number != "" && number[0] >= '0' && number[0] <= '9' {
			return p.name + " " + number
		}
	}
	return p.name
}

func curl(ctx context.Context, b booth, e errand) error {
	args := []string{
		"-q", "-sS", "--retry", "6", "--retry-all-errors", "--retry-delay", "1",
		"--connect-timeout", seconds(briefly), "--max-time", seconds(2 * briefly), "-K", "-",
	}
	url := "ftp://" + b.addr + b.far
	if e == put {
		args = append(args, "-T", filepath.Join(b.near, "new"), url+"/new")
	} else {
		args = append(args, "-o", filepath.Join(b.near, "got"), url+"/file")
	}
	cmd := exec.CommandContext(ctx, "curl", args...)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("user = %q\n", b.user+":"+b.password))
	return execute(ctx, cmd)
}

func lftp(ctx context.Context, b booth, e errand) error {
	var s strings.Builder
	fmt.Fprintf(&s, "set cmd:fail-exit yes\nset xfer:clobber yes\nset net:timeout %s\nset net:max-retries 7\n", seconds(briefly))
	fmt.Fprintf(&s, "set net:reconnect-interval-base 1\nset net:reconnect-interval-multiplier 1\nset net:reconnect-interval-max 1\n")
	fmt.Fprintf(&s, "open --user %s --password %s ftp://%s\n", b.user, b.password, b.addr)
	if e == put {
		fmt.Fprintf(&s, "put %s -o %s/new\n", filepath.Join(b.near, "new"), b.far)
	} else {
		fmt.Fprintf(&s, "get %s/file -o %s\n", b.far, filepath.Join(b.near, "got"))
	}
	script := filepath.Join(b.near, "script")
	if err := os.WriteFile(script, []byte(s.String()), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "lftp", "--norc", "-f", script)
	cmd.Env = append(os.Environ(), "HOME="+b.near)
	return execute(ctx, cmd)
}

func secsy(ctx context.Context, b booth, e errand) error {
	args := []string{string(e), b.addr, b.far + "/file", filepath.Join(b.near, "got")}
	if e == put {
		args = []string{string(e), b.addr, b.far + "/new", filepath.Join(b.near, "new")}
	}
	cmd := exec.CommandContext(ctx, "goftp", args...)
	cmd.Env = append(os.Environ(), "FTP_USER="+b.user, "FTP_PASSWORD="+b.password)
	return execute(ctx, cmd)
}

func rclone(ctx context.Context, b booth, e errand) error {
	host, port, err := net.SplitHostPort(b.addr)
	if err != nil {
		return err
	}
	hide := exec.CommandContext(ctx, "rclone", "obscure", "-")
	hide.Stdin = strings.NewReader(b.password)
	hidden, err := hide.Output()
	if err != nil {
		return err
	}
	from, to := filepath.Join(b.near, "new"), ":ftp:"+b.far+"/new"
	if e == get {
		from, to = ":ftp:"+b.far+"/file", filepath.Join(b.near, "got")
	}
	cmd := exec.CommandContext(ctx, "rclone", "copyto", from, to, "--config", "", "--retries", "7", "--retries-sleep", "1s",
		"--timeout", briefly.String(), "--contimeout", briefly.String(), "--ftp-shut-timeout", briefly.String())
	cmd.Env = append(os.Environ(), "RCLONE_FTP_HOST="+host, "RCLONE_FTP_PORT="+port, "RCLONE_FTP_USER="+b.user,
		"RCLONE_FTP_PASS="+strings.TrimSpace(string(hidden)), "HOME="+b.near)
	return execute(ctx, cmd)
}

func library(ctx context.Context, b booth, e errand) (err error) {
	c, err := retry.New(retry.Config{
		Addr: b.addr, User: b.user, Password: b.password,
		ConnectTimeout: briefly, ReplyTimeout: briefly, StallTimeout: briefly,
		Policy: policy.Policy{Initial: 100 * time.Millisecond, Max: time.Second},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if e == put {
		return c.StorFile(ctx, path.Join(b.far, "new"), filepath.Join(b.near, "new"))
	}
	return c.RetrFile(ctx, path.Join(b.far, "file"), filepath.Join(b.near, "got"))
}

// execute runs a program; its error is the last line that it said.
func execute(ctx context.Context, cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if err == nil || ctx.Err() != nil {
		return err
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: run bash .ci/compare-clients, which installs it", err)
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	return fmt.Errorf("%w: %s", err, lines[len(lines)-1])
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
