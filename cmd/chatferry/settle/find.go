package settle

import (
	"context"
	"math"
	"math/bits"
	"slices"

	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
)

// holder is a file that holds keys of a Stream, with its key file.
type holder struct {
	file  *checkpoint.InventoryFile
	keys  keyFile // without a name: not looked at yet
	fresh bool    // it was not settled together with those that are not fresh
	at    int64   // keys before it were merged
}

// candidates are hashes that occur more than once, and the holders in which they do.
type candidates struct {
	hashes  []uint64 // sorted, each once
	holders []bool   // by index
}

// find calls visit for batches of candidates, in the order of their hashes. Together they are all hashes that are a row's
// and another row's or an excluded record's, but for those of which no file is fresh.
func (s *settler) find(ctx context.Context, k *keyed, holders []holder, visit func(*candidates) error) error {
	if !slices.ContainsFunc(holders, func(h holder) bool { return h.fresh }) {
		return nil
	}
	if done, err := s.sift(ctx, k, holders, visit); done || err != nil {
		return err
	}
	for i := range holders {
		if holders[i].keys.name != "" {
			continue
		}
		found, err := s.scanned(ctx, &keysKind, k, holders[i].file, nil, nil)
		if err != nil {
			return err
		}
		s.opened(&holders[i], found)
	}
	f := finder{derived: s.derived, holders: holders, room: s.limits.rangeKeys, most: s.limits.candidates}
	return f.find(ctx, visit)
}

// opened notes that a holder's key file was found whole.
func (s *settler) opened(h *holder, found keyFile) {
	if h.keys.name == "" {
		s.report.Keys += found.count
	}
	h.keys = found
}

// finder merges key files. The hashes are uniform, so that a range of them is a slice of each file of about equal size:
// it takes ranges one after the other and looks in each for hashes that occur twice.
type finder struct {
	derived Derived
	holders []holder
	room    int64 // keys of one range, about
	most    int   // candidates of one batch, about

	keys   []uint64
	starts []int // of each holder's keys
	again  []uint64
	buffer []byte
	once   bitmap
	twice  bitmap
}

// find calls visit for batches of candidates, in the order of their hashes. Together they are all hashes that are a row's
// and another row's or an excluded record's.
func (f *finder) find(ctx context.Context, visit func(*candidates) error) error {
	var total int64
	for i := range f.holders {
		f.holders[i].at = 0
		total += f.holders[i].keys.count
	}
	ranges := uint64(max(1, (total+f.room-1)/f.room))
	batch := candidates{holders: make([]bool, len(f.holders))}
	for r := range ranges {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		limit := uint64(math.MaxUint64)
		if r+1 < ranges {
			limit, _ = bits.Div64(r+1, 0, ranges) // the end of the r-th of equal slices of all 64-bit numbers
		}
		if err := f.read(ctx, limit&^excludedBit, r+1 == ranges, ranges); err != nil {
			return err
		}
		f.collect(&batch)
		if len(batch.hashes) >= f.most {
			if err := visit(&batch); err != nil {
				return err
			}
			batch.hashes = batch.hashes[:0]
			clear(batch.holders)
		}
	}
	if len(batch.hashes) == 0 {
		return nil
	}
	return visit(&batch)
}

// read takes the keys below limit out of every file, all that are left in the last range.
func (f *finder) read(ctx context.Context, limit uint64, last bool, ranges uint64) error {
	f.keys, f.starts = f.keys[:0], f.starts[:0]
	for i := range f.holders {
		h := &f.holders[i]
		f.starts = append(f.starts, len(f.keys))
		if h.at == h.keys.count {
			continue
		}
		file, err := f.derived.Open(ctx, h.keys.name)
		if err != nil {
			return err
		}
		share := float64(h.keys.count) / float64(ranges)
		expect := int64(share + 3*math.Sqrt(share) + 1)
		f.keys, h.at, err = readKeys(file, h.keys, h.at, limit, last, expect, f.keys, &f.buffer)
		_ = file.Close() // only read
		if err != nil {
			return atomicfile.Explain("read", h.keys.name, err)
		}
	}
	f.starts = append(f.starts, len(f.keys))
	return nil
}

// collect adds the range's candidates to the batch. A bitmap tells most keys that occur once from the others without
// sorting them.
func (f *finder) collect(batch *candidates) {
	shift := 64 - max(6, bits.Len(uint(len(f.keys)*8)))
	f.once, f.twice = f.once.cleared(1<<(64-shift)), f.twice.cleared(1<<(64-shift))
	for _, key := range f.keys {
		if at := spread(key, shift); f.once.has(at) {
			f.twice.set(at)
		} else {
			f.once.set(at)
		}
	}
	f.again = f.again[:0]
	for _, key := range f.keys {
		if f.twice.has(spread(key, shift)) {
			f.again = append(f.again, key)
		}
	}
	slices.Sort(f.again)
	from := len(batch.hashes)
	for i := 0; i < len(f.again); {
		hash, j := f.again[i]&^excludedBit, i+1
		for j < len(f.again) && f.again[j]&^excludedBit == hash {
			j++
		}
		// A row's key sorts before an excluded record's.
		if j > i+1 && f.again[i]&excludedBit == 0 {
			batch.hashes = append(batch.hashes, hash)
		}
		i = j
	}
	found := batch.hashes[from:]
	for i := range f.holders {
		if len(found) == 0 || batch.holders[i] {
			continue
		}
		for _, key := range f.keys[f.starts[i]:f.starts[i+1]] {
			if !f.twice.has(spread(key, shift)) {
				continue
			}
			if _, ok := slices.BinarySearch(found, key&^excludedBit); ok {
				batch.holders[i] = true
				break
			}
		}
	}
}

// spread gives a hash a bit of a bitmap with 2^(64-shift) bits.
func spread(key uint64, shift int) uint64 { return (key &^ excludedBit) * 0x9e3779b97f4a7c15 >> shift }

// bitmap is a set of small numbers.
type bitmap []uint64

func newBitmap(n int64) bitmap { return make(bitmap, (n+63)/64) }

func (b bitmap) has(i uint64) bool { return b[i/64]>>(i%64)&1 != 0 }
func (b bitmap) set(i uint64)      { b[i/64] |= 1 << (i % 64) }

// count is how many they are.
func (b bitmap) count() (n int64) {
	for _, word := range b {
		n += int64(bits.OnesCount64(word))
	}
	return n
}

// cleared returns an empty bitmap of n bits in the memory of b, if that is enough.
func (b bitmap) cleared(n uint64) bitmap {
	words := int((n + 63) / 64)
	if cap(b) < words {
		return make(bitmap, words)
	}
	b = b[:words]
	clear(b)
	return b
}
