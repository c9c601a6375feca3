package settle

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
)

// keysFolder holds the key files.
const keysFolder = checkpoint.Folder + "/keys"

const (
	keysMagic  = "chatferry keys 1"
	keysHeader = len(keysMagic) + 16
	keysTail   = crc32.Size
	keySize    = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// keyFile is a key file that was found whole.
type keyFile struct {
	name    string
	count   int64
	deleted int64 // rows of deleted records
}

func keyFileName(sum chatferry.SHA256) string { return path.Join(keysFolder, sum.String()+".keys") }

// keyFiles keeps the key files of a dataset.
type keyFiles struct {
	fsys    atomicfile.FS
	folders *atomicfile.Folders
	tag     string // of temporary files, this run's own
	buffer  []byte
}

// open returns a key file, or an error that wraps fs.ErrNotExist or errDamagedKeys.
func (k *keyFiles) open(name string) (keyFile, error) {
	out := keyFile{name: name}
	f, err := k.fsys.Open(name)
	if err != nil {
		return out, err
	}
	defer f.Close() // only read
	if k.buffer == nil {
		k.buffer = make([]byte, 256<<10)
	}
	size := f.Size()
	head := make([]byte, keysHeader)
	if size < int64(keysHeader+keysTail) {
		return out, errDamagedKeys
	}
	if _, err := f.ReadAt(head, 0); err != nil {
		return out, err
	}
	out.count = int64(binary.LittleEndian.Uint64(head[len(keysMagic):]))
	out.deleted = int64(binary.LittleEndian.Uint64(head[len(keysMagic)+8:]))
	if string(head[:len(keysMagic)]) != keysMagic || out.count < 0 || out.count > size/keySize ||
		size != int64(keysHeader)+out.count*keySize+int64(keysTail) {
		return out, errDamagedKeys
	}
	sum := crc32.New(castagnoli)
	if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, io.NewSectionReader(f, 0, size-int64(keysTail)), k.buffer); err != nil {
		return out, err
	}
	tail := make([]byte, keysTail)
	if _, err := f.ReadAt(tail, size-int64(keysTail)); err != nil && err != io.EOF {
		return out, err
	}
	if binary.LittleEndian.Uint32(tail) != sum.Sum32() {
		return out, errDamagedKeys
	}
	return out, nil
}

var errDamagedKeys = errors.New("the key file is damaged")

// make writes a key file, which takes the place of a damaged one. It sorts the keys.
func (k *keyFiles) make(name string, keys []uint64, deleted int64) (keyFile, error) {
	slices.Sort(keys)
	b := make([]byte, 0, keysHeader+len(keys)*keySize+keysTail)
	b = append(b, keysMagic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(keys)))
	b = binary.LittleEndian.AppendUint64(b, uint64(deleted))
	for _, key := range keys {
		b = binary.LittleEndian.AppendUint64(b, key)
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return keyFile{name: name, count: int64(len(keys)), deleted: deleted}, k.write(name, b)
}

func (k *keyFiles) write(name string, data []byte) error {
	if err := k.folders.Make(keysFolder); err != nil {
		return atomicfile.Explain("make folder", keysFolder, err)
	}
	temp := path.Join(keysFolder, atomicfile.TempPrefix+k.tag+path.Base(name))
	if err := k.remove(temp); err != nil {
		return err
	}
	f, err := k.fsys.Create(temp)
	if err != nil {
		return atomicfile.Explain("create", temp, err)
	}
	n, err := f.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(atomicfile.Explain("write", temp, err), k.remove(temp))
	}
	if err := k.remove(name); err != nil {
		return err
	}
	if err := k.fsys.Link(temp, name); err != nil {
		return errors.Join(atomicfile.Explain("write", name, err), k.remove(temp))
	}
	return k.remove(temp)
}

func (k *keyFiles) remove(name string) error {
	if err := k.fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return atomicfile.Explain("remove", name, err)
	}
	return nil
}

// sweep removes from the folder all but the key files of the given files, and a file named derived. Without that name,
// every file of its kind stays.
func (k *keyFiles) sweep(files []checkpoint.InventoryFile, derived string) error {
	wanted := map[string]bool{derived: true}
	for i := range files {
		wanted[keyFileName(files[i].SHA256)] = true
	}
	names, err := k.fsys.ReadDir(keysFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return atomicfile.Explain("list folder", keysFolder, err)
	}
	for _, name := range names {
		full := path.Join(keysFolder, name)
		if wanted[full] || derived == "" && path.Ext(name) == derivedExt || strings.HasSuffix(name, "/") {
			continue
		}
		if err := k.remove(full); err != nil {
			return err
		}
	}
	return nil
}

// keysOf opens the key file of a file of the dataset, or makes it from the file's columns.
func (s *settler) keysOf(ctx context.Context, k *keyed, f *checkpoint.InventoryFile) (keyFile, error) {
	name := keyFileName(f.SHA256)
	switch found, err := s.keys.open(name); {
	case err == nil:
		return found, nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errDamagedKeys):
		return found, atomicfile.Explain("read", name, err)
	}
	keys := make([]uint64, 0, f.Rows)
	deleted := int64(0)
	err := k.entries(ctx, s.o.Store, f, func(e *entry) error {
		hash := s.hash(e.id)
		if e.excluded {
			hash |= excludedBit
		}
		if e.deleted {
			deleted++
		}
		keys = append(keys, hash)
		return nil
	})
	if err != nil {
		return keyFile{}, err
	}
	s.report.KeyFiles++
	return s.keys.make(name, keys, deleted)
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
		if _, err := r.ReadAt(b, int64(keysHeader)+at*keySize); err != nil {
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
