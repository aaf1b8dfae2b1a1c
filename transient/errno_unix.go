//go:build unix

package transient

import "syscall"

// lost are the system's errors of a connection that ended or did not come
// about. EADDRNOTAVAIL is what connect gives while all local ports wait for
// their old connections to be forgotten.
var lost = []error{
	syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ECONNREFUSED, syscall.EPIPE, syscall.ENOTCONN,
	syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENETRESET,
	syscall.ETIMEDOUT, syscall.EADDRNOTAVAIL,
}
