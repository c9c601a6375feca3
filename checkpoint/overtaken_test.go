package checkpoint

import (
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// A run that slept through another one, before it had begun or after, is told so by everything it asks; and what it
// leaves in staging is swept once the Shard is done.
func TestOvertakenRun(t *testing.T) {
	ctx := t.Context()
	disk := faultfs.NewDisk()
	sleeper := &process{workload: workload{shards: 1, parts: 2}, fsys: disk.Process(nil), name: "sleeper"}
	if err := sleeper.begin(ctx); err != nil {
		t.Fatal(err)
	}
	seen, err := Load(ctx, NewDiskLogs(disk.Process(nil)))
	if err != nil {
		t.Fatal(err)
	}
	records := seen.Records()
	if err := sleeper.run.Overtaken(ctx); err != nil {
		t.Errorf("a run alone is overtaken: %v", err)
	}
	s := sleeper.shard(0)
	staged, err := sleeper.store.stage(s.ID, sleeper.run.Epoch(), 1, "chats", sleeper.nonce(), []byte("never committed"))
	if err != nil {
		t.Fatal(err)
	}

	newcomer := &process{workload: sleeper.workload, fsys: disk.Process(nil), name: "newcomer"}
	if err := newcomer.begin(ctx); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.run.Overtaken(ctx); chatferry.KindOf(err) != chatferry.KindFenced {
		t.Errorf("the older run is not overtaken: %v", err)
	}
	if err := sleeper.run.AddShards(ctx, []chatferry.Shard{s}); chatferry.KindOf(err) != chatferry.KindFenced {
		t.Errorf("the older run could add Shards: %v", err)
	}
	stale := Config{Logs: NewDiskLogs(disk.Process(nil)), Publisher: newcomer.store, Seen: &records}
	if _, err := Begin(ctx, stale, RunOpen{RunID: "stale"}); chatferry.KindOf(err) != chatferry.KindFenced {
		t.Errorf("a run began on a plan that no longer holds: %v", err)
	}
	if err := newcomer.run.Overtaken(ctx); err != nil {
		t.Errorf("a run that could not begin overtook another: %v", err)
	}

	if err := newcomer.work(ctx); err != nil {
		t.Fatal(err)
	}
	late, err := sleeper.store.stage(s.ID, 1, 1, "chats", "late", []byte("staged after the sweep"))
	if err != nil {
		t.Fatal(err)
	}
	done, err := Load(ctx, NewDiskLogs(disk.Process(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := done.Sweep(ctx, NewDiskLogs(disk.Process(nil)), newcomer.store); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{staged.Staging, late.Staging} {
		if _, err := disk.Process(nil).Stat(ref); err == nil {
			t.Errorf("%s was left behind", ref)
		}
	}
}
