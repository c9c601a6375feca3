package settle

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"slices"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
)

// fileKind is a kind of derived files that begin with sorted hashes.
type fileKind struct {
	magic string
	ext   string
	rest  func(entries int64) int64 // bytes behind the hashes and their checksum
}

var keysKind = fileKind{"chatferry keys 1", ".keys", func(int64) int64 { return 0 }}

// name is that of the file of this kind that is derived from a file.
func (k *fileKind) name(sum chatferry.SHA256) string { return sum.String() + k.ext }

const (
	magicSize  = 16
	keysHeader = magicSize + 16
	keysTail   = crc32.Size
	keySize    = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// keyFile is a derived file whose hashes were found whole.
type keyFile struct {
	name    string
	count   int64
	deleted int64 // rows of deleted records, in a key file
}

// derivedFiles are the derived files of a dataset.
type derivedFiles struct {
	Derived
	buffer []byte
	have   map[string]bool // which files there are, and whether they are of use for all that is known; nil: not listed yet
}

// readSize is how much of a derived file is read at a time, a multiple of keySize.
const readSize = 256 << 10

var errDamagedKeys = errors.New("the derived file is damaged")

// unusable reports whether a derived file has to be made again.
func unusable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDamagedKeys)
}

// list makes sure that it is known which files there are.
func (d *derivedFiles) list(ctx context.Context) error {
	if d.have != nil {
		return nil
	}
	names, err := d.List(ctx)
	if err != nil {
		return err
	}
	d.have = map[string]bool{}
	for _, name := range names {
		d.have[name] = true
	}
	return nil
}

// write writes a file and knows it from then on.
func (d *derivedFiles) write(ctx context.Context, name string, pieces ...[]byte) error {
	if err := d.list(ctx); err != nil {
		return err
	}
	if err := d.Write(ctx, name, pieces...); err != nil {
		return err
	}
	d.have[name] = true
	return nil
}

// scan reads the hashes of a file, and gives each the bytes of some at a time. Only when it returns no error were they
// right. The error may be one that is unusable.
func (d *derivedFiles) scan(ctx context.Context, kind *fileKind, name string, each func([]byte)) (keyFile, error) {
	out := keyFile{name: name}
	f, err := d.Open(ctx, name)
	if err == nil {
		err = d.scanOpen(f, kind, &out, each)
		_ = f.Close() // only read
	}
	if err != nil && !errors.Is(err, errDamagedKeys) {
		err = atomicfile.Explain("read", name, err)
	}
	return out, err
}

func (d *derivedFiles) scanOpen(f DerivedFile, kind *fileKind, out *keyFile, each func([]byte)) error {
	if d.buffer == nil {
		d.buffer = make([]byte, readSize)
	}
	size := f.Size()
	if size < int64(keysHeader+keysTail) {
		return errDamagedKeys
	}
	var tail [keysTail]byte
	sum := uint32(0)
	end := int64(0) // of the hashes
	for at := int64(0); at == 0 || at < end+keysTail; {
		b := d.buffer[:min(int64(len(d.buffer)), size-at)]
		if err := readFull(f, b, at); err != nil {
			return err
		}
		hashes := b
		if at == 0 {
			out.count = int64(binary.LittleEndian.Uint64(b[magicSize:]))
			out.deleted = int64(binary.LittleEndian.Uint64(b[magicSize+8:]))
			if string(b[:magicSize]) != kind.magic || out.count < 0 || out.count > size/keySize ||
				size != int64(keysHeader)+out.count*keySize+keysTail+kind.rest(out.count) {
				return errDamagedKeys
			}
			end = int64(keysHeader) + out.count*keySize
			hashes = b[keysHeader:]
		}
		if beyond := at + int64(len(b)) - end; beyond > 0 {
			from := max(0, int64(len(b))-beyond)
			copy(tail[max(0, at-end):], b[from:])
			hashes = hashes[:max(0, int64(len(hashes))-beyond)]
			b = b[:from]
		}
		sum = crc32.Update(sum, castagnoli, b)
		at += int64(len(d.buffer))
		if each != nil && len(hashes) > 0 {
			each(hashes)
		}
	}
	if binary.LittleEndian.Uint32(tail[:]) != sum {
		return errDamagedKeys
	}
	return nil
}

// readFull fills b from an offset on.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// hashesOf returns the beginning of a file of a kind, or the whole of a key file: the hashes, which are sorted, and their
// checksum.
func hashesOf(kind *fileKind, second int64, hashes []uint64) []byte {
	b := make([]byte, 0, keysHeader+len(hashes)*keySize+keysTail)
	b = append(b, kind.magic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(hashes)))
	b = binary.LittleEndian.AppendUint64(b, uint64(second))
	for _, h := range hashes {
		b = binary.LittleEndian.AppendUint64(b, h)
	}
	return checked(b)
}

// checked appends the checksum of b.
func checked(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// sweep removes all files that are not wanted.
func (d *derivedFiles) sweep(ctx context.Context, wanted map[string]bool) error {
	if err := d.list(ctx); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.have)) {
		if wanted[name] {
			continue
		}
		if err := d.Remove(ctx, name); err != nil {
			return err
		}
		delete(d.have, name)
	}
	return nil
}

// readKeys appends the keys of a file below limit from its index `at` on, and returns the index behind them. With whole
// set there is no limit. About `expect` keys are read at a time.
func readKeys(r io.ReaderAt, f keyFile, at int64, limit uint64, whole bool, expect int64, keys []uint64, buffer *[]byte) ([]uint64, int64, error) {
	for at < f.count {
		n := min(max(expect, 64), f.count-at)
		if int64(cap(*buffer)) < n*keySize {
			*buffer = make([]byte, n*keySize)
		}
		b := (*buffer)[:n*keySize]
		if err := readFull(r, b, int64(keysHeader)+at*keySize); err != nil {
			return keys, at, fmt.Errorf("read %s: %w", f.name, err)
		}
		for i := 0; i < len(b); i += keySize {
			key := binary.LittleEndian.Uint64(b[i:])
			if !whole && key >= limit {
				return keys, at, nil
			}
			keys = append(keys, key)
			at++
		}
	}
	return keys, at, nil
}
