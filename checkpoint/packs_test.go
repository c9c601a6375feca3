package checkpoint

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"chatferry/checkpoint/objectstore/sims3"
)

// packedLog makes a log of n records, and returns what counts the requests for them.
func packedLog(t *testing.T, n uint64) (store *sims3.Store, open func() (LogStore, *atomic.Int64)) {
	t.Helper()
	store = sims3.New()
	logs := ReadPacked(NewObjectLogs(store.Client(nil)))
	for k := uint64(1); k <= n; k++ {
		if err := logs.Create(t.Context(), recordName("x", k), "", fmt.Appendf(nil, "record %d\n", k)); err != nil {
			t.Fatal(err)
		}
	}
	return store, func() (LogStore, *atomic.Int64) {
		var reads atomic.Int64
		return ReadPacked(NewObjectLogs(store.Client(func(op sims3.Op) sims3.Fault {
			if op.Do == "GetObject" {
				reads.Add(1)
			}
			return sims3.Fault{}
		}))), &reads
	}
}

// readAll reads a log as Load does: it is listed, and read in order from a record on.
func readAll(t *testing.T, logs LogStore, from, n uint64) {
	t.Helper()
	if last, err := lastNumber(t.Context(), logs, "x"); err != nil || last != n {
		t.Fatal(last, err)
	}
	for k := from; k <= n; k++ {
		if data, err := logs.Read(t.Context(), recordName("x", k)); err != nil || string(data) != fmt.Sprintf("record %d\n", k) {
			t.Fatalf("record %d is %q (%v)", k, data, err)
		}
	}
}

func packNames(t *testing.T, store *sims3.Store) []string {
	t.Helper()
	names, err := NewObjectLogs(store.Client(nil)).List(t.Context(), packFolder)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(names))
}

// A log is read with a request for each pack and for each record behind the last, wherever reading begins.
func TestPacks(t *testing.T) {
	const n = 40*packRecords + 5
	store, open := packedLog(t, n)
	if got := len(packNames(t, store)); got != 40 {
		t.Fatalf("%d packs", got)
	}
	for _, tt := range []struct{ from, want uint64 }{{1, 1 + 40 + 5}, {packRecords + 7, 1 + 39 + 5}, {n - 2, 3}} {
		logs, reads := open()
		readAll(t, logs, tt.from, n)
		if got := uint64(reads.Load()); got != tt.want {
			t.Errorf("from record %d: %d requests instead of %d", tt.from, got, tt.want)
		}
	}
}

// What becomes of packs costs requests, never a record: they may be gone, damaged, cut, exchanged, or not be packs at all.
func TestPacksAreNotNeeded(t *testing.T) {
	const n = 3*packRecords + 1
	pack := func(k uint64) string { return packFolder + "/" + packName("x", packFirst(k)) }
	for name, harm := range map[string]func(b []byte) []byte{
		"gone":      func([]byte) []byte { return nil },
		"damaged":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut":       func(b []byte) []byte { return b[:len(b)-1] },
		"empty":     func([]byte) []byte { return []byte{} },
		"no pack":   func([]byte) []byte { return []byte(strings.Repeat("no pack", 9)) },
		"too few":   func([]byte) []byte { return appendPack([][]byte{[]byte("record 33\n")}) },
		"untouched": bytes.Clone,
	} {
		store, open := packedLog(t, n)
		client := store.Client(nil)
		b, _, err := client.Get(t.Context(), pack(40))
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Delete(t.Context(), pack(40)); err != nil {
			t.Fatal(err)
		}
		if b = harm(bytes.Clone(b)); b != nil {
			if _, err := client.PutIfAbsent(t.Context(), pack(40), b); err != nil {
				t.Fatal(err)
			}
		}
		logs, reads := open()
		readAll(t, logs, 1, n)
		want := map[bool]int64{true: 1 + 3 + 1, false: 1 + 2 + packRecords + 1}[name == "untouched"]
		if got := reads.Load(); got < want || got > want+3 {
			t.Errorf("%s: %d requests instead of about %d", name, got, want)
		}
	}
}

// A pack is made once its records are all there, by whoever makes the last of them, and by nobody else.
func TestPacksAreMadeOfWholeLogs(t *testing.T) {
	store, _ := packedLog(t, packRecords-1)
	if names := packNames(t, store); len(names) != 0 {
		t.Fatalf("packs %v", names)
	}
	// Another process goes on, and never read what came before.
	logs := ReadPacked(NewObjectLogs(store.Client(nil)))
	if err := logs.Create(t.Context(), recordName("x", packRecords), "", []byte("the last")); err != nil {
		t.Fatal(err)
	}
	if err := logs.Create(t.Context(), recordName("x", packRecords), "", []byte("too late")); err == nil {
		t.Fatal("one record was made twice")
	}
	if names := packNames(t, store); !slices.Equal(names, []string{packName("x", 1)}) {
		t.Fatalf("packs %v", names)
	}
	data, err := logs.Read(t.Context(), packFolder+"/"+packName("x", 1))
	if err != nil {
		t.Fatal(err)
	}
	records, err := readPack(data)
	if err != nil || string(records[0]) != "record 1\n" || string(records[packRecords-1]) != "the last" {
		t.Errorf("%q %v", records, err)
	}
}

// Who proves a dataset reads the log itself.
func TestUnpacked(t *testing.T) {
	const n = 2*packRecords + 1
	store, _ := packedLog(t, n)
	var packs, records atomic.Int64
	logs := Unpacked(ReadPacked(NewObjectLogs(store.Client(func(op sims3.Op) sims3.Fault {
		if strings.HasPrefix(op.Name, packFolder) {
			packs.Add(1)
		} else if op.Do == "GetObject" {
			records.Add(1)
		}
		return sims3.Fault{}
	}))))
	readAll(t, logs, 1, n)
	if packs.Load() != 0 || records.Load() != n {
		t.Errorf("%d requests for packs, %d for records", packs.Load(), records.Load())
	}
}
