package dump

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatferry"
)

var fuzzCuts = chatferry.Cuts{PageBytes: 40, RecordBytes: 300}

// readMemory reads content in one go, in small steps, and from every Page's end on, and wants the same of each.
func readMemory(t *testing.T, stream chatferry.Stream, content []byte, ranges bool) ([]recordCopy, []chatferry.Doubt) {
	t.Helper()
	var first []pageCopy
	for i, step := range []int{0, 1, 7} {
		source := NewSource(&Listing{stores: map[chatferry.Stream]Store{stream: &memoryStore{content: content, step: step}}}, fuzzCuts)
		shard := &chatferry.Shard{ID: 1, Stream: stream, Bytes: int64(len(content)), Files: []chatferry.File{{Path: "x", Size: int64(len(content))}}}
		if ranges {
			shard.To = shard.Bytes
		}
		pages := mustRead(t, source, shard, "")
		if i == 0 {
			first = pages
			checkResume(t, source, shard, pages)
			continue
		}
		if d := cmp.Diff(first, pages); d != "" {
			t.Fatalf("in steps of %d bytes (-in one go +in steps):\n%s", step, d)
		}
	}
	records, doubts, stored := flatten(first)
	if stored != int64(len(content)) {
		t.Fatalf("%d stored bytes of %d", stored, len(content))
	}
	return records, doubts
}

// between checks that the records stand in content in order, and returns what stands between them.
func between(t *testing.T, content []byte, records []recordCopy) []byte {
	t.Helper()
	var rest []byte
	end := 0
	for _, r := range records {
		_, at := r.Offset.Split()
		length := max(int(r.RawLen), len(r.Raw))
		if int(at) < end || int(at)+length > len(content) {
			t.Fatalf("a record of %d bytes at %d, after one that ends at %d, in %d bytes", length, at, end, len(content))
		}
		if whole := string(content[at:][:length]); whole[:len(r.Raw)] != r.Raw || r.SHA != "" && r.SHA != sum(whole) {
			t.Fatalf("at %d stands %q, not %q", at, whole, r.Raw)
		}
		rest = append(rest, content[end:at]...)
		end = int(at) + length
	}
	return append(rest, content[end:]...)
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("{\"a\":1}\n{\"b\":\"\\n\"}\r\n\n {oops \nlast"))
	f.Add([]byte("\ufeff\n{}\n" + string(bytes.Repeat([]byte("x"), 400)) + "\n{}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		records, doubts := readMemory(t, chatferry.Chats, content, true)
		if rest := bytes.TrimPrefix(between(t, content, records), byteOrderMark); len(bytes.Trim(rest, " \t\r\n")) > 0 {
			t.Fatalf("between the lines stands %q", rest)
		}
		content = bytes.TrimPrefix(content, byteOrderMark)
		var want []string
		for line := range bytes.SplitSeq(content, []byte("\n")) {
			if line = bytes.Trim(line, " \t\r"); len(line) > 0 {
				want = append(want, string(line))
			}
		}
		if len(want) != len(records) || len(doubts) > 0 {
			t.Fatalf("%d lines, %d records, doubts %v", len(want), len(records), doubts)
		}
		for i, r := range records {
			if r.Raw != want[i] && r.Code != chatferry.CodeTooLong {
				t.Fatalf("record %d is %q, want %q", i, r.Raw, want[i])
			}
		}
	})
}

func FuzzDocuments(f *testing.F) {
	for _, s := range []string{
		`[{"id":1},{"id":"]\\"},3,null,"x"]`, `{"count":1,"chats":[{"a":[{}]},2],"next_page":"x"}`, `{"docs":{"a":{"b":1},"c":null}}`,
		"{\"a\":\n1}{\"b\":2}", `[{"chats":[1,2]},{"chats":[]}]`, `[1,2`, `{"chats":[1,,2]}`, "[1]\n[2]\n", `[["x",{"chats":[1]}]]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if compressionOf(content) != plain || sniff(chatferry.Chats, content[:min(len(content), sniffBytes)]) != formatDocuments {
			return
		}
		records, doubts := readMemory(t, chatferry.Chats, content, false)
		rest := between(t, content, records)
		if !json.Valid(content) || tooLongAny(records) {
			return
		}
		if len(doubts) > 0 {
			t.Fatalf("valid JSON, doubts %v", doubts)
		}
		want, ok := recordsOf(content)
		if ok && !slices.Equal(raws(records), want) {
			t.Fatalf("got %q, want %q", raws(records), want)
		}
		if content[0] == '[' && ok && len(bytes.Trim(rest, " \t\r\n,[]")) > 0 {
			t.Fatalf("between the elements of an array stands %q", rest)
		}
	})
}

func tooLongAny(records []recordCopy) bool {
	return slices.ContainsFunc(records, func(r recordCopy) bool { return r.Code == chatferry.CodeTooLong })
}

// recordsOf takes a JSON value apart with another decoder. It leaves out pages in arrays and pages with null in docs.
func recordsOf(content []byte) (records []string, ok bool) {
	add := func(list []json.RawMessage) {
		for _, r := range list {
			records = append(records, string(r))
		}
	}
	var list []json.RawMessage
	if json.Unmarshal(content, &list) == nil {
		for _, r := range list {
			if r[0] == '{' && (bytes.Contains(r, []byte(`"chats"`)) || bytes.Contains(r, []byte(`"docs"`))) {
				return nil, false
			}
		}
		add(list)
		return records, true
	}
	page := json.NewDecoder(bytes.NewReader(content))
	if tok, err := page.Token(); err != nil || tok != json.Delim('{') {
		return nil, false
	}
	wrapped := false
	for page.More() {
		key, err := page.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := page.Decode(&value); err != nil {
			return nil, false
		}
		switch {
		case bytes.Contains(content, []byte(`\`)):
			return nil, false // a name may be written in another way
		case key == "chats" && value[0] == '[':
			wrapped = true
			if err := json.Unmarshal(value, &list); err != nil {
				return nil, false
			}
			add(list)
		case key == "docs":
			return nil, false
		}
	}
	if !wrapped {
		records = []string{string(bytes.TrimSpace(content))}
	}
	return records, true
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,b\n1,2\r\n\"x\n\"\"\",y\n\n3,\"4"))
	f.Add([]byte("\ufeff\n\"a\nb\"\r\n\r"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if compressionOf(content) != plain {
			return
		}
		records, doubts := readMemory(t, chatferry.AnalyticsLoginSessions, content, false)
		rest := between(t, content, records)
		if len(doubts) > 0 {
			t.Fatal(doubts)
		}
		rest = bytes.TrimLeft(bytes.TrimPrefix(rest, byteOrderMark), "\r\n")
		header := 0
		if len(records) == 0 || records[0].Code != chatferry.CodeCSVHeader {
			var q quotes
			header, _ = q.scan(rest)
		}
		if left := bytes.Trim(rest[header:], "\r\n"); len(left) > 0 && !tooLongAny(records) {
			t.Fatalf("between the rows stands %q", left)
		}
	})
}

// Whatever a damaged compressed file holds, reading it ends: at the file's last byte, or with a Doubt.
func FuzzCompressed(f *testing.F) {
	for _, pk := range memberPackings {
		packed, _, _ := threeMembers(pk.pack)
		f.Add([]byte(packed))
		f.Add([]byte(packed[:len(packed)/2]))
		f.Add([]byte(packed + "tail"))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		kind := compressionOf(content)
		if kind == plain {
			return
		}
		obj := &memoryObject{store: &memoryStore{content: content}}
		file := newStoredFile(obj, chatferry.File{Path: "x", Size: int64(len(content))}, 0)
		var u inflater
		defer u.release()
		if err := u.start(file, nil, kind); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, markBytes)
		for out := 0; out < 64<<20; {
			n, err := u.Read(buf)
			out += n
			if err == nil {
				continue
			}
			if err == io.EOF && u.consumed() != int64(len(content)) {
				t.Fatalf("ended at byte %d of %d", u.consumed(), len(content))
			}
			if err != io.EOF && (!errors.Is(err, errCut) || len(u.told) == 0) {
				t.Fatalf("ended with %v, doubts %v", err, u.told)
			}
			return
		}
	})
}
