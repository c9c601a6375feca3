package settle

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"runtime"
	"slices"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
)

func newDerivedFiles(fsys atomicfile.FS) *derivedFiles {
	return &derivedFiles{Derived: Folder(fsys, 1)}
}

// sumOf names the i-th of some made-up files.
func sumOf(i int) chatferry.SHA256 { return chatferry.SHA256{byte(i), byte(i >> 8)} }

// makeHolders writes a key file for each of some sets of keys.
func makeHolders(t testing.TB, d *derivedFiles, sets [][]uint64) []holder {
	t.Helper()
	var out []holder
	for i, keys := range sets {
		file := &checkpoint.InventoryFile{PartFile: chatferry.PartFile{SHA256: sumOf(i)}}
		name := keysKind.name(file.SHA256)
		if err := d.write(t.Context(), name, hashesOf(&keysKind, 0, slices.Sorted(slices.Values(keys)))); err != nil {
			t.Fatal(err)
		}
		f, err := d.scan(t.Context(), &keysKind, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, holder{file: file, keys: f})
	}
	return out
}

// The candidates are the hashes that a map finds, in order, whatever the ranges and batches, and every file that holds one
// is named.
func TestFindEqualsMap(t *testing.T) {
	found := 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 9))
		spread := uint64(1) << rng.IntN(64)
		sets := make([][]uint64, rng.IntN(12))
		rows, all := map[uint64]int{}, map[uint64]int{}
		for i := range sets {
			for range rng.IntN(60) {
				key := rng.Uint64()
				if rng.IntN(2) == 0 {
					key = key / spread * spread // so that some are equal
				}
				if key &= ^uint64(excludedBit); rng.IntN(5) == 0 {
					key |= excludedBit
				} else {
					rows[key]++
				}
				all[key&^excludedBit]++
				sets[i] = append(sets[i], key)
			}
		}
		d := newDerivedFiles(faultfs.NewDisk().Process(nil))
		f := finder{
			derived: d, holders: makeHolders(t, d, sets), room: int64(1 + rng.IntN(100)), most: 1 + rng.IntN(40),
		}
		var got []uint64
		err := f.find(t.Context(), func(c *candidates) error {
			got = append(got, c.hashes...)
			for i, keys := range sets {
				holds := slices.ContainsFunc(keys, func(key uint64) bool {
					_, ok := slices.BinarySearch(c.hashes, key&^excludedBit)
					return ok
				})
				if holds != c.holders[i] {
					t.Errorf("seed %d: file %d holds a candidate: %v, and is named: %v", seed, i, holds, c.holders[i])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var want []uint64
		for key, n := range all {
			if n > 1 && rows[key] > 0 {
				want = append(want, key)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: found %x, want %x", seed, got, want)
		}
		found += len(got)
	}
	if found == 0 {
		t.Error("nothing was ever found")
	}
}

// A derived file that is cut, changed or lengthened anywhere is not believed.
func TestDamagedKeyFile(t *testing.T) {
	fsys := faultfs.NewDisk().Process(nil)
	d := newDerivedFiles(fsys)
	whole := makeHolders(t, d, [][]uint64{{2, 4, 6, 7, 8}})[0].keys
	damage(t, fsys, d, whole.name, func() error {
		_, err := d.scan(t.Context(), &keysKind, whole.name, nil)
		return err
	})
}

// damage damages a derived file in every way, and repairs it. What reads it must tell.
func damage(t *testing.T, fsys atomicfile.FS, d *derivedFiles, name string, read func() error) {
	t.Helper()
	data, err := atomicfile.ReadAll(fsys, path.Join(keysFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{"empty": {}, "longer": append(slices.Clone(data), 0), "longer by a key": append(slices.Clone(data), make([]byte, 8)...)}
	for i := range data {
		damaged[fmt.Sprintf("cut at %d", i)] = data[:i]
		b := slices.Clone(data)
		b[i] ^= 1 << (i % 8)
		damaged[fmt.Sprintf("changed at %d", i)] = b
	}
	for what, b := range damaged {
		if err := d.write(t.Context(), name, b); err != nil {
			t.Fatal(err)
		}
		if err := read(); !errors.Is(err, errDamagedKeys) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := d.write(t.Context(), name, data); err != nil {
		t.Fatal(err)
	}
}

// A contest finds the newest of each key, also of keys that share their hash, in whatever order they are entered.
func TestContest(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var ids []id
		hashes := map[uint64]bool{}
		weak := func(i id) uint64 { return i.hash() & (0xff << uint(8*(seed%7))) &^ excludedBit }
		for range 1 + rng.IntN(50) {
			var i id
			for b := range i {
				i[b] = byte(rng.Uint32())
			}
			ids = append(ids, i)
			hashes[weak(i)] = true
		}
		var sorted []uint64
		for h := range hashes {
			sorted = append(sorted, h)
		}
		slices.Sort(sorted)
		lost := map[order]bool{}
		c := newContest(sorted, func(p place) { lost[p.order] = true })
		best := map[id]order{}
		var all []order
		for n := range 300 {
			i := ids[rng.IntN(len(ids))]
			o := order{int64(rng.IntN(3)), chatferry.ShardID(rng.IntN(3)), chatferry.Offset(n)}
			all = append(all, o)
			if b, ok := best[i]; !ok || b.compare(o) < 0 {
				best[i] = o
			}
			at := c.index(weak(i))
			if at < 0 || c.hashes[at] != weak(i) {
				t.Fatalf("seed %d: candidate %x has the index %d", seed, weak(i), at)
			}
			if err := c.enter(at, i, place{order: o}); err != nil {
				t.Fatal(err)
			}
		}
		if n := c.index(sorted[len(sorted)-1] + 2); n >= 0 {
			t.Errorf("seed %d: what is no candidate has the index %d", seed, n)
		}
		newest := map[order]bool{}
		for _, o := range best {
			newest[o] = true
		}
		for _, o := range all {
			if newest[o] == lost[o] {
				t.Fatalf("seed %d: %+v is the newest: %v, has lost: %v", seed, o, newest[o], lost[o])
			}
		}
		if err := c.enter(c.index(weak(ids[0])), ids[0], place{order: best[ids[0]]}); best[ids[0]] != (order{}) && err == nil {
			t.Errorf("seed %d: one record was entered twice", seed)
		}
	}
}

// watchMemory looks every few milliseconds how much memory the Go runtime has in use; the function it returns tells the
// most that it saw.
func watchMemory() func() uint64 {
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var peak uint64
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				most <- peak
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&m)
				peak = max(peak, m.Sys-m.HeapReleased)
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-most
	}
}
