package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"

	"chatferry/checkpoint/objectstore/sims3"
)

// What is read in order is asked for many at a time: the store answers no Read before so many stand before it.
func TestReadAhead(t *testing.T) {
	ctx := t.Context()
	store := sims3.New()
	plain := NewObjectLogs(store.Client(nil))
	const records = 2 + 2*aheadRecords
	for n := uint64(1); n <= records; n++ {
		if err := plain.Create(ctx, recordName("x", n), "", fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	reads, together := 0, 1
	arrived := sync.NewCond(&mu)
	logs := ReadAhead(NewObjectLogs(store.Client(func(op sims3.Op) sims3.Fault {
		if op.Do != "GetObject" {
			return sims3.Fault{}
		}
		mu.Lock()
		defer mu.Unlock()
		reads++
		arrived.Broadcast()
		for reads%together != 0 {
			arrived.Wait()
		}
		return sims3.Fault{}
	})))
	if n, err := lastNumber(ctx, logs, "x"); n != records || err != nil {
		t.Fatal(n, err)
	}
	read := func(n uint64) {
		t.Helper()
		if data, err := logs.Read(ctx, recordName("x", n)); err != nil || string(data) != fmt.Sprint(n) {
			t.Fatalf("record %d holds %q, %v", n, data, err)
		}
	}
	// The ends of logs are read alone.
	read(records)
	read(records - 1)
	read(1)
	if reads != 3 {
		t.Errorf("%d requests for three records", reads)
	}
	reads, together = 0, aheadRecords
	for n := uint64(2); n <= 1+2*aheadRecords; n++ {
		read(n)
	}
	if reads != 2*aheadRecords {
		t.Errorf("%d requests for %d records", reads, 2*aheadRecords)
	}
	together = 1
	if _, err := logs.Read(ctx, recordName("x", records+1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a record that is not there: %v", err)
	}
}

// A record that could not be read ahead is read when it is asked for, and only then fails.
func TestReadAheadFails(t *testing.T) {
	ctx := t.Context()
	store := sims3.New()
	var broken atomic.Bool
	logs := ReadAhead(NewObjectLogs(store.Client(func(op sims3.Op) sims3.Fault {
		return sims3.Fault{Lost: broken.Load() && op.Do == "GetObject" && op.Name != recordName("x", 2)}
	})))
	for n := uint64(1); n <= 4; n++ {
		if err := logs.Create(ctx, recordName("x", n), "", fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := lastNumber(ctx, logs, "x"); err != nil {
		t.Fatal(err)
	}
	read := func(n uint64) error {
		_, err := logs.Read(ctx, recordName("x", n))
		return err
	}
	if err := read(1); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	if err := read(2); err != nil {
		t.Errorf("a record was not given because those behind it could not be read: %v", err)
	}
	if err := read(3); err == nil {
		t.Error("a record was given that could not be read")
	}
	broken.Store(false)
	for n := uint64(3); n <= 4; n++ {
		if err := read(n); err != nil {
			t.Error(err)
		}
	}
}
