package retry

import "os"

// OnSync has f called instead of what makes files durable, until the function
// that it returns is called.
func OnSync(f func(*os.File) error) (restore func()) {
	fsync = f
	return func() { fsync = (*os.File).Sync }
}
