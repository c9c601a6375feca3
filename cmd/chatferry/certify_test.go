package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/cmd/chatferry/certificate"
	"chatferry/cmd/chatferry/verify"
)

// certificates are the files of a dataset that certify its runs, sorted.
func (p *proving) certificates() []string {
	p.t.Helper()
	var names []string
	for name := range p.virtual.files() {
		if strings.HasPrefix(name, "_chatferry/certificate") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// lastCertificate is the name of the one that bears the greatest number.
func (p *proving) lastCertificate() string {
	p.t.Helper()
	names := slices.DeleteFunc(p.certificates(), func(name string) bool {
		return path.Dir(name) != "_chatferry/certificates" || path.Ext(name) != certificateText
	})
	if len(names) == 0 {
		p.t.Fatal("no run left a certificate")
	}
	return names[len(names)-1]
}

// certified returns the contents of these files.
func (p *proving) certified() map[string]string {
	p.t.Helper()
	out := map[string]string{}
	for _, name := range p.certificates() {
		out[name] = string(p.get(name))
	}
	return out
}

// editCertificate changes one digit, which leaves a certificate of the right form.
func editCertificate(b []byte, rng *rand.Rand) []byte {
	b = bytes.Clone(b)
	for {
		if i := rng.IntN(len(b)); b[i] >= '1' && b[i] <= '8' {
			b[i]++
			return b
		}
	}
}

// signKey makes the files of a key, private and public, as openssl does.
func signKey(t *testing.T, dir string, seed byte) (private, public string) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	open, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name *string
		kind string
		data []byte
	}{{&private, "PRIVATE KEY", secret}, {&public, "PUBLIC KEY", open}} {
		*f.name = filepath.Join(dir, fmt.Sprintf("%d %s.pem", seed, f.kind))
		if err := os.WriteFile(*f.name, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.data}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return private, public
}

// dying lets the calls that follow lose their disk before the n-th operation that has to do with certificates. It returns
// whether they did.
func (p *proving) dying(n int) (died func() bool) {
	at, dead := 0, false
	p.disk = func(fsys atomicfile.FS) (atomicfile.FS, error) {
		return faultfs.Counted(fsys, func(_ int, _, name string) error {
			if strings.Contains(name, "certificate") || strings.Contains(name, atomicfile.TempPrefix+probeTag) {
				at++
			}
			if dead = dead || at >= n; dead {
				return syscall.EIO
			}
			return nil
		}), nil
	}
	return func() bool { return dead }
}

// A run that dies anywhere while it certifies leaves it to the next, which writes the very same, signed, whether it has more
// to carry or not.
func TestCertificateAfterAKill(t *testing.T) {
	const seed = 1
	dir := t.TempDir()
	private, public := signKey(t, dir, 1)
	made := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, seed, made.dump)
	made.env["CHATFERRY_SIGN_KEY_FILE"] = private
	made.run()
	want := made.certified()
	if len(want) != 4 {
		t.Fatalf("a run left the certificates %v", made.certificates())
	}
	for _, name := range made.certificates() {
		made.put(name, nil)
	}
	if v := made.mustBeSound(); v.Certificate == nil || v.Certificate.State != certMissing {
		t.Errorf("the certificate that is missing is %+v", v.Certificate)
	}
	for n, died := 1, true; died; n++ {
		p := newProving(t, seed, made.dump, filepath.Join(dir, fmt.Sprint(n)))
		p.env["CHATFERRY_SIGN_KEY_FILE"] = private
		made.linked(p.root)
		stopped := p.dying(n)
		p.runs([]int{exitDone, exitPartial, exitEnvironment})
		died = stopped()
		p.disk = nil
		p.run()
		if got := p.certified(); !equalFiles(got, want) {
			t.Fatalf("seed %d: killed before operation %d: the certificates are %v, not %v", seed, n, p.certificates(), want)
		}
		if n > 40 {
			t.Fatalf("it takes more than %d operations to certify", n)
		}
		if err := os.RemoveAll(p.root); err != nil {
			t.Fatal(err)
		}
	}
	// The run that follows may be one that carries more. What it owes comes before what it adds.
	made.grow()
	made.run()
	got := made.certified()
	first := checkpoint.CertificateName(lastOf(t, want), certificateText)
	if got[first] != want[first] || len(got) != 6 || got[certificateCopy+certificateText] != got[made.lastCertificate()] {
		t.Errorf("after the next run the certificates are %v", made.certificates())
	}
	if v, e := made.verified("--key", public); e.code != exitDone || v.Certificate.State != certCurrent || v.Certificate.Signature != certValid {
		t.Errorf("exit code %d: %+v; %s", e.code, v.Certificate, e.stderr)
	}
	// Without the key, nothing that was signed stands beside what is not, and whoever forgot the key is told.
	delete(made.env, "CHATFERRY_SIGN_KEY_FILE")
	for _, told := range []bool{true, false} {
		e := made.program(t.Context(), "compact", made.root)
		if !slices.Contains(whole, e.code) || strings.Contains(e.stderr, "the key is not remembered") != told {
			t.Errorf("without the key the exit code is %d, and it is told that one is missing, unless it is %v: %s", e.code, told, e.stderr)
		}
	}
	if names := made.certificates(); len(names) != 7 || slices.Contains(names, certificateCopy+certificateSign) {
		t.Errorf("after a run without the key the certificates are %v", names)
	}
	made.carries(whole, "discard", made.root, "--yes")
	if left, err := os.ReadDir(made.root); err != nil || len(left) > 0 {
		t.Errorf("discard left %v, %v", left, err)
	}
}

// lastOf is the number of the run-done that a certificate among files is about.
func lastOf(t *testing.T, files map[string]string) uint64 {
	t.Helper()
	c, err := certificate.Decode([]byte(files[certificateCopy+certificateText]))
	if err != nil {
		t.Fatal(err)
	}
	return c.Record
}

func equalFiles(a, b map[string]string) bool {
	for name, text := range a {
		if b[name] != text {
			return false
		}
	}
	return len(a) == len(b)
}

// What a certificate that was kept elsewhere shows, and nothing else.
func TestVerifyAgainstACertificate(t *testing.T) {
	const seed = 3
	dir := t.TempDir()
	private, public := signKey(t, dir, 1)
	_, foreign := signKey(t, dir, 2)
	made := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, seed, made.dump)
	made.env["CHATFERRY_SIGN_KEY"] = string(readFile(t, private))
	made.run()
	kept := filepath.Join(dir, "kept.json")
	writeFile(t, kept, made.get(certificateCopy+certificateText))
	writeFile(t, filepath.Join(dir, "kept.sig"), made.get(certificateCopy+certificateSign))

	// holds says that verify ends so, and what becomes of the certificate.
	holds := func(p *proving, code int, state, signature string, more ...string) verified {
		t.Helper()
		v, e := p.verified(append([]string{"--quick"}, more...)...)
		if e.code != code || v.Certificate == nil || v.Certificate.State != state || v.Certificate.Signature != signature {
			t.Errorf("exit code %d, want %d: %+v, want %s and %s; found %v; %s", e.code, code, v.Certificate, state, signature, v.Findings, e.stderr)
		}
		return v
	}
	if v := holds(made, exitDone, certCurrent, certValid, "--certificate", kept, "--key", public); slices.Contains(v.Unproven, unprovenEnd) {
		t.Error("what a certificate shows is said not to be shown")
	}
	if v := holds(made, exitDone, certCurrent, certUnchecked); !slices.Contains(v.Unproven, unprovenEnd) {
		t.Error("the certificate in the dataset is taken for one that was kept elsewhere")
	}
	holds(made, exitDiffers, certCurrent, certWrong, "--certificate", kept, "--key", foreign)
	unsigned := filepath.Join(dir, "unsigned.json")
	writeFile(t, unsigned, readFile(t, kept))
	holds(made, exitDone, certCurrent, certMissing, "--certificate", unsigned)
	holds(made, exitDiffers, certCurrent, certMissing, "--certificate", unsigned, "--key", public)

	// Whatever was edited is found by the logs, and by the key.
	rng := rand.New(rand.NewPCG(seed, 1))
	writeFile(t, filepath.Join(dir, "edited.sig"), readFile(t, filepath.Join(dir, "kept.sig")))
	edited := filepath.Join(dir, "edited.json")
	for i := range 20 {
		writeFile(t, edited, editCertificate(readFile(t, kept), rng))
		v, e := made.verified("--quick", "--certificate", edited, "--key", public)
		if e.code != exitDiffers && e.code != exitIncompatible || v.Certificate.State != certWrong || v.Certificate.Signature != certWrong {
			t.Errorf("seed %d, edit %d: exit code %d: %+v; found %v; %s", seed, i, e.code, v.Certificate, v.Findings, e.stderr)
		}
	}
	writeFile(t, edited, append(readFile(t, kept), '\n'))
	holds(made, exitDiffers, certWrong, certUnchecked, "--certificate", edited)

	// A log that lost its end, with all that would tell of it, is like that of a run that was killed.
	cut := newProving(t, seed, "", filepath.Join(dir, "cut"))
	made.linked(cut.root)
	for _, name := range cut.certificates() {
		cut.put(name, nil)
	}
	names := cut.names(isRecord)
	cut.put(names[len(names)-1], nil) // of the dataset's log
	shard := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.Contains(name, "/000000000001/") })
	cut.put(shard[len(shard)-1], nil)
	if v := cut.mustBeSound(); v.Certificate != nil {
		t.Errorf("the certificate of a run that did not end is %+v", v.Certificate)
	}
	v := holds(cut, exitIncompatible, certWrong, certUnchecked, "--certificate", kept)
	for _, want := range []string{names[len(names)-1], shard[len(shard)-1]} {
		if !slices.ContainsFunc(v.Findings, func(f verify.Finding) bool { return f.Place == want && f.Kind == verify.DamagedLog }) {
			t.Errorf("%s was removed, and found is %v", want, v.Findings)
		}
	}

	// One that has gone on since has lost nothing.
	made.grow()
	made.run()
	v = holds(made, exitDone, certOlder, certValid, "--certificate", kept, "--key", public)
	if v.Certificate.NewerRuns != 1 || v.Certificate.NewerRecords == 0 {
		t.Errorf("after one more run the certificate is %+v", v.Certificate)
	}
	if e := made.program(t.Context(), "verify", made.root, "--certificate", kept, "--quick"); !strings.Contains(e.stdout, "what was certified is all there; the dataset went on since: 1 run, ") {
		t.Errorf("it is told as %s", e.stdout)
	}
	other := newProving(t, seed, made.dump, filepath.Join(dir, "other"))
	other.run()
	v = holds(other, exitDiffers, certWrong, certUnchecked, "--certificate", kept)
	if len(v.Findings) != 1 || !strings.Contains(v.Findings[0].What, "of another dataset") {
		t.Errorf("found %v", v.Findings)
	}
}

// The copy that people take away is held against the certificate that it is of; that it is not there is no fault.
func TestCopyOfTheCertificate(t *testing.T) {
	dir := t.TempDir()
	p := newProving(t, 5, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, p.seed, p.dump)
	p.run()
	name := filepath.Join(p.root, filepath.FromSlash(certificateCopy+certificateText))
	text := readFile(t, name)
	for at := 0; at < len(text); at += 1 + len(text)/9 {
		damaged := slices.Clone(text)
		damaged[at] ^= 4
		writeFile(t, name, damaged)
		v, e := p.verified()
		if e.code != exitDiffers || len(v.Findings) != 1 || v.Findings[0].Place != certificateCopy+certificateText || v.Certificate.State != certCurrent {
			t.Errorf("byte %d changed: exit code %d, findings %+v, certificate %+v", at, e.code, v.Findings, v.Certificate)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	p.mustBeSound()
}

// What cannot be used is refused before anything is written, or read for hours, and no key is ever told.
func TestCertificateRefuses(t *testing.T) {
	dir := t.TempDir()
	private, public := signKey(t, dir, 1)
	p := newProving(t, 1, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, 1, p.dump)
	text := string(readFile(t, private))
	open := filepath.Join(dir, "open.pem")
	writeFile(t, open, []byte(text))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	run := []string{"run", "--from", p.dump, "--to", p.root}
	for _, tt := range []struct {
		env  map[string]string
		args []string
		code int
		want string
	}{
		{nil, append(run, "--sign-key-file", open), exitEnvironment, "others than its owner have rights on it"},
		{nil, append(run, "--sign-key-file", public), exitEnvironment, "where a PRIVATE KEY is needed"},
		{nil, append(run, "--sign-key-file", filepath.Join(dir, "no")), exitEnvironment, "no such file"},
		{nil, append(run, "--sign-key", text), exitUsage, "set CHATFERRY_SIGN_KEY"},
		{map[string]string{"CHATFERRY_SIGN_KEY": text}, append(run, "--sign-key-file", private), exitUsage, "keep one of them"},
		{map[string]string{"CHATFERRY_SIGN_KEY": "x" + text[28:]}, run, exitEnvironment, "the key of CHATFERRY_SIGN_KEY: it holds no key in PEM"},
		{nil, []string{"verify", p.root, "--key", private}, exitUsage, "openssl pkey -in key.pem -pubout"},
		{nil, []string{"verify", p.root, "--key", filepath.Join(dir, "no")}, exitUsage, "no such file"},
		{nil, []string{"verify", p.root, "--certificate", filepath.Join(dir, "no")}, exitUsage, "there is no file"},
	} {
		for name, value := range tt.env {
			p.env[name] = value
		}
		e := p.program(t.Context(), tt.args...)
		if e.code != tt.code || !strings.Contains(e.stderr, tt.want) {
			t.Errorf("chatferry %v: exit code %d, want %d: %s, want %q", tt.args, e.code, tt.code, e.stderr, tt.want)
		}
		if secret := strings.Split(text, "\n")[1]; strings.Contains(e.stdout+e.stderr, secret) {
			t.Errorf("chatferry %v tells the key: %s", tt.args, e.stderr)
		}
		if _, err := os.Stat(p.root); err == nil {
			t.Fatalf("chatferry %v made the dataset", tt.args)
		}
		for name := range tt.env {
			delete(p.env, name)
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A run does not go on over a log whose end was removed: it would write the loss down for good.
func TestRunRefusesACutLog(t *testing.T) {
	const seed = 3
	dir := t.TempDir()
	p := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, seed, p.dump)
	p.run()
	records := p.names(func(n string) bool { return path.Dir(n) == "_chatferry/log/dataset" })
	slices.Sort(records)
	p.put(records[len(records)-1], nil)
	before := p.virtual.files()
	p.runs([]int{exitIncompatible})
	p.carries([]int{exitIncompatible}, "compact", p.root)
	if after := p.virtual.files(); len(after) != len(before) {
		t.Errorf("seed %d: %d files became %d", seed, len(before), len(after))
	}
}

// Joining files carries nothing, so that the next run keeps to the phase of the last that did.
func TestCompactLeavesThePhase(t *testing.T) {
	const seed = 4
	dir := t.TempDir()
	p := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, seed, p.dump)
	p.run("--phase", "cutover")
	p.carries(whole, "compact", p.root)
	p.carries(whole, "resume", p.root)
	if n := len(p.names(func(n string) bool { return strings.HasPrefix(n, "tables/chats/") })); n > 0 {
		t.Errorf("seed %d: resume behind compact carried the history: %d files", seed, n)
	}
	p.carries(whole, "resume", p.root, "--phase", "backfill")
	if n := len(p.names(func(n string) bool { return strings.HasPrefix(n, "tables/chats/") })); n == 0 {
		t.Errorf("seed %d: the backfill carried no chats", seed)
	}
	p.mustBeSound()
}
