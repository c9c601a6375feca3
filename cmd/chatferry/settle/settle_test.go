package settle

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
)

var seeds = flag.Uint64("settle-seeds", 12, "number of made-up accounts that are settled")

func newWorld(t testing.TB, f *feed) *world {
	t.Helper()
	fsys, err := atomicfile.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &world{fsys: fsys, feed: f}
}

// tiny limits make every bound of the memory be met.
func tiny() *limits {
	return &limits{
		rangeKeys: 8, candidates: 3, besideBytes: 1200, visitorBytes: 1200, renewalBytes: 600, replaceBytes: 1 << 15, replaceFiles: 7,
		compactBytes: 1 << 17, smallBytes: 1 << 16, compactAfter: 5, visitorsPerFile: 3, visitorsJoin: 3,
	}
}

// A dataset that is settled in one or several runs is what a settle in memory makes of it, for whatever account; and
// settling it again changes nothing.
func TestSettleEqualsNaive(t *testing.T) {
	var superseded, deleted, replaces, joined, sifted, touched int64
	n := *seeds
	if raceEnabled {
		n = min(n, 3)
	}
	for seed := range n {
		rng := rand.New(rand.NewPCG(seed, 4))
		all := random(rng)
		w := &world{fsys: faultfs.NewDisk().Process(nil), feed: &feed{records: all.records, page: all.page, part: all.part, bytes: all.bytes}}
		w.options.DropDeleted = rng.IntN(2) == 0
		if rng.IntN(2) == 0 {
			w.options.limits = tiny()
		}
		if rng.IntN(2) == 0 {
			w.options.weaken = func(i id) uint64 { return uint64(i[0]%4) << 62 } // 4 hashes for all keys
		}
		for len(w.feed.shards) < len(all.shards) {
			w.feed.shards = all.shards[:min(len(all.shards), len(w.feed.shards)+1+rng.IntN(6))]
			report, err := w.carry(t.Context())
			if err == nil {
				err = w.check(t.Context())
			}
			if err != nil {
				t.Fatalf("seed %d, %d of %d shards: %v", seed, len(w.feed.shards), len(all.shards), err)
			}
			for _, n := range report.Superseded {
				superseded += n
			}
			deleted += report.Deleted
			replaces += int64(report.Replaces)
			joined += int64(report.Joined)
			sifted += int64(report.Sifted)
			touched += report.Touched
		}
		report, err := w.carry(t.Context())
		if err == nil && report.Replaces != 0 {
			err = fmt.Errorf("a settled dataset was changed: %+v", report)
		}
		if err == nil {
			err = w.check(t.Context())
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("%d rows superseded and %d deleted in %d replaces, %d groups of Parts joined, %d Streams sifted, %d visitors touched",
		superseded, deleted, replaces, joined, sifted, touched)
	if n >= 12 && (superseded == 0 || deleted == 0 || replaces == 0 || joined == 0 || sifted == 0 || touched == 0) {
		t.Error("nothing of it was ever done")
	}
}

// A row is superseded by whatever is newer and committed: a row of a later version, an excluded record, the same version
// in a later Shard; not by what is older, nor by a Reject.
func TestWhatSupersedes(t *testing.T) {
	old, new := chat{id: "a", version: 1, lines: 2}, chat{id: "a", version: 2, lines: 1}
	facebook := func(c chat) chat {
		c.channel = "facebook"
		return c
	}
	gone := chat{id: "a", version: 3, deleted: true}
	tests := []struct {
		name   string
		first  []chat
		second []chat
		drop   bool
		want   map[string]int64 // loaded, superseded, excluded
	}{
		{"a newer version", []chat{old}, []chat{new}, false, map[string]int64{"loaded": 1, "superseded": 1}},
		{"a newer version that came first", []chat{new}, []chat{old}, false, map[string]int64{"loaded": 1, "superseded": 1}},
		{"the same in another file", []chat{old}, []chat{old}, false, map[string]int64{"loaded": 1, "superseded": 1}},
		{"the same twice in one file", []chat{old, old}, nil, false, map[string]int64{"loaded": 1, "superseded": 1}},
		{"an excluded newer version", []chat{old}, []chat{facebook(new)}, false, map[string]int64{"superseded": 1, "excluded": 1}},
		{"an excluded older version", []chat{new}, []chat{facebook(old)}, false, map[string]int64{"loaded": 1, "excluded": 1}},
		{"two excluded versions", []chat{facebook(old)}, []chat{facebook(new)}, false, map[string]int64{"excluded": 2}},
		{"a deleted chat keeps its row", []chat{old}, []chat{gone}, false, map[string]int64{"loaded": 1, "superseded": 1}},
		{"a deleted chat is dropped", []chat{old}, []chat{gone}, true, map[string]int64{"superseded": 1, "excluded": 1}},
		{"what was deleted comes again", []chat{gone}, []chat{old}, true, map[string]int64{"superseded": 1, "excluded": 1}},
		{"no version against one", []chat{{id: "a"}}, []chat{old}, false, map[string]int64{"loaded": 1, "superseded": 1}},
		{"another key", []chat{old}, []chat{{id: "b"}}, false, map[string]int64{"loaded": 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFeed()
			f.add(chatferry.Chats, texts(tt.first...)...)
			f.add(chatferry.Chats, texts(tt.second...)...)
			w := newWorld(t, f)
			w.options.DropDeleted = tt.drop
			if _, err := w.carry(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := w.check(t.Context()); err != nil {
				t.Error(err)
			}
			d, err := w.dataset(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			books, _, err := d.Books()
			if err != nil {
				t.Fatal(err)
			}
			b := books[chatferry.Chats]
			for name, n := range map[string]int64{"loaded": b.Loaded.N, "superseded": b.Superseded.N, "excluded": b.ExcludedTotal().N} {
				if n != tt.want[name] {
					t.Errorf("%d %s, want %d", n, name, tt.want[name])
				}
			}
			if b.Superseded.N > 0 && b.Loaded.N+b.ExcludedTotal().N == 0 || b.Loaded.N == 0 && b.Loaded.Bytes != 0 {
				t.Errorf("books %+v", b)
			}
		})
	}
}

// A Stream of which a Shard is not read to its end is left as it is, and settled when it is.
func TestUnfinishedStreamWaits(t *testing.T) {
	f := newFeed()
	f.add(chatferry.Chats, texts(chat{id: "a", version: 1}, chat{id: "a", version: 2})...)
	f.add(chatferry.Agents, `{"id":1,"display_name":"a"}`, `{"id":1,"display_name":"b"}`)
	w := newWorld(t, f)
	report, err := w.run(t.Context(), func(ctx context.Context, o Options) (Report, error) {
		open := chatferry.Shard{ID: 3, Stream: chatferry.Chats}
		if err := o.Run.AddShards(ctx, []chatferry.Shard{open}); err != nil {
			return Report{}, err
		}
		return Run(ctx, o)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Waiting) != 1 || report.Waiting[0] != chatferry.Chats || report.Superseded[chatferry.Chats] != 0 || report.Superseded[chatferry.Agents] != 1 {
		t.Errorf("%+v", report)
	}
	f.add(chatferry.Chats)
	w.ends = nil
	if report, err = w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(report.Waiting) != 0 || report.Superseded[chatferry.Chats] != 1 {
		t.Errorf("%+v", report)
	}
	if err := w.check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A file that lost or changed a row since it was written is not settled over.
func TestDamagedFilesAreRefused(t *testing.T) {
	f := newFeed()
	f.add(chatferry.Chats, texts(chat{id: "a", version: 1, lines: 3}, chat{id: "b", version: 2, lines: 2})...)
	other := newFeed()
	other.add(chatferry.Chats, texts(chat{id: "a", version: 1, lines: 3}, chat{id: "b", version: 2, lines: 2, variety: "x"})...)
	for _, table := range []string{"chats", "chat_history"} {
		w, strange := newWorld(t, f), newWorld(t, other)
		for _, w := range []*world{w, strange} {
			if _, err := w.carry(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		name := "tables/" + table + "/part-000000000001-000000000001.parquet"
		b, err := atomicfile.ReadAll(strange.fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		if table == "chat_history" {
			b = b[:len(b)/2]
		}
		if err := w.fsys.Remove(name); err != nil {
			t.Fatal(err)
		}
		file, err := w.fsys.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		w.feed = &feed{records: maps.Clone(f.records), shards: slices.Clone(f.shards), page: 4, part: 8, bytes: 1 << 20}
		w.feed.add(chatferry.Chats, texts(chat{id: "a", version: 5})...)
		if report, err := w.carry(t.Context()); chatferry.KindOf(err) != chatferry.KindDiffers || report.Replaces != 0 {
			t.Errorf("%s: %+v, %v", table, report, err)
		}
		if staged, err := tree(w.fsys, checkpoint.Folder+"/staging"); err != nil || len(staged) != 0 {
			t.Errorf("%s: %d files are left in staging, %v", table, len(staged), err)
		}
	}
}
