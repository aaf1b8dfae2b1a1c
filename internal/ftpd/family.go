//go:build linux

package ftpd

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
)

// kin is a line of the kernel's process table.
type kin struct {
	pid, parent, group int
}

// table returns the processes that are alive.
func table() []kin {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close() //nolint:errcheck // it was only read
	names, _ := proc.Readdirnames(-1)
	var all []kin
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if k, ok := look(pid); ok {
				all = append(all, k)
			}
		}
	}
	return all
}

// look returns what proc(5) says of a process, if it is alive.
func look(pid int) (kin, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return kin{}, false
	}
	// The program's name is in brackets and may hold anything; then come state, parent and group.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 3 || fields[0] == "Z" {
		return kin{}, false
	}
	return kin{pid, number(fields[1]), number(fields[2])}, true
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
	return slices.DeleteFunc(slices.Clone(pids), func(pid int) bool {
		_, ok := look(pid)
		return !ok
	})
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
