// Package storetest is the contract that every load.Store passes, and a Store in memory.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"chatferry"
	"chatferry/load"
)

// contractTest is one promise of a Store, held against an empty one.
type contractTest struct {
	name string
	run  func(*testing.T, load.Store)
}

// Run runs the contract over a Store that keeps what is staged as files, under names that tell the epoch. Every call of
// open gives an empty Store.
func Run(t *testing.T, open func(t *testing.T) load.Store) {
	run(t, open, []contractTest{
		{"staging is listed by Shard", testList},
		{"what replaces add is listed under no Shard", testListAdded},
		{"one attempt cannot overwrite another", testCreateTwice},
	})
}

// RunUploads runs the contract over a Store that keeps what is staged as uploads to the final names. They do not tell
// the epoch but when they were begun, and there is none before Stage.
func RunUploads(t *testing.T, open func(t *testing.T) load.Store) {
	run(t, open, []contractTest{
		{"staging is listed by Shard", testListUploads},
		{"what replaces add is listed under no Shard", testListAddedUploads},
		{"one attempt does not disturb another", testUploadTwice},
	})
}

func run(t *testing.T, open func(t *testing.T) load.Store, staging []contractTest) {
	tests := append([]contractTest{
		{"a staged file is read back and is not visible", testStaged},
		{"a published file holds the bytes and leaves staging", testPublish},
		{"publishing may be repeated", testPublishAgain},
		{"publishing finishes what a killed run began", testPublishHalf},
		{"a name taken by other bytes is refused and kept", testPublishTaken},
		{"staged bytes that are gone are told", testPublishGone},
		{"staged bytes of another size are refused", testPublishDamaged},
		{"unpublishing may be repeated", testUnpublish},
		{"what was unpublished cannot be published again", testUnpublishForGood},
		{"discarding may be repeated", testDiscard},
		{"nothing can be written after staging", testWriteAfterStage},
		{"two processes may publish one file at once", testPublishTogether},
		{"an absent file cannot be opened", testOpenAbsent},
		{"a large file comes back whole", testLarge},
	}, staging...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
	}
}

func target(shard chatferry.ShardID, epoch, seq uint64, nonce string) load.Target {
	return load.Target{
		Shard: shard, Epoch: epoch, Seq: seq, Label: "visitors", Nonce: nonce,
		Name: load.RowsName("visitors", shard, seq),
	}
}

// stage builds and stages a file.
func stage(t *testing.T, s load.Store, to load.Target, data []byte) chatferry.PartFile {
	t.Helper()
	w, err := s.Create(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(data); n != len(data) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(data), err)
	}
	ref, checksum, err := w.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SyncStaging(t.Context()); err != nil {
		t.Fatal(err)
	}
	return chatferry.PartFile{
		Kind: chatferry.FileRows, Table: "visitors", Staging: ref, Name: to.Name,
		Size: int64(len(data)), SHA256: sha256.Sum256(data), StoreChecksum: checksum,
	}
}

func published(t *testing.T, s load.Store, name string) ([]byte, bool) {
	t.Helper()
	f, err := s.Open(t.Context(), name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != f.Size() {
		t.Errorf("%s says it has %d bytes and gives %d", name, f.Size(), len(b))
	}
	at := make([]byte, len(b))
	if _, err := f.ReadAt(at, 0); err != nil && err != io.EOF || !bytes.Equal(at, b) {
		t.Errorf("%s: ReadAt differs from Read: %v", name, err)
	}
	return b, true
}

func wantPublished(t *testing.T, s load.Store, name, want string) {
	t.Helper()
	got, ok := published(t, s, name)
	if !ok || string(got) != want {
		t.Errorf("%s holds %q (there: %v), want %q", name, got, ok, want)
	}
}

func wantStaged(t *testing.T, s load.Store, shard chatferry.ShardID, want int) []chatferry.Staged {
	t.Helper()
	list, err := s.ListStaged(t.Context(), shard)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != want {
		t.Errorf("%d files of Shard %s in staging, want %d: %v", len(list), shard, want, list)
	}
	shards, err := s.StagedShards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(shards, shard) != (want > 0) {
		t.Errorf("the Shards with files in staging are %v, but Shard %s has %d", shards, shard, want)
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testStaged(t *testing.T, s load.Store) {
	to := target(7, 1, 1, "aa")
	w, err := s.Create(t.Context(), to)
	must(t, err)
	for _, part := range []string{"one ", "two"} {
		_, err := io.WriteString(w, part)
		must(t, err)
	}
	for range 2 {
		r, err := w.Reopen(t.Context())
		must(t, err)
		if b, err := io.ReadAll(r); string(b) != "one two" || r.Size() != 7 || err != nil {
			t.Errorf("read back %q of %d bytes: %v", b, r.Size(), err)
		}
		must(t, r.Close())
	}
	_, _, err = w.Stage(t.Context())
	must(t, err)
	if b, ok := published(t, s, to.Name); ok {
		t.Errorf("%s is visible before it was published: %q", to.Name, b)
	}
}

func testPublish(t *testing.T, s load.Store) {
	f := stage(t, s, target(7, 1, 1, "aa"), []byte("rows"))
	wantStaged(t, s, 7, 1)
	must(t, s.Publish(t.Context(), f))
	wantPublished(t, s, f.Name, "rows")
	wantStaged(t, s, 7, 0)
}

func testPublishAgain(t *testing.T, s load.Store) {
	f := stage(t, s, target(7, 1, 1, "aa"), []byte("rows"))
	for range 3 {
		must(t, s.Publish(t.Context(), f))
		wantPublished(t, s, f.Name, "rows")
	}
}

func testPublishHalf(t *testing.T, s load.Store) {
	first := stage(t, s, target(7, 1, 1, "aa"), []byte("rows"))
	must(t, s.Publish(t.Context(), first))
	// The same Part built again: its name is taken by equal bytes.
	again := stage(t, s, target(7, 2, 1, "bb"), []byte("rows"))
	must(t, s.Publish(t.Context(), again))
	wantPublished(t, s, first.Name, "rows")
	for _, f := range wantStaged(t, s, 7, 0) {
		t.Errorf("%s was left", f.Ref)
	}
}

func testPublishTaken(t *testing.T, s load.Store) {
	first := stage(t, s, target(7, 1, 1, "aa"), []byte("rows"))
	must(t, s.Publish(t.Context(), first))
	for _, other := range []string{"ROWS", "more rows"} {
		f := stage(t, s, target(7, 2, 1, "bb"+fmt.Sprint(len(other))), []byte(other))
		err := s.Publish(t.Context(), f)
		if chatferry.KindOf(err) != chatferry.KindIncompatible || !bytes.Contains([]byte(err.Error()), []byte(f.Name)) {
			t.Errorf("publishing %q over other bytes: %v", other, err)
		}
		wantPublished(t, s, first.Name, "rows")
	}
	wantStaged(t, s, 7, 2)
}

func testPublishGone(t *testing.T, s load.Store) {
	f := stage(t, s, target(7, 1, 1, "aa"), []byte("rows"))
	for _, staged := range wantStaged(t, s, 7, 1) {
		must(t, s.Unstage(t.Context(), staged))
		must(t, s.Unstage(t.Context(), staged))
	}
	if err := s.Publish(t.Context(), f); !errors.Is(err, chatferry.ErrStagingGone) {
		t.Errorf("publishing what is gone: %v", err)
	}
}

func testPublishDamaged(t *testing.T, s load.Store) {
	f := stage(t, s, target(7, 1, 1, "aa"), []byte("rows"))
	f.Size++
	if err := s.Publish(t.Context(), f); chatferry.KindOf(err) != chatferry.KindIncompatible {
		t.Errorf("publishing a file of another size: %v", err)
	}
	if _, ok := published(t, s, f.Name); ok {
		t.Error("a file of another size became visible")
	}
}

func testUnpublish(t *testing.T, s load.Store) {
	f := stage(t, s, target(7, 1, 1, "aa"), []byte("rows"))
	must(t, s.Unpublish(t.Context(), f))
	must(t, s.Publish(t.Context(), f))
	for range 2 {
		must(t, s.Unpublish(t.Context(), f))
		if _, ok := published(t, s, f.Name); ok {
			t.Error("the file is still visible")
		}
	}
}

// A run that was overtaken publishes late what a newer one has published, replaced and removed.
func testUnpublishForGood(t *testing.T, s load.Store) {
	added := load.Target{
		Generation: 7, Epoch: 2, Seq: 1, Label: "visitors", Nonce: "bb", Name: load.ReplacedRowsName("visitors", 7, 1),
	}
	for _, to := range []load.Target{target(7, 1, 1, "aa"), added} {
		f := stage(t, s, to, []byte("rows"))
		must(t, s.Publish(t.Context(), f))
		must(t, s.Unpublish(t.Context(), f))
		if err := s.Publish(t.Context(), f); !errors.Is(err, chatferry.ErrStagingGone) {
			t.Errorf("publishing %s again: %v", f.Name, err)
		}
		if _, ok := published(t, s, f.Name); ok {
			t.Errorf("%s came back", f.Name)
		}
	}
}

func testList(t *testing.T, s load.Store) {
	wantStaged(t, s, 7, 0)
	stage(t, s, target(7, 1, 1, "aa"), nil)
	stage(t, s, target(7, 3, 1, "bb"), []byte("x"))
	stage(t, s, target(70, 1, 1, "aa"), []byte("y"))
	w, err := s.Create(t.Context(), target(7, 4, 2, "cc")) // not staged yet
	must(t, err)
	defer w.Discard()
	epochs := map[uint64]bool{}
	for _, f := range wantStaged(t, s, 7, 3) {
		if f.Shard != 7 {
			t.Errorf("a file of Shard %s was listed", f.Shard)
		}
		epochs[f.Epoch] = true
	}
	if !epochs[1] || !epochs[3] || !epochs[4] {
		t.Errorf("epochs %v", epochs)
	}
	wantStaged(t, s, 70, 1)
	wantStaged(t, s, 71, 0)
}

func testListAdded(t *testing.T, s load.Store) {
	stageAdded(t, s, func(added chatferry.Staged) bool { return added.Epoch == 2 })
}

// stageAdded stages, lists, publishes and unstages files of a replace of epoch 2; known judges how one is listed.
func stageAdded(t *testing.T, s load.Store, known func(chatferry.Staged) bool) {
	t.Helper()
	stage(t, s, target(7, 1, 1, "aa"), []byte("x"))
	to := load.Target{
		Generation: 7, Epoch: 2, Seq: 1, Label: "visitors", Nonce: "bb", Name: load.ReplacedRowsName("visitors", 7, 1),
	}
	f := stage(t, s, to, []byte("rows"))
	wantStaged(t, s, 7, 1)
	for _, added := range wantStaged(t, s, 0, 1) {
		if added.Shard != 0 || !known(added) || added.Ref != f.Staging {
			t.Errorf("listed %+v, staged %s", added, f.Staging)
		}
	}
	must(t, s.Publish(t.Context(), f))
	wantPublished(t, s, f.Name, "rows")
	wantStaged(t, s, 0, 0)
	other := to
	other.Name = load.ReplacedRowsName("visitors", 7, 2)
	gone := stage(t, s, other, []byte("rows"))
	must(t, s.Unstage(t.Context(), chatferry.Staged{Ref: gone.Staging, Epoch: 2}))
	wantStaged(t, s, 0, 0)
}

func testCreateTwice(t *testing.T, s load.Store) {
	f := stage(t, s, target(7, 1, 1, "aa"), []byte("rows"))
	if w, err := s.Create(t.Context(), target(7, 1, 1, "aa")); err == nil {
		w.Discard()
		t.Error("a staging file was created over another")
	}
	must(t, s.Publish(t.Context(), f))
	wantPublished(t, s, f.Name, "rows")
}

func testDiscard(t *testing.T, s load.Store) {
	for name, finish := range map[string]func(load.Staging) error{
		"begun":   func(load.Staging) error { return nil },
		"written": func(w load.Staging) error { _, err := io.WriteString(w, "rows"); return err },
		"staged":  func(w load.Staging) error { _, _, err := w.Stage(context.Background()); return err },
	} {
		w, err := s.Create(t.Context(), target(7, 1, 1, "aa"))
		must(t, err)
		must(t, finish(w))
		for range 2 {
			if err := w.Discard(); err != nil {
				t.Errorf("discard a file that was %s: %v", name, err)
			}
		}
		wantStaged(t, s, 7, 0)
	}
}

func testWriteAfterStage(t *testing.T, s load.Store) {
	w, err := s.Create(t.Context(), target(7, 1, 1, "aa"))
	must(t, err)
	_, _, err = w.Stage(t.Context())
	must(t, err)
	if _, err := io.WriteString(w, "late"); err == nil {
		t.Error("a staged file was written to")
	}
}

func testPublishTogether(t *testing.T, s load.Store) {
	for seq := range uint64(50) {
		f := stage(t, s, target(7, 1, seq+1, "aa"), fmt.Appendf(nil, "rows %d", seq))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := s.Publish(context.Background(), f); err != nil {
					t.Errorf("seq %d: %v", f.Size, err)
				}
			})
		}
		wg.Wait()
		wantPublished(t, s, f.Name, fmt.Sprintf("rows %d", seq))
	}
	wantStaged(t, s, 7, 0)
}

func testOpenAbsent(t *testing.T, s load.Store) {
	if f, err := s.Open(t.Context(), load.LedgerName(7, 1)); err == nil {
		f.Close()
		t.Error("an absent file was opened")
	}
}

func testLarge(t *testing.T, s load.Store) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	f := stage(t, s, target(7, 1, 1, "aa"), data)
	must(t, s.Publish(t.Context(), f))
	got, ok := published(t, s, f.Name)
	if !ok || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back of %d", len(got), len(data))
	}
}
