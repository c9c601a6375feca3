package dump

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatferry"
)

// threeMembers is a small file of three gzip members or zstd frames, with the ends of the first two.
func threeMembers(pack func(string) string) (packed string, records []string, ends []int) {
	for i := range 3 {
		var b strings.Builder
		for j := range 3 {
			r := fmt.Sprintf(`{"id":"%d.%d","msg":"héllo %s","n":[%d,{"x":null}]}`, i, j, strings.Repeat("abc", j), i*977+j)
			records = append(records, r)
			b.WriteString(r + "\n")
		}
		packed += pack(b.String())
		ends = append(ends, len(packed))
	}
	return packed, records, ends[:2]
}

// damaged reads files that differ in content only, over and over, without listing them anew.
type damaged struct {
	t      *testing.T
	source *Source
	dir    string
	stream chatferry.Stream
	file   string
}

func newDamaged(t *testing.T, stream chatferry.Stream, file string) *damaged {
	dir := t.TempDir()
	store := &Local{place: dir, base: dir}
	source := NewSource(&Listing{stores: map[chatferry.Stream]Store{stream: store}}, smallCuts(64))
	return &damaged{t, source, dir, stream, file}
}

func (d *damaged) read(content string) ([]recordCopy, []chatferry.Doubt) {
	d.t.Helper()
	name := filepath.Join(d.dir, d.file)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		d.t.Fatal(err)
	}
	shard := &chatferry.Shard{ID: 1, Stream: d.stream, Files: []chatferry.File{fileOf(d.file, info)}, Bytes: info.Size()}
	pages, err := readPages(d.source, shard, "")
	if err != nil {
		d.t.Fatalf("%q: %v", content, err)
	}
	records, doubts, stored := flatten(pages)
	if stored != shard.Bytes {
		d.t.Fatalf("%q: %d stored bytes of %d", content, stored, shard.Bytes)
	}
	return records, doubts
}

// faults counts the records that the Source itself found bad.
func faults(records []recordCopy) int {
	n := 0
	for _, r := range records {
		if r.Code != "" {
			n++
		}
	}
	return n
}

var memberPackings = []struct {
	name, ext string
	pack      func(string) string
}{
	{"gzip", ".gz", gzipOf}, {"zstd", ".zst", zstdOf}, {"zstd stream", ".zst", zstdStream},
}

// A file cut at any byte gives a Doubt, except between two members, which nobody can see. What stands before the cut is
// delivered, and whatever is delivered without a Fault is a true record.
func TestEveryTruncation(t *testing.T) {
	for _, pk := range memberPackings {
		t.Run(pk.name, func(t *testing.T) {
			packed, records, ends := threeMembers(pk.pack)
			d := newDamaged(t, chatferry.Chats, "a.ndjson"+pk.ext)
			for cut := range len(packed) {
				got, doubts := d.read(packed[:cut])
				between := slices.Index(ends, cut) + 1
				if between > 0 {
					if len(doubts) > 0 || len(got) != 3*between {
						t.Errorf("cut between members at %d: %d records, doubts %v", cut, len(got), doubts)
					}
					continue
				}
				if len(doubts) == 0 {
					t.Errorf("cut at %d of %d: no doubt; records %q", cut, len(packed), raws(got))
				}
				whole := 0
				for _, e := range ends {
					if cut > e {
						whole += 3
					}
				}
				good := got[:len(got)-faults(got)]
				if len(good) < whole || !slices.Equal(raws(good), records[:len(good)]) {
					t.Errorf("cut at %d: %d whole members before, delivered %q", cut, whole/3, raws(got))
				}
			}
		})
	}
}

// A file with any one bit flipped gives a Doubt or the complete set of records, never fewer or other ones in silence.
func TestEveryBitFlip(t *testing.T) {
	start := time.Now()
	flips, harmless := 0, 0
	for _, pk := range memberPackings {
		t.Run(pk.name, func(t *testing.T) {
			packed, records, _ := threeMembers(pk.pack)
			d := newDamaged(t, chatferry.Chats, "a.ndjson"+pk.ext)
			b := []byte(packed)
			for bit := range len(b) * 8 {
				b[bit/8] ^= 1 << (bit % 8)
				got, doubts := d.read(string(b))
				b[bit/8] ^= 1 << (bit % 8)
				flips++
				if len(doubts) > 0 {
					continue
				}
				harmless++
				if !slices.Equal(raws(got), records) || faults(got) > 0 {
					t.Errorf("bit %d of byte %d flipped: no doubt, but records %q", bit%8, bit/8, raws(got))
				}
			}
		})
	}
	t.Logf("%d flips, %d harmless, %v", flips, harmless, time.Since(start))
}

// What follows a member with a wrong checksum is read on; so is all of that member.
func TestChecksumAlone(t *testing.T) {
	for _, pk := range memberPackings {
		t.Run(pk.name, func(t *testing.T) {
			packed, records, ends := threeMembers(pk.pack)
			b := []byte(packed)
			at := ends[0] - 1 // the last byte of a zstd checksum
			if pk.ext == ".gz" {
				at = ends[0] - 8
			}
			b[at] ^= 0xff
			got, doubts := readFile(t, chatferry.Chats, "a.ndjson"+pk.ext, string(b), smallCuts(64))
			if d := cmp.Diff(records, raws(got)); d != "" || len(doubts) != 1 || !strings.Contains(doubts[0].Reason, "checksum") || doubts[0].At != int64(ends[0]) {
				t.Errorf("doubts %v, first member ends at %d, records (-want +got):\n%s", doubts, ends[0], d)
			}
		})
	}
}

// A frame of several blocks keeps its last block when its checksum is wrong, whatever the size of the reader's buffer.
func TestChecksumOfLargeFrame(t *testing.T) {
	var records []string
	for i := range 9000 {
		records = append(records, fmt.Sprintf(`{"id":"%d","x":"%x"}`, i, sum(fmt.Sprint(i))))
	}
	for _, n := range []int{1, 100, 4500, 9000} {
		content := strings.Join(records[:n], "\n") + "\n"
		b := []byte(zstdStream(content))
		b[len(b)-1] ^= 1
		got, doubts := readFile(t, chatferry.Chats, "a.ndjson.zst", string(b)+zstdOf("{\"id\":\"last\"}\n"), smallCuts(1<<20))
		if len(got) != n+1 || got[n].Raw != `{"id":"last"}` || len(doubts) != 1 {
			t.Errorf("%d records: got %d, doubts %v", n, len(got), doubts)
		}
	}
}

func TestAfterLastMember(t *testing.T) {
	for _, pk := range memberPackings {
		for _, tail := range []struct{ name, bytes, want string }{
			{"zeros", strings.Repeat("\x00", 1000), "1000 trailing zero bytes"},
			{"one zero", "\x00", "1 trailing zero bytes"},
			{"text", "garbage", "7 trailing bytes that are not " + map[bool]string{true: "gzip member", false: "zstd frame"}[pk.ext == ".gz"]},
			{"three bytes", "\x28\xb5\x2f", "3 trailing bytes"},
		} {
			t.Run(pk.name+"/"+tail.name, func(t *testing.T) {
				got, doubts := readFile(t, chatferry.Chats, "a.ndjson"+pk.ext, pk.pack("{\"id\":1}\n{\"id\":2}")+tail.bytes, smallCuts(64))
				if d := cmp.Diff([]recordCopy{{Raw: `{"id":1}`}, {Raw: `{"id":2}`, Offset: 9}}, got); d != "" {
					t.Error(d)
				}
				if len(doubts) != 1 || !strings.Contains(doubts[0].Reason, tail.want) || doubts[0].File != "a.ndjson"+pk.ext {
					t.Errorf("doubts %v, want %q", doubts, tail.want)
				}
			})
		}
	}
}

// A cut costs the record it falls into, and the Shard goes on with its next file. The Doubt belongs to one Page.
func TestCutFileAndNextFile(t *testing.T) {
	for _, pk := range memberPackings {
		t.Run(pk.name, func(t *testing.T) {
			var b strings.Builder
			for i := range 400 {
				fmt.Fprintf(&b, "{\"id\":%d,\"x\":\"%s\"}\n", i, sum(fmt.Sprint(i)))
			}
			packed := pk.pack(b.String())
			l := list(t, "chats="+folder(t, map[string]string{
				"a.ndjson" + pk.ext: packed[:len(packed)*2/3],
				"b.ndjson" + pk.ext: pk.pack("{\"id\":\"next\"}\n"),
			}))
			shards := plan(t, l, smallCuts(500))
			source := NewSource(l, smallCuts(500))
			pages := mustRead(t, source, &shards[0], "")
			got, doubts, _ := flatten(pages)
			last := got[len(got)-1]
			if last.Raw != `{"id":"next"}` || len(doubts) != 1 || doubts[0].File != "a.ndjson"+pk.ext || !strings.Contains(doubts[0].Reason, "cut off") {
				t.Errorf("last %v, doubts %v", last, doubts)
			}
			if pk.ext == ".gz" { // zstd gives whole blocks, and this is but one
				if cut := got[len(got)-2]; cut.Code != chatferry.CodeTruncated || !strings.HasPrefix(cut.Raw, `{"id":`) {
					t.Errorf("the record at the cut is %+v", cut)
				}
			}
			checkResume(t, source, &shards[0], pages)
		})
	}
}

func TestCheckSource(t *testing.T) {
	good := gzipOf("{}\n")
	dir := folder(t, map[string]string{
		"chats/1.ndjson.gz":     good,
		"chats/2.ndjson.gz":     good[:len(good)-3],
		"chats/3.ndjson":        "{}\n",
		"chats/4.ndjson.zst":    "",
		"chats/5.ndjson.zst":    zstdOf("{}\n") + "tail",
		"chats/6.ndjson.gz":     "{\"unpacked\":\"on the way\"}\n",
		"visitors/1.ndjson.zst": "\x01\x02\x03 damaged",
	})
	var total int64
	progress := make(chan int64, 100)
	doubts, err := CheckSource(context.Background(), list(t, dir), func(n int64) { progress <- n })
	if err != nil {
		t.Fatal(err)
	}
	close(progress)
	for n := range progress {
		total += n
	}
	if l := list(t, dir); total != l.Bytes() {
		t.Errorf("progress %d of %d", total, l.Bytes())
	}
	var files []string
	for _, d := range doubts {
		files = append(files, d.File)
	}
	if d := cmp.Diff([]string{"chats/2.ndjson.gz", "chats/4.ndjson.zst", "chats/5.ndjson.zst", "visitors/1.ndjson.zst"}, files); d != "" {
		t.Errorf("%v\n%s", doubts, d)
	}
}
