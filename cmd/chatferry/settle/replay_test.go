package settle

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/checkpoint/objectstore/sims3"
	"chatferry/load/local"
	"chatferry/transform"
)

var replayKills = flag.Int("settle-replay-kills", 15, "how often a replay is killed at random")

// refusing is an account of which some records go to quarantine: for reasons of the Source that are no reasons any more, and
// since they name a key twice. Of these one is newer than the row of its key, one older, one is excluded, and one is alone.
func refusing() *feed {
	f := newFeed()
	f.part, f.faulty, f.mended = 4, map[string]bool{}, map[string]string{}
	fault := func(c chat) string {
		f.faulty[c.String()] = true
		return c.String()
	}
	double := func(c chat) string {
		raw := strings.Replace(c.String(), `"type":"chat"`, `"type":"offline_msg","type":"chat"`, 1)
		f.mended[raw] = c.String()
		return raw
	}
	var chats []string
	for i := range 8 {
		chats = append(chats, chat{id: fmt.Sprintf("c%d", i), version: 3, lines: i % 3, pages: i % 2, visitor: fmt.Sprintf("v%d", i%4), begun: i}.String())
	}
	f.add(chatferry.Chats, append(chats,
		fault(chat{id: "c1", version: 5, lines: 2, visitor: "v1"}), `{"id":`,
		double(chat{id: "c2", version: 1, lines: 1, visitor: "v8"}), fault(chat{id: "n1", version: 1, lines: 2, pages: 1, visitor: "v9"}))...)
	f.add(chatferry.Agents, `{"id":1,"display_name":"a"}`, `{"id":2,"id":3}`)
	f.mended[`{"id":2,"id":3}`] = `{"id":3}`
	f.add(chatferry.Chats,
		double(chat{id: "n2", version: 4, channel: "facebook"}), chat{id: "c3", version: 4, visitor: "v2"}.String(),
		fault(chat{id: "c3", version: 6, lines: 1, visitor: "v2"}), `[]`, fault(chat{id: "n3", version: 1, visitor: "v1"}))
	return f
}

// mend replays what was refused.
func (f *feed) mend() Replay {
	text := "as it is meant"
	return Replay{
		Meant: func(r *chatferry.Reject) bool { return f.faulty[string(r.Raw)] || f.mended[string(r.Raw)] != "" },
		Repair: func(r *chatferry.Reject) (raw, header []byte, err error) {
			raw, err = r.Raw, nil
			if r.Code == chatferry.CodeDuplicateKey {
				raw, err = transform.Unique(raw, true)
			}
			return raw, nil, err
		},
		Rule: &checkpoint.Rule{Name: "test", SHA256: sha256.Sum256([]byte(text)), Text: text},
	}
}

// then is a run that replays, and settles.
func (r Replay) then(ctx context.Context, o Options) (Report, error) {
	report, err := r.Run(ctx, o)
	if err != nil {
		return report, err
	}
	after, err := Run(ctx, o)
	after.Replayed += report.Replayed
	after.Replaces += report.Replaces
	return after, err
}

// checkReplayed compares what left the quarantine, and what is still there, with the feed.
func (w *world) checkReplayed(ctx context.Context) error {
	d, err := w.dataset(ctx)
	if err != nil {
		return err
	}
	store := local.New(w.fsys)
	seen := map[string]int{}
	for _, f := range d.Inventory() {
		if f.Kind != chatferry.FileQuarantine && f.Kind != chatferry.FileReplayed {
			continue
		}
		err := eachReject(ctx, store, &f, func(r *chatferry.Reject) error {
			raw := string(r.Raw)
			if all := w.feed.records[r.Shard]; int(r.Offset) >= len(all) || all[r.Offset] != raw {
				return fmt.Errorf("%s holds other bytes than were cut at %s", f.Name, r.Place)
			}
			if left := w.feed.faulty[raw] || w.feed.mended[raw] != ""; left != (f.Kind == chatferry.FileReplayed) {
				return fmt.Errorf("%s holds the record at offset %d of shard %s", f.Name, r.Offset, r.Shard)
			}
			seen[fmt.Sprintf("%d/%d", r.Shard, r.Offset)]++
			return nil
		})
		if err != nil {
			return err
		}
	}
	want := 0
	for shard, all := range w.feed.records {
		for i, raw := range all {
			if !w.feed.faulty[raw] && w.feed.mended[raw] == "" && raw != `{"id":` && raw != `[]` {
				continue
			}
			want++
			if n := seen[fmt.Sprintf("%d/%d", shard, i)]; n != 1 {
				return fmt.Errorf("record %d of shard %d stands %d times in quarantine or among what left it", i, shard, n)
			}
		}
	}
	if len(seen) != want {
		return fmt.Errorf("%d records are or were in quarantine, want %d", len(seen), want)
	}
	return nil
}

// newReplaySweep carries an account, settled, and tells what an undisturbed replay makes of it.
func newReplaySweep(t *testing.T, f *feed) *sweep {
	t.Helper()
	s := &sweep{disk: faultfs.NewDisk(), world: &world{feed: f}, thin: 5}
	s.fsys = s.disk.Process(nil)
	if _, err := s.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.after = f.mend().then
	w := s.noted(s.disk.Clone())
	report, err := w.carry(t.Context())
	if err == nil {
		err = errors.Join(w.check(t.Context()), w.checkReplayed(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.want, err = tree(w.fsys, settled...); err != nil {
		t.Fatal(err)
	}
	if report.Replayed != 7 || report.Superseded[chatferry.Chats] == 0 {
		t.Fatalf("there is little to do: %+v", report)
	}
	t.Logf("%d operations, %+v", len(s.ops), report)
	s.report = report
	return s
}

// What was refused is loaded, once each: newer than the row of its key, older, excluded, or alone; its bytes stay.
func TestReplay(t *testing.T) {
	f := refusing()
	w := &world{fsys: faultfs.NewDisk().Process(nil), feed: f}
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := w.dataset(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store := local.New(w.fsys)
	plan, err := f.mend().Look(t.Context(), before, store)
	if err != nil || plan.Meant != 7 || plan.Loaded != 6 || plan.Excluded != 1 || plan.Stay != 0 {
		t.Fatalf("%v; %+v", err, plan)
	}
	if after, err := w.dataset(t.Context()); err != nil || after.Records() != before.Records() {
		t.Errorf("looking changed the dataset: %v", err)
	}
	w.after = f.mend().then
	for range 2 { // the second one has nothing to do
		if _, err := w.carry(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.check(t.Context()), w.checkReplayed(t.Context())); err != nil {
			t.Error(err)
		}
	}
	d, err := w.dataset(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	replays := slices.DeleteFunc(slices.Clone(d.Replaces()), func(r checkpoint.ReplaceState) bool { return r.Reason != ReasonReplay })
	if len(replays) != 1 || replays[0].Rule == nil || replays[0].Rule.Text != "as it is meant" {
		t.Fatalf("%d replays; %+v", len(replays), replays)
	}
	for _, m := range replays[0].Moves {
		if m.From != checkpoint.Quarantined || m.Bytes <= 0 {
			t.Errorf("%+v", m)
		}
	}
	// All that is left cannot be converted, and says why.
	all := Replay{Meant: func(*chatferry.Reject) bool { return true }}
	left, err := all.Look(t.Context(), d, store)
	if err != nil || left.Meant != 2 || left.Loads() || left.Stay != 2 || left.Staying[0].Code != chatferry.CodeSyntax || left.Staying[1].Code != chatferry.CodeNotObject {
		t.Errorf("%v; %+v", err, left)
	}
}

// What the quarantine does not keep whole, or what is no record, stays, and says so.
func TestReplayOfWhatCannotBe(t *testing.T) {
	shard := chatferry.Shard{ID: 1, Stream: chatferry.Chats}
	csv := chatferry.Shard{ID: 1, Stream: chatferry.AnalyticsLoginSessions}
	whole := chat{id: "a", version: 1}.String()
	for _, c := range []struct {
		name  string
		shard chatferry.Shard
		r     chatferry.Reject
		want  string // empty: it leaves
	}{
		{"cut off", shard, chatferry.Reject{Code: chatferry.CodeTooLong, Raw: []byte(whole), RawLen: 1 << 30}, "only the first"},
		{"too long for a limit that was", shard, chatferry.Reject{Code: chatferry.CodeTooLong, Raw: []byte(whole), RawLen: int64(len(whole))}, ""},
		{"secret", shard, chatferry.Reject{Code: chatferry.CodeSyntax, RawLen: 10}, "secrets"},
		{"behind a break", shard, chatferry.Reject{Code: chatferry.CodeStructure, Raw: []byte(whole), RawLen: int64(len(whole))}, "not known to be one record"},
		{"cut off and whole", shard, chatferry.Reject{Code: chatferry.CodeTruncated, Raw: []byte(whole), RawLen: int64(len(whole))}, ""},
		{"a row of CSV", csv, chatferry.Reject{Code: chatferry.CodeCSVRow, Raw: []byte("1,2"), RawLen: 3}, "csv_header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &replayer{
				Replay: Replay{Meant: func(*chatferry.Reject) bool { return true }}, shards: map[chatferry.ShardID]*chatferry.Shard{1: &c.shard},
				transformers: map[chatferry.Stream]*transform.Transformer{},
			}
			c.r.Stream, c.r.Shard, c.r.Seq = c.shard.Stream, 1, 1
			one, err := p.candidate(&c.r)
			if err != nil {
				t.Fatal(err)
			}
			page := []candidate{one}
			batch, err := p.convert(c.shard.Stream, page)
			if err != nil {
				t.Fatal(err)
			}
			if batch != nil {
				batch.Release()
			}
			if got := page[0].stays; (got == nil) != (c.want == "") || got != nil && !strings.Contains(got.Reason, c.want) {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
}

// A rule that fails, at whatever record, changes nothing.
func TestReplayThatFailsChangesNothing(t *testing.T) {
	s := newReplaySweep(t, refusing())
	want, err := tree(s.disk.Process(nil), settled...)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 7 {
		left := n
		r := s.feed.mend()
		repair := r.Repair
		r.Repair = func(reject *chatferry.Reject) (raw, header []byte, err error) {
			if left--; left < 0 {
				return nil, nil, errors.New("the rule does not fit")
			}
			return repair(reject)
		}
		disk := s.disk.Clone()
		w := s.on(disk, nil)
		if _, err := w.run(t.Context(), r.Run); err == nil || !strings.Contains(err.Error(), "the rule does not fit") {
			t.Fatalf("at record %d: %v", n, err)
		}
		got, err := tree(w.fsys, append(settled, checkpoint.Folder+"/staging")...)
		if err != nil {
			t.Fatal(err)
		}
		if err := differ(want, got); err != nil {
			t.Errorf("at record %d: %v", n, err)
		}
	}
}

// A kill, or a power loss, before every operation of a replay: the next one leaves the same files as one that was not
// disturbed.
func TestReplayKilledAnywhere(t *testing.T) {
	t.Parallel()
	newReplaySweep(t, refusing()).killAnywhere(t)
}

// Every operation fails.
func TestReplayFailsAnywhere(t *testing.T) {
	t.Parallel()
	newReplaySweep(t, refusing()).failAnywhere(t)
}

// Killed at random, again and again, and with runs between that do not replay, it ends with the same files.
func TestReplayKilledAtRandom(t *testing.T) {
	t.Parallel()
	s := newReplaySweep(t, refusing())
	changes := 0
	for _, op := range s.ops {
		changes = max(changes, op.Change)
	}
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 1))
	rounds := 0
	for kills := 0; kills < *replayKills; rounds++ {
		disk := s.disk.Clone()
		var what []string
		for {
			at := 1 + rng.IntN(changes+changes/4)
			if len(what) > 0 {
				at = 1 + rng.IntN(changes)
			}
			w := s.on(disk, faultfs.Plan{At: at, Fault: faultfs.Fault{Kill: true, Applied: rng.IntN(2) == 0}}.Hook())
			replays := rng.IntN(4) > 0
			if !replays {
				w.after = nil
			}
			_, err := w.carry(t.Context())
			if err == nil && replays {
				break
			}
			what = append(what, fmt.Sprintf("at %d (replay: %v, killed: %v)", at, replays, err != nil))
			if err != nil {
				kills++
			}
			if rng.IntN(3) == 0 {
				disk.PowerLoss(survivals[rng.IntN(len(survivals))], rand.New(rand.NewPCG(rng.Uint64(), 5)))
			}
		}
		w := s.on(disk, nil)
		got, err := tree(w.fsys, settled...)
		if err == nil {
			err = errors.Join(differ(s.want, got), w.check(t.Context()), w.checkReplayed(t.Context()))
		}
		if err != nil {
			t.Fatalf("seed %d, round %d, %v: %v", seed, rounds, what, err)
		}
	}
	t.Logf("seed %d, %d rounds", seed, rounds)
}

// In a bucket the files are those of a disk, wherever a replay is killed.
func TestReplayKilledInABucket(t *testing.T) {
	t.Parallel()
	s := newReplaySweep(t, refusing())
	store, temp := sims3.New(), t.TempDir()
	on := func(store *sims3.Store, hook sims3.Hook, after func(context.Context, Options) (Report, error)) *world {
		return &world{bucket: store.Client(hook), temp: temp, feed: s.feed, after: after}
	}
	if _, err := on(store, nil, nil).carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds := func(store *sims3.Store) error {
		got := map[string][]byte{}
		for _, folder := range settled {
			maps.Copy(got, store.Files(folder))
		}
		err := differ(s.want, got)
		if left := store.Uploads(); len(left) > 0 {
			err = errors.Join(err, fmt.Errorf("uploads were left behind: %v", left))
		}
		return err
	}
	changes := 0
	undisturbed := store.Clone()
	if _, err := on(undisturbed, func(op sims3.Op) sims3.Fault {
		changes = max(changes, op.Change)
		return sims3.Fault{}
	}, s.after).carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := holds(undisturbed); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests change the bucket", changes)
	each(t, changes, 1, func(i int) error {
		for _, applied := range []bool{false, true} {
			store := store.Clone()
			hook := sims3.Plan{At: i + 1, Fault: sims3.Fault{Kill: true, Applied: applied}}.Hook()
			if _, err := on(store, hook, s.after).carry(t.Context()); err == nil && i < changes-3 {
				return errors.New("the run was killed and did not notice")
			}
			store.Settle()
			store.Advance(time.Hour)
			if _, err := on(store, nil, s.after).carry(t.Context()); err != nil {
				return fmt.Errorf("killed at request %d (applied: %v): the next run: %w", i+1, applied, err)
			}
			if err := holds(store); err != nil {
				return fmt.Errorf("killed at request %d (applied: %v): %w", i+1, applied, err)
			}
		}
		return nil
	})
}

// Records of many Parts that were joined, and more than fit one page, are replayed in the Part that each was read with.
func TestReplayOfJoinedParts(t *testing.T) {
	f := newFeed()
	f.page, f.part, f.faulty = 500, 1200, map[string]bool{}
	var chats []string
	for i := range 2600 {
		c := chat{id: fmt.Sprintf("c%d", i), version: 1}.String()
		f.faulty[c] = i%2 == 0
		chats = append(chats, c)
	}
	f.add(chatferry.Chats, chats...)
	w := &world{fsys: faultfs.NewDisk().Process(nil), feed: f}
	w.after = func(ctx context.Context, o Options) (Report, error) { return Compact(ctx, o) }
	if report, err := w.carry(t.Context()); err != nil || report.Joined == 0 {
		t.Fatalf("%v; %+v", err, report)
	}
	w.after = f.mend().then
	report, err := w.carry(t.Context())
	if err == nil {
		err = errors.Join(w.check(t.Context()), w.checkReplayed(t.Context()))
	}
	if err != nil || report.Replayed != 1300 {
		t.Errorf("%v; %+v", err, report)
	}
	if w.after = Compact; err == nil {
		if _, err = w.carry(t.Context()); err == nil {
			err = errors.Join(w.check(t.Context()), w.checkReplayed(t.Context()))
		}
	}
	if err != nil {
		t.Errorf("joined again: %v", err)
	}
}
