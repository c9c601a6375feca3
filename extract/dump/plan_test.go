package dump

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatferry"
)

// shape prints Shards as "id stream files from-to bytes".
func shape(shards []chatferry.Shard) []string {
	var out []string
	for _, s := range shards {
		var names []string
		for _, f := range s.Files {
			names = append(names, f.Path)
		}
		out = append(out, fmt.Sprintf("%d %s %s %d-%d %d", s.ID, s.Stream, strings.Join(names, ","), s.From, s.To, s.Bytes))
	}
	return out
}

func TestPlan(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	dir := folder(t, map[string]string{
		"chats/a.ndjson":       strings.Repeat(line, 3),
		"chats/b.ndjson":       strings.Repeat(line, 4),
		"chats/c.ndjson":       strings.Repeat(line, 35),
		"chats/d.ndjson":       strings.Repeat(line, 1),
		"chats/e.json":         "[" + strings.Repeat(" ", 2999),
		"chats/f.ndjson":       strings.Repeat(line, 2),
		"agents.json":          "[]",
		"goals/1.json":         "[]",
		"goals/2.json":         "",
		"visitors.gz.ndjson":   gzipOf("") + strings.Repeat("x", 2500),
		"login_sessions_1.csv": strings.Repeat(line, 30),
	})
	cuts := chatferry.Cuts{ShardBytes: 1000, PageBytes: 1 << 20, RecordBytes: 1 << 20}
	l := list(t, dir)
	shards := plan(t, l, cuts)
	visitors := len(gzipOf("")) + 2500
	want := []string{
		"1 agents agents.json 0-0 2",
		"2 goals goals/1.json,goals/2.json 0-0 2",
		"3 chats chats/a.ndjson,chats/b.ndjson 0-0 700",
		"4 chats chats/c.ndjson 0-1166 1166",
		"5 chats chats/c.ndjson 1166-2333 1167",
		"6 chats chats/c.ndjson 2333-3500 1167",
		"7 chats chats/d.ndjson 0-0 100",
		"8 chats chats/e.json 0-0 3000",
		"9 chats chats/f.ndjson 0-0 200",
		fmt.Sprintf("10 visitors visitors.gz.ndjson 0-0 %d", visitors),
		"11 analytics_login_sessions login_sessions_1.csv 0-0 3000",
	}
	if d := cmp.Diff(want, shape(shards)); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}

	t.Run("nothing new", func(t *testing.T) {
		again, err := l.Plan(context.Background(), shards, noneDone, cuts, 12)
		if err != nil || len(again) != 0 {
			t.Errorf("%v %v", shape(again), err)
		}
	})
	t.Run("new files", func(t *testing.T) {
		put(t, dir, "chats/bb.ndjson", line)
		defer os.Remove(filepath.Join(dir, "chats/bb.ndjson"))
		again, err := list(t, dir).Plan(context.Background(), shards, noneDone, cuts, 12)
		if d := cmp.Diff([]string{"12 chats chats/bb.ndjson 0-0 100"}, shape(again)); d != "" || err != nil {
			t.Errorf("%v\n%s", err, d)
		}
	})
	t.Run("another scope", func(t *testing.T) {
		again, err := l.Only(chatferry.Goals).Plan(context.Background(), shards, noneDone, cuts, 12)
		if err != nil || len(again) != 0 {
			t.Errorf("%v %v", shape(again), err)
		}
	})
	refused := func(name, what string, done func(chatferry.ShardID) bool, change func() (undo func())) {
		t.Run(name, func(t *testing.T) {
			defer change()()
			_, err := list(t, dir).Plan(context.Background(), shards, done, cuts, 12)
			if what == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if chatferry.KindOf(err) != chatferry.KindIncompatible || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "chats/f.ndjson") {
				t.Errorf("kind %d: %v", chatferry.KindOf(err), err)
			}
		})
	}
	f := filepath.Join(dir, "chats/f.ndjson")
	info, err := os.Stat(f)
	if err != nil {
		t.Fatal(err)
	}
	restore := func() {
		put(t, dir, "chats/f.ndjson", strings.Repeat(line, 2))
		os.Chtimes(f, time.Time{}, info.ModTime())
	}
	nine := func(id chatferry.ShardID) bool { return id == 9 }
	refused("size changed", "had 200 bytes when it was listed and has 100 now", nine, func() func() { put(t, dir, "chats/f.ndjson", line); return restore })
	refused("time changed", "was last written at", noneDone, func() func() { os.Chtimes(f, time.Time{}, time.Unix(1, 0)); return restore })
	refused("gone", "it was planned for chats and is gone", noneDone, func() func() { os.Remove(f); return restore })
	refused("gone when done", "", nine, func() func() { os.Remove(f); return restore })
}

// A file is as it was listed when its size and its time, or its ETag in an object store, are. From one kind of place to the
// other nothing can be told.
func TestCompare(t *testing.T) {
	at := time.Date(2021, 3, 1, 8, 0, 0, 500, time.UTC)
	disk := chatferry.File{Path: "chats/a.json", Size: 10, ModTime: at}
	object := chatferry.File{Path: "chats/a.json", Size: 10, ETag: `"v1"`}
	for _, tt := range []struct {
		listed, now chatferry.File
		says        string
	}{
		{disk, disk, ""},
		{disk, chatferry.File{Path: disk.Path, Size: 10, ModTime: at.In(time.FixedZone("", 3600))}, ""},
		{object, object, ""},
		{disk, chatferry.File{Path: disk.Path, Size: 9, ModTime: at}, "it had 10 bytes when it was listed and has 9 now"},
		{disk, chatferry.File{Path: disk.Path, Size: 10, ModTime: at.Add(1)}, "it was last written at 2021-03-01T08:00:00.0000005Z when it was listed"},
		{object, chatferry.File{Path: disk.Path, Size: 10, ETag: `"v2"`}, `its ETag was "v1" when it was listed and is "v2" now`},
		{disk, object, "it lay on a disk when it was listed and lies in an object store now"},
		{object, disk, "it lay in an object store when it was listed and lies on a disk now"},
	} {
		err := Compare(tt.listed, tt.now)
		switch {
		case tt.says == "" && err != nil:
			t.Error(err)
		case tt.says != "" && (chatferry.KindOf(err) != chatferry.KindIncompatible || !strings.Contains(err.Error(), "chats/a.json: "+tt.says)):
			t.Errorf("%v, want an error of KindIncompatible that says %q", err, tt.says)
		}
	}
}

func TestPlanManyTinyFiles(t *testing.T) {
	l := &Listing{}
	for i := range 20000 {
		l.Files = append(l.Files, Found{Stream: chatferry.Chats, File: chatferry.File{Path: fmt.Sprintf("chats/%05d.json", i), Size: 3000}})
	}
	shards := plan(t, l, chatferry.DefaultCuts())
	files, bytes := 0, int64(0)
	for _, s := range shards {
		files += len(s.Files)
		bytes += s.Bytes
	}
	if len(shards) != 4 || files != 20000 || bytes != 60_000_000 {
		t.Errorf("%d shards, %d files, %d bytes", len(shards), files, bytes)
	}
}

// However a file is cut into ranges, every line is read once, by the range in which it begins.
func TestRanges(t *testing.T) {
	for _, content := range []string{
		"\ufeff" + strings.Repeat("{\"a\":1}\n", 40),
		strings.Repeat("{\"a\":1}\r\n\r\n \n", 30) + "{\"last\":1}",
		"{\"a\":\"" + strings.Repeat("long", 50) + "\"}\n{\"b\":1}\n" + strings.Repeat("\n", 100) + "{\"c\":1}\n",
		strings.Repeat(" {\"a\":1}  \n", 20) + strings.Repeat("x", 300),
	} {
		want, _ := readFile(t, chatferry.Chats, "a.ndjson", content, smallCuts(30))
		for target := int64(1); target < int64(len(content)); target += 1 + target/7 {
			l := list(t, "chats="+folder(t, map[string]string{"a.ndjson": content}))
			cuts := smallCuts(30)
			cuts.ShardBytes = target
			shards := plan(t, l, cuts)
			source := NewSource(l, cuts)
			var got []recordCopy
			var bytes int64
			for i := range shards {
				pages := mustRead(t, source, &shards[i], "")
				records, _, stored := flatten(pages)
				if stored != shards[i].Bytes {
					t.Fatalf("range %d-%d: %d stored bytes", shards[i].From, shards[i].To, stored)
				}
				bytes += stored
				got = append(got, records...)
				checkResume(t, source, &shards[i], pages)
			}
			if d := cmp.Diff(want, got); d != "" || bytes != int64(len(content)) {
				t.Fatalf("%d ranges of %.40q, %d of %d bytes:\n%s", len(shards), content, bytes, len(content), d)
			}
		}
	}
}
