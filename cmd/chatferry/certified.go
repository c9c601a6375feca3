package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/certificate"
	"chatferry/cmd/chatferry/progress"
	"chatferry/cmd/chatferry/verify"
)

// certificateProof is what `verify` was told about the certificate.
type certificateProof struct {
	file string // the certificate; empty: the one that the dataset holds
	key  string // file of the public key that has to have signed it; empty: the signature is not checked
}

func (p *certificateProof) addFlags(f *pflag.FlagSet) {
	f.Var(&plainFlag{&p.file, "FILE"}, "certificate", "hold the dataset against this certificate, kept elsewhere; else against the one that it holds")
	f.Var(&plainFlag{&p.key, "FILE"}, "key", "public Ed25519 key, in PEM, that must have signed the certificate")
}

// certificateFound is what became of a certificate.
type certificateFound struct {
	File   string `json:"file"`             // as it was given, or below the root
	Record uint64 `json:"record,omitempty"` // the run-done that it is about
	// State is current if the certificate is about the dataset as it is, older if the dataset went on since, missing if the
	// last run that ended left none, and wrong if it is not that of the dataset.
	State string `json:"state"`
	// Signature is valid, wrong, missing, or unchecked where no key was given.
	Signature string `json:"signature"`
	// NewerRuns and NewerRecords are those of which the certificate does not know.
	NewerRuns    int    `json:"newer_runs"`
	NewerRecords uint64 `json:"newer_records"`

	given bool
}

// The states of a certificate and of its signature.
const (
	certCurrent   = "current"
	certOlder     = "older"
	certMissing   = "missing"
	certWrong     = "wrong"
	certValid     = "valid"
	certUnchecked = "unchecked"
)

// certified holds the dataset against its certificate, and enters what differs among the findings.
func (v *verified) certified(ctx context.Context, t *target, given *certificateGiven) error {
	// What is certified is listed before the logs are read, so that a live run has no time to certify more in between.
	there, err := checkpoint.Certified(ctx, t.logs)
	if err != nil {
		return err
	}
	d, err := t.load(ctx)
	if chatferry.KindOf(err) == chatferry.KindIncompatible || err == nil && d == nil {
		d, err = nil, nil // the logs are damaged, and verify has said so
	}
	if err != nil {
		return err
	}
	if d != nil {
		if n := slices.Max(append(there, 0)); n > d.Records() {
			v.cutOff(certificate.LostLog{Log: checkpoint.DatasetLog, N: n, What: fmt.Sprintf(
				"its log ends with record %d, but the dataset holds the certificate of this one: the end of the log was removed", d.Records())})
		}
	}
	f := &certificateFound{File: given.file, given: given.file != "", Signature: certUnchecked}
	text, signature := given.text, given.signature
	if !f.given {
		last := lastDone(d)
		if last == nil {
			return nil
		}
		f.File = certificateOf(last, certificateText)
		text, err = t.logs.Read(ctx, f.File)
		if err == nil {
			signature, err = t.logs.Read(ctx, certificateOf(last, certificateSign))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := v.copied(ctx, t); err != nil {
			return err
		}
	}
	v.Certificate = f
	v.checkSignature(f, given.key, text, signature)
	if text == nil {
		f.State, f.Record = certMissing, lastDone(d).DoneN
		return nil
	}
	cert, err := certificate.Decode(text)
	if err != nil {
		v.wrong(f, fmt.Sprintf("it is no certificate as chatferry writes it: %v", err))
		return nil
	}
	f.Record = cert.Record
	if d == nil {
		f.State = certWrong
		return nil
	}
	return v.checkCertificate(ctx, t, d, f, cert)
}

// copied holds the copy of a certificate that bears no number against the one that it is of. A run that was killed may have
// left an older copy or none, which the next run puts right.
func (v *verified) copied(ctx context.Context, t *target) error {
	f := &certificateFound{File: certificateCopy + certificateText}
	text, err := t.logs.Read(ctx, f.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	cert, err := certificate.Decode(text)
	if err != nil {
		v.find(f, fmt.Sprintf("it is no certificate as chatferry writes it: %v; the certificates with numbers are beside it", err))
		return nil
	}
	original := checkpoint.CertificateName(cert.Record, certificateText)
	of, err := t.logs.Read(ctx, original)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(text, of) {
		v.find(f, "it is not a copy of "+original+", as it should be; take that one")
	}
	return nil
}

// checkSignature looks whether the owner of a key has signed the certificate.
func (v *verified) checkSignature(f *certificateFound, key ed25519.PublicKey, text, signature []byte) {
	switch {
	case signature == nil:
		f.Signature = certMissing
		if key != nil {
			v.find(f, "it is not signed")
		}
	case key == nil:
	case certificate.Signed(key, text, signature):
		f.Signature = certValid
	default:
		f.Signature = certWrong
		v.find(f, "its signature is not that of the key over these bytes")
	}
}

// checkCertificate holds what a certificate says against the logs: their ends, and what follows from them.
func (v *verified) checkCertificate(ctx context.Context, t *target, d *checkpoint.Dataset, f *certificateFound, cert *certificate.Certificate) error {
	if cert.Dataset != d.UUID() {
		v.wrong(f, fmt.Sprintf("it is the certificate of another dataset, %s", cert.Dataset))
		return nil
	}
	lost := cert.Lost(d.Heads())
	var was *checkpoint.Dataset
	if len(lost) == 0 {
		var err error
		was, err = d.AsOf(ctx, t.logs, cert.Record)
		switch kind := chatferry.KindOf(err); {
		case kind == chatferry.KindUsage:
			lost = []certificate.LostLog{{Log: checkpoint.DatasetLog, N: cert.Record, What: "a run was certified with it, but it does not end one: the log was written anew"}}
		case kind == chatferry.KindIncompatible:
			v.corrupt(err)
		case err != nil:
			return err
		default:
			lost = cert.Lost(was.Heads())
		}
	}
	for _, l := range lost {
		v.cutOff(l)
	}
	if len(lost) > 0 || was == nil {
		f.State = certWrong
		return nil
	}
	differs, err := v.differences(ctx, t, was, cert)
	if err != nil {
		return err
	}
	if len(differs) > 0 {
		v.wrong(f, "it is not what the logs say, in "+strings.Join(differs, ", "))
		return nil
	}
	f.State = certCurrent
	if was != d {
		f.State = certOlder
		f.NewerRuns = len(d.Runs()) - len(was.Runs())
		f.NewerRecords = records(d) - records(was)
	}
	if f.given { // only what was kept elsewhere can show it
		v.Unproven = slices.DeleteFunc(slices.Clone(v.Unproven), func(text string) bool { return text == unprovenEnd })
	}
	return nil
}

// differences names the members in which a certificate is not the one that the logs give. What is in quarantine is counted
// by its codes if its files are all there, and are to be read.
func (v *verified) differences(ctx context.Context, t *target, was *checkpoint.Dataset, cert *certificate.Certificate) ([]string, error) {
	rejects := cert.Rejects()
	if v.Depth == depthWhole {
		counted, err := t.rejects(ctx, was)
		switch {
		case err == nil:
			rejects = counted
		case chatferry.KindOf(err) != chatferry.KindIncompatible: // such a file is gone since, or among the findings
			return nil, err
		}
	}
	again, err := certificate.New(was, rejects)
	if chatferry.KindOf(err) == chatferry.KindDiffers {
		return []string{"streams"}, nil
	}
	if err != nil {
		return nil, err
	}
	return certificate.Differences(cert, again)
}

// records counts those of all logs.
func records(d *checkpoint.Dataset) (n uint64) {
	for _, head := range d.Heads() {
		n += head.N
	}
	return n
}

// wrong enters that a certificate is not that of the dataset.
func (v *verified) wrong(f *certificateFound, what string) {
	f.State = certWrong
	v.find(f, what)
}

func (v *verified) find(f *certificateFound, what string) {
	v.Findings = append(v.Findings, verify.Finding{Kind: verify.Certified, Place: f.File, What: what})
}

// cutOff enters that a log has lost its end, or was written anew.
func (v *verified) cutOff(l certificate.LostLog) {
	place := path.Join(checkpoint.Folder, "log", l.Log, fmt.Sprintf("%012d.json", l.N))
	v.Findings = append(v.Findings, verify.Finding{Kind: verify.DamagedLog, Place: place, What: l.What})
	v.corrupt(&chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "verify", Place: place, Err: errors.New(l.What),
		Hint: "keep the dataset as it is; restore its logs from a backup, or discard the dataset and run again",
	})
}

func (v *verified) corrupt(err error) {
	if v.report.Corrupt == nil {
		v.report.Corrupt = err
	}
}

// write tells a person.
func (f *certificateFound) write(b *strings.Builder) {
	if f == nil {
		return
	}
	text := map[string]string{
		certCurrent: "the dataset is as it was certified",
		certOlder: fmt.Sprintf("what was certified is all there; the dataset went on since: %s, %s", countOf(int64(f.NewerRuns), "run"),
			countOf(int64(f.NewerRecords), "log record")),
		certMissing: "the run that ended with this record was killed before it wrote it, or knew of none; the next run does",
		certWrong:   "it is not that of the dataset",
	}[f.State]
	if f.State != certMissing {
		text += map[string]string{
			certValid: "; signed with the key", certWrong: "; its signature is wrong", certMissing: "; not signed", certUnchecked: "; signed, --key checks it",
		}[f.Signature]
	}
	fmt.Fprintf(b, "\nCertificate %s of record %s: %s.\n", printable(f.File), progress.Count(int64(f.Record)), text)
}

// mostCertificate is beyond any certificate: it has about a hundred bytes for each Shard.
const mostCertificate = 256 << 20

// certificateGiven is what a certificateProof names, read before the work begins.
type certificateGiven struct {
	file            string
	text, signature []byte // nil: there is none
	key             ed25519.PublicKey
}

// read reads a certificate and its signature, if it has one, from this disk or a bucket, and the key.
func (p *certificateProof) read(ctx context.Context, s *settings) (*certificateGiven, error) {
	g := &certificateGiven{file: p.file}
	var err error
	if p.key != "" {
		text, err := os.ReadFile(p.key)
		if err != nil {
			return nil, usage("name the file of the public key", "--key: %w", err)
		}
		if g.key, err = certificate.PublicKey(text); err != nil {
			return nil, usage("", "--key %s: %w", p.key, err)
		}
	}
	if p.file == "" {
		return g, nil
	}
	if g.text, err = s.readWhole(ctx, p.file); chatferry.KindOf(err) == chatferry.KindUsage {
		return nil, usage("name a copy of _chatferry/certificate.json that was kept", "--certificate: there is no file %s", p.file)
	} else if err != nil {
		return nil, err
	}
	g.signature, err = s.readWhole(ctx, strings.TrimSuffix(p.file, certificateText)+certificateSign)
	if chatferry.KindOf(err) == chatferry.KindUsage { // there is none
		g.signature, err = nil, nil
	}
	return g, err
}

// readWhole reads a file of this disk or a bucket; one that is not there is an error of KindUsage.
func (s *settings) readWhole(ctx context.Context, name string) (data []byte, err error) {
	f, err := s.openInspected(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if data, err = io.ReadAll(io.LimitReader(f, mostCertificate)); err != nil {
		return nil, &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "read", Place: name, Err: bare(err)}
	}
	return data, nil
}
