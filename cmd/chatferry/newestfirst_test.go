package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// Of an account the configuration comes first, then what is newest, whatever Stream it is of, the sweeps before all.
func TestNewestFirstOfAnAccount(t *testing.T) {
	month := func(m int) time.Time { return time.Date(2021, time.Month(m), 1, 0, 0, 0, 0, time.UTC) }
	shard := func(id chatferry.ShardID, s chatferry.Stream, since, until time.Time) *chatferry.Shard {
		return &chatferry.Shard{ID: id, Stream: s, API: &chatferry.Range{Since: since, Until: until, Begun: month(10)}}
	}
	shards := []*chatferry.Shard{
		shard(1, chatferry.Agents, time.Time{}, time.Time{}),
		shard(2, chatferry.Bans, time.Time{}, time.Time{}),
		shard(3, chatferry.Chats, time.Time{}, month(2)),
		shard(4, chatferry.Chats, month(2), month(5)),
		shard(5, chatferry.Chats, month(5), month(9)),
		shard(6, chatferry.AgentTimeline, time.Time{}, month(4)),
		shard(7, chatferry.AgentTimeline, month(4), month(9)),
		shard(8, chatferry.Chats, month(8), time.Time{}),
	}
	newestFirst(shards)
	var got []chatferry.ShardID
	for _, s := range shards {
		got = append(got, s.ID)
	}
	if want := []chatferry.ShardID{1, 2, 8, 5, 7, 4, 6, 3}; !slices.Equal(got, want) {
		t.Errorf("the order is %v, not %v", got, want)
	}
}

// A dump is carried from its last file back, and the dataset is what it is otherwise, byte for byte; a run that goes on
// remembers it.
func TestNewestFirstOfADump(t *testing.T) {
	const seed = 3
	dump := filepath.Join(t.TempDir(), "dump")
	o := rehearsal.Options{Seed: seed, Chats: 400, Bad: -1}
	if _, err := rehearsal.New(o).WriteDump(t.Context(), dump, rehearsal.Uniform(rehearsal.Form{}, rehearsal.Split{Records: 40})); err != nil {
		t.Fatal(err)
	}
	bytes := map[string]map[string]string{}
	for name, more := range map[string][]string{"oldest": nil, "newest": {"--newest-first"}} {
		v := &virtual{t: t, root: filepath.Join(t.TempDir(), name), memoryNet: &memoryNet{}, env: map[string]string{"CHATFERRY_PROGRESS": "none", "CHATFERRY_MIN_FREE": "0"}}
		args := append([]string{"run", "--from", dump, "--to", v.root, "--lanes", "1", "--shard-size", "4KiB"}, more...)
		if e := v.program(t.Context(), append(args, "--deadline", "1ns")...); e.code != exitStopped {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		if e := v.program(t.Context(), "resume", v.root, "--deadline", "0s"); e.code != exitDone {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		bytes[name] = v.published()

		d := v.dataset()
		var at []time.Time // of the chats' Parts, in the order of their Shards
		for i := range d.Shards {
			if s := &d.Shards[i]; s.Shard.Stream == chatferry.Chats {
				at = append(at, s.Commits[0].At)
			}
		}
		if name == "newest" {
			slices.Reverse(at)
		}
		if len(at) < 5 || !slices.IsSortedFunc(at, time.Time.Compare) {
			t.Errorf("seed %d: %s first: the Parts were committed at %v", seed, name, at)
		}
	}
	if diff := cmp.Diff(bytes["oldest"], bytes["newest"]); diff != "" || len(bytes["oldest"]) == 0 {
		t.Errorf("seed %d: the datasets differ: %s", seed, diff)
	}
}

// published are the files that are not logs, with what is in them.
func (v *virtual) published() map[string]string {
	v.t.Helper()
	out := map[string]string{}
	for name := range v.files() {
		if strings.HasPrefix(name, "tables/") || strings.HasPrefix(name, "_chatferry/ledger/") || strings.HasPrefix(name, "_chatferry/quarantine/") {
			b, err := fs.ReadFile(os.DirFS(v.root), name)
			if err != nil {
				v.t.Fatal(err)
			}
			out[name] = string(b)
		}
	}
	return out
}
