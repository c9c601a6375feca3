package s3dump

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"chatferry"
	"chatferry/checkpoint/objectstore/sims3"
	"chatferry/extract/dump"
)

// Whatever becomes of one request, or of all from one on, the records come whole and in order once the store is well:
// in the same reading, or in one that resumes at the last Page.
func TestFaultAtEveryRequest(t *testing.T) {
	store := sims3.New()
	store.PageSize = 3
	for name, content := range dumpFiles(t, 10_000) {
		if _, err := store.Client(nil).PutIfAbsent(t.Context(), "d/"+name, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	well := store.Client(nil)
	want, err := records(t.Context(), well, well)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 500 || well.Ops() < 20 {
		t.Fatalf("%d records, %d requests", len(want), well.Ops())
	}
	t.Logf("%d records, %d requests", len(want), well.Ops())
	faults := map[string]sims3.Fault{
		"lost": {Lost: true}, "503": {Status: 503, Code: "SlowDown"}, "cut": {Cut: true},
	}
	for name, fault := range faults {
		for _, forever := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/forever=%t", name, forever), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stride := 1
					if forever {
						stride = 3
					}
					if raceEnabled {
						stride = 7
					}
					for at := 1; at <= well.Ops(); at += stride {
						faulty := store.Client(sims3.Plan{At: at, Reads: true, Forever: forever, Fault: fault}.Hook())
						got, err := records(t.Context(), faulty, well)
						if err != nil {
							t.Fatalf("request %d: %v", at, err)
						}
						if !slices.Equal(got, want) { // cmp.Diff would take minutes over so many
							n := 0
							for n < min(len(got), len(want)) && got[n] == want[n] {
								n++
							}
							t.Fatalf("request %d: %d records, want %d; they differ from record %d on", at, len(got), len(want), n)
						}
					}
				})
			})
		}
	}
}

// records reads a dump from first, and goes on from then on where first fails, as a run that is resumed does.
func records(ctx context.Context, first, then *sims3.Client) ([]string, error) {
	got, at, err := recordsFrom(ctx, first, nil)
	if err == nil {
		return got, nil
	}
	if chatferry.KindOf(err) != chatferry.KindTemporary {
		return nil, fmt.Errorf("the error is not a temporary one: %w", err)
	}
	rest, _, err := recordsFrom(ctx, then, at)
	return append(got, rest...), err
}

// recordsFrom reads a dump Shard by Shard, from a Position in each, and returns where it stands in each.
func recordsFrom(ctx context.Context, client *sims3.Client, at map[chatferry.ShardID]chatferry.Position) (got []string, now map[chatferry.ShardID]chatferry.Position, err error) {
	now = map[chatferry.ShardID]chatferry.Position{}
	cuts := chatferry.Cuts{PageBytes: 2 << 10, ShardBytes: 4 << 10, RecordBytes: 64 << 10}
	l, err := dump.List(ctx, []string{"d"}, func(prefix string) (dump.Store, error) { return Open(ctx, client, prefix) })
	if err != nil {
		return nil, now, err
	}
	shards, err := l.Plan(ctx, nil, func(chatferry.ShardID) bool { return false }, cuts, 1)
	if err != nil {
		return nil, now, err
	}
	source := dump.NewSource(l, cuts)
	for i := range shards {
		r, err := readShard(ctx, source, &shards[i], at[shards[i].ID])
		for _, record := range r.Records {
			got = append(got, r.Shard.ID.String()+" "+record)
		}
		if now[r.Shard.ID] = r.At; err != nil {
			return got, now, err
		}
	}
	return got, now, nil
}
