package anchor

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

// stampEvery is the minimum time between two stamps while the log grows:
// authorities count requests, and a token has some kilobytes.
const stampEvery = 15 * time.Minute

// stamp asks the authority to stamp the checkpoint, if that is due.
func (r *run) stamp(ctx context.Context) ([]byte, error) {
	peer := &r.st.TSA
	if r.s.Config.TSA == "" || peer.Size == r.checkpoint.Size {
		return nil, nil
	}
	if r.o.Due && (r.now.Sub(peer.Seen).Abs() < stampEvery || r.now.Before(peer.Next) && peer.Next.Sub(r.now) <= lastDelay*time.Second) {
		return nil, nil
	}
	token, err := r.s.askStamp(ctx, r.checkpoint.Log)
	status := Signed
	if err != nil {
		status = Later
	} else {
		peer.Size = r.checkpoint.Size
	}
	peer.tried(r.now, status, err)
	r.tsa = &Said{r.s.Config.TSA, status, err}
	return token, nil
}

// askStamp asks the authority for a time stamp of message: RFC 3161.
func (s *Store) askStamp(ctx context.Context, message []byte) ([]byte, error) {
	c, err := s.client()
	if err != nil {
		return nil, err
	}
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(message)
	q := timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Certificates: true, Nonce: nonce}
	der, err := q.Marshal()
	if err != nil {
		return nil, err
	}
	resp, err := c.post(ctx, s.Config.TSA, "application/timestamp-query", der)
	if err != nil {
		return nil, err
	}
	if resp.status != 200 && resp.status != 201 { // which some servers say of a new stamp
		return nil, &statusError{resp.status, resp.said()}
	}
	t, err := parseToken(func() (*timestamp.Timestamp, error) { return timestamp.ParseResponse(resp.body) })
	if err != nil {
		return nil, err
	}
	if t.Nonce == nil || t.Nonce.Cmp(nonce) != 0 {
		return nil, errors.New("its time stamp is for another request")
	}
	if _, err := CheckStamp(t.RawToken, message, s.roots); err != nil {
		return nil, err
	}
	return t.RawToken, nil
}

// CheckStamp returns the time at which an authority stamped message. The
// authority's certificate must lead to one of roots, in PEM form. The error says
// what is wrong with token, an RFC 3161 time-stamp token.
func CheckStamp(token, message, roots []byte) (time.Time, error) {
	if len(token) > maxResponse {
		return time.Time{}, fmt.Errorf("longer than a time stamp can be, %d bytes", maxResponse)
	}
	pool, err := parseRoots(roots)
	if err != nil {
		return time.Time{}, err
	}
	t, err := parseToken(func() (*timestamp.Timestamp, error) { return timestamp.Parse(token) })
	if err != nil {
		return time.Time{}, err
	}
	sum := sha256.Sum256(message)
	if t.HashAlgorithm != crypto.SHA256 || !bytes.Equal(t.HashedMessage, sum[:]) {
		return time.Time{}, errors.New("the time stamp is for another message")
	}
	if err := checkSigner(token, t.Time, pool); err != nil {
		return time.Time{}, err
	}
	return t.Time.UTC(), nil
}

// checkSigner checks who signed the token, and that it was signed as a time stamp:
// RFC 3161, sections 2.3 and 2.4.2. The library has only checked the signature by
// some certificate in the token.
func checkSigner(token []byte, at time.Time, roots *x509.CertPool) error {
	p, err := pkcs7.Parse(token)
	if err != nil {
		return errNotStamp
	}
	signer := p.GetOnlySigner()
	var content asn1.ObjectIdentifier
	if signer == nil || p.UnmarshalSignedAttribute(pkcs7.OIDAttributeContentType, &content) != nil || !content.Equal(oidTSTInfo) {
		return errNotStamp
	}
	if p.Signers[0].DigestAlgorithm.Algorithm.Equal(pkcs7.OIDDigestAlgorithmSHA1) {
		return errors.New("the time stamp is signed over SHA-1")
	}
	if len(signer.ExtKeyUsage) != 1 || signer.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(signer.UnknownExtKeyUsage) > 0 ||
		!slices.ContainsFunc(signer.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidExtKeyUsage) && e.Critical }) {
		return errors.New("the time stamp is signed by a key that is not only for time stamps")
	}
	between := x509.NewCertPool()
	for _, c := range p.Certificates {
		between.AddCert(c)
	}
	err = p.VerifyWithOpts(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return fmt.Errorf("the time stamp is not by an authority under the roots: %.200q", err.Error())
	}
	return nil
}

var errNotStamp = errors.New("the time stamp is not valid by RFC 3161")

var (
	oidTSTInfo     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4} // id-ct-TSTInfo
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}                      // id-ce-extKeyUsage
)

// parseToken parses hostile input. The library may panic.
func parseToken(parse func() (*timestamp.Timestamp, error)) (t *timestamp.Timestamp, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, errors.New("the time stamp cannot be read")
		}
	}()
	if t, err = parse(); err != nil {
		return nil, fmt.Errorf("the time stamp: %.200q", err.Error())
	}
	if len(t.Certificates) == 0 {
		return nil, errors.New("the time stamp has no certificate of its signer")
	}
	return t, nil
}

// CheckRoots returns an error unless roots are certificates in PEM form.
func CheckRoots(roots []byte) error {
	_, err := parseRoots(roots)
	return err
}

// parseRoots reads certificates in PEM form.
func parseRoots(roots []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), false
	for block, rest := pem.Decode(roots); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, errors.New("the roots of the time-stamp authority: not certificates in PEM form")
		}
		pool.AddCert(c)
		found = true
	}
	if !found {
		return nil, errors.New("the time-stamp authority's roots are missing: certificates in PEM form")
	}
	return pool, nil
}
