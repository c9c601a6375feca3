package load_test

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"chatferry"
	"chatferry/load"
	"chatferry/load/storetest"
)

// A replacement of the rows and the ledger of a Part that holds the same records has the same digests.
func TestReplacementHoldsTheRows(t *testing.T) {
	a := newAccount(chatferry.Chats)
	store := &storetest.Memory{}
	sink := load.NewSink(store)
	part, err := build(t, sink, a, a.batch(1, 300), a.batch(2, 300))
	if err != nil {
		t.Fatal(err)
	}
	r := sink.BeginReplacement(4, 9)
	for _, old := range part.Files {
		if old.Kind == chatferry.FileQuarantine {
			continue
		}
		if err := store.Publish(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		f, err := store.Open(t.Context(), old.Name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := load.OpenRows(f, f.Size())
		if err != nil {
			t.Fatal(err)
		}
		var w *load.ReplacementFile
		for {
			rec, err := rows.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if w == nil && old.Kind == chatferry.FileLedger {
				w, err = r.Ledger(3)
			} else if w == nil {
				w, err = r.Rows(old.Table, 3, rec.Schema())
			}
			if err == nil {
				err = w.Write(rec)
			}
			rec.Release()
			if err != nil {
				t.Fatal(err)
			}
		}
		got, err := w.Seal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := load.ReplacedRowsName(old.Table, 4, 3)
		if old.Kind == chatferry.FileLedger {
			want = load.ReplacedLedgerName(4, 3)
		}
		if got.Name != want || got.Rows != old.Rows || got.E != old.E || got.V != old.V || got.Table != old.Table {
			t.Errorf("replaced %+v by %+v", old, got)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := r.Sync(t.Context()); err != nil {
		t.Error(err)
	}
	staged, err := store.ListStaged(t.Context(), 0)
	if err != nil || len(staged) != 3 || staged[0].Epoch != 9 {
		t.Errorf("staged %v, %v", staged, err)
	}
}

func TestReplacementIsRemoved(t *testing.T) {
	a := newAccount(chatferry.Chats)
	for name, tc := range map[string]struct {
		store *storetest.Memory
		seal  bool
	}{
		"by Abort":                {&storetest.Memory{}, false},
		"when a write fails":      {&storetest.Memory{OnWrite: func(int, []byte) (int, int, error) { return 0, 0, syscall.ENOSPC }}, true},
		"when it cannot be saved": {&storetest.Memory{OnStage: func(int) error { return syscall.EIO }}, true},
		"when it reads back otherwise": {&storetest.Memory{OnReopen: func(_ string, b []byte) []byte {
			b[len(b)/2] ^= 1
			return b
		}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := a.batch(1, 100)
			defer b.Release()
			f, err := load.NewSink(tc.store).BeginReplacement(1, 1).Rows(b.Rows[0].Table, 1, b.Rows[0].Record.Schema())
			if err == nil {
				err = f.Write(b.Rows[0].Record)
				if err == nil && tc.seal {
					_, err = f.Seal(t.Context())
				}
				err = errors.Join(err, f.Abort(), f.Abort())
			}
			if (err == nil) == tc.seal {
				t.Errorf("the error is %v", err)
			}
			if open, staged, published := tc.store.Left(); open != 0 || staged != 0 || published != 0 {
				t.Errorf("%d open, %d staged, %d published", open, staged, published)
			}
		})
	}
}

// OpenColumns gives the columns that are named, in that order, with the values that they have in the file.
func TestOpenColumns(t *testing.T) {
	a := newAccount(chatferry.Chats)
	store := &storetest.Memory{}
	sink := load.NewSink(store)
	sink.SetLayout(64<<10, 300, 4<<10)
	part, err := build(t, sink, a, a.batch(1, 2000))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Publish(t.Context(), part.Files[0]); err != nil {
		t.Fatal(err)
	}
	f, err := store.Open(t.Context(), part.Files[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := load.OpenColumns(f, f.Size(), "id", "no such column"); err == nil {
		t.Error("a column that is not there was opened")
	}
	all, err := load.OpenRows(f, f.Size())
	if err != nil {
		t.Fatal(err)
	}
	some, err := load.OpenColumns(f, f.Size(), "tags", "id")
	if err != nil {
		t.Fatal(err)
	}
	texts := func(r *load.RowReader) (out []string) {
		for {
			rec, err := r.Next()
			if err == io.EOF {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			tags, id := rec.Column(r.Schema().FieldIndices("tags")[0]), rec.Column(r.Schema().FieldIndices("id")[0])
			for i := range int(rec.NumRows()) {
				out = append(out, id.ValueStr(i)+tags.ValueStr(i))
			}
			rec.Release()
		}
	}
	want, got := texts(all), texts(some)
	if len(want) == 0 || len(got) != len(want) || some.Schema().NumFields() != 2 || some.Schema().Field(0).Name != "tags" {
		t.Fatalf("%d rows of %v instead of %d", len(got), some.Schema(), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d is %s instead of %s", i, got[i], want[i])
		}
	}
}
