package retrytest

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// SelfSigned makes a certificate for the given hosts, names or IP addresses,
// and returns a configuration for a server that shows it and one for a client
// that trusts it and nothing else. Without hosts it is for every address that
// a Server has: 127.0.0.1, 192.0.2.1 and localhost. The client's ServerName is
// the first host, and it has a session cache, which servers that want TLS
// sessions resumed need.
func SelfSigned(hosts ...string) (server, client *tls.Config, err error) {
	if len(hosts) == 0 {
		hosts = []string{"127.0.0.1", memServer.String(), "localhost"}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("retrytest: cannot make a key: %w", err)
	}
	// The clock of a synctest bubble starts in the year 2000.
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: hosts[0]},
		NotBefore:             time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, fmt.Errorf("retrytest: cannot make a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("retrytest: cannot make a certificate: %w", err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(leaf)
	server = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}},
		MinVersion:   tls.VersionTLS12,
	}
	client = &tls.Config{
		RootCAs: trusted, ServerName: hosts[0], MinVersion: tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	return server, client, nil
}

// sessionTLS is the configuration of one session. With ticket keys of its own,
// a data connection can resume only its own control connection's TLS session,
// which is what servers that ask for reuse check.
func sessionTLS(shared *tls.Config) *tls.Config {
	var key [32]byte
	_, _ = rand.Read(key[:]) // crypto/rand does not fail since Go 1.24
	own := shared.Clone()
	own.SetSessionTicketKeys([][32]byte{key})
	return own
}

// startTLS makes the control connection a TLS one. What the client sent before
// the handshake is dropped, lest a third party slip commands in.
func (s *session) startTLS() bool {
	conn := tls.Server(s.raw, s.tlsConf)
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.cfg.AcceptTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return false
	}
	s.out.Lock()
	s.conn = conn
	s.idle = true
	s.rearmLocked()
	s.out.Unlock()
	s.in = bufio.NewReader(conn)
	s.secure = true
	return true
}
