package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// everyKind returns a disk that holds a record of every kind.
func everyKind(t testing.TB) *faultfs.Disk {
	t.Helper()
	w := workload{shards: 1, parts: 2}
	disk := faultfs.NewDisk()
	ctx := context.Background()
	// The first run is killed with a committed Part whose staged file is then lost: the second takes it back.
	first := &process{workload: w, fsys: disk.Process(func(op faultfs.Op) faultfs.Fault {
		return faultfs.Fault{Kill: op.Do == "link" && strings.HasPrefix(op.To, "tables/chats/")}
	}), name: "first"}
	if err := first.work(ctx); err == nil {
		t.Fatal("the first run was not killed")
	}
	for name := range disk.Files(stagingFolder) {
		if err := disk.Erase(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&process{workload: w, fsys: disk.Process(nil), name: "second"}).work(ctx); err != nil {
		t.Fatal(err)
	}
	// The third is killed in a replace of which a staged file is then lost: the fourth undoes it, and makes it anew.
	w.replaces = []stubReplace{{at: 2, do: "settle"}}
	third := &process{workload: w, fsys: disk.Process(func(op faultfs.Op) faultfs.Fault {
		return faultfs.Fault{Kill: op.Do == "link" && strings.HasPrefix(op.To, "tables/chats/")}
	}), name: "third"}
	if err := third.work(ctx); err == nil {
		t.Fatal("the third run was not killed")
	}
	for name := range disk.Files(stagingFolder) {
		if err := disk.Erase(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&process{workload: w, fsys: disk.Process(nil), name: "fourth"}).work(ctx); err != nil {
		t.Fatal(err)
	}
	fifth := &process{workload: w, fsys: disk.Process(nil), name: "fifth"}
	if err := fifth.begin(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := fifth.run.Done(ctx, End{Watermark: "2026-11-22T06:00:00Z", Verdict: "complete"}); err != nil {
		t.Fatal(err)
	}
	return disk
}

// The bytes of every kind of record. They are never to change in format version 1.
func TestRecordsGolden(t *testing.T) {
	var b strings.Builder
	disk := everyKind(t)
	files := disk.Files(Folder)
	kinds := map[RecordKind]bool{}
	fmt.Fprintf(&b, "%s\n%s", formatName, files[formatName])
	for _, log := range []string{DatasetLog, "000000000001"} {
		for n := uint64(1); files[recordName(log, n)] != nil; n++ {
			data := files[recordName(log, n)]
			fmt.Fprintf(&b, "%s\n%s", recordName(log, n), data)
			r, err := DecodeRecord(data)
			if err != nil {
				t.Fatal(err)
			}
			kinds[r.Kind] = true
			again, err := r.Encode()
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("%s: %v, encoded again it is\n%s", recordName(log, n), err, again)
			}
		}
	}
	if len(kinds) != 11 {
		t.Errorf("only the kinds %v", kinds)
	}
	golden(t, "records.golden", b.String())
	if _, err := load(disk); err != nil {
		t.Error(err)
	}
}

// The page that describes the format shows real records: it has one of every kind, and they decode.
func TestFormatPage(t *testing.T) {
	page, err := os.ReadFile("format.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[RecordKind]bool{}
	blocks := strings.Split(string(page), "```json\n")[1:]
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		var line bytes.Buffer
		if err := json.Compact(&line, []byte(text)); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		line.WriteByte('\n')
		if _, err := decodeFormat(line.Bytes()); err == nil {
			continue
		}
		r, err := DecodeRecord(line.Bytes())
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
			continue
		}
		kinds[r.Kind] = true
	}
	if len(kinds) != 11 {
		t.Errorf("the page shows only %v", kinds)
	}
}

func TestDecodeRefuses(t *testing.T) {
	files := everyKind(t).Files(logFolder)
	commit := files[recordName("000000000001", 2)]
	sealed := func(body string) []byte {
		sum := sumOf([]byte(body))
		return []byte(body + sumMember + sum.String() + "\"}\n")
	}
	body := string(commit[:len(commit)-sumTail])
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "longer than"},
		{"no line end", commit[:len(commit)-1], "checksum"},
		{"a later version", sealed(strings.Replace(body, `"format":1`, `"format":2`, 1)), "version is 2"},
		{"a later version with new members", sealed(strings.Replace(body, `"format":1`, `"format":2,"new":1`, 1)), "version is 2"},
		{"an unknown member", sealed(strings.Replace(body, `"format":1`, `"format":1,"new":1`, 1)), "unknown field"},
		{"an unknown kind", sealed(strings.Replace(body, `"kind":"commit"`, `"kind":"omit"`, 1)), "unknown"},
		{"another kind", sealed(strings.Replace(body, `"kind":"commit"`, `"kind":"reopen"`, 1)), "missing or out of place"},
		{"no totals", sealed(body[:strings.Index(body, `,"totals"`)]), "totals"},
		{"not JSON", sealed(strings.Repeat("x", 200)), "invalid character"},
		{"no nonce", sealed(strings.Replace(body, `"nonce":"first.`, `"nonce":"","x":"`, 1)), "unknown field"},
		{"epoch 0", sealed(strings.Replace(body, `"epoch":1`, `"epoch":0`, 1)), "epoch"},
	} {
		if _, err := DecodeRecord(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	w := workload{shards: 1, parts: 1}
	disk := faultfs.NewDisk()
	if err := (&process{workload: w, fsys: disk.Process(nil), name: "x"}).work(context.Background()); err != nil {
		f.Fatal(err)
	}
	for _, data := range disk.Files(logFolder) {
		f.Add(data[:len(data)-sumTail], true)
		f.Add(data, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal { // otherwise nothing gets past the checksum
			sum := sumOf(data)
			data = append(bytes.Clone(data), sumMember+sum.String()+"\"}\n"...)
		}
		r, err := DecodeRecord(data)
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatalf("decoded, but not encoded: %v", err)
		}
		if _, err := DecodeRecord(again); err != nil {
			t.Fatalf("encoded again it is refused: %v\n%s", err, again)
		}
	})
}

// A log of anything is refused or folded, but never breaks the program.
func FuzzFold(f *testing.F) {
	w := workload{shards: 1, parts: 1}
	disk := faultfs.NewDisk()
	if err := (&process{workload: w, fsys: disk.Process(nil), name: "x"}).work(context.Background()); err != nil {
		f.Fatal(err)
	}
	files := disk.Files(logFolder)
	for _, name := range []string{recordName(DatasetLog, 1), recordName(DatasetLog, 2), recordName("000000000001", 2)} {
		f.Add(uint8(2), files[name][:len(files[name])-sumTail])
	}
	every := everyKind(f).Files(logFolder)
	for n := uint64(6); n <= 12; n++ {
		data := every[recordName(DatasetLog, n)]
		f.Add(uint8(2), data[:len(data)-sumTail])
	}
	f.Fuzz(func(t *testing.T, at uint8, body []byte) {
		sum := sumOf(body)
		data := append(bytes.Clone(body), sumMember+sum.String()+"\"}\n"...)
		names := []string{recordName(DatasetLog, 1), recordName(DatasetLog, 2), recordName(DatasetLog, 3), recordName("000000000001", 1), recordName("000000000001", 2)}
		disk := disk.Clone()
		if err := disk.Damage(names[int(at)%len(names)], data); err != nil {
			t.Fatal(err)
		}
		d, err := load(disk)
		if err == nil {
			d.Inventory()
			d.FilesOf()
			_, _, _ = d.Books()
		}
	})
}

func TestDecodeFormat(t *testing.T) {
	good := format{1, "00000000-0000-4000-8000-000000000000"}
	if f, err := decodeFormat(good.encode()); err != nil || f != good {
		t.Errorf("%v, %v", f, err)
	}
	for _, bad := range []string{"", "{}", string(good.encode()) + " ", `{"format":1,"dataset":"x"}` + "\n", `{"format":"1"}`} {
		if _, err := decodeFormat([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestUUID(t *testing.T) {
	a := newUUID(func() string { return "a" })
	if !uuidForm.MatchString(a) || a[14] != '4' || a == newUUID(func() string { return "b" }) {
		t.Errorf("%q is no UUID of version 4", a)
	}
}

// DiskLogs keeps to the contract of LogStore.
func TestDiskLogs(t *testing.T) {
	real, err := atomicfile.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, fsys := range map[string]atomicfile.FS{"real": real, "simulated": faultfs.NewDisk().Process(nil)} {
		t.Run("disk="+name, func(t *testing.T) {
			ctx := context.Background()
			logs := NewDiskLogs(fsys)
			if names, err := logs.List(ctx, logFolder); err != nil || len(names) != 0 {
				t.Errorf("no folder: %q, %v", names, err)
			}
			if err := logs.Sweep(ctx, logFolder, 9); err != nil {
				t.Error(err)
			}
			for try := range 2 {
				err := logs.Create(ctx, recordName("x", 1), epochTag(3)+"n", []byte{byte(try)})
				if (err == nil) != (try == 0) {
					t.Errorf("try %d: %v", try, err)
				}
			}
			folder := path.Dir(recordName("x", 1))
			if b, err := logs.Read(ctx, recordName("x", 1)); err != nil || !bytes.Equal(b, []byte{0}) {
				t.Errorf("read %v, %v", b, err)
			}
			for _, temp := range []string{"e000000000001-a-1", "e000000000004-b-1", "unknown"} {
				w, err := fsys.Create(folder + "/" + atomicfile.TempPrefix + temp)
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if err := logs.Sweep(ctx, folder, 4); err != nil {
				t.Error(err)
			}
			left, err := fsys.ReadDir(folder)
			if want := []string{".tmp-e000000000004-b-1", ".tmp-unknown", "000000000001.json"}; err != nil || !slices.Equal(left, want) {
				t.Errorf("left %q, %v", left, err)
			}
			if names, err := logs.List(ctx, folder); err != nil || !slices.Equal(names, []string{"000000000001.json"}) {
				t.Errorf("listed %q, %v", names, err)
			}
			cancelled, cancel := context.WithCancel(ctx)
			cancel()
			if err := logs.Create(cancelled, recordName("x", 2), epochTag(3)+"n", nil); err == nil {
				t.Error("created after the end of its context")
			}
		})
	}
}

// A cancelled run appends nothing more and leaves the log usable.
func TestCancelled(t *testing.T) {
	disk := faultfs.NewDisk()
	w := workload{shards: 1, parts: 2}
	p := stopAt(t, disk, w, 0)
	ctx, cancel := context.WithCancelCause(context.Background())
	s := w.shard(0)
	l, err := p.run.openShard(ctx, &s)
	if err != nil {
		t.Fatal(err)
	}
	part, err := p.stagePart(l, 0)
	if err != nil {
		t.Fatal(err)
	}
	cancel(chatferry.Errorf(chatferry.KindStopped, "", "stopped"))
	if err := l.Commit(ctx, part); chatferry.KindOf(err) != chatferry.KindStopped {
		t.Errorf("got %v", err)
	}
	if err := l.Commit(context.Background(), part); err != nil {
		t.Errorf("after the cancelled try: %v", err)
	}
}
