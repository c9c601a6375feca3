package local_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/load"
	"chatferry/load/local"
)

var (
	shard  = &chatferry.Shard{ID: 7, Stream: chatferry.Visitors}
	schema = arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "_raw_sha256", Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}},
	}, nil)
)

// batch makes a Batch with rows, a Reject and a ledger entry.
func batch() *chatferry.Batch {
	b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer b.Release()
	out := &chatferry.Batch{Shard: shard, Seq: 1}
	for i := range 3 {
		raw := [32]byte{byte(i)}
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprint(i))
		b.Field(1).(*array.FixedSizeBinaryBuilder).Append(raw[:])
		e := chatferry.Entry(shard.Stream, &raw)
		out.Books.Loaded.Count(1, &e)
	}
	out.Rows = []chatferry.Rows{{Table: "visitors", Record: b.NewRecord()}}
	r := chatferry.Reject{Stream: shard.Stream, Shard: shard.ID, Seq: 1, Code: chatferry.CodeSyntax, RawLen: 9, RawSHA256: [32]byte{9}}
	e := chatferry.Entry(shard.Stream, (*[32]byte)(&r.RawSHA256))
	out.Books.Quarantined.Count(9, &e)
	out.Rejects = []chatferry.Reject{r}
	l := chatferry.LedgerEntry{Stream: shard.Stream, Key: "k", RawSHA256: [32]byte{8}, Disposition: chatferry.Superseded, Reason: "x"}
	e = chatferry.Entry(shard.Stream, (*[32]byte)(&l.RawSHA256))
	out.Books.Superseded.Count(1, &e)
	out.Ledger = []chatferry.LedgerEntry{l}
	return out
}

// seal builds the Part in the given epoch.
func seal(t *testing.T, p *faultfs.Process, epoch uint64) (*chatferry.Part, error) {
	t.Helper()
	return sealIn(t, local.New(p), epoch)
}

func sealIn(t *testing.T, store *local.Store, epoch uint64) (*chatferry.Part, error) {
	t.Helper()
	w, err := load.NewSink(store).Begin(shard, 1, epoch)
	if err != nil {
		t.Fatal(err)
	}
	b := batch()
	defer b.Release()
	if err := w.Write(b); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w.Seal(t.Context())
}

func publish(t *testing.T, p *faultfs.Process, part *chatferry.Part) error {
	t.Helper()
	store := local.New(p)
	for _, f := range part.Files {
		if err := store.Publish(t.Context(), f); err != nil {
			return err
		}
	}
	return nil
}

// visible is what readers of the dataset see.
func visible(d *faultfs.Disk) map[string][]byte {
	files := d.Files(".")
	maps.DeleteFunc(files, func(name string, _ []byte) bool { return strings.HasPrefix(name, "_chatferry/staging/") })
	return files
}

func sameFiles(a, b map[string][]byte) bool { return maps.EqualFunc(a, b, bytes.Equal) }

func undisturbed(t *testing.T) (files map[string][]byte, ops int) {
	t.Helper()
	disk := faultfs.NewDisk()
	p := disk.Process(nil)
	part, err := seal(t, p, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(visible(disk)) != 0 {
		t.Errorf("visible before publication: %v", slices.Sorted(maps.Keys(visible(disk))))
	}
	if err := publish(t, p, part); err != nil {
		t.Fatal(err)
	}
	files = disk.Files(".")
	if !sameFiles(files, visible(disk)) || len(files) != 3 {
		t.Fatalf("files %v", slices.Sorted(maps.Keys(files)))
	}
	return files, p.Ops()
}

func TestOrderOfOperations(t *testing.T) {
	p := faultfs.NewDisk().Process(nil)
	p.Tracing = true
	store := local.New(p)
	part, err := sealIn(t, store, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range part.Files {
		if err := store.Publish(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	nonce := strings.Split(part.Files[0].Staging, ".")[4]
	var got []string
	for _, op := range p.Trace {
		op = strings.ReplaceAll(op, nonce, "NONCE")
		if len(got) == 0 || got[len(got)-1] != op { // several writes in a row
			got = append(got, op)
		}
	}
	const (
		st = "_chatferry/staging/000000000007.e000000000001.000000000001."
		pq = "000000000007-000000000001.parquet"
	)
	want := []string{
		"mkdir _chatferry", "syncdir .", "mkdir _chatferry/staging", "syncdir _chatferry",
		"mkdir tables", "syncdir .", "mkdir tables/visitors", "syncdir tables",
		"create " + st + "visitors.NONCE.tmp",
		"mkdir _chatferry/ledger", "syncdir _chatferry",
		"create " + st + "ledger.NONCE.tmp",
		"mkdir _chatferry/quarantine", "syncdir _chatferry",
		"create " + st + "quarantine.NONCE.tmp",
		"write " + st + "visitors.NONCE.tmp", "write " + st + "ledger.NONCE.tmp", "write " + st + "quarantine.NONCE.tmp",
		"sync " + st + "visitors.NONCE.tmp", "sync " + st + "ledger.NONCE.tmp", "sync " + st + "quarantine.NONCE.tmp",
		"syncdir _chatferry/staging",
		"link " + st + "visitors.NONCE.tmp -> tables/visitors/part-" + pq, "syncdir tables/visitors", "remove " + st + "visitors.NONCE.tmp",
		"link " + st + "ledger.NONCE.tmp -> _chatferry/ledger/" + pq, "syncdir _chatferry/ledger", "remove " + st + "ledger.NONCE.tmp",
		"link " + st + "quarantine.NONCE.tmp -> _chatferry/quarantine/000000000007-000000000001.ndjson.zst",
		"syncdir _chatferry/quarantine", "remove " + st + "quarantine.NONCE.tmp",
	}
	if !slices.Equal(got, want) {
		t.Errorf("operations\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Every operation of Seal and Publish fails in turn, once and for ever. What is visible is whole files only, Seal leaves
// nothing behind, and repeating what failed gives the undisturbed files.
func TestEveryFailure(t *testing.T) {
	want, ops := undisturbed(t)
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
		for _, short := range []bool{false, true} {
			for at := 1; at <= ops; at++ {
				disk := faultfs.NewDisk()
				p := disk.Process(faultfs.Plan{At: at, Reads: true, Fault: faultfs.Fault{Err: errno, Short: short}}.Hook())
				part, err := seal(t, p, 1)
				if err != nil {
					if chatferry.KindOf(err) != chatferry.KindEnvironment || !errors.Is(err, errno) {
						t.Errorf("%s at %d: kind %d: %v", errno, at, chatferry.KindOf(err), err)
					}
					if left := disk.Files("."); len(left) != 0 {
						t.Errorf("%s at %d: left %v", errno, at, slices.Sorted(maps.Keys(left)))
					}
					if part, err = seal(t, p, 1); err != nil {
						t.Fatalf("%s at %d: again: %v", errno, at, err)
					}
				}
				if err := publish(t, p, part); err != nil {
					if chatferry.KindOf(err) != chatferry.KindEnvironment || !errors.Is(err, errno) {
						t.Errorf("%s at %d: kind %d: %v", errno, at, chatferry.KindOf(err), err)
					}
					for name, b := range visible(disk) {
						if !bytes.Equal(b, want[name]) {
							t.Errorf("%s at %d: %s is not whole", errno, at, name)
						}
					}
					if err := publish(t, p, part); err != nil {
						t.Fatalf("%s at %d: publish again: %v", errno, at, err)
					}
				}
				if got := disk.Files("."); !sameFiles(got, want) {
					t.Errorf("%s at %d: files %v", errno, at, slices.Sorted(maps.Keys(got)))
				}
			}
		}
	}
}

// A full disk stays full: Seal still removes what it can, and says what to do.
func TestFullDisk(t *testing.T) {
	_, ops := undisturbed(t)
	for at := 1; at <= ops; at++ {
		disk := faultfs.NewDisk()
		full := func(op faultfs.Op) faultfs.Fault {
			if op.N >= at && (op.Do == "write" || op.Do == "create" || op.Do == "mkdir" || op.Do == "sync") {
				return faultfs.Fault{Err: syscall.ENOSPC, Short: op.Do == "write"}
			}
			return faultfs.Fault{}
		}
		_, err := seal(t, disk.Process(full), 1)
		if err == nil {
			continue // it was done before the disk was full
		}
		if chatferry.KindOf(err) != chatferry.KindEnvironment || !strings.Contains(chatferry.HintOf(err), "free some space") {
			t.Errorf("at %d: kind %d, hint %q: %v", at, chatferry.KindOf(err), chatferry.HintOf(err), err)
		}
		if left := disk.Files("."); len(left) != 0 {
			t.Errorf("at %d: left %v", at, slices.Sorted(maps.Keys(left)))
		}
	}
}

// The process dies, or the power goes, before and after every operation. If Seal had returned, publication brings back
// the undisturbed files; otherwise nothing is visible, and the Part can be built again in a later epoch.
func TestEveryCrash(t *testing.T) {
	want, ops := undisturbed(t)
	for at := 1; at <= ops; at++ {
		for _, applied := range []bool{false, true} {
			for power := -1; power < len(faultfs.Survivals); power++ {
				seeds := uint64(1)
				if power >= 0 && faultfs.Survivals[power] == faultfs.KeepSome {
					seeds = 4 // the only one that draws lots
				}
				for seed := range seeds {
					crash(t, want, at, applied, power, seed)
				}
			}
		}
	}
}

func crash(t *testing.T, want map[string][]byte, at int, applied bool, power int, seed uint64) {
	t.Helper()
	where := fmt.Sprintf("at %d, applied %v, power %d, seed %d", at, applied, power, seed)
	disk := faultfs.NewDisk()
	p := disk.Process(faultfs.Plan{At: at, Reads: true, Fault: faultfs.Fault{Kill: true, Applied: applied}}.Hook())
	part, err := seal(t, p, 1)
	if err == nil {
		err = publish(t, p, part)
	}
	if err == nil {
		p.Kill() // behind the last operation
	}
	if power >= 0 {
		disk.PowerLoss(faultfs.Survivals[power], rand.New(rand.NewPCG(seed, 0)))
	}
	if part == nil && len(visible(disk)) > 0 {
		t.Errorf("%s: visible without a Checkpoint: %v", where, slices.Sorted(maps.Keys(visible(disk))))
	}
	for name, b := range visible(disk) {
		if !bytes.Equal(b, want[name]) {
			t.Errorf("%s: %s is not whole", where, name)
		}
	}
	p = disk.Process(nil)
	store := local.New(p)
	if part == nil {
		staged, err := store.ListStaged(t.Context(), shard.ID)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		for _, s := range staged {
			if err := store.Unstage(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", where, err)
			}
		}
		if part, err = seal(t, p, 2); err != nil {
			t.Fatalf("%s: build again: %v", where, err)
		}
	}
	if err := publish(t, p, part); err != nil {
		t.Errorf("%s: publish: %v", where, err)
	}
	disk.PowerLoss(faultfs.KeepNothing, rand.New(rand.NewPCG(seed, 1)))
	if got := visible(disk); !sameFiles(got, want) {
		t.Errorf("%s: files %v after publication and a power loss", where, slices.Sorted(maps.Keys(got)))
	}
}
