// Package filelock keeps a file for one user at a time, on systems that can.
package filelock

import "os"

// Exclusive takes f until it is closed, at once or not at all: the error says
// that it is taken already. A file system that knows no locks does without.
func Exclusive(f *os.File) error { return lock(f, false) }

// Shared takes f for reading, together with others that do: the error says that
// somebody has taken it by Exclusive.
func Shared(f *os.File) error { return lock(f, true) }

// Release gives f back. Closing it does so, too, but not before a process that was
// forked a moment ago has closed what it inherited.
func Release(f *os.File) { release(f) }
