package load

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"chatferry"
)

// partFile is one file of a Part or a Replacement while it is built.
type partFile interface {
	// finish writes what is left to write.
	finish() error
	// file is where it lies.
	file() Staging
	// made is what was written.
	made() chatferry.PartFile
	// compare decodes a finished file and compares it with what was written.
	compare(ctx context.Context, r ReadFile) error
}

// readBack reads a finished file, compares it with what was written and closes it.
func readBack(ctx context.Context, f partFile, r ReadFile) (chatferry.PartFile, error) {
	made := f.made()
	err := compareBytes(r, made)
	if err == nil {
		err = f.compare(ctx, r)
	}
	if err != nil {
		return made, errors.Join(readBackError(made.Name, err), r.Close())
	}
	return made, r.Close()
}

// compareBytes reads a whole file and compares its size and SHA-256 with those of what was written.
func compareBytes(r ReadFile, want chatferry.PartFile) error {
	if r.Size() != want.Size {
		return fmt.Errorf("%d bytes instead of %d", r.Size(), want.Size)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		return err
	}
	if n != want.Size {
		return fmt.Errorf("%d bytes instead of %d", n, want.Size)
	}
	if got := chatferry.SHA256(sum.Sum(nil)); got != want.SHA256 {
		return fmt.Errorf("SHA-256 %s instead of %s", got, want.SHA256)
	}
	return nil
}

// readBackError says that a file differs from what was written. The Batches are gone by then, so the file cannot be built
// again here: the Shard goes on from its last Checkpoint.
func readBackError(name string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if k := chatferry.KindOf(err); k != chatferry.KindUnexpected {
		return err
	}
	return &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: "read back", Place: name,
		Err:  fmt.Errorf("the disk did not give back what was written: %w", err),
		Hint: "check the disk, then resume; nothing of this Part was committed",
	}
}
