package settle

import (
	"context"
	"math"
	"math/bits"
)

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
	return s.mended(ctx, r.of, r.name, read, func() error { return r.recount(ctx, s.derived) })
}

// readRange gives each what readers say of visitors with hashes of a range, in the order of the readers and of the hashes:
// the index of the reader and a sighting. Ranges are read in their order. The files are read side by side.
func (s *settler) readRange(ctx context.Context, readers []*visitsReader, r *hashRange, each func(int, *sighting)) error {
	next := func(ctx context.Context, i int) ([]sighting, error) {
		some, err := readers[i].next(ctx, s.derived, r.share(readers[i].count))
		if unusable(err) {
			return nil, nil // it is made again below, where nothing runs beside
		}
		return some, err
	}
	weigh := func(i int) int64 { return r.share(readers[i].count) * visitorSize }
	return inOrder(ctx, len(readers), visitsAtOnce, s.limits.visitorBytes/4, weigh, next, func(i int, some []sighting) error {
		for reader := readers[i]; reader.at < reader.count; some = nil {
			if len(some) == 0 {
				err := s.reading(ctx, reader, func() (err error) {
					some, err = reader.next(ctx, s.derived, r.share(reader.count))
					return err
				})
				if err != nil {
					return err
				}
			}
			for n := range some {
				if !r.holds(s.hash(some[n].id)) {
					return nil
				}
				reader.at++
				each(i, &some[n])
			}
		}
		return nil
	})
}

// visitsAtOnce is how many files of visits are read side by side: on a server each read is mostly waiting.
const visitsAtOnce = 8
