package anchor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

// Only a certificate that is for time stamps, critically and for nothing else,
// and valid then, makes a stamp. openssl refuses to sign by any other.
func TestStampUsage(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	issue := func(c, parent *x509.Certificate) *x509.Certificate {
		t.Helper()
		c.SerialNumber = big.NewInt(now.UnixNano())
		if c.NotAfter.IsZero() {
			c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), key)
		if err == nil {
			c, err = x509.ParseCertificate(der)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root = issue(root, root)
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
	usage := func(critical bool, ids ...asn1.ObjectIdentifier) []pkix.Extension {
		der, err := asn1.Marshal(ids)
		if err != nil {
			t.Fatal(err)
		}
		return []pkix.Extension{{Id: oidExtKeyUsage, Critical: critical, Value: der}}
	}
	stamping, server := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	message := []byte("message")
	sum := sha256.Sum256(message)
	for _, c := range []struct {
		name       string
		extensions []pkix.Extension
		until      time.Time
		good       bool
	}{
		{"as it should be", usage(true, stamping), time.Time{}, true},
		{"not critical", usage(false, stamping), time.Time{}, false},
		{"for servers too", usage(true, stamping, server), time.Time{}, false},
		{"for servers", usage(true, server), time.Time{}, false},
		{"for anything", nil, time.Time{}, false},
		{"expired", usage(true, stamping), now.Add(-30 * time.Minute), false},
	} {
		leaf := &x509.Certificate{Subject: pkix.Name{CommonName: c.name}, ExtraExtensions: c.extensions}
		if !c.until.IsZero() {
			leaf.NotBefore, leaf.NotAfter = c.until.Add(-time.Hour), c.until
		}
		leaf = issue(leaf, root)
		stamp := timestamp.Timestamp{
			HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: now, Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: true,
			Certificates: []*x509.Certificate{root},
		}
		response, err := stamp.CreateResponseWithOpts(leaf, key, crypto.SHA256)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		parsed, err := timestamp.ParseResponse(response)
		if err != nil {
			if c.good {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if _, err := CheckStamp(parsed.RawToken, message, roots); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
