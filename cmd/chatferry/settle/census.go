package settle

import (
	"context"
	"math"
	"math/bits"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
)

// crowds calls visit for the visitors of whom a row of the table may not be right, as many at a time as the memory allows,
// in the order of their hashes. It marks the rows of the table that are not right, and visit gets who has the right one.
func (v *visiting) crowds(ctx context.Context, gone map[string]bitmap, visit func(*crowd)) error {
	most := int(max(1, v.s.limits.visitorBytes/visitorSize))
	if v.touched == nil {
		return v.allCrowds(ctx, most, gone, visit)
	}
	c := &crowd{}
	for some := range slices.Chunk(v.touched, most) {
		c.clear()
		for _, of := range some {
			c.add(&sighting{id: of}, v.s.hash(of), 0)
		}
		c.fold()
		if err := v.gather(ctx, c); err != nil {
			return err
		}
		for _, f := range v.old {
			j := v.judge(c, f, gone)
			if err := v.s.eachMet(ctx, origin{file: f}, c, j.row); err != nil {
				return err
			}
		}
		visit(c)
	}
	return nil
}

// judge holds the rows of a file of the table against a crowd, in their order.
type judge struct {
	v    *visiting
	c    *crowd
	file *checkpoint.InventoryFile
	gone map[string]bitmap
	at   int // in the crowd
}

func (v *visiting) judge(c *crowd, f *checkpoint.InventoryFile, gone map[string]bitmap) *judge {
	return &judge{v: v, c: c, file: f, gone: gone}
}

// row marks a row that is not right: that is not what the crowd knows of its visitor, or of whom no chat tells.
func (j *judge) row(row *sighting) {
	at, ok := j.c.find(j.at, j.v.s.hash(row.id), &row.id)
	j.at = at
	switch {
	case !ok && !j.c.whole:
		return
	case ok && !j.c.at(at).kept && j.c.at(at).right(row):
		j.c.at(at).kept = true
	default:
		mark(j.gone, j.file.Name, j.file.Rows, int32(row.row))
	}
}

// gather takes in what the files of visits say of the visitors of a crowd.
func (v *visiting) gather(ctx context.Context, c *crowd) error {
	k := newKeyed(chatferry.Chats)
	for i, f := range v.chats {
		v.s.o.Progress(Progress{Step: "visitors", Stream: chatferry.Chats, Done: int64(i), Total: int64(len(v.chats))})
		at := 0
		err := v.s.eachMet(ctx, origin{k, f}, c, func(one *sighting) {
			found, ok := c.find(at, v.s.hash(one.id), &one.id)
			if at = found; ok && c.at(at).merge(one) {
				c.at(at).in = uint32(i)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachMet calls visit for what the visits of a file say of visitors with the hashes of a crowd's, in their order. It reads
// the hashes, and the blocks that are met.
func (s *settler) eachMet(ctx context.Context, of origin, c *crowd, visit func(*sighting)) error {
	var places []int64
	at, before := 0, int64(0)
	hashes := c.sortedHashes()
	meeting := func(_, j int, _ uint64) { places = append(places, before+int64(j)) }
	scan := func(b []byte) {
		at = meet(hashes, at, b, meeting)
		before += int64(len(b) / keySize)
	}
	name := visitsKind.name(of.file.SHA256)
	if _, err := s.scanned(ctx, &visitsKind, of.k, of.file, scan, func() { places, at, before = places[:0], 0, 0 }); err != nil {
		return err
	}
	if len(places) == 0 {
		return nil
	}
	met := make([]sighting, 0, len(places))
	err := s.mended(ctx, of, name, func() error {
		met = met[:0]
		f, err := s.derived.openVisits(ctx, name)
		if err != nil {
			return err
		}
		defer f.Close() // only read
		for _, at := range places {
			one, err := f.at(at)
			if err != nil {
				return err
			}
			met = append(met, one)
		}
		return nil
	})
	for i := range met {
		if err == nil {
			visit(&met[i])
		}
	}
	return err
}

// allCrowds gives visit all visitors of the chats, so many sightings at a time. A range of hashes is a slice of each file.
func (v *visiting) allCrowds(ctx context.Context, most int, gone map[string]bitmap, visit func(*crowd)) error {
	k := newKeyed(chatferry.Chats)
	var chats, table []*visitsReader
	for _, f := range v.chats {
		chats = append(chats, readerOf(origin{k, f}))
	}
	for _, f := range v.old {
		table = append(table, readerOf(origin{file: f}))
	}
	total, err := v.s.beginAll(ctx, slices.Concat(chats, table))
	if err != nil {
		return err
	}
	c := &crowd{whole: true}
	return eachRange(total, int64(most), func(r *hashRange) error {
		v.s.o.Progress(Progress{Step: "visitors", Stream: chatferry.Chats, Done: int64(r.at), Total: int64(r.of)})
		c.clear()
		err := v.s.readRange(ctx, chats, r, func(i int, one *sighting) { c.add(one, v.s.hash(one.id), i) })
		if err != nil {
			return err
		}
		c.fold()
		judges := make([]*judge, len(table))
		for i, f := range v.old {
			judges[i] = v.judge(c, f, gone)
		}
		if err := v.s.readRange(ctx, table, r, func(i int, one *sighting) { judges[i].row(one) }); err != nil {
			return err
		}
		visit(c)
		return nil
	})
}

// hashRange is one of equal ranges of all hashes.
type hashRange struct {
	at, of uint64
	end    uint64 // it holds hashes below; not the last one, which holds all that are left
}

// holds reports whether a hash is in the range, if it is in none before.
func (r *hashRange) holds(hash uint64) bool { return r.at+1 == r.of || hash < r.end }

// share is how many of some hashes are in the range, or a few more than most likely are.
func (r *hashRange) share(of int64) int64 {
	n := float64(of) / float64(r.of)
	return int64(n + 3*math.Sqrt(n) + 1)
}

// eachRange visits so many ranges that each holds about `most` of all hashes.
func eachRange(total, most int64, visit func(*hashRange) error) error {
	ranges := uint64(total/max(1, most) + 1)
	for i := range ranges {
		r := hashRange{at: i, of: ranges}
		if i+1 < ranges {
			r.end, _ = bits.Div64(i+1, 0, ranges)
		}
		if err := visit(&r); err != nil {
			return err
		}
	}
	return nil
}

func readerOf(of origin) *visitsReader {
	return &visitsReader{name: visitsKind.name(of.file.SHA256), of: of, count: -1}
}

// beginAll lets readers begin, and returns how many sightings they have.
func (s *settler) beginAll(ctx context.Context, readers []*visitsReader) (total int64, err error) {
	for _, r := range readers {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if err := s.reading(ctx, r, func() error { return r.begin(ctx, s.derived) }); err != nil {
			return 0, err
		}
		total += r.count
	}
	return total, nil
}

// reading reads a file of visits. One that is unusable is made again; if what it is of is no more, that is errStale.
func (s *settler) reading(ctx context.Context, r *visitsReader, read func() error) error {
	if r.of.file == nil {
		return s.stale(r.name, read())
	}
	return s.mended(ctx, r.of, r.name, read)
}

// readRange gives each what readers say of visitors with hashes of a range, in the order of the readers and of the hashes:
// the index of the reader and a sighting. Ranges are read in their order. The files are read side by side.
func (s *settler) readRange(ctx context.Context, readers []*visitsReader, r *hashRange, each func(int, *sighting)) error {
	next := func(ctx context.Context, i int) (out read, err error) {
		out.some, out.err = readers[i].next(ctx, s.derived, r.share(readers[i].count))
		if out.err != nil && !unusable(out.err) {
			return out, out.err
		}
		return out, nil
	}
	weigh := func(i int) int64 { return r.share(readers[i].count) * visitorSize }
	return inOrder(ctx, len(readers), visitsAtOnce, s.limits.visitorBytes/4, weigh, next, func(i int, out read) error {
		reader := readers[i]
		for {
			if out.err != nil {
				err := s.reading(ctx, reader, func() (err error) {
					out.some, err = reader.next(ctx, s.derived, r.share(reader.count))
					return err
				})
				if err != nil {
					return err
				}
			}
			for n := range out.some {
				if !r.holds(s.hash(out.some[n].id)) {
					return nil
				}
				reader.at++
				each(i, &out.some[n])
			}
			if reader.at == reader.count {
				return nil
			}
			out.some, out.err = reader.next(ctx, s.derived, perBlock)
			if out.err != nil && !unusable(out.err) {
				return out.err
			}
		}
	})
}

// read is what a reader gave.
type read struct {
	some []sighting
	err  error // that it is unusable
}

// visitsAtOnce is how many files of visits are read side by side: on a server each read is mostly waiting.
const visitsAtOnce = 8
