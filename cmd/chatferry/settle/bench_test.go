package settle

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/extract/rehearsal"
)

var benchChats = flag.Int64("settle-chats", 10_000, "chats of the account that BenchmarkSettle settles")

// BenchmarkSettle settles a made-up account of real size and shape: nothing to do, 1 % of the chats changed, and all chats
// twice. It tells how long Run took, by chat and by megabyte of replaced files, and the most memory that it had.
func BenchmarkSettle(b *testing.B) {
	for _, share := range []float64{0, 0.01, 1} {
		b.Run(fmt.Sprintf("chats=%d/again=%v", *benchChats, share), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w := newWorld(b, bigFeed(share))
				w.options.limits = nil
				debug.SetMemoryLimit(defaultMemory * 8 / 10)
				run := func(context.Context, Options) (Report, error) { return Report{}, nil }
				if share == 0 {
					run = Run // it was settled before
				}
				if _, err := w.run(b.Context(), run); err != nil {
					b.Fatal(err)
				}
				debug.FreeOSMemory()
				peak := watchMemory()
				b.StartTimer()
				report, err := w.carry(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if share > 0 && report.Superseded[chatferry.Chats] == 0 || share == 0 && report.Replaces > 0 {
					b.Fatalf("%+v", report)
				}
				b.ReportMetric(float64(report.Elapsed.Microseconds())/float64(*benchChats), "µs/chat")
				b.ReportMetric(float64(report.BytesRetired)/(1<<20), "MiB-retired")
				b.ReportMetric(float64(report.Superseded[chatferry.Chats]), "superseded")
				b.ReportMetric(float64(peak())/(1<<20), "MiB-peak")
				b.StartTimer()
			}
		})
	}
}

// BenchmarkSettleAgain settles a made-up account to which a hundred chats come, half of them new versions, after it was
// settled.
func BenchmarkSettleAgain(b *testing.B) {
	b.Run(fmt.Sprintf("chats=%d/new=100", *benchChats), func(b *testing.B) {
		f := bigFeed(0)
		f.part = 2000
		w := newWorld(b, f)
		w.options.limits = nil
		debug.SetMemoryLimit(defaultMemory * 8 / 10)
		if _, err := w.carry(b.Context()); err != nil {
			b.Fatal(err)
		}
		all := f.records[f.shards[0].ID]
		for round := 0; b.Loop(); round++ {
			b.StopTimer()
			records := slices.Clone(all[round*50%len(all):][:50])
			for i := range 50 {
				records = append(records, chat{id: fmt.Sprintf("n%d-%d", round, i), version: 1, lines: 5, visitor: fmt.Sprintf("v%d", i)}.String())
			}
			f.add(chatferry.Chats, records...)
			peak := watchMemory()
			b.StartTimer()
			report, err := w.carry(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if report.Sifted != 1 || report.Touched == 0 {
				b.Fatalf("%+v", report)
			}
			b.ReportMetric(float64(report.Elapsed.Microseconds())/float64(*benchChats), "µs/chat")
			b.ReportMetric(float64(report.BytesRetired)/(1<<20), "MiB-retired")
			b.ReportMetric(float64(peak())/(1<<20), "MiB-peak")
			b.StartTimer()
		}
	})
}

func bigFeed(share float64) *feed {
	account := rehearsal.New(rehearsal.Options{Seed: 5, Chats: *benchChats})
	f := newFeed()
	f.page, f.part, f.bytes = 400, 1<<20, 16<<20
	var all, again []string
	rng := rand.New(rand.NewPCG(1, 1))
	for r := range account.Records(chatferry.Chats) {
		all = append(all, string(r.Raw))
		if rng.Float64() < share {
			again = append(again, string(r.Raw))
		}
	}
	f.add(chatferry.Chats, all...)
	f.add(chatferry.Chats, again...)
	return f
}

var benchKeys = flag.Int("settle-keys", 2_000_000, "keys of the largest dataset of BenchmarkFind, BenchmarkSift and BenchmarkGather")

// benchFiles are the files of these datasets.
const benchFiles = 1000

// randomSets makes up the keys of files, of which a share is there twice.
func randomSets(keys int, share float64) [][]uint64 {
	rng := rand.New(rand.NewPCG(1, 1))
	var all []uint64
	var sets [][]uint64
	for len(all) < keys {
		var set []uint64
		for range min(keys/benchFiles+1, keys-len(all)) {
			key := rng.Uint64() &^ excludedBit
			if i := len(all) - keys/2; i >= 0 && rng.Float64() < 2*share {
				key = all[i]
			}
			set, all = append(set, key), append(all, key)
		}
		sets = append(sets, set)
	}
	return sets
}

func benchDerived(b *testing.B) *derivedFiles {
	fsys, err := atomicfile.OS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	return newDerivedFiles(fsys)
}

// perKey reports how long each of some keys took.
func perKey(b *testing.B, keys int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(keys), "ns/key")
}

// reads are derived files of which it is known how much is read.
type reads struct {
	counted
	report func()
}

// watchedReads lets a benchmark report what it reads and takes for each of some keys.
func watchedReads(b *testing.B, d *derivedFiles, keys int) *derivedFiles {
	r := &reads{counted: counted{Derived: d.Derived, read: map[string]int64{}}}
	debug.FreeOSMemory()
	peak := watchMemory()
	r.report = func() {
		perKey(b, keys)
		b.ReportMetric(float64(r.total())/float64(b.N)/float64(keys), "B-read/key")
		b.ReportMetric(float64(peak())/(1<<20), "MiB-heap")
	}
	return &derivedFiles{Derived: r}
}

// BenchmarkFind merges the key files of many Parts, none, one percent or all of whose keys are there twice.
func BenchmarkFind(b *testing.B) {
	for _, share := range []float64{0, 0.01, 1} {
		b.Run(fmt.Sprintf("keys=%d/files=%d/twice=%v", *benchKeys, benchFiles, share), func(b *testing.B) {
			d := benchDerived(b)
			holders := makeHolders(b, d, randomSets(*benchKeys, share))
			debug.FreeOSMemory()
			limits := limitsOf(defaultMemory)
			peak := watchMemory()
			found, batches := 0, 0
			for b.Loop() {
				found, batches = 0, 0
				for i := range holders { // as a settle looks at them
					if _, err := d.scan(b.Context(), &keysKind, holders[i].keys.name, nil); err != nil {
						b.Fatal(err)
					}
				}
				f := finder{derived: d, holders: holders, room: limits.rangeKeys, most: limits.candidates}
				err := f.find(b.Context(), func(c *candidates) error {
					found += len(c.hashes)
					batches++
					newContest(c.hashes, nil)
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			perKey(b, *benchKeys)
			b.ReportMetric(float64(found), "candidates")
			b.ReportMetric(float64(batches), "batches")
			b.ReportMetric(float64(peak())/(1<<20), "MiB-heap")
		})
	}
}

// BenchmarkSift finds what a new Part of a thousand records, one in ten of which was there, means for datasets of several
// sizes that are settled otherwise.
func BenchmarkSift(b *testing.B) {
	const fresh = 1000
	for _, keys := range []int{*benchKeys / 20, *benchKeys / 4, *benchKeys} {
		b.Run(fmt.Sprintf("keys=%d/files=%d/new=%d", keys, benchFiles, fresh), func(b *testing.B) {
			d := benchDerived(b)
			sets := randomSets(keys, 0)
			rng := rand.New(rand.NewPCG(2, 2))
			var part []uint64
			for i := range fresh {
				key := rng.Uint64() &^ excludedBit
				if i%10 == 0 {
					key = sets[i%len(sets)][0]
				}
				part = append(part, key)
			}
			holders := makeHolders(b, d, append(sets, part))
			holders[len(holders)-1].fresh = true
			sets = nil
			s := &settler{limits: limitsOf(defaultMemory)}
			s.derived = watchedReads(b, d, keys)
			for b.Loop() {
				found := 0
				ok, err := s.sift(b.Context(), nil, holders, func(c *candidates) error {
					found += len(c.hashes)
					return nil
				})
				if err != nil || !ok || found != fresh/10 {
					b.Fatal(found, ok, err)
				}
			}
			s.derived.Derived.(*reads).report()
		})
	}
}

// BenchmarkGather finds what all chats say of a thousand visitors, with two chats each, of datasets of several sizes.
func BenchmarkGather(b *testing.B) {
	const touched = 1000
	for _, keys := range []int{*benchKeys / 20, *benchKeys / 4, *benchKeys} {
		b.Run(fmt.Sprintf("chats=%d/files=%d/visitors=%d", keys, benchFiles, touched), func(b *testing.B) {
			d := benchDerived(b)
			v := &visiting{k: newKeyed(chatferry.Chats), s: &settler{o: Options{Progress: func(Progress) {}}, hash: id.hash, derived: d, limits: limitsOf(defaultMemory)}}
			rng := rand.New(rand.NewPCG(3, 3))
			var ids idSheet
			for i := range benchFiles {
				f := &checkpoint.InventoryFile{PartFile: chatferry.PartFile{SHA256: sumOf(i)}}
				of := sightings{hash: id.hash}
				for n := range keys / benchFiles {
					visitor := rng.IntN(keys / 2)
					if i%2 == 0 && n == 0 || i%2 == 1 && n == 1 {
						visitor = i
					}
					ids.key("", fmt.Sprint(visitor))
					who := idOf(&ids.take()[0])
					if visitor == i {
						v.touched = append(v.touched, who)
					}
					one := visits{chats: 1, first: 1, last: 1, newest: order{version: 1, offset: chatferry.Offset(i)}}
					of.all = append(of.all, sighting{id: who, visits: one})
				}
				if err := d.write(b.Context(), visitsKind.name(f.SHA256), of.file()...); err != nil {
					b.Fatal(err)
				}
				v.chats = append(v.chats, f)
			}
			slices.SortFunc(v.touched, func(a, b id) int { return bytes.Compare(a[:], b[:]) })
			v.s.derived = watchedReads(b, d, keys)
			for b.Loop() {
				found := 0
				err := v.crowds(b.Context(), nil, func(c *crowd) {
					for i := range c.all {
						found += min(1, int(c.all[i].chats))
					}
				})
				if err != nil || found < touched*9/10 {
					b.Fatalf("%d visitors, %v", found, err)
				}
			}
			v.s.derived.Derived.(*reads).report()
		})
	}
}
