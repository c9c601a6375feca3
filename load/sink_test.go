package load_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"chatferry"
	"chatferry/load"
	"chatferry/load/chunk"
	"chatferry/load/storetest"
)

// build seals one Part of the given Batches, which it releases.
func build(t testing.TB, sink *load.Sink, a *account, batches ...*chatferry.Batch) (*chatferry.Part, error) {
	t.Helper()
	w, err := sink.Begin(a.shard, a.seq, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range batches {
		err := w.Write(b)
		b.Release()
		if err != nil {
			for _, rest := range batches[i+1:] {
				rest.Release()
			}
			return nil, errors.Join(err, w.Abort(), w.Abort())
		}
	}
	return w.Seal(context.Background())
}

func TestSealedFilesHoldTheBatches(t *testing.T) {
	a := newAccount(chatferry.Chats)
	store := &storetest.Memory{}
	sink := load.NewSink(store)
	sink.SetLayout(64<<10, 300, 4<<10)
	var books chatferry.Books
	rows := map[chatferry.Table]int64{}
	var batches []*chatferry.Batch
	for seed := range uint64(8) {
		b := a.batch(seed, 100+int(seed)*50)
		for _, r := range b.Rows {
			rows[r.Table] += r.Record.NumRows()
		}
		books.Add(b.Books)
		batches = append(batches, b)
	}
	part, err := build(t, sink, a, batches...)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"tables/chats/part-000000000042-000000000003.parquet",
		"tables/chat_history/part-000000000042-000000000003.parquet",
		"_chatferry/ledger/000000000042-000000000003.parquet",
		"_chatferry/quarantine/000000000042-000000000003.ndjson.zst",
	}
	if len(part.Files) != len(names) {
		t.Fatalf("%d files, want %d", len(part.Files), len(names))
	}
	for i, f := range part.Files {
		b, ok := store.StagedBytes(f.Staging)
		if f.Name != names[i] || !ok || int64(len(b)) != f.Size {
			t.Errorf("file %d is %s of %d bytes, staged %d (%v)", i, f.Name, f.Size, len(b), ok)
		}
		if f.Kind == chatferry.FileRows && f.Rows != rows[f.Table] {
			t.Errorf("%s: %d rows, want %d", f.Name, f.Rows, rows[f.Table])
		}
	}
	excluded := books.ExcludedTotal()
	for i, want := range map[int]chatferry.Tally{0: books.Loaded, 2: excluded, 3: books.Quarantined} {
		if part.Files[i].E != want.D || part.Files[i].Rows != want.N {
			t.Errorf("%s: %d records %s, the books say %d %s", part.Files[i].Name, part.Files[i].Rows, part.Files[i].E, want.N, want.D)
		}
	}
	if part.Seq != a.seq || part.Stream != chatferry.Chats || !part.Files[1].E.IsZero() || !part.Files[3].V.IsZero() {
		t.Errorf("part %+v", part)
	}
	if open, staged, published := store.Left(); open != 0 || staged != 4 || published != 0 {
		t.Errorf("%d open, %d staged, %d published", open, staged, published)
	}
	for _, f := range part.Files {
		if err := store.Publish(t.Context(), f); err != nil {
			t.Error(err)
		}
	}
}

func TestPartWithoutFiles(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{OnSync: func() error { return errors.New("nothing to make durable") }}
	for name, batches := range map[string][]*chatferry.Batch{"no Batch": nil, "an empty Batch": {a.batch(1, 0)}} {
		part, err := build(t, load.NewSink(store), a, batches...)
		if err != nil || len(part.Files) != 0 {
			t.Errorf("%s: %v, %v", name, part, err)
		}
	}
}

func TestAbortRemovesEverything(t *testing.T) {
	a := newAccount(chatferry.Chats)
	for _, batches := range []int{0, 1, 3} {
		store := &storetest.Memory{}
		w, err := load.NewSink(store).Begin(a.shard, a.seq, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range batches {
			b := a.batch(uint64(i), 100)
			if err := w.Write(b); err != nil {
				t.Fatal(err)
			}
			b.Release()
		}
		for range 2 {
			if err := w.Abort(); err != nil {
				t.Error(err)
			}
		}
		if open, staged, _ := store.Left(); open != 0 || staged != 0 {
			t.Errorf("%d Batches: %d open, %d staged", batches, open, staged)
		}
		b := a.batch(9, 1)
		if w.Write(b) == nil {
			t.Error("an aborted Part was written to")
		}
		b.Release()
		if _, err := w.Seal(t.Context()); err == nil {
			t.Error("an aborted Part was sealed")
		}
	}
}

func TestAbortAfterSealKeepsTheFiles(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{}
	w, err := load.NewSink(store).Begin(a.shard, a.seq, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := a.batch(1, 100)
	defer b.Release()
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	part, err := w.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if _, staged, _ := store.Left(); staged != len(part.Files) {
		t.Errorf("%d of %d staged files are left", staged, len(part.Files))
	}
	if _, err := w.Seal(t.Context()); err == nil {
		t.Error("a Part was sealed twice")
	}
	if w.Write(b) == nil {
		t.Error("a sealed Part was written to")
	}
	if _, staged, _ := store.Left(); staged != len(part.Files) {
		t.Errorf("%d of %d staged files are left after late calls", staged, len(part.Files))
	}
}

func TestSealRefuses(t *testing.T) {
	boom := errors.New("boom")
	flip := func(label string) func(string, []byte) []byte {
		return func(l string, b []byte) []byte {
			if l == label {
				b[len(b)/2] ^= 1
			}
			return b
		}
	}
	cut := func(l string, b []byte) []byte { return b[:len(b)-1] }
	for _, tt := range []struct {
		name  string
		store *storetest.Memory
		batch func(*chatferry.Batch)
		kind  chatferry.Kind
		is    error
	}{
		{name: "a failed fsync", store: &storetest.Memory{OnStage: func(int) error { return boom }}, is: boom},
		{name: "a failed fsync of the last file", store: &storetest.Memory{OnStage: func(n int) error {
			if n == 3 {
				return boom
			}
			return nil
		}}, is: boom},
		{name: "a failed fsync of the staging folder", store: &storetest.Memory{OnSync: func() error { return boom }}, is: boom},
		{name: "a flipped bit in the parent", store: &storetest.Memory{OnReopen: flip("chats")}, kind: chatferry.KindEnvironment},
		{name: "a flipped bit in a child", store: &storetest.Memory{OnReopen: flip("chat_history")}, kind: chatferry.KindEnvironment},
		{name: "a flipped bit in the ledger", store: &storetest.Memory{OnReopen: flip("ledger")}, kind: chatferry.KindEnvironment},
		{name: "a flipped bit in quarantine", store: &storetest.Memory{OnReopen: flip("quarantine")}, kind: chatferry.KindEnvironment},
		{name: "a file cut short", store: &storetest.Memory{OnReopen: cut}, kind: chatferry.KindEnvironment},
		{
			name: "books with a record too many", store: &storetest.Memory{}, kind: chatferry.KindDiffers,
			batch: func(b *chatferry.Batch) { b.Books.Loaded.N++ },
		},
		{
			name: "books of other records", store: &storetest.Memory{}, kind: chatferry.KindDiffers,
			batch: func(b *chatferry.Batch) { b.Books.Quarantined.D.Add(&[32]byte{1}) },
		},
		{
			name: "a Reject that was lost", store: &storetest.Memory{}, kind: chatferry.KindDiffers,
			batch: func(b *chatferry.Batch) { b.Rejects = b.Rejects[1:] },
		},
		{
			name: "a ledger entry that was lost", store: &storetest.Memory{}, kind: chatferry.KindDiffers,
			batch: func(b *chatferry.Batch) { b.Ledger = b.Ledger[1:] },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAccount(chatferry.Chats)
			b := a.batch(1, 300)
			if tt.batch != nil {
				tt.batch(b)
			}
			part, err := build(t, load.NewSink(tt.store), a, b)
			if err == nil {
				t.Fatalf("sealed %v", part)
			}
			if tt.is != nil && !errors.Is(err, tt.is) || chatferry.KindOf(err) != tt.kind {
				t.Errorf("kind %d: %v", chatferry.KindOf(err), err)
			}
			if open, staged, _ := tt.store.Left(); open != 0 || staged != 0 {
				t.Errorf("%d open, %d staged are left", open, staged)
			}
		})
	}
}

func TestSealStopsWithItsContext(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{}
	w, err := load.NewSink(store).Begin(a.shard, a.seq, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := a.batch(1, 100)
	defer b.Release()
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := chatferry.Errorf(chatferry.KindStopped, "", "stopped")
	cancel(why)
	if _, err := w.Seal(ctx); !errors.Is(err, why) {
		t.Errorf("sealed, or another error: %v", err)
	}
	if open, staged, _ := store.Left(); open != 0 || staged != 0 {
		t.Errorf("%d open, %d staged are left", open, staged)
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		batch func(*chatferry.Batch)
	}{
		{"a Batch of another Part", func(b *chatferry.Batch) { b.Seq++ }},
		{"a Batch of another Shard", func(b *chatferry.Batch) { b.Shard = &chatferry.Shard{ID: 43, Stream: chatferry.Visitors} }},
		{"a table that the stream does not feed", func(b *chatferry.Batch) { b.Rows[0].Table = chatferry.ChatHistory }},
		{"a parent without the records' sums", func(b *chatferry.Batch) { b.Rows[0].Table = "visitors"; dropColumn(b, "_raw_sha256") }},
		{"a Reject of another Part", func(b *chatferry.Batch) { b.Rejects[0].Seq++ }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAccount(chatferry.Visitors)
			store := &storetest.Memory{}
			b := a.batch(1, 300)
			tt.batch(b)
			if _, err := build(t, load.NewSink(store), a, b); err == nil {
				t.Error("it was taken")
			}
			if open, staged, _ := store.Left(); open != 0 || staged != 0 {
				t.Errorf("%d open, %d staged are left", open, staged)
			}
		})
	}
}

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

func TestHashingSinkKeepsItsFirstError(t *testing.T) {
	w := load.NewHashingSink(shortWriter{})
	for range 2 {
		if _, err := w.Write([]byte("abc")); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("a short write gave %v", err)
		}
	}
}

// The bytes on disk may be those that were written and still hold other rows than the Batches: the writer is not trusted.
func TestSealComparesValues(t *testing.T) {
	for name, change := range map[string]func(p *chunk.Print, rows *int64, groups []int64){
		"another value":      func(p *chunk.Print, _ *int64, _ []int64) { p.Values++ },
		"another null":       func(p *chunk.Print, _ *int64, _ []int64) { p.Levels++ },
		"another cell":       func(p *chunk.Print, _ *int64, _ []int64) { p.Cells++ },
		"another row count":  func(_ *chunk.Print, rows *int64, _ []int64) { *rows++ },
		"another row group":  func(_ *chunk.Print, _ *int64, groups []int64) { groups[0]++ },
		"nothing is changed": func(*chunk.Print, *int64, []int64) {},
	} {
		a := newAccount(chatferry.Visitors)
		w, err := load.NewSink(&storetest.Memory{}).Begin(a.shard, a.seq, 1)
		if err != nil {
			t.Fatal(err)
		}
		b := a.batch(1, 100)
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		b.Release()
		load.Tamper(w, change)
		_, err = w.Seal(t.Context())
		if good := name == "nothing is changed"; good != (err == nil) || !good && chatferry.KindOf(err) != chatferry.KindEnvironment {
			t.Errorf("%s: %v", name, err)
		}
	}
}
