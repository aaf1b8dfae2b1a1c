package transient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/textproto"
	"reflect"
	"slices"

	"github.com/jlaffaye/ftp"
)

// symptom is what an error says when it is no reply.
type symptom struct {
	what   string
	class  Class
	reason string
	shown  func(err error, connecting bool) bool // of one node of the tree
}

func (s *symptom) verdict() Verdict {
	return Verdict{Class: s.class, Rule: s.what + ": " + s.reason}
}

// first returns the lowest index below limit of a symptom that err shows.
func first(list []symptom, limit int, err error, connecting bool) int {
	for i := range list[:limit] {
		if list[i].shown(err, connecting) {
			return i
		}
	}
	return limit
}

// faults are of our own side. They decide even where a reply is there: the
// reply then only tells what our own doing looked like from the other end.
var faults = []symptom{
	{"canceled", Permanent, "the caller gave up", canceled},
	{"deadline exceeded", Permanent, "the caller's time is up", func(err error, _ bool) bool {
		// As such and not by its Is method: package net gives a dial that
		// took too long an Is that claims it, and that is Network.
		return err == context.DeadlineExceeded
	}},
	{"line break in a command", Permanent, "give a path without CR and LF", func(err error, _ bool) bool {
		return err == ftp.ErrInvalidCommand
	}},
	{"certificate", Permanent, "the server's certificate does not pass: check names, dates and RootCAs in Config.TLS", certificate},
	{"TLS alert", Permanent, "the two sides do not agree on TLS: check versions, ciphers and certificates", func(err error, _ bool) bool {
		number, ok := alert(err)
		return ok && !passing(number)
	}},
}

// signs decide when no reply came. The first of the list that the tree shows
// wins, so those that no replay mends come before those it does.
var signs = []symptom{
	{"address", Permanent, "it cannot be read: give host:port", address},
	{"unknown host", Permanent, "the name does not exist: check Config.Addr", func(err error, _ bool) bool {
		e, ok := err.(*net.DNSError)
		return ok && e.IsNotFound
	}},
	{"name server", Permanent, "it refused to answer: check the resolver", func(err error, _ bool) bool {
		e, ok := err.(*net.DNSError)
		return ok && !e.IsNotFound && !e.IsTemporary && !e.IsTimeout
	}},
	{"no TLS while connecting", Permanent, "the port does not speak TLS: check the port and ImplicitTLS", func(err error, connecting bool) bool {
		return connecting && noTLS(err)
	}},
	{"no FTP while connecting", Permanent, "something else listens there: check the port", func(err error, connecting bool) bool {
		return connecting && noReply(err)
	}},
	{"name server", Network, "no answer for now", func(err error, _ bool) bool {
		e, ok := err.(*net.DNSError)
		return ok && !e.IsNotFound
	}},
	{"no TLS", Network, "plain text on a TLS connection: the server broke off (vsftpd says OOPS so)", func(err error, _ bool) bool {
		return noTLS(err)
	}},
	{"no reply code", Network, "the connection is out of step", func(err error, _ bool) bool {
		return noReply(err)
	}},
	{"TLS alert", Network, "the TLS connection broke", func(err error, _ bool) bool {
		number, ok := alert(err)
		return ok && passing(number)
	}},
	{"connection lost", Network, "reset, refused, closed or out of reach", func(err error, _ bool) bool {
		return slices.Contains(lost, err)
	}},
	{"timeout", Network, "no answer in time", func(err error, _ bool) bool {
		e, ok := err.(net.Error)
		return ok && err != context.DeadlineExceeded && e.Timeout()
	}},
	{"end of connection", Network, "closed before the answer was complete", func(err error, _ bool) bool {
		return err == io.EOF || err == io.ErrUnexpectedEOF || err == io.ErrClosedPipe || err == net.ErrClosed
	}},
}

// below reports whether what an error wraps is looked at too. A failed look-up
// has said all in its own fields; the deadline it may wrap is the dialer's.
func below(err error) bool {
	e, ok := err.(*net.DNSError)
	return !ok || errors.Is(e.UnwrapErr, context.Canceled)
}

func canceled(err error, _ bool) bool {
	if err == context.Canceled {
		return true
	}
	e, ok := err.(interface{ Is(error) bool }) // package net has a canceled of its own
	return ok && e.Is(context.Canceled)
}

func certificate(err error, _ bool) bool {
	switch err.(type) {
	case *tls.CertificateVerificationError, *tls.ECHRejectionError,
		x509.UnknownAuthorityError, *x509.UnknownAuthorityError,
		x509.CertificateInvalidError, *x509.CertificateInvalidError,
		x509.HostnameError, *x509.HostnameError,
		x509.ConstraintViolationError, x509.InsecureAlgorithmError,
		x509.SystemRootsError, x509.UnhandledCriticalExtension:
		return true
	}
	return false
}

// alert returns the number of the TLS alert (RFC 8446 section 6) that ended a
// connection. Package tls keeps its type to itself and hands it out inside a
// *net.OpError.
func alert(err error) (number uint64, ok bool) {
	if e, is := err.(tls.AlertError); is {
		return uint64(e), true
	}
	e, is := err.(*net.OpError)
	if !is || e.Op != "remote error" && e.Op != "local error" {
		return 0, false
	}
	v := reflect.ValueOf(e.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return v.Uint(), true
}

// passing reports whether an alert tells of a broken or abandoned connection.
// All others tell of sides that do not agree, and will not next time.
func passing(number uint64) bool {
	switch number {
	case 0, 10, 20, 21, 22, 50, 80, 90: // close notify, unexpected message, bad record MAC, decryption failed, record overflow, decode error, internal error, user canceled
		return true
	}
	return false
}

func noTLS(err error) bool {
	_, ok := err.(tls.RecordHeaderError)
	return ok
}

func noReply(err error) bool {
	_, ok := err.(textproto.ProtocolError)
	return ok
}

func address(err error, _ bool) bool {
	switch err.(type) {
	case *net.AddrError, *net.ParseError, net.InvalidAddrError, net.UnknownNetworkError:
		return true
	}
	return false
}
