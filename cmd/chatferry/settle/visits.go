package settle

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/transform"
)

// visits is what some chats say of one visitor, but for texts. Those of several sets of chats can be merged.
type visits struct {
	chats       int64
	first, last int64 // of the chats' times; noTime: none has one
	newest      order // of all of them, whose version is its time; noTime: it has none
	words       id    // stands for the visitor's texts in the newest, as id does for a key
}

// noTime stands for a time that is not there. It is before all others.
const noTime = math.MinInt64

// sighting is what one file says of one visitor: one of chats, or the row of one of chat_visitors.
type sighting struct {
	id id
	visits
	row uint32 // of the newest chat, in its file
}

// merge takes in what other chats say of the visitor, and reports whether the newest is among them.
func (s *sighting) merge(o *sighting) bool {
	switch {
	case o.chats == 0:
		return false
	case s.chats == 0:
		s.visits, s.row = o.visits, o.row
		return true
	}
	newer := s.newest.compare(o.newest) < 0
	if newer {
		s.newest, s.words, s.row = o.newest, o.words, o.row
	}
	s.first, s.last = earliest(s.first, o.first), max(s.last, o.last)
	s.chats += o.chats
	return newer
}

func earliest(a, b int64) int64 {
	switch {
	case a == noTime:
		return b
	case b == noTime:
		return a
	}
	return min(a, b)
}

// wordColumns are the columns of the words of visitors: the visitor's id, the newest chat's, and visitorTexts.
type wordColumns [2 + len(visitorTexts)]*array.String

var visitorTexts = [...]string{"visitor_name", "visitor_email", "visitor_phone", "visitor_notes"}

// append appends the words of a row, so that nothing else appends the same.
func (w *wordColumns) append(b []byte, row int) []byte {
	for _, column := range w {
		if column.IsNull(row) {
			b = append(b, 0)
			continue
		}
		s := column.Value(row)
		b = append(binary.LittleEndian.AppendUint32(append(b, 1), uint32(len(s))), s...)
	}
	return b
}

// What is read of the chats to derive chat_visitors from them.
var (
	visitorColumns = slices.Concat([]string{
		transform.ColumnSourceShard, transform.ColumnSourceOffset, "visitor_id", "id", "timestamp", "update_timestamp",
	}, visitorTexts[:])
	wordNames = slices.Concat([]string{"visitor_id", "id"}, visitorTexts[:])
)

// chatRows shows what rows of chats say of their visitors.
type chatRows struct {
	shards, offsets *array.Int64
	began, updated  *array.Timestamp
	words           wordColumns
}

func chatRowsOf(rec arrow.Record) (out chatRows, err error) {
	if out.shards, out.offsets, err = sourceOf(rec); err != nil {
		return out, damaged(err)
	}
	var ok, also, isText bool
	out.began, ok = columnOf(rec, "timestamp").(*array.Timestamp)
	out.updated, also = columnOf(rec, "update_timestamp").(*array.Timestamp)
	ok = ok && also
	for i, name := range wordNames {
		out.words[i], isText = columnOf(rec, name).(*array.String)
		ok = ok && isText
	}
	if !ok {
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

// tell lets a sighting have what the i-th row says of its visitor, but for words.
func (c *chatRows) tell(s *sighting, i int) {
	s.chats, s.first = 1, timeIn(c.began, i)
	s.last = s.first
	s.newest = order{timeIn(c.updated, i), chatferry.ShardID(c.shards.Value(i)), chatferry.Offset(c.offsets.Value(i))}
	if s.newest.version == noTime {
		s.newest.version = s.first
	}
}

// timeIn is the i-th of some times.
func timeIn(times *array.Timestamp, i int) int64 {
	if times.IsNull(i) {
		return noTime
	}
	return int64(times.Value(i))
}

// sightings are those of a file, in the order of hash and id once they are folded.
type sightings struct {
	hash  func(id) uint64
	all   []sighting
	apart bool   // each is a row of chat_visitors, and is not made one with another
	rows  uint32 // that were read
}

// read takes in the next rows of a file of chats.
func (s *sightings) read(rec arrow.Record) error {
	chats, err := chatRowsOf(rec)
	if err != nil {
		return err
	}
	named := make([]int, 0, rec.NumRows())
	for i := range int(rec.NumRows()) {
		if chats.words[0].IsValid(i) {
			named = append(named, i)
		}
	}
	some := s.add(&chats.words, named)
	for n, i := range named {
		chats.tell(&some[n], i)
		some[n].row = s.rows + uint32(i)
	}
	s.rows += uint32(rec.NumRows())
	return nil
}

// readTable takes in the next rows of a file of chat_visitors, whose newest chats have a version alone.
func (s *sightings) readTable(rec arrow.Record) error {
	rows, err := visitorRowsOf(rec)
	if err != nil {
		return err
	}
	all := make([]int, rec.NumRows())
	for i := range all {
		all[i] = i
	}
	some := s.add(&rows.words, all)
	for i := range some {
		one := &some[i]
		one.chats, one.newest.version = rows.counts.Value(i), timeIn(rows.times[0], i)
		one.first, one.last = timeIn(rows.times[1], i), timeIn(rows.times[2], i)
		one.row = s.rows + uint32(i)
	}
	s.rows += uint32(rec.NumRows())
	return nil
}

// add takes in the visitors of some rows, with what stands for their words and nothing else, and returns them.
func (s *sightings) add(words *wordColumns, rows []int) []sighting {
	named, said := sheets.Get().(*idSheet), sheets.Get().(*idSheet)
	defer sheets.Put(named)
	defer sheets.Put(said)
	for _, i := range rows {
		named.key(string(ChatVisitors), words[0].Value(i))
		said.beginPlain()
		said.text = words.append(said.text, i)
		said.end()
	}
	from := len(s.all)
	s.all = slices.Grow(s.all, len(rows))
	ids, texts := named.take(), said.take()
	for i := range rows {
		one := sighting{id: idOf(&ids[i])}
		one.words = idOf(&texts[i])
		s.all = append(s.all, one)
	}
	return s.all[from:]
}

func (s *sightings) compare(a, b id) int {
	return cmp.Or(cmp.Compare(s.hash(a), s.hash(b)), bytes.Compare(a[:], b[:]))
}

// fold puts the sightings in order, and makes one of all that are of one visitor.
func (s *sightings) fold() {
	hashes := make([]uint64, len(s.all))
	for i := range s.all {
		hashes[i] = s.hash(s.all[i].id)
	}
	merge := func(into, from uint32) { s.all[into].merge(&s.all[from]) }
	if s.apart {
		merge = nil
	}
	order := visitorOrder(hashes, func(i uint32) *id { return &s.all[i].id }, merge)
	kept := make([]sighting, 0, len(order))
	for _, i := range order {
		kept = append(kept, s.all[i])
	}
	s.all = kept
}
