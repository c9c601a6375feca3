package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The third test vector of RFC 8032, section 7.1.
func TestSignAsTheStandardSays(t *testing.T) {
	seed := unhex(t, "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
	want := unhex(t, "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")
	key, data := ed25519.NewKeyFromSeed(seed), unhex(t, "af82")
	if got := Sign(key, data); !bytes.Equal(got, want) {
		t.Errorf("signed as %x", got)
	}
	public := key.Public().(ed25519.PublicKey)
	if !Signed(public, data, want) || Signed(public, append(data, 0), want) || Signed(public, data, want[:63]) || Signed(public, data, nil) {
		t.Error("a signature passes for that of other bytes, or not for its own")
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Keys that openssl makes are taken, and what is signed openssl finds signed, and nothing else.
func TestSignForOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	dir := t.TempDir()
	call := func(args ...string) error {
		cmd := exec.CommandContext(t.Context(), openssl, args...)
		cmd.Dir = dir
		return cmd.Run()
	}
	if err := call("genpkey", "-algorithm", "ed25519", "-out", "key.pem"); err != nil {
		t.Skipf("this openssl makes no keys of Ed25519: %v", err)
	}
	if err := call("pkey", "-in", "key.pem", "-pubout", "-out", "key.pub"); err != nil {
		t.Fatal(err)
	}
	text := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	private, err := PrivateKey(text("key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := PublicKey(text("key.pub"))
	if err != nil || !public.Equal(private.Public()) {
		t.Fatalf("the public key is another: %v", err)
	}
	data := []byte(`{"format":"chatferry-certificate/1"}`)
	for name, b := range map[string][]byte{"c.json": data, "edited.json": append([]byte(" "), data...), "c.sig": Sign(private, data)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(name string) error {
		return call("pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-rawin", "-in", name, "-sigfile", "c.sig")
	}
	if err := check("c.json"); err != nil {
		t.Errorf("openssl does not find it signed: %v", err)
	}
	if err := check("edited.json"); err == nil {
		t.Error("openssl finds other bytes signed")
	}
}

// What is no such key is refused by what it is, without a word of what it holds.
func TestKeysThatAreNone(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs8 := func(key any) string { der, err := x509.MarshalPKCS8PrivateKey(key); return block(pemPrivate, der, err) }
	pkix := func(key any) string { der, err := x509.MarshalPKIXPublicKey(key); return block(pemPublic, der, err) }
	private := func(text []byte) error { _, err := PrivateKey(text); return err }
	public := func(text []byte) error { _, err := PublicKey(text); return err }
	for _, tt := range []struct {
		name string
		read func([]byte) error
		text string
		want string // empty: it is taken
	}{
		{"private", private, pkcs8(ed), ""},
		{"private behind something else", private, "a comment\n" + block("CERTIFICATE", []byte("x"), nil) + pkcs8(ed), ""},
		{"public", public, pkix(ed.Public()), ""},
		{"nothing", private, "", "holds no key in PEM"},
		{"raw", private, string(ed), "holds no key in PEM"},
		{"of another kind", private, pkcs8(ec), "not of Ed25519"},
		{"encrypted", private, block(pemEncrypted, []byte("secret"), nil), "is encrypted"},
		{"broken", private, block(pemPrivate, []byte("secret"), nil), "cannot be read"},
		{"public for private", private, pkix(ed.Public()), "where a PRIVATE KEY is needed"},
		{"of OpenSSH", private, block("OPENSSH PRIVATE KEY", []byte("secret"), nil), "holds a OPENSSH PRIVATE KEY"},
		{"private for public", public, pkcs8(ed), "openssl pkey -in key.pem -pubout"},
		{"public of another kind", public, pkix(ec.Public()), "not of Ed25519"},
		{"public, broken", public, block(pemPublic, []byte("x"), nil), "cannot be read"},
	} {
		err := tt.read([]byte(tt.text))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells what the file holds: %v", tt.name, err)
		}
	}
}
