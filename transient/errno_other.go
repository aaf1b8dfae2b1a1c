//go:build !unix && !windows

package transient

// lost is empty where the system has no error numbers for connections: there a
// cut shows as the end of the connection or as a timeout.
var lost []error
