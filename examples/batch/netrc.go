package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// login is one entry of a netrc file, as ftp(1) has them.
type login struct{ machine, user, password string } // machine "" is of all

// fromNetrc finds user and password for the server in the file that NETRC names,
// or in .netrc of the home directory: the first entry for the host, and for the
// user if there is one, or else the default.
func (s *settings) fromNetrc() (user, password string, err error) {
	name := os.Getenv("NETRC")
	if name == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", "", err
		}
		name = filepath.Join(home, ".netrc")
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", "", fmt.Errorf("%s: others can read it: chmod 600 %s", shown(name), shown(name))
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", "", err
	}
	entries, err := readNetrc(string(text))
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", shown(name), err)
	}
	host := s.addr
	if h, _, err := net.SplitHostPort(s.addr); err == nil {
		host = h
	}
	for _, e := range entries {
		if (e.machine == "" || strings.EqualFold(e.machine, host)) && (s.user == "" || s.user == e.user) {
			return e.user, e.password, nil
		}
	}
	who := shown(host)
	if s.user != "" {
		who = shown(s.user) + " at " + who
	}
	return "", "", fmt.Errorf("%s has no entry for %s", shown(name), who)
}

// readNetrc reads the entries of a netrc file. An error does not repeat what may
// be a password.
func readNetrc(text string) (all []login, err error) {
	for number, macro := 1, false; text != ""; number++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if macro {
			macro = strings.TrimSpace(line) != ""
			continue
		}
		for line = strings.TrimSpace(line); line != "" && line[0] != '#'; {
			var key, value string
			key, line, _ = word(line)
			if key == "macdef" { // up to an empty line
				macro = true
				break
			}
			if key == "default" {
				all = append(all, login{})
				continue
			}
			if value, line, err = word(line); err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			switch {
			case key != "machine" && key != "login" && key != "password" && key != "account":
				return nil, fmt.Errorf("line %d: a word is none of machine, default, login, password, account and macdef", number)
			case value == "":
				return nil, fmt.Errorf("line %d: %s has no value on its line", number, key)
			case key == "machine":
				all = append(all, login{machine: value})
			case len(all) == 0:
				return nil, fmt.Errorf("line %d: %s is of no machine", number, key)
			case key == "login":
				all[len(all)-1].user = value
			case key == "password":
				all[len(all)-1].password = value
			}
		}
	}
	return all, nil
}

// word cuts off the first word of a line, which may be in quotes, with \ before a
// quote or a \ in them.
func word(line string) (first, rest string, err error) {
	if !strings.HasPrefix(line, `"`) {
		if i := strings.IndexAny(line, " \t\r"); i >= 0 {
			return line[:i], strings.TrimSpace(line[i:]), nil
		}
		return line, "", nil
	}
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			return b.String(), strings.TrimSpace(line[i+1:]), nil
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("a quote is not closed")
}
