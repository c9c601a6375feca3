package settle

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/load"
	"chatferry/transform"
)

// sweep is a dataset of which all or the last Shards were read and not settled, on a simulated disk, and what an
// undisturbed settle makes of it.
type sweep struct {
	*world
	disk *faultfs.Disk
	want map[string][]byte
	ops  []faultfs.Op // of the settling run
	thin int          // 0, or in how many of the operations of a short sweep one is struck

	report Report
}

var settled = []string{"tables", checkpoint.Folder + "/ledger", checkpoint.Folder + "/quarantine", checkpoint.Folder + "/replayed"}

// newSweep settles the first Shards of a feed, and reads the others.
func newSweep(t *testing.T, f *feed, before int, options Options) *sweep {
	t.Helper()
	first := *f
	first.shards = f.shards[:before]
	s := &sweep{disk: faultfs.NewDisk(), world: &world{feed: &first, options: options}}
	s.fsys = s.disk.Process(nil)
	if before > 0 {
		if _, err := s.carry(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ends := slices.Clone(s.ends)
	s.feed = f
	unsettled := func(context.Context, Options) (Report, error) { return Report{}, nil }
	if _, err := s.run(t.Context(), unsettled); err != nil {
		t.Fatal(err)
	}
	s.ends = ends
	w := s.noted(s.disk.Clone())
	report, err := w.carry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.want, err = tree(w.fsys, settled...); err != nil {
		t.Fatal(err)
	}
	if report.Replaces < 3 || before > 0 && (report.Sifted == 0 || report.Touched == 0) {
		t.Fatalf("there is little to do: %+v", report)
	}
	s.report = report
	t.Logf("%d operations, %+v", len(s.ops), report)
	return s
}

// on is the same account on another disk.
func (s *sweep) on(disk *faultfs.Disk, hook faultfs.Hook) *world {
	return &world{fsys: disk.Process(hook), feed: s.feed, options: s.options, ends: slices.Clone(s.ends), after: s.after}
}

// noted is the account on another disk, of which s notes the operations.
func (s *sweep) noted(disk *faultfs.Disk) *world {
	var mu sync.Mutex // a settle reads and writes several files at once
	return s.on(disk, func(op faultfs.Op) faultfs.Fault {
		mu.Lock()
		defer mu.Unlock()
		s.ops = append(s.ops, op)
		return faultfs.Fault{}
	})
}

// finish lets another run do the rest, and compares what it leaves.
func (s *sweep) finish(ctx context.Context, disk *faultfs.Disk) error {
	w := s.on(disk, nil)
	if _, err := w.carry(ctx); err != nil {
		return fmt.Errorf("the next run: %w", err)
	}
	got, err := tree(w.fsys, settled...)
	if err != nil {
		return err
	}
	return errors.Join(differ(s.want, got), w.check(ctx))
}

var stride = flag.Int("settle-stride", 31, "of the operations of a settle, each so many-th is struck")

// each calls f for every so many-th number of an operation, on all cores.
func each(t *testing.T, n, thin int, f func(i int) error) {
	t.Helper()
	var next, failed atomic.Int64
	var group sync.WaitGroup
	step := max(1, *stride)
	if step > 1 {
		step *= max(1, thin)
	}
	if raceEnabled {
		step *= 9
	}
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := int(next.Add(int64(step))) - step; i < n && failed.Load() < 3; i = int(next.Add(int64(step))) - step {
				if err := f(i); err != nil {
					failed.Add(1)
					t.Errorf("operation %d: %v", i, err)
				}
			}
		})
	}
	group.Wait()
}

func smallAccount() *feed {
	f := newFeed()
	f.part = 4
	rng := rand.New(rand.NewPCG(3, 3))
	for shard := range 3 {
		var chats []chat
		for i := range 8 {
			c := chat{id: fmt.Sprintf("c%d", (i*3+shard*2)%14), version: 1 + rng.IntN(5), lines: i % 3, pages: i % 2, visitor: fmt.Sprintf("v%d", i%5)}
			c.deleted = i == 5
			if shard == 1 && i == 3 {
				c.channel = "facebook"
			}
			chats = append(chats, c)
		}
		f.add(chatferry.Chats, texts(chats...)...)
	}
	f.add(chatferry.Agents, `{"id":1,"display_name":"a"}`, `{"id":2,"display_name":"b"}`)
	f.add(chatferry.Agents, `{"id":2,"display_name":"c"}`, `{"id":3,"display_name":"d"}`)
	return f
}

// scattered is an account in many small Parts of several Streams.
func scattered() *feed {
	f := newFeed()
	f.page, f.part = 2, 2
	var chats []chat
	var agents []string
	for i := range 12 {
		chats = append(chats, chat{id: fmt.Sprintf("c%d", i%10), version: i, lines: i % 3, visitor: "v"})
		agents = append(agents, fmt.Sprintf(`{"id":%d,"display_name":"a"}`, i))
	}
	f.add(chatferry.Chats, texts(chats...)...)
	f.add(chatferry.Agents, agents...)
	return f
}

// growing is an account of which the last Shards change a little of what the first have.
func growing() *feed {
	f := newFeed()
	f.part = 4
	var chats []chat
	for i := range 12 {
		chats = append(chats, chat{id: fmt.Sprintf("c%d", i), version: 3, lines: i % 2, visitor: fmt.Sprintf("v%d", i/2), begun: i, deleted: i == 9})
	}
	f.add(chatferry.Chats, texts(chats...)...)
	f.add(chatferry.Agents, `{"id":1,"display_name":"a"}`, `{"id":2,"display_name":"b"}`)
	f.add(chatferry.Chats, texts(
		chat{id: "c1", version: 5, lines: 1, visitor: "v0"},      // a newer version
		chat{id: "c3", version: 2, lines: 1, visitor: "v1"},      // an older one
		chat{id: "c4", version: 4, channel: "facebook"},          // the newest chat of its visitor goes
		chat{id: "c6", version: 4, visitor: "v9"},                // another visitor's
		chat{id: "n1", version: 6, lines: 2, visitor: "v5"},      // of a visitor who was there
		chat{id: "n2", version: 6, deleted: true, visitor: "v8"}, // nothing is left of it
		chat{id: "n3", version: 6, visitor: "v7"})...)            // a new visitor's
	f.add(chatferry.Agents, `{"id":2,"display_name":"c"}`)
	return f
}

func smallOptions() Options { return Options{DropDeleted: true, limits: tiny()} }

var survivals = []faultfs.Survival{faultfs.KeepNothing, faultfs.KeepAll, faultfs.KeepNames, faultfs.KeepSome}

// A kill, or a power loss, before every operation of a run that settles: the next run leaves the same files as one that
// was not disturbed.
func TestKillAnywhere(t *testing.T) {
	t.Parallel()
	s := newSweep(t, smallAccount(), 0, smallOptions())
	s.killAnywhere(t)
}

// The same where most is settled already and only what is new is looked at. A power loss may take what the last settle
// left.
func TestKillAnywhereAgain(t *testing.T) {
	t.Parallel()
	s := newSweep(t, growing(), 2, smallOptions())
	s.killAnywhere(t)
}

// The same while files are joined.
func TestKillAnywhereInCompact(t *testing.T) {
	t.Parallel()
	s := newSweep(t, scattered(), 0, Options{limits: &limits{
		rangeKeys: 8, candidates: 3, besideBytes: 1200, visitorBytes: 1200, renewalBytes: 600, replaceBytes: 1 << 30, replaceFiles: 100, compactBytes: 1 << 17, smallBytes: 1 << 16, compactAfter: 3,
		visitorsPerFile: 4, visitorsJoin: 2,
	}})
	if s.report.Joined == 0 {
		t.Fatal("nothing was joined")
	}
	s.killAnywhere(t)
}

func (s *sweep) killAnywhere(t *testing.T) {
	t.Helper()
	each(t, len(s.ops), s.thin, func(i int) error {
		if s.ops[i].Change == 0 {
			return nil
		}
		disk := s.disk.Clone()
		w := s.on(disk, faultfs.Plan{At: s.ops[i].Change, Fault: faultfs.Fault{Kill: true}}.Hook())
		if _, err := w.carry(t.Context()); err == nil && i < len(s.ops)-3 {
			return errors.New("the run was killed and did not notice")
		}
		power := disk.Clone()
		survival := survivals[i%len(survivals)]
		power.PowerLoss(survival, rand.New(rand.NewPCG(uint64(i), 5)))
		if err := s.finish(t.Context(), disk); err != nil {
			return fmt.Errorf("killed before %q: %w", s.ops[i], err)
		}
		if err := s.finish(t.Context(), power); err != nil {
			return fmt.Errorf("killed before %q, power lost (%v): %w", s.ops[i], survival, err)
		}
		return nil
	})
}

// Every operation fails, those that only read too: the run says so, or gets over it, and the next one ends with the same
// files.
func TestFailAnywhere(t *testing.T) {
	t.Parallel()
	s := newSweep(t, smallAccount(), 0, smallOptions())
	s.failAnywhere(t)
}

// The same where most is settled already.
func TestFailAnywhereAgain(t *testing.T) {
	t.Parallel()
	s := newSweep(t, growing(), 2, smallOptions())
	s.failAnywhere(t)
}

func (s *sweep) failAnywhere(t *testing.T) {
	t.Helper()
	each(t, len(s.ops), s.thin, func(i int) error {
		disk := s.disk.Clone()
		w := s.on(disk, faultfs.Plan{At: s.ops[i].N, Reads: true, Fault: faultfs.Fault{Err: syscall.EIO}}.Hook())
		_, err := w.carry(t.Context())
		if err != nil && chatferry.KindOf(err) != chatferry.KindEnvironment {
			return fmt.Errorf("EIO at %q: an error of kind %d: %w", s.ops[i], chatferry.KindOf(err), err)
		}
		if err := s.finish(t.Context(), disk); err != nil {
			return fmt.Errorf("EIO at %q: %w", s.ops[i], err)
		}
		return nil
	})
}

// Whoever globs the tables between any two operations of a run that settles sees whole files, and every row that is there
// in the end.
func TestReadersBesideASettle(t *testing.T) {
	s := newSweep(t, smallAccount(), 0, smallOptions())
	want, err := seen(s.want)
	if err != nil {
		t.Fatal(err)
	}
	disk := s.disk.Clone()
	looks, twice := 0, 0
	var mu sync.Mutex
	w := s.on(disk, func(op faultfs.Op) faultfs.Fault {
		mu.Lock()
		defer mu.Unlock()
		if op.Do != "link" && op.Do != "remove" && op.Do != "syncdir" || t.Failed() {
			return faultfs.Fault{}
		}
		got, err := seen(disk.Files("tables"))
		if err != nil {
			t.Errorf("before %q: %v", op, err)
		}
		for row, n := range want {
			if got[row] < n {
				t.Errorf("before %q the row %s cannot be seen", op, row)
			}
			if got[row] > n {
				twice++
			}
		}
		looks++
		return faultfs.Fault{}
	})
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d looks at %d rows, %d of them seen twice", looks, len(want), twice)
	if looks == 0 {
		t.Error("nobody looked")
	}
}

// seen counts the rows of Parquet files by table and by the record that they come from.
func seen(files map[string][]byte) (map[string]int, error) {
	rows := map[string]int{}
	for name, b := range files {
		table, ok := strings.CutPrefix(name, "tables/")
		if !ok || strings.HasPrefix(table, string(ChatVisitors)) {
			continue
		}
		table, _, _ = strings.Cut(table, "/")
		r, err := load.OpenColumns(bytes.NewReader(b), int64(len(b)), transform.ColumnSourceShard, transform.ColumnSourceOffset)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			shard, offset := rec.Column(0).(*array.Int64), rec.Column(1).(*array.Int64)
			for i := range int(rec.NumRows()) {
				rows[fmt.Sprintf("%s %d/%d", table, shard.Value(i), offset.Value(i))]++
			}
			rec.Release()
		}
	}
	return rows, nil
}

// Key files are made again when they are lost, damaged or left over, and the outcome is the same.
func TestKeyFilesAreDerived(t *testing.T) {
	s := newSweep(t, smallAccount(), 0, smallOptions())
	disk := s.disk.Clone()
	if err := s.finish(t.Context(), disk); err != nil {
		t.Fatal(err)
	}
	keys, err := tree(disk.Process(nil), keysFolder)
	if err != nil || len(keys) == 0 {
		t.Fatal("there are no key files", err)
	}
	names := []string{}
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	d := newDerivedFiles(disk.Process(nil))
	for i, name := range names {
		switch data, name := keys[name], path.Base(name); i % 3 {
		case 0:
			err = d.Remove(t.Context(), name)
		case 1:
			err = d.Write(t.Context(), name, data[:len(data)/2])
		case 2:
			err = d.Write(t.Context(), "0"+name, data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.finish(t.Context(), disk); err != nil {
		t.Error(err)
	}
}

// The names of staged files are durable before a record of the dataset's log may name them.
func TestStagedBeforeAnnounced(t *testing.T) {
	s := newSweep(t, smallAccount(), 0, smallOptions())
	var loose []string // files whose names are not durable
	announced := 0
	for _, op := range s.ops {
		switch {
		case op.Do == "create" && strings.HasPrefix(op.Name, checkpoint.Folder+"/staging/r"):
			loose = append(loose, op.Name)
		case op.Do == "syncdir" && op.Name == checkpoint.Folder+"/staging":
			loose = nil
		case op.Do == "link" && strings.HasPrefix(op.To, checkpoint.Folder+"/log/dataset/"):
			announced++
			if len(loose) > 0 {
				t.Errorf("%s is made while the names of %d staged files are not durable", op.To, len(loose))
			}
		}
	}
	if announced < 10 {
		t.Errorf("only %d records were made", announced)
	}
}
