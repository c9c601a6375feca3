package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"

	"github.com/apache/arrow/go/v17/arrow"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
)

// pieceBytes is how much of a file is read at a time.
const pieceBytes = 1 << 20

// readFile reads a file once: its bytes, and out of the same bytes what it holds, which visit is given. It reports whether
// the file is what its log says; if not, that was entered.
func (v *verifier) readFile(ctx context.Context, f *checkpoint.InventoryFile, visit visitor) (ok bool, err error) {
	if v.isBroken(f.Name) {
		v.advance(f.Size)
		return false, nil
	}
	file, err := v.o.Store.Open(ctx, f.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.suspect(f)
		v.advance(f.Size)
		return false, nil
	case err != nil:
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if file.Size() != f.Size {
		v.fail(f, Finding{Kind: Size, What: "its size is wrong", Expected: fmt.Sprintf("%d bytes", f.Size), Found: fmt.Sprintf("%d bytes", file.Size())})
		return false, nil
	}
	memory := v.pieces.Get().(*[]byte)
	defer v.pieces.Put(memory)
	held, sum, err := v.take(ctx, file, memory)
	switch {
	case unreadable(err):
		v.fail(f, Finding{Kind: Bytes, What: "the disk cannot read it: " + err.Error()})
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read %s: %w", f.Name, err)
	case sum != f.SHA256:
		v.fail(f, Finding{Kind: Bytes, What: "its SHA-256 is wrong", Expected: f.SHA256.String(), Found: sum.String()})
		return false, nil
	}
	got, err := v.contents(ctx, f, held, visit)
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if chatferry.KindOf(err) != chatferry.KindUnexpected {
		return false, fmt.Errorf("read %s: %w", f.Name, err)
	}
	if err != nil {
		v.fail(f, Finding{Kind: Content, What: "its bytes are right, but it cannot be read: " + err.Error()})
		return false, nil
	}
	return v.compare(f, got), nil
}

// take reads all bytes of a file and hashes them. What is not too large is kept in memory, so that it is read once.
func (v *verifier) take(ctx context.Context, file load.ReadFile, memory *[]byte) (held io.ReaderAt, sum chatferry.SHA256, err error) {
	size := file.Size()
	keep := size <= v.o.MemoryLimit/4/int64(v.workers)
	need := min(size, pieceBytes)
	if keep {
		need = size
	}
	*memory = slices.Grow((*memory)[:0], int(need))
	piece := (*memory)[:need]
	hash := sha256.New()
	for at := int64(0); at < size; {
		if ctx.Err() != nil {
			return nil, sum, context.Cause(ctx)
		}
		part := piece[:min(size-at, pieceBytes)]
		if keep {
			part = piece[at:min(size, at+pieceBytes)]
		}
		if _, err := io.ReadFull(file, part); err != nil {
			return nil, sum, err
		}
		hash.Write(part)
		at += int64(len(part))
		v.advance(int64(len(part)))
	}
	hash.Sum(sum[:0])
	if keep {
		return bytes.NewReader(piece), sum, nil
	}
	return file, sum, nil
}

// unreadable reports whether a file is there and its disk does not give it. A store that does not answer is another
// matter: its errors have a Kind.
func unreadable(err error) bool {
	return chatferry.KindOf(err) == chatferry.KindUnexpected &&
		(errors.Is(err, syscall.EIO) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF))
}

// visitor is given what files hold: rows, with the records that they stand for.
type visitor interface {
	rows(f *checkpoint.InventoryFile, rec arrow.Record, entries []entry) error
	reject(f *checkpoint.InventoryFile, r *chatferry.Reject) error
}

// contents reads what a file holds, and sums it up as its log does.
func (v *verifier) contents(ctx context.Context, f *checkpoint.InventoryFile, held io.ReaderAt, visit visitor) (got chatferry.PartFile, err error) {
	if f.Kind == chatferry.FileQuarantine || f.Kind == chatferry.FileReplayed {
		for r, err := range load.ReadQuarantine(io.NewSectionReader(held, 0, f.Size)) {
			if err != nil {
				return got, err
			}
			if ctx.Err() != nil {
				return got, context.Cause(ctx)
			}
			got.Rows++
			e := chatferry.Entry(r.Stream, (*[32]byte)(&r.RawSHA256))
			got.E.Add(&e)
			if err := visit.reject(f, &r); err != nil {
				return got, err
			}
		}
		return got, nil
	}
	rows, err := load.OpenRows(held, f.Size)
	if err != nil {
		return got, err
	}
	for {
		if ctx.Err() != nil {
			return got, context.Cause(ctx)
		}
		rec, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		entries, err := sumUp(f, rec, &got)
		if err == nil {
			err = visit.rows(f, rec, entries)
		}
		rec.Release()
		if err != nil {
			return got, err
		}
	}
}

// sumUp adds rows to the sums of a file, and returns the records that they stand for.
func sumUp(f *checkpoint.InventoryFile, rec arrow.Record, got *chatferry.PartFile) ([]entry, error) {
	values, err := chatferry.ValuesDigest(rec)
	if err != nil {
		return nil, err
	}
	got.V.Merge(values)
	got.Rows += rec.NumRows()
	entries, err := entriesOf(f, rec)
	for i := range entries {
		got.E.Add(&entries[i].term)
	}
	return entries, err
}

// compare enters in what a file's contents differ from its log.
func (v *verifier) compare(f *checkpoint.InventoryFile, got chatferry.PartFile) bool {
	ok := true
	differs := func(kind Kind, what string, want, have any) {
		ok = false
		v.fail(f, Finding{Kind: kind, What: what, Expected: fmt.Sprint(want), Found: fmt.Sprint(have)})
	}
	if got.Rows != f.Rows {
		differs(Rows, "its number of rows is wrong", f.Rows, got.Rows)
	}
	if got.E != f.E {
		differs(Records, "the digest of its records is wrong", f.E, got.E)
	}
	if got.V != f.V {
		differs(Values, "the digest of its values is wrong", f.V, got.V)
	}
	if ok {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.report.ReadFiles++
		v.report.Rows += got.Rows
		v.report.Bytes += f.Size
	}
	return ok
}
