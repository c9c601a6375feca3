package dump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatferry"
)

func long(r recordCopy) recordCopy { // too long to print
	if len(r.Raw) > 200 {
		r.Raw = fmt.Sprintf("%d bytes", len(r.Raw))
	}
	return r
}

// What becomes of files that are not as they should be: each record, with its fault, and how many Doubts.
func TestHostile(t *testing.T) {
	rec := func(at int64, raw string) recordCopy {
		return recordCopy{Raw: raw, Offset: chatferry.FileOffset(0, at)}
	}
	bad := func(at int64, code chatferry.Code, raw string) recordCopy {
		r := rec(at, raw)
		r.Code = code
		return r
	}
	big := strings.Repeat("z", 2<<20)
	deep := strings.Repeat("[", 100_000)
	structure, truncated, tooLong := chatferry.CodeStructure, chatferry.CodeTruncated, chatferry.CodeTooLong
	chats, bans, routing, csv := chatferry.Chats, chatferry.Bans, chatferry.RoutingSettings, chatferry.AnalyticsLoginSessions

	tests := []struct {
		name    string
		stream  chatferry.Stream
		content string
		want    []recordCopy
		doubts  int
	}{
		{"empty", chats, "", nil, 0},
		{"only line ends", chats, "\n\r\n\n", nil, 0},
		{"only white space", chats, " \t ", nil, 0},
		{"only a mark", chats, "\ufeff", nil, 0},
		{"bad line", chats, "{\"a\":1}\n{oops\n{\"b\":1}", []recordCopy{rec(0, `{"a":1}`), rec(8, `{oops`), rec(14, `{"b":1}`)}, 0},
		{"bad first line", chats, "{\"a\":\n{\"b\":1}\n{\"c\":1}\n", []recordCopy{rec(0, `{"a":`), rec(6, `{"b":1}`), rec(14, `{"c":1}`)}, 0},
		{"first line ends in a string", chats, "{\"a\":\"x\n{\"b\":1}\n", []recordCopy{rec(0, `{"a":"x`), rec(8, `{"b":1}`)}, 0},
		{"first line is cut in a list", chats, "{\"a\":[\n{\"b\":1}\n{\"c\":1}\n", []recordCopy{rec(0, `{"a":[`), rec(7, `{"b":1}`), rec(15, `{"c":1}`)}, 0},
		{"something behind the first record", chats, "{\"a\":1} x\n{\"b\":1}", []recordCopy{rec(0, `{"a":1} x`), rec(10, `{"b":1}`)}, 0},
		{"lone carriage return", chats, "{\"a\":1}\r{\"b\":1}\n{\"c\":1}", []recordCopy{rec(0, `{"a":1}`), rec(8, `{"b":1}`), rec(16, `{"c":1}`)}, 0},
		{"lone carriage return on a later line", chats, "{\"a\":1}\n{\"b\":1}\r{\"c\":1}", []recordCopy{rec(0, `{"a":1}`), rec(8, "{\"b\":1}\r{\"c\":1}")}, 0},
		{"NUL", chats, "{\"a\":\"\x00\"}\n\x00\n", []recordCopy{rec(0, "{\"a\":\"\x00\"}"), rec(10, "\x00")}, 0},
		{"UTF-16", chats, "\xff\xfe{\x00}\x00\n\x00", []recordCopy{rec(0, "\xff\xfe{\x00}\x00"), rec(7, "\x00")}, 0},
		{"mark on a later line", chats, "{}\n\ufeff{}\n", []recordCopy{rec(0, "{}"), rec(3, "\ufeff{}")}, 0},
		{"last line cut", chats, "{\"a\":1}\n{\"b\":", []recordCopy{rec(0, `{"a":1}`), rec(8, `{"b":`)}, 0},
		{"too long line", chats, "{}\n" + big + "\n{}\n", []recordCopy{
			rec(0, "{}"),
			{Raw: "1048576 bytes", Offset: 3, Code: tooLong, RawLen: 2 << 20, SHA: sum(big)},
			rec(3+2<<20+1, "{}"),
		}, 0},
		{"too long last line", chats, "{}\n" + big, []recordCopy{rec(0, "{}"), {Raw: "1048576 bytes", Offset: 3, Code: tooLong, RawLen: 2 << 20, SHA: sum(big)}}, 0},
		{"line of exactly the limit", chats, "{}\n" + big[:1<<20] + "\n", []recordCopy{rec(0, "{}"), rec(3, "1048576 bytes")}, 0},
		{"line a byte too long", chats, "{}\n" + big[:1<<20+1] + "\n", []recordCopy{
			rec(0, "{}"),
			{Raw: "1048576 bytes", Offset: 3, Code: tooLong, RawLen: 1<<20 + 1, SHA: sum(big[:1<<20+1])},
		}, 0},
		{"blank megabytes", chats, strings.Repeat(" ", 3<<20) + "\n{}", []recordCopy{rec(3<<20+1, "{}")}, 0},

		{"array that is not closed", chats, `[{"a":1},{"b":1}`, []recordCopy{rec(1, `{"a":1}`), rec(9, `{"b":1}`)}, 1},
		{"array cut behind a comma", chats, `[{"a":1},`, []recordCopy{rec(1, `{"a":1}`)}, 1},
		{"array cut in a record", chats, `[{"a":1},{"b": `, []recordCopy{rec(1, `{"a":1}`), bad(9, truncated, `{"b":`)}, 1},
		{"array cut in a string", chats, `[{"a":1},{"b":"]}`, []recordCopy{rec(1, `{"a":1}`), bad(9, truncated, `{"b":"]}`)}, 1},
		{"array cut behind a backslash", chats, `["\\\`, []recordCopy{bad(1, truncated, `"\\\`)}, 1},
		{"array cut in a number", chats, `[1,23`, []recordCopy{rec(1, "1"), rec(3, "23")}, 1},
		{"no comma", chats, `[{"a":1} {"b":1}]`, []recordCopy{rec(1, `{"a":1}`), bad(9, structure, `{"b":1}]`)}, 0},
		{"two commas", chats, `[1,,2]`, []recordCopy{rec(1, "1"), bad(3, structure, ",2]")}, 0},
		{"comma at the end", chats, `[1,]`, []recordCopy{rec(1, "1"), bad(3, structure, "]")}, 0},
		{"wrong bracket", chats, `[1}`, []recordCopy{rec(1, "1"), bad(2, structure, "}")}, 0},
		{"wrong bracket inside", chats, `[{"a":[1},2]},3]`, []recordCopy{rec(1, `{"a":[1},2]`), bad(12, structure, `},3]`)}, 0},
		{"word behind an array", chats, `[1] oops [2]`, []recordCopy{rec(1, "1"), bad(4, structure, "oops [2]")}, 0},
		{"long rest", chats, "[1 " + big, []recordCopy{rec(1, "1"), {Raw: "1048576 bytes", Offset: 3, Code: structure, RawLen: 2 << 20, SHA: sum(big)}}, 0},
		{"too long element", chats, `[1,"` + big + `",2]`, []recordCopy{
			rec(1, "1"),
			{Raw: "1048576 bytes", Offset: 3, Code: tooLong, RawLen: 2<<20 + 2, SHA: sum(`"` + big + `"`)},
			rec(2<<20+6, "2"),
		}, 0},
		{"array of other things", chats, `[null, "x", 1.5e3, [1], true, {}]`, []recordCopy{rec(1, "null"), rec(7, `"x"`), rec(12, "1.5e3"), rec(19, "[1]"), rec(24, "true"), rec(30, "{}")}, 0},
		{"deep in a line", chats, deep + "\n", []recordCopy{bad(1, truncated, "99999 bytes")}, 1},
		{"deep in an array", chats, "[" + deep + strings.Repeat("]", 100_000) + ",{}]", []recordCopy{rec(1, "200000 bytes"), rec(200002, "{}")}, 0},

		{"page of nothing", chats, `{"chats":[],"count":0}`, nil, 0},
		{"page with null", chats, `{"chats":null}`, []recordCopy{rec(0, `{"chats":null}`)}, 0},
		{"page of results", chats, `{"results":[{"id":1}]}`, []recordCopy{rec(0, `{"results":[{"id":1}]}`)}, 0},
		{"page of another stream", chats, `{"visitors":[{"id":1}]}`, []recordCopy{rec(0, `{"visitors":[{"id":1}]}`)}, 0},
		{"page twice the name", chats, `{"chats":[{}],"chats":[1]}`, []recordCopy{rec(10, "{}"), rec(23, "1")}, 0},
		{"page cut in another member", chats, `{"chats":[{}],"next_url":"htt`, []recordCopy{rec(10, "{}")}, 1},
		{"page cut in a name", chats, `{"chats":[{}],"nex`, []recordCopy{rec(10, "{}"), bad(14, structure, `"nex`)}, 0},
		{"page without colon", chats, `{"chats":[{}],"next" 1}`, []recordCopy{rec(10, "{}"), bad(14, structure, `"next" 1}`)}, 0},
		{"page with a bare name", chats, `{"chats":[{}],next:1}`, []recordCopy{rec(10, "{}"), bad(14, structure, `next:1}`)}, 0},
		{"page with brackets in text", chats, `{"next_url":"]}\"","chats":[{"a":"]}"}],"next_page":"}"}` + "\n" + `{"chats":[2]}`, []recordCopy{rec(28, `{"a":"]}"}`), rec(67, "2")}, 0},
		{"page with a huge cursor", chats, `{"chats":[1],"next_url":"` + big + `"}{"chats":[2]}`, []recordCopy{rec(10, "1"), rec(2<<20+37, "2")}, 0},
		{"page with a member that no page has", chats, `{"chats":[1],"x":{"y":2},"count":1}`, []recordCopy{rec(10, "1"), bad(17, structure, `{"y":2}`)}, 0},
		{"record with an array that a page has", bans, `{"id":1,"ip_address":["1.2.3.4"],"reason":"spam"}`, []recordCopy{rec(0, `{"id":1,"ip_address":["1.2.3.4"],"reason":"spam"}`)}, 0},
		{"the same in an array", chats, `[{"id":1,"chats":[2]},{"chats":[3]}]`, []recordCopy{rec(1, `{"id":1,"chats":[2]}`), rec(32, "3")}, 0},
		{"record whose array comes first", bans, `{"ip_address":["1.2.3.4"],"id":1}`, []recordCopy{rec(15, `"1.2.3.4"`), bad(31, structure, "1")}, 0},
		{"page in a record", chats, `{"id":1,"x":{"chats":[1]}}`, []recordCopy{rec(0, `{"id":1,"x":{"chats":[1]}}`)}, 0},
		{"docs", chats, `{"docs":{"a":{"id":"a"},"b": null ,"c":nul,"d":[1]}}`, []recordCopy{
			rec(13, `{"id":"a"}`),
			bad(24, chatferry.CodeNotObject, `"b": null`), rec(39, "nul"), rec(47, "[1]"),
		}, 0},
		{"docs end in null", chats, `{"docs":{"b":null}}`, []recordCopy{bad(9, chatferry.CodeNotObject, `"b":null`)}, 0},
		{"docs of others are records", chatferry.Visitors, `{"docs":{"a":{}}}`, []recordCopy{rec(0, `{"docs":{"a":{}}}`)}, 0},
		{"docs cut", chats, `{"docs":{"a":{"id"`, []recordCopy{bad(13, truncated, `{"id"`)}, 1},
		{"bans", bans, `{"visitor":[{"id":1}],"ip_address":[{"id":2}]}`, []recordCopy{rec(12, `{"id":1}`), rec(36, `{"id":2}`)}, 0},
		{"one ban of an address", bans, `{"ip_address":"1.2.3.4","id":2}`, []recordCopy{rec(0, `{"ip_address":"1.2.3.4","id":2}`)}, 0},
		{"routing settings", routing, "{\n \"data\" : {\"routing_mode\":\"assigned\"} }\n", []recordCopy{rec(12, `{"routing_mode":"assigned"}`)}, 0},
		{"routing settings of agents", routing, `{"data":[{"agent_id":1},{"agent_id":2}]}`, []recordCopy{rec(9, `{"agent_id":1}`), rec(24, `{"agent_id":2}`)}, 0},
		{"one object over lines", chatferry.Account, "{\n  \"a\": [\n    1\n  ]\n}\n", []recordCopy{rec(0, "{\n  \"a\": [\n    1\n  ]\n}")}, 0},
		{"odd object over lines", chatferry.Account, "{\n  \"a\" 1\n}\n{}", []recordCopy{rec(0, "{\n  \"a\" 1\n}"), rec(12, "{}")}, 0},
		{"object over lines is cut", chatferry.Account, "{\n  \"a\": 1,\n", []recordCopy{bad(0, truncated, "{\n  \"a\": 1,")}, 0},

		{"csv without a row", csv, "a,b\n", nil, 0},
		{"csv of nothing", csv, "\n\r\n", nil, 0},
		{"csv lone carriage return", csv, "a,b\n1,\r2\r\n\r", []recordCopy{rec(4, "1,\r2")}, 0},
		{"csv quotes", csv, "a,b\n\"1\n\"\"\n\",2\nx\"y,\"\"\n\"z\"w\"\n", []recordCopy{rec(4, "\"1\n\"\"\n\",2"), rec(14, `x"y,""`), rec(21, `"z"w"`)}, 0},
		{"csv open quote", csv, "a,b\n1,2\n3,\"4\n5,6\n", []recordCopy{rec(4, "1,2"), bad(8, chatferry.CodeCSVRow, "3,\"4\n5,6\n")}, 0},
		{"csv open quote in the header", csv, "a,\"b\n1,2\n", []recordCopy{bad(0, chatferry.CodeCSVHeader, "a,\"b\n1,2\n")}, 0},
		{"csv too long", csv, "a,b\n\"" + big + "\n\",2\n3,4", []recordCopy{
			{Raw: "1048576 bytes", Offset: 4, Code: tooLong, RawLen: 2<<20 + 5, SHA: sum("\"" + big + "\n\",2")}, rec(2<<20+10, "3,4"),
		}, 0},
		{"csv NUL", csv, "a\n\x00\n", []recordCopy{rec(2, "\x00")}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := "a.json"
			if tt.stream.CSV() {
				name = "a.csv"
			}
			got, doubts := readFile(t, tt.stream, name, tt.content, smallCuts(1<<20))
			for i := range got {
				got[i] = long(got[i])
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if len(doubts) != tt.doubts {
				t.Errorf("doubts %v", doubts)
			}
			packed, _ := readFile(t, tt.stream, name+".gz", gzipOf(tt.content), smallCuts(100))
			for i := range packed {
				packed[i] = long(packed[i])
			}
			if d := cmp.Diff(got, packed); d != "" {
				t.Errorf("compressed (-plain +gzip):\n%s", d)
			}
		})
	}
}

// Whatever the input, memory stays within the record limit and a few buffers.
func TestBoundedMemory(t *testing.T) {
	bomb := func(pack func(io.Writer) io.WriteCloser) string {
		var b strings.Builder
		w := pack(&b)
		zeros := make([]byte, 1<<20)
		for range 64 {
			w.Write(zeros)
		}
		w.Write([]byte("\n{}\n"))
		w.Close()
		return b.String()
	}
	for _, tt := range []struct {
		name, file, content string
		wantRecords         int
	}{
		{"gzip bomb", "a.ndjson.gz", bomb(gzipWriter), 2},
		{"zstd bomb", "a.ndjson.zst", bomb(zstdWriter), 2},
		{"zstd frame that asks for a window of 3 TiB", "a.ndjson.zst", "\x28\xb5\x2f\xfd\x00\xff" + strings.Repeat("\x00", 100), 0},
		{"zstd frame that claims 2^63 bytes", "a.ndjson.zst", "\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x00", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			got, doubts := readFile(t, chatferry.Chats, tt.file, tt.content, smallCuts(1<<20))
			runtime.ReadMemStats(&after)
			if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 40 {
				t.Errorf("allocated %d MiB", n)
			}
			if len(got) != tt.wantRecords || (len(doubts) > 0) != (tt.wantRecords == 0) {
				t.Errorf("%d records, doubts %v", len(got), doubts)
			}
			if tt.wantRecords == 2 && (got[0].RawLen != 64<<20 || got[0].Code != chatferry.CodeTooLong) {
				t.Errorf("the bomb: %d bytes, %s", got[0].RawLen, got[0].Code)
			}
		})
	}
}

// A file that is not as listed is an error that names it, when the Shard is opened, when its turn comes, and when it
// changes while it is read.
func TestChangedFile(t *testing.T) {
	content := strings.Repeat("{\"id\":1}\n", 1000)
	cuts := smallCuts(100)
	begin := func(t *testing.T) (dir string, r chatferry.Reader, open func() (chatferry.Reader, error)) {
		dir = folder(t, map[string]string{"chats/a.ndjson": content, "chats/b.ndjson": content})
		l := list(t, dir)
		shards := plan(t, l, cuts)
		source := NewSource(l, cuts)
		open = func() (chatferry.Reader, error) { return source.Open(context.Background(), &shards[0], "") }
		r, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return dir, r, open
	}
	drain := func(r chatferry.Reader) error {
		for {
			p, err := r.Next(context.Background())
			if err != nil {
				return err
			}
			p.Release()
		}
	}
	want := func(t *testing.T, err error, name, what string) {
		t.Helper()
		if chatferry.KindOf(err) != chatferry.KindIncompatible || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), what) {
			t.Errorf("kind %d: %v", chatferry.KindOf(err), err)
		}
	}
	t.Run("before opening", func(t *testing.T) {
		dir, _, open := begin(t)
		put(t, dir, "chats/a.ndjson", content+"{}")
		_, err := open()
		want(t, err, "chats/a.ndjson", "9000 bytes")
	})
	t.Run("before its turn", func(t *testing.T) {
		dir, r, _ := begin(t)
		put(t, dir, "chats/b.ndjson", content[9:])
		want(t, drain(r), "chats/b.ndjson", "8991")
	})
	t.Run("gone before its turn", func(t *testing.T) {
		dir, r, _ := begin(t)
		os.Remove(filepath.Join(dir, "chats/b.ndjson"))
		want(t, drain(r), "chats/b.ndjson", "gone")
	})
	t.Run("a pipe in its place", func(t *testing.T) {
		dir, r, _ := begin(t)
		os.Remove(filepath.Join(dir, "chats/b.ndjson"))
		os.Mkdir(filepath.Join(dir, "chats/b.ndjson"), 0o700)
		want(t, drain(r), "chats/b.ndjson", "no longer a regular file")
	})
	t.Run("while it is read", func(t *testing.T) {
		dir, r, _ := begin(t)
		p, err := r.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		p.Release()
		os.Chtimes(filepath.Join(dir, "chats/a.ndjson"), time.Time{}, time.Unix(5, 0))
		want(t, drain(r), "chats/a.ndjson", "last written")
		if _, again := r.Next(context.Background()); again == nil || errors.Is(again, io.EOF) {
			t.Errorf("after the error: %v", again)
		}
	})
	t.Run("shrinks while it is read", func(t *testing.T) {
		dir, r, _ := begin(t)
		os.Truncate(filepath.Join(dir, "chats/a.ndjson"), 10)
		want(t, drain(r), "chats/a.ndjson", "10 now")
	})
}

func TestBadPositions(t *testing.T) {
	l := list(t, folder(t, map[string]string{"chats.ndjson.gz": gzipOf("{}\n{}\n")}))
	cuts := smallCuts(1)
	shards := plan(t, l, cuts)
	source := NewSource(l, cuts)
	for _, pos := range []chatferry.Position{"0", "x", ":", "-1:0", "0:-1", "1:1", "2:0", "00:0", "0:01", "0:0 ", "0:99999999999999", "0:9223372036854775808", "0:7", "+0:0"} {
		if pages, err := readPages(source, &shards[0], pos); chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("%q: %v, %v", pos, err, pages)
		}
	}
	if pages := mustRead(t, source, &shards[0], "1:0"); len(pages) != 0 {
		t.Errorf("the end has pages: %v", pages)
	}
	if _, err := source.Open(context.Background(), &chatferry.Shard{Stream: chatferry.Goals}, ""); chatferry.KindOf(err) != chatferry.KindIncompatible {
		t.Error(err)
	}
	escape := chatferry.Shard{Stream: chatferry.Chats, Files: []chatferry.File{{Path: "../chats.ndjson.gz"}}}
	if _, err := source.Open(context.Background(), &escape, ""); chatferry.KindOf(err) != chatferry.KindIncompatible {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	for _, file := range []string{"chats.ndjson", "chats.ndjson.gz"} {
		content := strings.Repeat("{\"id\":1}\n", 500000)
		if strings.HasSuffix(file, ".gz") {
			content = gzipOf(content)
		}
		l := list(t, folder(t, map[string]string{file: content}))
		cuts := smallCuts(1 << 20)
		shards := plan(t, l, cuts)
		ctx, cancel := context.WithCancelCause(context.Background())
		r, err := NewSource(l, cuts).Open(ctx, &shards[0], "")
		if err != nil {
			t.Fatal(err)
		}
		stop := chatferry.Errorf(chatferry.KindStopped, "resume", "stopped")
		cancel(stop)
		for err == nil {
			var p *chatferry.Page
			if p, err = r.Next(ctx); err == nil {
				p.Release()
			}
		}
		if !errors.Is(err, stop) {
			t.Errorf("%s: %v", file, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
