package settle

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/load"
)

// Whether a settle knows what the one before left, or finds out everything anew, and however much memory it has for that, it
// leaves the same files, byte for byte.
func TestIncrementalEqualsFull(t *testing.T) {
	n := (*seeds + 1) / 2
	if raceEnabled {
		n = min(n, 3)
	}
	var sifted, touched, visitors int64
	for seed := range n {
		rng := rand.New(rand.NewPCG(seed, 8))
		all := random(rng)
		options := Options{DropDeleted: rng.IntN(2) == 0, limits: tiny()}
		if rng.IntN(3) > 0 {
			// So that a sieve has room, and a few visitors are not too many.
			options.limits.rangeKeys, options.limits.visitorBytes = 1000, 1<<20
		}
		if rng.IntN(2) == 0 {
			options.weaken = func(i id) uint64 { return uint64(i[0]%4) << 62 }
		}
		start := func() *world {
			f := &feed{records: all.records, page: all.page, part: all.part, bytes: all.bytes}
			return &world{fsys: faultfs.NewDisk().Process(nil), feed: f, options: options}
		}
		knowing, forgetful := start(), start()
		if rng.IntN(2) == 0 {
			roomy := *options.limits
			roomy.visitorBytes, roomy.renewalBytes, roomy.besideBytes = 1<<20, 1<<20, 1<<20
			forgetful.options.limits = &roomy
		}
		for end := 0; end < len(all.shards); {
			end = min(len(all.shards), end+1+rng.IntN(4))
			if err := forget(t.Context(), forgetful.fsys); err != nil {
				t.Fatal(err)
			}
			var trees [2]map[string][]byte
			for i, w := range []*world{knowing, forgetful} {
				w.feed.shards = all.shards[:end]
				report, err := w.carry(t.Context())
				if err == nil {
					trees[i], err = tree(w.fsys, settled...)
				}
				if err != nil {
					t.Fatalf("seed %d, %d shards: %v", seed, end, err)
				}
				if i == 1 && (report.Sifted > 0 || report.Touched > 0) {
					t.Fatalf("seed %d, %d shards: it knew what it could not: %+v", seed, end, report)
				}
				sifted += int64(report.Sifted)
				touched += report.Touched
				visitors += report.Visitors
			}
			if err := differ(trees[1], trees[0]); err != nil {
				t.Fatalf("seed %d, %d shards: %v", seed, end, err)
			}
		}
	}
	t.Logf("%d Streams sifted, %d visitors touched, %d rows of visitors", sifted, touched, visitors)
	if n >= 6 && (sifted == 0 || touched == 0) {
		t.Error("nothing was ever known")
	}
}

// forget removes all derived files.
func forget(ctx context.Context, fsys atomicfile.FS) error {
	return newDerivedFiles(fsys).sweep(ctx, nil)
}

// watched is a Store that notes which files are opened.
type watched struct {
	load.Store
	mu     sync.Mutex
	opened []string
}

func (w *watched) Open(ctx context.Context, name string) (load.ReadFile, error) {
	w.mu.Lock()
	w.opened = append(w.opened, name)
	w.mu.Unlock()
	return w.Store.Open(ctx, name)
}

// counted counts the bytes that are read of each derived file.
type counted struct {
	Derived
	read map[string]int64
}

func (c *counted) Open(ctx context.Context, name string) (DerivedFile, error) {
	f, err := c.Derived.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &countedFile{f, func(n int) { c.read[name] += int64(n) }}, nil
}

func (c *counted) total() (n int64) {
	for _, bytes := range c.read {
		n += bytes
	}
	return n
}

type countedFile struct {
	DerivedFile
	count func(int)
}

func (f *countedFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := f.DerivedFile.ReadAt(b, at)
	f.count(n)
	return n, err
}

var _ io.ReaderAt = (*countedFile)(nil)

// After a change of one Part, a settle opens no file of the dataset that is not new or replaced, but for files of
// chat_visitors that hold visitors of that Part. Of the derived files of others it reads the hashes, once. A settle after
// no change opens none.
func TestOnlyWhatChangedIsRead(t *testing.T) {
	const parts, perPart = 24, 20
	for _, drop := range []bool{false, true} {
		f := newFeed()
		f.page, f.part = perPart, perPart
		var chats []chat
		for i := range parts * perPart {
			c := chat{id: fmt.Sprintf("c%d", i), version: 1, lines: 1, visitor: fmt.Sprintf("v%d", i/2), begun: i, deleted: i%40 == 3}
			if i%30 == 4 {
				c.channel = "facebook"
			}
			chats = append(chats, c)
		}
		f.add(chatferry.Chats, texts(chats...)...)
		f.add(chatferry.Chats, chat{id: "c2", version: 3, lines: 1, visitor: "v1"}.String()) // so that a file was replaced before
		w := newWorld(t, f)
		w.options.DropDeleted = drop
		limits := limitsOf(0)
		limits.visitorsPerFile = 16
		w.options.limits = &limits
		if _, err := w.carry(t.Context()); err != nil {
			t.Fatal(err)
		}
		again := func(records ...string) (*checkpoint.Dataset, *checkpoint.Dataset, Report, *watched, *counted) {
			t.Helper()
			before, err := w.dataset(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(records) > 0 {
				f.add(chatferry.Chats, records...)
			}
			store, derived := &watched{}, &counted{read: map[string]int64{}}
			report, err := w.run(t.Context(), func(ctx context.Context, o Options) (Report, error) {
				store.Store, derived.Derived = o.Store, o.Derived
				o.Store, o.Derived = store, derived
				return Run(ctx, o)
			})
			if err == nil {
				err = w.check(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			after, err := w.dataset(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return before, after, report, store, derived
		}

		_, _, _, store, derived := again()
		if len(store.opened) > 0 || len(derived.read) != 1 || derived.read[stateName] == 0 {
			t.Errorf("drop %v, nothing changed: opened %v and %v", drop, store.opened, derived.read)
		}

		// New versions of chats of one Part, one of them the last of its visitor; new chats of known and new visitors.
		changed := chats[7*perPart]
		changed.version, changed.variety = 2, "x"
		moved := chats[7*perPart+2]
		moved.version, moved.visitor = 2, "v900"
		returned := chat{id: "new", version: 2, visitor: "v3", begun: 2000}
		before, after, report, store, derived := again(texts(changed, moved, returned, chat{id: "newer", version: 2, visitor: "v901"})...)
		if report.Superseded[chatferry.Chats] != 2 || report.Sifted != 1 || report.Touched < 4 || report.Replaces != 2 {
			t.Errorf("drop %v: %+v", drop, report)
		}
		sums := map[string]string{}
		stay := map[string]bool{}
		for _, d := range []*checkpoint.Dataset{before, after} {
			for _, file := range d.Inventory() {
				_, twice := sums[file.Name]
				stay[file.Name] = twice
				sums[file.Name] = file.SHA256.String()
			}
		}
		touchable := func(name string) bool { return strings.HasPrefix(name, "tables/"+string(ChatVisitors)) }
		var still, table int
		for name, both := range stay {
			if both && touchable(name) {
				table++
			} else if both {
				still++
			}
		}
		for _, name := range store.opened {
			if stay[name] {
				t.Errorf("drop %v: %s stays as it is and was opened", drop, name)
			}
		}
		// 4 visitors are at most in so many of the files of the table.
		if table < 10 || still < parts {
			t.Fatalf("%d files of visitors and %d others stay: too few to tell", table, still)
		}
		for name, sum := range sums {
			if !stay[name] {
				continue
			}
			file := fileOf(t, after, name)
			hashes := int64(keysHeader + keysTail + file.Rows*keySize)
			if got := derived.read[sum+keysKind.ext]; got > 2*hashes {
				t.Errorf("drop %v: %d bytes were read of the keys of %s, the hashes are %d", drop, got, name, hashes)
			}
			// Besides the hashes, the beginning again and one block of sightings of each visitor who is met.
			if got := derived.read[sum+visitsKind.ext]; got > 2*visitsKind.rest(file.Rows)+2*hashes {
				t.Errorf("drop %v: %d bytes were read of the visits of %s, the hashes are %d", drop, got, name, hashes)
			}
		}
	}
}

func fileOf(t *testing.T, d *checkpoint.Dataset, name string) *checkpoint.InventoryFile {
	t.Helper()
	files := d.Inventory()
	i := slices.IndexFunc(files, func(f checkpoint.InventoryFile) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("%s is not there", name)
	}
	return &files[i]
}

// What the state says is not believed of another chat_visitors, and not when it is damaged.
func TestStateIsNotBelieved(t *testing.T) {
	w := newWorld(t, smallAccount())
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := newDerivedFiles(w.fsys)
	read := func() (*settler, error) {
		s := &settler{derived: d}
		return s, s.loadState(t.Context())
	}
	s, err := read()
	if err != nil || s.state.Visitors == nil || len(s.state.Streams) != 2 {
		t.Fatalf("%+v, %v", s.state, err)
	}
	damage(t, w.fsys, d, stateName, func() error {
		s, err := read()
		if err == nil && s.state.Visitors == nil && s.state.Streams == nil {
			err = errDamagedKeys
		}
		return err
	})
	s.state.Visitors.Rows++
	s.saved = nil
	if err := s.saveState(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.feed.add(chatferry.Chats, chat{id: "n", version: 9, visitor: "v1"}.String())
	report, err := w.carry(t.Context())
	if err == nil {
		err = w.check(t.Context())
	}
	if err != nil || report.Touched != 0 || report.Visitors == 0 || report.Sifted != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}
