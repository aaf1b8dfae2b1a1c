//go:build linux

package ftpd

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// kin is a line of the kernel's process table.
type kin struct {
	pid, parent, group int
}

// table returns the processes that are alive, from proc(5).
func table() []kin {
	var all []kin
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil // only a wrong pattern is an error
	}
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it ended since
		}
		// The program's name is in brackets and may hold anything; then come state, parent and group.
		pid, _, _ := strings.Cut(string(text), " ")
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 3 || fields[0] == "Z" {
			continue
		}
		all = append(all, kin{number(pid), number(fields[1]), number(fields[2])})
	}
	return all
}

// family returns the listener and every process that came from it. vsftpd gives each session a process group of its own,
// and Pure-FTPd's sessions are handed to init, so neither the group nor the parents alone find them all.
func (p *process) family() []int {
	var found []int
	all := table()
	for more := true; more; {
		more = false
		for _, k := range all {
			ours := k.pid == p.pid || k.group == p.pid || slices.Contains(found, k.parent) || slices.Contains(found, k.group)
			if ours && !slices.Contains(found, k.pid) {
				found, more = append(found, k.pid), true
			}
		}
	}
	return found
}

// alive returns those of the processes that are left.
func alive(pids []int) []int {
	var left []int
	for _, k := range table() {
		if slices.Contains(pids, k.pid) {
			left = append(left, k.pid)
		}
	}
	return left
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
