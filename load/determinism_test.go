package load_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/load"
	"chatferry/load/storetest"
)

// bytesOf builds a Part and returns its files' bytes by name.
func bytesOf(t *testing.T, epoch uint64, groupBytes int64, batches func(*account) []*chatferry.Batch) map[string][]byte {
	t.Helper()
	a := newAccount(chatferry.Chats)
	store := &storetest.Memory{}
	sink := load.NewSink(store)
	sink.SetLayout(groupBytes, 500, 2<<10)
	w, err := sink.Begin(a.shard, a.seq, epoch)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches(a) {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	part, err := w.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range part.Files {
		files[f.Name], _ = store.StagedBytes(f.Staging)
	}
	return files
}

// Equal Batches give equal bytes, whatever the epoch, the attempt, and what other Lanes compress meanwhile.
func TestEqualBatchesGiveEqualBytes(t *testing.T) {
	batches := func(a *account) (out []*chatferry.Batch) {
		for seed := range uint64(6) {
			out = append(out, a.batch(seed, 100))
		}
		return out
	}
	want := bytesOf(t, 1, 64<<10, batches)
	if len(want) != 4 {
		t.Fatalf("%d files", len(want))
	}
	var wg sync.WaitGroup
	for lane := range 4 {
		wg.Go(func() {
			for run := range 5 {
				for name, b := range bytesOf(t, uint64(2+lane*5+run), 64<<10, batches) {
					if !bytes.Equal(b, want[name]) {
						t.Errorf("lane %d run %d: %s differs", lane, run, name)
					}
				}
			}
		})
	}
	wg.Wait()
}

// The bytes depend on values only, not on how a Batch's arrays lie in memory.
func TestSlicedBatchesGiveEqualBytes(t *testing.T) {
	plain := bytesOf(t, 1, 64<<10, func(a *account) []*chatferry.Batch { return []*chatferry.Batch{a.batch(1, 150)} })
	sliced := bytesOf(t, 1, 64<<10, func(a *account) []*chatferry.Batch {
		b := a.batch(1, 150)
		for i, r := range b.Rows {
			n := r.Record.NumRows()
			columns := make([]arrow.Array, r.Record.NumCols())
			for c, col := range r.Record.Columns() {
				twice, err := array.Concatenate([]arrow.Array{col, col, col}, memory.NewGoAllocator())
				if err != nil {
					t.Fatal(err)
				}
				columns[c] = array.NewSlice(twice, n, 2*n)
			}
			b.Rows[i].Record = array.NewRecord(r.Record.Schema(), columns, n)
		}
		return []*chatferry.Batch{b}
	})
	for name, want := range plain {
		if !bytes.Equal(sliced[name], want) {
			t.Errorf("%s differs", name)
		}
	}
}

// v17 writes the list of a column's encodings in the order of a Go map when its dictionary falls back to plain encoding
// in mid-column, so a column that breaks the promise of few values must keep its dictionary.
func TestDictionaryOfManyValues(t *testing.T) {
	many := func(a *account) []*chatferry.Batch {
		var out []*chatferry.Batch
		for part := range 2 {
			b := columnsBatch(a, true, false, part+1)
			text := array.NewStringBuilder(memory.NewGoAllocator())
			for i := range 60 {
				text.Append(fmt.Sprintf("%060d %020000d", part*60+i, i)) // past arrow's default limit of 1 MiB
			}
			columns := append([]arrow.Array{text.NewArray()}, b.Rows[0].Record.Columns()[1:]...)
			b.Rows[0].Record = array.NewRecord(b.Rows[0].Record.Schema(), columns, 60)
			b.Rows[0].Table = "chats"
			out = append(out, b)
		}
		return out
	}
	var first map[string][]byte
	for run := range 8 {
		got := bytesOf(t, 1, 32<<20, many)
		if first == nil {
			first = got
		}
		for name, b := range got {
			if !bytes.Equal(b, first[name]) {
				t.Fatalf("run %d: %s differs", run, name)
			}
		}
	}
}
