package transient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/ftpretry/ftpretry/transient"
)

func opError(err error) error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", err)}
}

func TestFailuresWithoutAReply(t *testing.T) {
	rows := map[string]struct {
		err        error
		connecting Class
		later      Class
	}{
		"the server closed":                            {io.EOF, Network, Network},
		"the server closed within a reply":             {io.ErrUnexpectedEOF, Network, Network},
		"the connection was reset":                     {opError(syscall.ECONNRESET), Network, Network},
		"the connection is broken":                     {opError(syscall.EPIPE), Network, Network},
		"the connection was refused":                   {opError(syscall.ECONNREFUSED), Network, Network},
		"the connection was given up":                  {opError(syscall.ECONNABORTED), Network, Network},
		"the host is out of reach":                     {opError(syscall.EHOSTUNREACH), Network, Network},
		"the network is out of reach":                  {opError(syscall.ENETUNREACH), Network, Network},
		"the system gave up waiting":                   {opError(syscall.ETIMEDOUT), Network, Network},
		"all local ports are in use":                   {opError(syscall.EADDRNOTAVAIL), Network, Network},
		"the connection was closed on our side":        {&net.OpError{Op: "read", Err: net.ErrClosed}, Network, Network},
		"a pipe was closed":                            {io.ErrClosedPipe, Network, Network},
		"a deadline of the connection passed":          {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, Network, Network},
		"a timeout of another make":                    {timeout{}, Network, Network},
		"the caller gave up":                           {context.Canceled, Permanent, Permanent},
		"the caller's time is up":                      {context.DeadlineExceeded, Permanent, Permanent},
		"a timeout that wraps the caller's":            {&net.OpError{Op: "dial", Err: context.DeadlineExceeded}, Permanent, Permanent},
		"the name does not exist":                      {&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, Permanent, Permanent},
		"the name server fails for now":                {&net.DNSError{Err: "server misbehaving", IsTemporary: true}, Network, Network},
		"the name server is silent":                    {&net.DNSError{Err: "i/o timeout", IsTimeout: true}, Network, Network},
		"the same, as the dialer's timeout makes it":   {&net.DNSError{Err: "i/o timeout", IsTimeout: true, UnwrapErr: context.DeadlineExceeded}, Network, Network},
		"the look-up was canceled":                     {&net.DNSError{Err: "operation was canceled", UnwrapErr: context.Canceled}, Permanent, Permanent},
		"the name server refuses":                      {&net.DNSError{Err: "server misbehaving"}, Permanent, Permanent},
		"the address has no port":                      {&net.AddrError{Err: "missing port in address", Addr: "host"}, Permanent, Permanent},
		"the address is none":                          {&net.ParseError{Type: "IP address", Text: "1.2.3"}, Permanent, Permanent},
		"the address is invalid":                       {net.InvalidAddrError("invalid"), Permanent, Permanent},
		"the network is unknown":                       {net.UnknownNetworkError("tcp9"), Permanent, Permanent},
		"a path has a line break":                      {fmt.Errorf("STOR: %w", ftp.ErrInvalidCommand), Permanent, Permanent},
		"no TLS is spoken":                             {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, Permanent, Network},
		"no FTP is spoken":                             {textproto.ProtocolError("short response: SSH-2.0-OpenSSH_9.2"), Permanent, Network},
		"no FTP is spoken, and then no more at all":    {errors.Join(io.EOF, textproto.ProtocolError("short response: <")), Permanent, Network},
		"the certificate is of nobody known":           {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, Permanent, Permanent},
		"the certificate is of another host":           {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "ftp"}, Permanent, Permanent},
		"the certificate has expired":                  {x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired}, Permanent, Permanent},
		"a TLS alert about our certificate":            {tls.AlertError(42), Permanent, Permanent},
		"a TLS alert about a broken record":            {tls.AlertError(20), Network, Network},
		"a TLS alert in package tls's own hidden type": {&net.OpError{Op: "remote error", Err: hidden(48)}, Permanent, Permanent},
		"a TLS alert that we sent":                     {&net.OpError{Op: "local error", Err: hidden(70)}, Permanent, Permanent},
		"a TLS alert about a broken record we got":     {&net.OpError{Op: "local error", Err: hidden(20)}, Network, Network},
		"a small number that is no TLS alert":          {&net.OpError{Op: "read", Err: hidden(48)}, Unknown, Unknown},
		"a remote error that is no TLS alert":          {&net.OpError{Op: "remote error", Err: errors.New("boom")}, Unknown, Unknown},
		"a network error that says nothing":            {&net.OpError{Op: "write", Err: errors.New("the caller's reader failed")}, Unknown, Unknown},
		"a full disk on our side":                      {&os.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}, Unknown, Unknown},
		"the ftp package cannot read a passive reply":  {errors.New("invalid EPSV response format"), Unknown, Unknown},
		"an address and a cut":                         {errors.Join(io.EOF, &net.AddrError{Err: "invalid port"}), Permanent, Permanent},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{r.err, fmt.Errorf("outside: %w", r.err), errors.Join(errors.New("beside"), r.err)} {
				v := Classify(Failure{Err: err})
				assert.Equal(t, r.connecting.String(), v.Class.String(), "connecting: %s", v.Rule)
				assert.Nil(t, v.Reply)
				assert.NotEmpty(t, v.Rule)
				v = Classify(Failure{Command: "STOR", Path: "a", Err: err})
				assert.Equal(t, r.later.String(), v.Class.String(), "later: %s", v.Rule)
			}
		})
	}
}

type timeout struct{}

func (timeout) Error() string   { return "took too long" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return false }

// hidden stands for the alert type that package tls keeps to itself.
type hidden uint8

func (hidden) Error() string { return "tls: alert" }

func TestADialThatTakesTooLongIsOfTheNetworkThoughNetCallsItADeadline(t *testing.T) {
	_, err := (&net.Dialer{Timeout: time.Nanosecond}).Dial("tcp", "127.0.0.1:1")
	require.ErrorIs(t, err, context.DeadlineExceeded, "package net has changed: the test has lost its subject")
	assert.Equal(t, Network, Classify(Failure{Err: err}).Class)
}

func TestRealHandshakesThatFail(t *testing.T) {
	server, roots := selfSigned(t)
	rows := map[string]struct {
		server, client *tls.Config
		want           Class // of the client's error
	}{
		"the client does not know the authority": {server, &tls.Config{ServerName: "localhost"}, Permanent},
		"the certificate is for another name":    {server, &tls.Config{ServerName: "other", RootCAs: roots}, Permanent},
		"the server wants a newer version":       {withVersions(server, tls.VersionTLS13, 0), &tls.Config{ServerName: "localhost", RootCAs: roots, MaxVersion: tls.VersionTLS12}, Permanent},
		"the server wants a certificate of ours": {withClientAuth(server), &tls.Config{ServerName: "localhost", RootCAs: roots}, Permanent},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			served := make(chan struct{})
			go func() {
				defer close(served)
				conn := tls.Server(far, r.server)
				_ = conn.Handshake()
				_ = conn.Close()
			}()
			client := tls.Client(near, r.client)
			err := client.Handshake()
			if err == nil { // over TLS 1.3 a client learns of the server's refusal by its first read
				_, err = client.Read(make([]byte, 1))
			}
			_ = near.Close()
			<-served
			require.Error(t, err)
			v := Classify(Failure{Command: "AUTH", Err: err})
			assert.Equal(t, r.want.String(), v.Class.String(), "%v: %s", err, v.Rule)
		})
	}
}

func TestAServerThatSpeaksPlainTextOnATLSConnection(t *testing.T) {
	near, far := net.Pipe()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = far.Read(make([]byte, 4096))
		_, _ = io.WriteString(far, "500 OOPS: vsf_sysutil_bind\r\n")
		_ = far.Close()
	}()
	err := tls.Client(near, &tls.Config{ServerName: "localhost"}).Handshake()
	_ = near.Close()
	<-sent
	require.Error(t, err)
	assert.Equal(t, Network, Classify(Failure{Command: "AUTH", Err: err}).Class, "%v", err)
	assert.Equal(t, Permanent, Classify(Failure{Err: err}).Class, "%v", err)
}
