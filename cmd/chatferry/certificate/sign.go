package certificate

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// The blocks of PEM that hold keys.
const (
	pemPrivate   = "PRIVATE KEY" // PKCS #8
	pemPublic    = "PUBLIC KEY"  // SubjectPublicKeyInfo
	pemEncrypted = "ENCRYPTED PRIVATE KEY"
)

// makeKey is how a key is made.
const makeKey = "make one with `openssl genpkey -algorithm ed25519 -out key.pem`"

// Sign signs a certificate. The same key and bytes give the same signature.
func Sign(key ed25519.PrivateKey, data []byte) []byte { return ed25519.Sign(key, data) }

// Signed reports whether a signature is that of a key's owner over exactly these bytes.
func Signed(key ed25519.PublicKey, data, signature []byte) bool {
	return ed25519.Verify(key, data, signature)
}

// PrivateKey reads a private Ed25519 key, PKCS #8 in PEM, as openssl writes it. Its errors hold nothing of the text.
func PrivateKey(text []byte) (ed25519.PrivateKey, error) {
	block, err := blockOf(text, pemPrivate)
	if err != nil {
		return nil, err
	}
	any, err := x509.ParsePKCS8PrivateKey(block)
	if err != nil {
		return nil, errors.New("its private key cannot be read; " + makeKey)
	}
	key, ok := any.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("its private key is not of Ed25519; " + makeKey)
	}
	return key, nil
}

// PublicKey reads a public Ed25519 key, in PEM, as openssl writes it.
func PublicKey(text []byte) (ed25519.PublicKey, error) {
	block, err := blockOf(text, pemPublic)
	if err != nil {
		return nil, err
	}
	any, err := x509.ParsePKIXPublicKey(block)
	if err != nil {
		return nil, fmt.Errorf("its public key cannot be read: %w", err)
	}
	key, ok := any.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("its public key is not of Ed25519")
	}
	return key, nil
}

// blockOf returns the first block of a kind.
func blockOf(text []byte, kind string) ([]byte, error) {
	found := ""
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type == kind {
			return block.Bytes, nil
		}
		found, text = block.Type, rest
	}
	switch {
	case found == "":
		return nil, errors.New("it holds no key in PEM; " + makeKey)
	case found == pemEncrypted:
		return nil, errors.New("its key is encrypted; decrypt it with `openssl pkey` on the way to where it is read")
	case kind == pemPublic && found == pemPrivate:
		return nil, errors.New("it holds a private key; make the public one with `openssl pkey -in key.pem -pubout`")
	}
	return nil, fmt.Errorf("it holds a %s, where a %s is needed; %s", found, kind, makeKey)
}
