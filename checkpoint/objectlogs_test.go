package checkpoint

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/awss3"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/checkpoint/objectstore/sims3"
)

// ObjectLogs keeps to the contract of LogStore, over a simulated bucket and a real one.
func TestObjectLogs(t *testing.T) {
	for name, bucket := range map[string]objectstore.Bucket{
		"simulated": sims3.New().Client(nil), "real": realserver.Start(t).Open(t, "a/dataset"),
	} {
		t.Run("store="+name, func(t *testing.T) {
			ctx := t.Context()
			logs := NewObjectLogs(bucket)
			record := recordName("x", 1)
			if names, err := logs.List(ctx, logFolder+"/x"); err != nil || len(names) != 0 {
				t.Errorf("no folder: %q, %v", names, err)
			}
			if _, err := logs.Read(ctx, record); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("read nothing: %v", err)
			}
			if _, err := logs.Written(ctx, record); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("when nothing was written: %v", err)
			}
			for try := range 2 {
				err := logs.Create(ctx, record, epochTag(3)+"n", []byte{byte(try)})
				if (err == nil) != (try == 0) || try == 1 && !errors.Is(err, fs.ErrExist) {
					t.Errorf("try %d: %v", try, err)
				}
			}
			for _, other := range []string{recordName("x", 2), recordName("xy", 3), logFolder + "/x/deeper/1.json"} {
				if err := logs.Create(ctx, other, epochTag(3)+"n", nil); err != nil {
					t.Fatal(err)
				}
			}
			if names, err := logs.List(ctx, logFolder+"/x"); err != nil || !slices.Equal(names, []string{"000000000001.json", "000000000002.json"}) {
				t.Errorf("listed %q, %v", names, err)
			}
			if data, err := logs.Read(ctx, record); err != nil || !slices.Equal(data, []byte{0}) {
				t.Errorf("read %v, %v", data, err)
			}
			if at, err := logs.Written(ctx, record); err != nil || at.IsZero() {
				t.Errorf("written at %v, %v", at, err)
			}
			for _, err := range []error{logs.Sync(ctx, logFolder+"/x"), logs.Sweep(ctx, logFolder+"/x", 9)} {
				if err != nil {
					t.Error(err)
				}
			}
			cancelled, cancel := context.WithCancel(ctx)
			cancel()
			if err := logs.Create(cancelled, recordName("x", 3), epochTag(3)+"n", nil); err == nil {
				t.Error("created after the end of its context")
			}
		})
	}
}

// A dataset is carried over a real server as over a simulated one.
func TestCarriedOverARealBucket(t *testing.T) {
	for name, load := range workloads(workload{shards: 2, parts: 2}) {
		t.Run("load="+name, func(t *testing.T) {
			want, _, _ := undisturbedIn(t, load)
			bucket := realserver.Start(t).Open(t, "p")
			for run := range 2 {
				if err := (&process{workload: load, bucket: bucket, name: "run"}).work(t.Context()); err != nil {
					t.Fatalf("run %d: %v", run, err)
				}
			}
			got := map[string][]byte{}
			for _, folder := range []string{"tables/", ledgerFolder + "/"} {
				for o, err := range bucket.List(t.Context(), folder, "") {
					if err != nil {
						t.Fatal(err)
					}
					if got[o.Name], _, err = bucket.Get(t.Context(), o.Name); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := sameBytes(want, got); err != nil {
				t.Error(err)
			}
			for u, err := range bucket.ListUploads(t.Context(), "") {
				t.Errorf("left behind: %+v, %v", u, err)
			}
		})
	}
}

// The same through the client that speaks to real stores, which sends again what was not answered: every seed has faults
// of its own at many requests. A run may end with an error; the dataset is carried in the end, and nothing is broken.
func TestFaultsOfTheClientOverABucket(t *testing.T) {
	var faults []sims3.Fault
	for _, name := range []string{
		"refused", "answer lost", "done soon", "done later", "500", "500 but done", "503", "409", "error in a 200", "cut", "spoilt",
	} {
		faults = append(faults, bucketFaults[name])
	}
	for seed := range uint64(8) {
		load := workload{shards: 2, parts: 2}
		if seed%2 == 1 {
			load = replacing(1)
		}
		want, _, _ := undisturbedIn(t, load)
		store := sims3.New()
		rng := rand.New(rand.NewPCG(seed, 13))
		w := watch(bucketGround{store})
		var mu sync.Mutex // a request whose connection broke may still be served when the next one comes
		served := store.Serve(t, func(op sims3.Op) sims3.Fault {
			mu.Lock()
			defer mu.Unlock()
			if err := w.check(); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			fault := faults[rng.IntN(len(faults))]
			if rng.IntN(12) > 0 || fault.Status == 200 && op.Do != "CompleteMultipartUpload" {
				return sims3.Fault{}
			}
			return fault
		})
		bucket, err := awss3.Open(t.Context(), served)
		if err != nil {
			t.Fatal(err)
		}
		for try := 0; ; try++ {
			err := (&process{workload: load, bucket: bucket, name: string(rune('a' + try))}).work(t.Context())
			if err == nil {
				break
			}
			if kind := chatferry.KindOf(err); try > 20 || kind == chatferry.KindIncompatible || kind == chatferry.KindFenced || kind == chatferry.KindDiffers {
				t.Fatalf("seed %d, run %d: %v", seed, try, err)
			}
			store.Advance(10 * time.Minute)
		}
		if err := resumeIn(store, load, want); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}
