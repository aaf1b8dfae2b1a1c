// Goftp puts or gets one file with github.com/secsy/goftp, for internal/compare:
//
//	goftp put|get HOST:PORT REMOTE LOCAL
//
// User and password are in FTP_USER and FTP_PASSWORD. It is a module of its own,
// which the workspace leaves out, so that nothing else in the repository needs
// that package.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/secsy/goftp"
)

// What all programs are given that internal/compare runs.
const (
	attempts = 7
	between  = time.Second
	briefly  = 3 * time.Second
)

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "--version":
		fmt.Println("goftp", version())
	case len(os.Args) == 5 && (os.Args[1] == "put" || os.Args[1] == "get"):
		err = run(os.Args[1] == "put", os.Args[2], os.Args[3], os.Args[4])
	default:
		err = errors.New("usage: goftp put|get HOST:PORT REMOTE LOCAL")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "goftp:", err)
		os.Exit(1)
	}
}

// run tries as often as its errors say that it can help.
func run(put bool, addr, remote, local string) error {
	c, err := goftp.DialConfig(goftp.Config{User: os.Getenv("FTP_USER"), Password: os.Getenv("FTP_PASSWORD"), Timeout: briefly}, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	move := get
	if put {
		move = store
	}
	for attempt := 1; ; attempt++ {
		err := move(c, remote, local)
		var failed interface{ Temporary() bool } // goftp.Error, or the net package's, which it hands on
		if err == nil || attempt == attempts || !errors.As(err, &failed) || !failed.Temporary() {
			return err
		}
		time.Sleep(between)
	}
}

func store(c *goftp.Client, remote, local string) error {
	f, err := os.Open(local)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.Store(remote, f)
}

func get(c *goftp.Client, remote, local string) error {
	f, err := os.Create(local)
	if err != nil {
		return err
	}
	return errors.Join(c.Retrieve(remote, f), f.Close())
}

// version is that of the package: a date, for it has no other.
func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/secsy/goftp" {
			return m.Version
		}
	}
	return ""
}
