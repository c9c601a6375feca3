package settle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/transform"
)

// visits is what some chats say of one visitor, but for texts. Those of several sets of chats can be merged.
type visits struct {
	chats       int64
	first, last int64 // of the chats' times; 0: none has one
	newest      order // of all of them, whose version is its time; 0: it has none
}

func (v *visits) merge(o *visits) {
	if o.chats == 0 {
		return
	}
	if v.chats == 0 || v.newest.compare(o.newest) < 0 {
		v.newest = o.newest
	}
	if o.first != 0 {
		v.first, v.last = earliest(v.first, o.first), max(v.last, o.last)
	}
	v.chats += o.chats
}

func earliest(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// chatRows shows what rows of chats say of their visitors.
type chatRows struct {
	shards, offsets *array.Int64
	visitors        *array.String
	began, updated  *array.Timestamp
}

func chatRowsOf(rec arrow.Record) (out chatRows, err error) {
	if out.shards, out.offsets, err = sourceOf(rec); err != nil {
		return out, damaged(err)
	}
	var ok [3]bool
	out.visitors, ok[0] = columnOf(rec, "visitor_id").(*array.String)
	out.began, ok[1] = columnOf(rec, "timestamp").(*array.Timestamp)
	out.updated, ok[2] = columnOf(rec, "update_timestamp").(*array.Timestamp)
	if ok != [3]bool{true, true, true} {
		return out, damaged(errors.New("the columns that tell of visitors are of wrong types"))
	}
	return out, nil
}

// columnOf returns the column of a name; nil if there is not just one.
func columnOf(rec arrow.Record, name string) arrow.Array {
	if at := rec.Schema().FieldIndices(name); len(at) == 1 {
		return rec.Column(at[0])
	}
	return nil
}

// each calls visit for every row that names a visitor.
func (c *chatRows) each(visit func(i int, of id)) {
	var text []byte
	for i := range c.visitors.Len() {
		if c.visitors.IsNull(i) {
			continue
		}
		var of id
		text, of = idOf(text, string(ChatVisitors), c.visitors.Value(i))
		visit(i, of)
	}
}

// of is what the i-th row says of its visitor.
func (c *chatRows) of(i int) visits {
	v := visits{chats: 1, newest: order{0, chatferry.ShardID(c.shards.Value(i)), chatferry.Offset(c.offsets.Value(i))}}
	if c.began.IsValid(i) {
		v.first = int64(c.began.Value(i))
		v.last, v.newest.version = v.first, v.first
	}
	if c.updated.IsValid(i) {
		v.newest.version = int64(c.updated.Value(i))
	}
	return v
}

// What is read of the chats to derive chat_visitors from them.
var (
	visitorColumns = slices.Concat([]string{
		transform.ColumnSourceShard, transform.ColumnSourceOffset, "visitor_id", "id", "timestamp", "update_timestamp",
	}, visitorTexts[:])
	visitorTexts = [...]string{"visitor_name", "visitor_email", "visitor_phone", "visitor_notes"}
)

// chatTexts shows the words of the rows too.
type chatTexts struct {
	chatRows
	words wordColumns
}

func chatTextsOf(rec arrow.Record) (out chatTexts, err error) {
	if out.chatRows, err = chatRowsOf(rec); err != nil {
		return out, err
	}
	whole := true
	for i, name := range slices.Concat([]string{"visitor_id", "id"}, visitorTexts[:]) {
		var ok bool
		out.words[i], ok = columnOf(rec, name).(*array.String)
		whole = whole && ok
	}
	if !whole {
		return out, damaged(errors.New("the columns that tell of visitors are of wrong types"))
	}
	return out, nil
}

// sighting is what one file of chats says of one visitor.
type sighting struct {
	id id
	visits
}

// sightings are those of a file, in the order of hash and id once they are folded.
type sightings struct {
	hash func(id) uint64
	all  []sighting
}

// sightColumns are read for them, besides those of the keys of chats.
var sightColumns = []string{"visitor_id", "timestamp"}

func (s *sightings) read(rec arrow.Record) error {
	rows, err := chatRowsOf(rec)
	if err != nil {
		return err
	}
	rows.each(func(i int, of id) { s.all = append(s.all, sighting{of, rows.of(i)}) })
	return nil
}

func (s *sightings) compare(a, b id) int {
	return cmp.Or(cmp.Compare(s.hash(a), s.hash(b)), bytes.Compare(a[:], b[:]))
}

// fold makes one of all sightings of a visitor.
func (s *sightings) fold() {
	hashes := make([]uint64, len(s.all))
	for i := range s.all {
		hashes[i] = s.hash(s.all[i].id)
	}
	kept := make([]sighting, 0, len(s.all))
	for _, at := range hashOrder(hashes, func(a, b uint32) int { return bytes.Compare(s.all[a].id[:], s.all[b].id[:]) }) {
		one := &s.all[at]
		if n := len(kept); n > 0 && kept[n-1].id == one.id {
			kept[n-1].merge(&one.visits)
		} else {
			kept = append(kept, *one)
		}
	}
	s.all = kept
}

// A file of visits begins as a key file does. Behind the hashes of the visitors stand the sightings, in blocks each with a
// checksum, so that a few can be read of many.
var visitsKind = fileKind{"chatferry visit1", ".visits", func(n int64) int64 {
	return n*sightingSize + (n+perBlock-1)/perBlock*keysTail
}}

const (
	sightingSize = 64
	perBlock     = 64
)

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
	b = append(b, s.id[:]...)
	for _, n := range []int64{s.chats, s.first, s.last, s.newest.version, int64(s.newest.shard), int64(s.newest.offset)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func sightingOf(b []byte) (s sighting) {
	s.id = id(b)
	n := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[len(s.id)+i*8:])) }
	s.visits = visits{n(0), n(1), n(2), order{n(3), chatferry.ShardID(n(4)), chatferry.Offset(n(5))}}
	return s
}

// visitsFile reads the sightings of a file of visits.
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
	if err := readFull(v, head, 0); err != nil {
		return atomicfile.Explain("read", v.name, err)
	}
	v.count = int64(binary.LittleEndian.Uint64(head[magicSize:]))
	if string(head[:magicSize]) != visitsKind.magic || v.count < 0 || v.count > size/sightingSize ||
		size != v.base()+visitsKind.rest(v.count) {
		return errDamagedKeys
	}
	return nil
}

// base is where the sightings begin.
func (v *visitsFile) base() int64 { return keysHeader + v.count*keySize + keysTail }

// at returns the i-th sighting.
func (v *visitsFile) at(i int64) (sighting, error) {
	if block := i / perBlock; block != v.block {
		n := min(perBlock, v.count-block*perBlock)
		v.held = slices.Grow(v.held[:0], int(n*sightingSize+keysTail))[:n*sightingSize+keysTail]
		v.block = -1
		if err := readFull(v, v.held, v.base()+block*(perBlock*sightingSize+keysTail)); err != nil {
			return sighting{}, atomicfile.Explain("read", v.name, err)
		}
		b := v.held[:n*sightingSize]
		if binary.LittleEndian.Uint32(v.held[len(b):]) != crc32.Checksum(b, castagnoli) {
			return sighting{}, errDamagedKeys
		}
		v.block = block
	}
	return sightingOf(v.held[i%perBlock*sightingSize:]), nil
}
