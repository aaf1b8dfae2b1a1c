//go:build linux

package ftpd

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// keys is a certificate for 127.0.0.1, as servers read it and as clients trust it. Clients that must show one show the
// same: it is its own authority.
type keys struct {
	pem     string
	client  *tls.Config
	own     []tls.Certificate
	trusted string // for servers, which clients to let in
}

// RSA, because vsftpd has no setting that takes another kind of key with the same file.
var certificateOnce = sync.OnceValues(func() (keys, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return keys{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return keys{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return keys{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return keys{}, err
	}
	var text bytes.Buffer
	for _, block := range []*pem.Block{{Type: "PRIVATE KEY", Bytes: secret}, {Type: "CERTIFICATE", Bytes: der}} {
		if err := pem.Encode(&text, block); err != nil {
			return keys{}, err
		}
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(cert)
	return keys{
		pem:     text.String(),
		client:  &tls.Config{RootCAs: trusted, ServerName: "localhost", MinVersion: tls.VersionTLS12},
		own:     []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}},
		trusted: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
	}, nil
})

func certificate(t testing.TB) keys {
	t.Helper()
	pair, err := certificateOnce()
	must(t, err)
	return pair
}
