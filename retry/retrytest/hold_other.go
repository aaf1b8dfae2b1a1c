//go:build !unix

package retrytest

// holdPort holds nothing: see hold_unix.go.
func holdPort(int) (release func()) { return func() {} }
