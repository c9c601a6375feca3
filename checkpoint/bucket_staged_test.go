package checkpoint

import (
	"slices"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint/objectstore/sims3"
)

// uploadsTo returns the names to which uploads are open.
func uploadsTo(store *sims3.Store) []string {
	var names []string
	for _, u := range store.Uploads() {
		names = append(names, u.Name)
	}
	return names
}

func wantUploads(t *testing.T, store *sims3.Store, when string, want ...string) {
	t.Helper()
	if got := uploadsTo(store); !slices.Equal(got, want) {
		t.Errorf("%s uploads are open to %q, want %q", when, got, want)
	}
}

// What was begun well before a run took over is swept then. What was begun later may be a newer run's, as far as this one
// knows, until the Shard is done; and of replaces until a newer run begins.
func TestUploadsAreSweptByTheirTime(t *testing.T) {
	ctx := t.Context()
	store := sims3.New()
	stray := func(name string) {
		t.Helper()
		if _, err := store.Client(nil).CreateUpload(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	const (
		ofShard, ofAnother = "tables/chats/part-000000000001-000000000009.parquet", "tables/chats/part-000000000002-000000000009.parquet"
		late, later        = "tables/chats/part-000000000001-000000000010.parquet", "tables/chats/part-000000000001-000000000011.parquet"
		ofReplace          = "tables/chats/part-r000000000001-000000000001.parquet"
		lateOfReplace      = "tables/chats/part-r000000000001-000000000002.parquet"
		nobodys            = "tables/chats/something else"
	)
	w := workload{shards: 2, parts: 1}
	p := &process{workload: w, bucket: store.Client(nil), name: "first"}
	for _, name := range []string{ofShard, ofAnother, ofReplace, nobodys} {
		stray(name)
	}
	store.Advance(11 * time.Minute)
	stray(late)
	stray(lateOfReplace)
	store.Advance(5 * time.Minute)
	if err := p.begin(ctx); err != nil {
		t.Fatal(err)
	}
	wantUploads(t, store, "after the run began", ofShard, late, ofAnother, lateOfReplace, nobodys)

	first, second := w.shard(0), w.shard(1)
	if err := p.run.AddShards(ctx, []chatferry.Shard{first, second}); err != nil {
		t.Fatal(err)
	}
	l, err := p.run.openShard(ctx, &first)
	if err != nil {
		t.Fatal(err)
	}
	wantUploads(t, store, "after the Shard was opened", late, ofAnother, lateOfReplace, nobodys)
	store.Advance(time.Minute)
	stray(later)
	part, err := p.stagePart(l, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(ctx, part); err != nil {
		t.Fatal(err)
	}
	store.Advance(time.Hour)
	wantUploads(t, store, "after a commit", late, later, ofAnother, lateOfReplace, nobodys)
	if err := l.Done(ctx); err != nil {
		t.Fatal(err)
	}
	wantUploads(t, store, "after the Shard was done", ofAnother, lateOfReplace, nobodys)

	// Who comes too late for that leaves it to the end of a run, or to whoever looks at a dataset that is complete.
	stray(late)
	if _, err := p.run.Done(ctx, End{Verdict: "complete"}); err != nil {
		t.Fatal(err)
	}
	wantUploads(t, store, "after the run", ofAnother, lateOfReplace, nobodys)
	stray(late)
	stray(ofReplace)
	logs := NewObjectLogs(store.Client(nil))
	d, err := Load(ctx, logs)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(ctx, logs, p.store); err != nil {
		t.Fatal(err)
	}
	wantUploads(t, store, "after the sweep of a dataset", ofAnother, ofReplace, lateOfReplace, nobodys)
	store.Advance(time.Hour)
	next := &process{workload: w, bucket: store.Client(nil), name: "next"}
	if err := next.work(ctx); err != nil {
		t.Fatal(err)
	}
	wantUploads(t, store, "after the next run", nobodys)
}

// What a killed run staged for a replace that it never announced goes when that replace has ended, however late it was
// begun. What is staged for a later one may be a newer run's.
func TestUploadsOfEndedReplacesAreSwept(t *testing.T) {
	ctx := t.Context()
	store := sims3.New()
	const (
		strays = "tables/chats/part-r000000000001-000000000009.parquet"
		newer  = "tables/chats/part-r000000000002-000000000001.parquet"
	)
	for _, name := range []string{strays, newer} {
		if _, err := store.Client(nil).CreateUpload(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	w := workload{shards: 1, parts: 2, replaces: []stubReplace{{at: 2, do: "settle"}}}
	p := &process{workload: w, bucket: store.Client(nil), name: "first"}
	if err := p.work(ctx); err != nil {
		t.Fatal(err)
	}
	wantUploads(t, store, "after the run", newer)
	if n := p.run.NextGeneration(); n != 2 {
		t.Errorf("the next generation is %d", n)
	}

	// Who looks at the dataset later does the same.
	if _, err := store.Client(nil).CreateUpload(ctx, strays); err != nil {
		t.Fatal(err)
	}
	logs := NewObjectLogs(store.Client(nil))
	d, err := Load(ctx, logs)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(ctx, logs, p.store); err != nil {
		t.Fatal(err)
	}
	wantUploads(t, store, "after the sweep of a dataset", newer)
}
