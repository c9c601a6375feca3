package settle

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/checkpoint"
)

// renewal is a row that the table has to get: what is known of a visitor of several chats, but for what the newest says.
type renewal struct {
	first, last int64
	chats       uint32
	hash        uint32 // the upper half of it, to see that the right chat was found
	in, row     uint32 // of the newest chat: the index of its file, and its row there
}

// renewals are the rows that the table has to get whose newest chats are in some of the files, from one on: all files
// behind, or fewer if there is no room for more. Of most visitors there is one chat, which says all.
type renewals struct {
	from, end int
	most      int
	files     []*checkpoint.InventoryFile
	only      []bitmap // of all files: the rows of chats that are the only ones of their visitors; nil: none is
	all       []renewal
	of        []int   // of all files: how many of all are of it
	before    []int64 // of all files: the rows of those before it
	starts    []int   // of all files: where theirs begin in the order
	order     []uint32
}

func newRenewals(files []*checkpoint.InventoryFile, from, most int) *renewals {
	r := &renewals{
		from: from, end: len(files), most: most, files: files,
		only: make([]bitmap, len(files)), of: make([]int, len(files)), before: make([]int64, len(files)),
	}
	for i := 1; i < len(files); i++ {
		r.before[i] = r.before[i-1] + files[i-1].Rows
	}
	return r
}

// take takes in those of a crowd of whom the table has no right row.
func (r *renewals) take(c *crowd) {
	for i := range c.order {
		v := c.at(i)
		if in := int(v.in); v.kept || v.chats == 0 || in < r.from || r.end <= in {
			continue
		}
		if v.chats == 1 {
			if r.only[v.in] == nil {
				r.only[v.in] = newBitmap(r.files[v.in].Rows)
			}
			r.only[v.in].set(uint64(v.row))
			continue
		}
		r.of[v.in]++
		r.all = append(r.all, renewal{v.first, v.last, uint32(min(v.chats, math.MaxUint32)), uint32(v.hash >> 32), v.in, v.row})
	}
	if len(r.all) <= r.most {
		return
	}
	// With some room to spare: to make room takes time.
	sum, end := 0, r.from
	for ; end < r.end && (end == r.from || sum+r.of[end] <= r.most/4*3); end++ {
		sum += r.of[end]
	}
	clear(r.of[end:])
	r.end = end
	r.all = slices.DeleteFunc(r.all, func(one renewal) bool { return int(one.in) >= end })
}

// sort puts them in the order of their newest chats.
func (r *renewals) sort() {
	places := make([]uint64, 0, len(r.all))
	for i := range r.all {
		places = append(places, uint64(r.before[r.all[i].in])+uint64(r.all[i].row))
	}
	r.order = hashOrder(places, func(a, b uint32) int { return cmp.Compare(a, b) })
	r.starts = make([]int, 0, len(r.of)+1)
	sum := 0
	for _, n := range r.of {
		r.starts = append(r.starts, sum)
		sum += n
	}
	r.starts = append(r.starts, sum)
}

// count is how many rows are due to a file.
func (r *renewals) count(i int) int64 { return int64(r.of[i]) + r.only[i].count() }

// inFile returns those whose newest chats are in a file, in the order of its rows. They are sorted.
func (r *renewals) inFile(i int) *fileRenewals {
	out := &fileRenewals{only: r.only[i], some: make([]renewal, 0, r.of[i])}
	for _, at := range r.order[r.starts[i]:r.starts[i+1]] {
		out.some = append(out.some, r.all[at])
	}
	return out
}

// fileRenewals are those of one file.
type fileRenewals struct {
	only bitmap // as in renewals
	some []renewal
}

// next appends the rows from one to another that have newest chats to rows, in their order.
func (f *fileRenewals) next(rows []int, from, end uint32) []int {
	some := f.some
	for row := from; row < end; row++ {
		switch {
		case f.only != nil && f.only.has(uint64(row)):
			rows = append(rows, int(row-from))
		case len(some) > 0 && some[0].row == row:
			rows, some = append(rows, int(row-from)), some[1:]
		}
	}
	return rows
}

// tell lets a row have what is known of its visitor, and reports whether it is of that visitor.
func (f *fileRenewals) tell(s *sighting, hash uint64) bool {
	if f.only != nil && f.only.has(uint64(s.row)) {
		return true // its chat says it
	}
	one := f.some[0]
	f.some = f.some[1:]
	s.chats, s.first, s.last = int64(one.chats), one.first, one.last
	return one.row == s.row && one.hash == uint32(hash>>32)
}

// renew gives w the rows that the table has to get, in the order of their newest chats, and returns those of its files
// that are not right. If it has no room for all that it must know to do that, it does it for some files of chats at a time.
func (v *visiting) renew(ctx context.Context, w *visitorWriter) (gone map[string]bitmap, err error) {
	gone = map[string]bitmap{}
	for from := 0; from == 0 || from < len(v.chats); {
		r := newRenewals(v.chats, from, int(max(1, v.s.limits.renewalBytes/renewalSize)))
		if err := v.crowds(ctx, gone, r.take); err != nil {
			return nil, err
		}
		r.sort()
		if err := v.write(ctx, r, w); err != nil {
			return nil, err
		}
		from = max(1, r.end)
	}
	return gone, nil
}

// renewalSize is how many bytes a renewal takes, and its place in the order.
const renewalSize = 56

// write reads the newest chats of some visitors, a few files side by side, and gives w their rows.
func (v *visiting) write(ctx context.Context, r *renewals, w *visitorWriter) error {
	var files []int // with newest chats
	for i := range r.files[:r.end] {
		if r.of[i] > 0 || r.only[i] != nil {
			files = append(files, i)
		}
	}
	weigh := func(i int) int64 { return v.chats[files[i]].Size + r.count(files[i])*visitorSize }
	read := func(ctx context.Context, i int) (*visitorPage, error) {
		return v.page(ctx, v.chats[files[i]], r.inFile(files[i]))
	}
	return inOrder(ctx, len(files), v.s.atOnce, v.s.limits.besideBytes/2, weigh, read, func(i int, p *visitorPage) error {
		v.s.o.Progress(Progress{Step: "visitors", Stream: chatferry.Chats, Done: int64(files[i]), Total: int64(len(v.chats))})
		v.s.report.FilesSearched++
		return w.write(p)
	})
}

// visitorPage is rows of chat_visitors, and what a file of visits says of them but for their places.
type visitorPage struct {
	rec  arrow.Record
	seen []sighting
}

// page makes the rows whose newest chats are in a file, in their order. The caller releases its record.
func (v *visiting) page(ctx context.Context, f *checkpoint.InventoryFile, due *fileRenewals) (*visitorPage, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, visitorSchema())
	defer b.Release()
	seen := sightings{hash: v.s.hash, all: make([]sighting, 0, int64(len(due.some))+due.only.count())}
	var rows []int
	err := eachRecord(ctx, v.s.o.Store, f, visitorColumns, func(rec arrow.Record) error {
		chats, err := chatRowsOf(rec)
		if err != nil {
			return err
		}
		end := seen.rows + uint32(rec.NumRows())
		if rows = due.next(rows[:0], seen.rows, end); slices.ContainsFunc(rows, chats.words[0].IsNull) {
			return v.astray(f)
		}
		found := seen.add(&chats.words, rows)
		for n, row := range rows {
			one := &found[n]
			chats.tell(one, row)
			if one.row = seen.rows + uint32(row); !due.tell(one, v.s.hash(one.id)) {
				return v.astray(f)
			}
			one.newest = order{version: one.newest.version} // what the row tells of it
			one.appendTo(b, &chats.words, row)
		}
		seen.rows = end
		return nil
	})
	if err == nil && len(due.some) > 0 {
		err = v.astray(f)
	}
	if err != nil {
		return nil, err
	}
	return &visitorPage{b.NewRecord(), seen.all}, nil
}

// astray says that the visits of a file are not those of its rows, though they are whole.
func (v *visiting) astray(f *checkpoint.InventoryFile) error {
	return chatferry.Errorf(chatferry.KindEnvironment, "remove the folder "+keysFolder+", then run the same command again",
		"%s/%s is not of %s", keysFolder, visitsKind.name(f.SHA256), f.Name)
}

// appendTo appends a row of chat_visitors.
func (s *sighting) appendTo(b *array.RecordBuilder, words *wordColumns, row int) {
	for k, column := range visitorWords {
		if b := b.Field(column).(*array.StringBuilder); words[k].IsNull(row) {
			b.AppendNull()
		} else {
			b.Append(words[k].Value(row))
		}
	}
	for i, at := range []int64{s.newest.version, s.first, s.last} {
		if b := b.Field(6 + i).(*array.TimestampBuilder); at == noTime {
			b.AppendNull()
		} else {
			b.Append(arrow.Timestamp(at))
		}
	}
	b.Field(9).(*array.Int64Builder).Append(s.chats)
}
