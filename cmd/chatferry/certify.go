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

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/certificate"
)

// A certificate and its signature have names that differ in the ending. The last ones have copies that bear no number.
const (
	certificateText = ".json"
	certificateSign = ".sig"
	certificateCopy = checkpoint.Folder + "/certificate"
)

// certificateOf names the certificate of a run that ended, or its signature.
func certificateOf(run *checkpoint.RunState, ending string) string {
	return checkpoint.CertificateName(run.DoneN, ending)
}

// certify keeps the certificate of the last run that ended, signed if there is a key, unless the dataset has it. What it
// writes follows from the logs alone, so that it does not matter which run writes it, or how often.
func (c *carriage) certify(ctx context.Context, d *checkpoint.Dataset) error {
	last := lastDone(d)
	if last == nil {
		return nil
	}
	runs := d.Runs()
	keep := func(ending string, content func() ([]byte, error)) ([]byte, error) {
		return checkpoint.KeepCertificate(ctx, c.t.logs, certificateOf(last, ending), runs[len(runs)-1].Epoch, c.runID, content)
	}
	made := func() ([]byte, error) {
		cert, err := c.t.certificate(ctx, d, last.DoneN)
		if err != nil {
			return nil, err
		}
		return cert.Encode()
	}
	text, err := keep(certificateText, made)
	if errors.Is(err, fs.ErrNotExist) && d.Records() > last.DoneN {
		// A version that knew of no certificates went on since, and quarantine files were replaced.
		c.log.Info("the certificate of an earlier run can no longer be made", "record", last.DoneN)
		return nil
	}
	if err != nil {
		return fmt.Errorf("certify: %w", err)
	}
	var signature []byte
	if c.signer != nil {
		signature, err = keep(certificateSign, func() ([]byte, error) {
			if data, err := made(); err != nil || !bytes.Equal(data, text) {
				return nil, errors.Join(err, chatferry.Errorf(chatferry.KindDiffers, "`chatferry verify` says in what",
					"the certificate %s is not what the logs say, and is not signed", certificateOf(last, certificateText)))
			}
			return certificate.Sign(c.signer, text), nil
		})
		if err != nil {
			return fmt.Errorf("certify: %w", err)
		}
		if !certificate.Signed(c.signer.Public().(ed25519.PublicKey), text, signature) {
			c.log.Warn("the certificate of the last run bears another key's signature, and keeps it", "record", last.DoneN)
		}
	} else if signature, err = c.t.logs.Read(ctx, certificateOf(last, certificateSign)); errors.Is(err, fs.ErrNotExist) {
		signature = nil
	} else if err != nil {
		return fmt.Errorf("certify: read the signature: %w", err)
	}
	if err := c.copyCertificate(ctx, d.UUID(), last.DoneN, text, signature); err != nil {
		return fmt.Errorf("certify: %w", err)
	}
	return nil
}

// copyCertificate makes the copies that bear no number those of the last certificate. One that is newer is left: this run
// was overtaken.
func (c *carriage) copyCertificate(ctx context.Context, dataset string, n uint64, text, signature []byte) error {
	there, err := c.t.logs.Read(ctx, certificateCopy+certificateText)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(there, text) {
		if newer, err := certificate.Decode(there); err == nil && newer.Dataset == dataset && newer.Record > n {
			return nil
		}
		if signature == nil {
			if _, err := c.t.logs.Read(ctx, certificateCopy+certificateSign); err == nil {
				c.log.Warn("the certificate of the run before was signed, and this one is not: the key is not remembered, give it again", "flag", "--sign-key-file")
			}
		}
		// A signature must not stand beside what it does not sign.
		if err := c.t.erase(ctx, []string{certificateCopy + certificateSign}); err != nil {
			return err
		}
		if err := c.t.replace(ctx, certificateCopy+certificateText, probeTag+c.runID, text); err != nil {
			return err
		}
	}
	if signature == nil {
		return nil
	}
	there, err = c.t.logs.Read(ctx, certificateCopy+certificateSign)
	if err == nil && bytes.Equal(there, signature) || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return c.t.replace(ctx, certificateCopy+certificateSign, probeTag+c.runID, signature)
}

// certificate makes the certificate of a run-done.
func (t *target) certificate(ctx context.Context, d *checkpoint.Dataset, n uint64) (*certificate.Certificate, error) {
	was, err := d.AsOf(ctx, t.logs, n)
	if err != nil {
		return nil, err
	}
	rejects, err := t.rejects(ctx, was)
	if err != nil {
		return nil, err
	}
	return certificate.New(was, rejects)
}

// notCut returns an error of KindIncompatible if the end of the dataset's log was removed: a certificate names a record that
// is not there. To go on over it would make the loss last.
func (t *target) notCut(ctx context.Context, d *checkpoint.Dataset) error {
	there, err := checkpoint.Certified(ctx, t.logs)
	last := slices.Max(append(there, 0))
	if err != nil || last <= d.Records() {
		return err
	}
	// A live run may have come to its end since d was read.
	if d, err = t.load(ctx); err != nil || d == nil || last <= d.Records() {
		return err
	}
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "read the log of the dataset", Place: t.root,
		Err:  fmt.Errorf("it ends with record %d, but the dataset holds the certificate of record %d: the end of the log was removed", d.Records(), last),
		Hint: "put the records back from a backup; nothing was changed",
	}
}

// certificateLine tells in words of the certificate of the last run that ended; empty: there is none.
func (d *dataset) certificateLine(ctx context.Context) (string, error) {
	last := lastDone(d.Dataset)
	if last == nil {
		return "", nil
	}
	there, err := d.logs.List(ctx, path.Dir(certificateOf(last, certificateText)))
	switch {
	case err != nil:
		return "", err
	case !slices.Contains(there, path.Base(certificateOf(last, certificateText))):
		return "", nil
	case slices.Contains(there, path.Base(certificateOf(last, certificateSign))):
		return certificateOf(last, certificateText) + ", signed", nil
	}
	return certificateOf(last, certificateText) + ", not signed", nil
}

// signer reads the key that signs certificates; nil: none was given.
func (s *settings) signer() (ed25519.PrivateKey, error) {
	text, place := []byte(s.SignKey), "CHATFERRY_SIGN_KEY"
	if s.SignKeyFile != "" {
		place = string(s.SignKeyFile)
		var err error
		if text, err = readSecretFile(place); err != nil {
			return nil, err
		}
	}
	if len(text) == 0 && s.SignKeyFile == "" {
		return nil, nil
	}
	key, err := certificate.PrivateKey(text)
	if err != nil {
		return nil, chatferry.Errorf(chatferry.KindEnvironment, "", "the key of %s: %w", place, err)
	}
	return key, nil
}

// mostKeyFile is far beyond any file with a key.
const mostKeyFile = 64 << 10

// readSecretFile reads a file that nobody but its owner may read.
func readSecretFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "read the key", Place: name, Err: bare(err), Hint: "check the path and its permissions"}
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, &chatferry.Error{
			Kind: chatferry.KindEnvironment, Op: "read the key", Place: name,
			Err: fmt.Errorf("others than its owner have rights on it (mode %04o)", info.Mode().Perm()), Hint: "run `chmod 600 " + name + "`",
		}
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(f, mostKeyFile))
	}
	if err != nil {
		return nil, &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "read the key", Place: name, Err: bare(err)}
	}
	return text, nil
}
