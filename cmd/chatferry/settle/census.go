package settle

import (
	"context"
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
		hashes := c.sortedHashes()
		if err := v.gather(ctx, c, hashes); err != nil {
			return err
		}
		for _, f := range v.old {
			j := judge{v: v, c: c, file: f, gone: gone}
			if err := v.s.eachMet(ctx, origin{file: f}, hashes, j.row); err != nil {
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

// gather takes in what the files of visits say of the visitors of a crowd, whose hashes are given.
func (v *visiting) gather(ctx context.Context, c *crowd, hashes []uint64) error {
	for i, f := range v.chats {
		v.s.o.Progress(Progress{Step: "visitors", Stream: chatferry.Chats, Done: int64(i), Total: int64(len(v.chats))})
		at := 0
		err := v.s.eachMet(ctx, origin{v.k, f}, hashes, func(one *sighting) {
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

// eachMet calls visit for what the visits of a file say of visitors with some hashes, in their order. It reads all hashes
// of the file, and the blocks that are met.
func (s *settler) eachMet(ctx context.Context, of origin, hashes []uint64, visit func(*sighting)) error {
	var places []int64
	at, before := 0, int64(0)
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
	read := func() error {
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
	}
	if err := s.mended(ctx, of, name, read, nil); err != nil {
		return err
	}
	for i := range met {
		visit(&met[i])
	}
	return nil
}

// allCrowds gives visit all visitors of the chats, so many sightings at a time. A range of hashes is a slice of each file.
func (v *visiting) allCrowds(ctx context.Context, most int, gone map[string]bitmap, visit func(*crowd)) error {
	var chats, table []*visitsReader
	for _, f := range v.chats {
		chats = append(chats, readerOf(origin{v.k, f}))
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
		judges := make([]judge, len(table))
		for i, f := range v.old {
			judges[i] = judge{v: v, c: c, file: f, gone: gone}
		}
		if err := v.s.readRange(ctx, table, r, func(i int, one *sighting) { judges[i].row(one) }); err != nil {
			return err
		}
		visit(c)
		return nil
	})
}
