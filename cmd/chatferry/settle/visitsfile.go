package settle

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
)

// A file of visits begins as a key file does. Behind the hashes of the visitors stand the sightings, in blocks each with a
// checksum, so that a few can be read of many.
var visitsKind = fileKind{"chatferry visit2", ".visits", func(n int64) int64 {
	return n*sightingSize + (n+perBlock-1)/perBlock*keysTail
}}

const (
	sightingSize = 80
	perBlock     = 64
	blockSize    = perBlock*sightingSize + keysTail
)

// hasVisits reports whether there is a file of visits for a file: for one of chats and for one of chat_visitors.
func hasVisits(f *checkpoint.InventoryFile) bool {
	return f.Kind == chatferry.FileRows && (f.Table == chatferry.Chats.Parent() || f.Table == ChatVisitors)
}

// file returns the pieces of the file.
func (s *sightings) file() [][]byte {
	s.fold()
	hashes := make([]uint64, len(s.all))
	for i := range s.all {
		hashes[i] = s.hash(s.all[i].id)
	}
	pieces := [][]byte{hashesOf(&visitsKind, 0, hashes)}
	b := make([]byte, 0, visitsKind.rest(int64(len(s.all))))
	for some := range slices.Chunk(s.all, perBlock) {
		from := len(b)
		for i := range some {
			b = some[i].append(b)
		}
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
	}
	return append(pieces, b)
}

func (s *sighting) append(b []byte) []byte {
	b = append(append(b, s.id[:]...), s.words[:]...)
	for _, n := range []int64{s.first, s.last, s.newest.version, int64(s.newest.shard), int64(s.newest.offset)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(min(s.chats, math.MaxUint32)))
	return binary.LittleEndian.AppendUint32(b, s.row)
}

func sightingOf(b []byte) (s sighting) {
	s.id, s.words = id(b), id(b[len(s.id):])
	b = b[len(s.id)+len(s.words):]
	n := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[i*8:])) }
	s.first, s.last, s.newest = n(0), n(1), order{n(2), chatferry.ShardID(n(3)), chatferry.Offset(n(4))}
	s.chats, s.row = int64(binary.LittleEndian.Uint32(b[40:])), binary.LittleEndian.Uint32(b[44:])
	return s
}

// sightingsBase is where the sightings of a file begin that has so many.
func sightingsBase(count int64) int64 { return keysHeader + count*keySize + keysTail }

// visitsCount returns how many sightings a file has that begins so.
func visitsCount(head []byte) (int64, error) {
	count := int64(binary.LittleEndian.Uint64(head[magicSize:]))
	if string(head[:magicSize]) != visitsKind.magic || count < 0 || count > math.MaxUint32 {
		return 0, errDamagedKeys
	}
	return count, nil
}

// blocksSound reports whether blocks of sightings, the last of which may be short, are what was written.
func blocksSound(blocks []byte) error {
	for b := range slices.Chunk(blocks, blockSize) {
		n := len(b) - keysTail
		if n < 0 || binary.LittleEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
			return errDamagedKeys
		}
	}
	return nil
}

// visitsFile is a file of visits of which a few sightings are read.
type visitsFile struct {
	DerivedFile
	name  string
	count int64
	block int64 // that is held; -1: none
	held  []byte
}

// openVisits opens a file of visits. The error may be one that is unusable.
func (d *derivedFiles) openVisits(ctx context.Context, name string) (*visitsFile, error) {
	f, err := d.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	v := &visitsFile{DerivedFile: f, name: name, block: -1}
	if err := v.begin(); err != nil {
		_ = f.Close() // only read
		return nil, err
	}
	return v, nil
}

func (v *visitsFile) begin() error {
	size := v.Size()
	if size < keysHeader+keysTail {
		return errDamagedKeys
	}
	head := make([]byte, keysHeader)
	err := readFull(v, head, 0)
	if err != nil {
		return atomicfile.Explain("read", v.name, err)
	}
	if v.count, err = visitsCount(head); err == nil && size != sightingsBase(v.count)+visitsKind.rest(v.count) {
		err = errDamagedKeys
	}
	return err
}

// at returns the i-th sighting.
func (v *visitsFile) at(i int64) (sighting, error) {
	if block := i / perBlock; block != v.block {
		n := min(perBlock, v.count-block*perBlock)
		v.held = slices.Grow(v.held[:0], blockSize)[:n*sightingSize+keysTail]
		v.block = -1
		if err := readFull(v, v.held, sightingsBase(v.count)+block*blockSize); err != nil {
			return sighting{}, atomicfile.Explain("read", v.name, err)
		}
		if err := blocksSound(v.held); err != nil {
			return sighting{}, err
		}
		v.block = block
	}
	return sightingOf(v.held[i%perBlock*sightingSize:]), nil
}

// visitsReader reads a file of visits in its order, some at a time.
type visitsReader struct {
	name  string
	of    origin // what it is derived from; without a file: that is no more
	count int64  // -1: not known yet
	at    int64  // sightings that were taken
}

// begin makes the reader know how many sightings there are, and lets it begin again.
func (r *visitsReader) begin(ctx context.Context, d *derivedFiles) error {
	if r.at = 0; r.count >= 0 {
		return nil
	}
	head := make([]byte, keysHeader)
	if err := d.ReadAt(ctx, r.name, head, 0); err != nil {
		return err
	}
	count, err := visitsCount(head)
	if err == nil && count == 0 || err == nil && r.of.file == nil {
		// Nothing that follows would show that this is damaged, or how large it may be.
		var found keyFile
		found, err = d.scan(ctx, &visitsKind, r.name, nil)
		count = found.count
	}
	if err == nil && r.of.file != nil && count > r.of.file.Rows {
		err = errDamagedKeys
	}
	if err == nil {
		r.count = count
	}
	return err
}

// recount lets the reader go on in a file that was made again.
func (r *visitsReader) recount(ctx context.Context, d *derivedFiles) error {
	at := r.at
	r.count = -1
	err := r.begin(ctx, d)
	r.at = at
	return err
}

// next returns some sightings from at on: n of them and those that share their blocks, as far as there are so many.
// Several goroutines may read different files. The error may be one that is unusable.
func (r *visitsReader) next(ctx context.Context, d Derived, n int64) ([]sighting, error) {
	n = min(n, r.count-r.at)
	if n <= 0 {
		return nil, nil
	}
	first, end := r.at/perBlock, min((r.at+n+perBlock-1)/perBlock*perBlock, r.count)
	blocks := make([]byte, visitsKind.rest(end-first*perBlock))
	if err := d.ReadAt(ctx, r.name, blocks, sightingsBase(r.count)+first*blockSize); err != nil {
		return nil, err
	}
	if err := blocksSound(blocks); err != nil {
		return nil, err
	}
	out := make([]sighting, 0, end-r.at)
	for i := r.at - first*perBlock; i < end-first*perBlock; i++ {
		out = append(out, sightingOf(blocks[i/perBlock*blockSize+i%perBlock*sightingSize:]))
	}
	return out, nil
}
