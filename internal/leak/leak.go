// Package leak tells at the end of a package's tests which goroutines of this
// module are left: none may outlive the call that began it.
//
//	func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }
package leak

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// module is in the name of every function of it.
const module = "github.com/ftpretry/ftpretry"

// patience is how long a goroutine may take to end that was told to.
const patience = 10 * time.Second

// Run runs the tests and returns their exit code, or 1 where goroutines are left.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	if left := wait(patience); code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines are left after all tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		return 1
	}
	return code
}

// wait returns the goroutines that do not end within that time.
func wait(d time.Duration) []string {
	for until := time.Now().Add(d); ; time.Sleep(10 * time.Millisecond) { // nothing tells of an end
		left := goroutines()
		if len(left) == 0 || time.Now().After(until) {
			return left
		}
	}
}

// goroutines are the stacks of those that run functions of this module, but for
// the one that asks.
func goroutines() (found []string) {
	stacks := make([]byte, 1<<20)
	all := string(stacks[:runtime.Stack(stacks, true)])
	_, others, _ := strings.Cut(all, "\n\n") // the one that asks is the first
	for stack := range strings.SplitSeq(others, "\n\n") {
		if strings.Contains(stack, module) {
			found = append(found, strings.TrimSpace(stack))
		}
	}
	return found
}
