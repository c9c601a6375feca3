package endtoend

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"chatferry"
)

// hostileFile is one file that a careful person would not have made, and what must become of it: exactly so many
// records loaded and so many in quarantine, and the exit code. Nothing may panic, hang or vanish.
type hostileFile struct {
	name        string
	path        string // below the dump; chats/x.ndjson if empty
	content     []byte
	flags       []string
	loaded      int64
	quarantined int64
	code        string // of the Rejects, when they have one
	exit        int
}

// good is a chat as the API gives it; its id is the only thing that varies.
func good(n int) string {
	return fmt.Sprintf(`{"id":"1704.1.QHgVx6S%06d","type":"chat","timestamp":"2017-04-24T04:36:45Z","visitor":{"id":"1.a","name":"V"},`+
		`"history":[{"type":"chat.msg","timestamp":"2017-04-24T04:36:45.165000Z","name":"V","msg":"hi","channel":"#supportchat:1-a"}]}`, n)
}

// with is a chat with one more member.
func with(n int, member string) string {
	return strings.Replace(good(n), `{"id"`, "{"+member+`,"id"`, 1)
}

func lines(l ...string) []byte { return []byte(strings.Join(l, "\n") + "\n") }

func gz(t *testing.T, members ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, m := range members {
		w := gzip.NewWriter(&b)
		if _, err := w.Write(m); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func zst(t *testing.T, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, f := range frames {
		w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// line makes the common case: one odd line between two good ones.
func line(name, odd, code string) hostileFile {
	f := hostileFile{name: name, content: lines(good(1), odd, good(2)), loaded: 2, quarantined: 1, code: code, exit: 4}
	if code == "" {
		f.loaded, f.quarantined, f.exit = 3, 0, 0
	}
	return f
}

func nest(depth int) string {
	return `"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

func hostileLines() []hostileFile {
	deepOpen := `{"id":"a","x":` + strings.Repeat(`{"a":`, 100_000)
	manyKeys := make([]string, 100_000)
	for i := range manyKeys {
		manyKeys[i] = fmt.Sprintf(`"key%d":%d`, i, i)
	}
	return []hostileFile{
		line("garbage", "%%% not JSON %%%", "syntax"),
		line("two values on a line", good(8)+good(9), "syntax"),
		line("two values with a space", good(8)+" "+good(9), "syntax"),
		line("lone carriage return between values", good(8)+"\r"+good(9), "syntax"),
		line("trailing comma", strings.TrimSuffix(good(3), "}")+",}", "syntax"),
		line("missing brace", strings.TrimSuffix(good(3), "}"), "syntax"),
		line("one brace too many", good(3)+"}", "syntax"),
		line("unterminated string", `{"id":"abc`, "syntax"),
		line("single quotes", `{'id':'abc'}`, "syntax"),
		line("NaN", with(3, `"duration":NaN`), "syntax"),
		line("Infinity", with(3, `"x":Infinity`), "syntax"),
		line("minus Infinity", with(3, `"x":-Infinity`), "syntax"),
		line("leading zero", with(3, `"duration":007`), "syntax"),
		line("plus sign", with(3, `"duration":+1`), "syntax"),
		line("no digit before the point", with(3, `"x":.5`), "syntax"),
		line("no digit after the point", with(3, `"x":5.`), "syntax"),
		line("bare minus", with(3, `"x":-`), "syntax"),
		line("broken exponent", with(3, `"x":1e`), "syntax"),
		line("misspelt literal", with(3, `"x":nul`), "syntax"),
		line("comment", with(3, `/* hi */ "x":1`), "syntax"),
		line("BOM in mid-file", "\ufeff"+good(3), "syntax"),
		line("unknown escape", with(3, `"x":"\q"`), "syntax"),
		line("broken unicode escape", with(3, `"x":"\u12G4"`), "syntax"),
		line("raw NUL in a string", with(3, "\"x\":\"a\x00b\""), "syntax"),
		line("raw tab in a string", with(3, "\"x\":\"a\tb\""), "syntax"),
		line("invalid byte", with(3, "\"comment\":\"a\xffb\""), "invalid_utf8"),
		line("invalid byte in an unknown field", with(3, "\"x\":\"a\xffb\""), "invalid_utf8"),
		line("invalid byte in a key", with(3, "\"a\xff\":1"), "invalid_utf8"),
		line("cut UTF-8 sequence", with(3, "\"comment\":\"a\xe3\x81\""), "invalid_utf8"),
		line("surrogate in UTF-8", with(3, "\"comment\":\"\xed\xa0\x80\""), "invalid_utf8"),
		line("overlong UTF-8", with(3, "\"comment\":\"\xc0\x80\""), "invalid_utf8"),
		line("UTF-8 beyond U+10FFFF", with(3, "\"comment\":\"\xf4\x90\x80\x80\""), "invalid_utf8"),
		line("duplicate key", with(3, `"type":"chat"`), "duplicate_key"),
		line("duplicate id", with(3, `"id":"other"`), "duplicate_key"),
		line("duplicate key in a known object", with(3, `"session":{"ip":"a","ip":"b"}`), "duplicate_key"),
		line("duplicate key in an unknown object", with(3, `"x":{"y":{"z":1,"z":1}}`), "duplicate_key"),
		line("duplicate key spelt with an escape", with(3, `"\u0069d":"other"`), "duplicate_key"),
		line("null", "null", "not_an_object"),
		line("number", "42", "not_an_object"),
		line("string", `"chat"`, "not_an_object"),
		line("array", `[{"id":"a"}]`, "not_an_object"),
		line("missing id", `{"type":"chat"}`, "missing_key"),
		line("empty object", `{}`, "missing_key"),
		line("null id", `{"id":null}`, "missing_key"),
		line("empty id", `{"id":""}`, "missing_key"),
		line("id is an object", `{"id":{}}`, "key_type"),
		line("id is an array", `{"id":[1]}`, "key_type"),
		line("id is a boolean", `{"id":true}`, "key_type"),
		line("id with a lone surrogate", `{"id":"a\ud800"}`, "key_type"),
		line("nesting of 10,001", with(3, nest(10_001)), "too_deep"),
		line("nesting of 100,000 never closed", deepOpen, "too_deep"),
		line("5 MB of NUL", strings.Repeat("\x00", 5<<20), "syntax"),

		line("id is an integer", `{"id":17,"type":"chat"}`, ""),
		line("keys that differ in case", with(3, `"ID":"x","Type":"y"`), ""),
		line("lone surrogate in a message", with(3, `"comment":"a\ud800b"`), ""),
		line("escaped NUL in a message", with(3, `"comment":"a\u0000b"`), ""),
		line("emoji as surrogate pair", with(3, `"comment":"\ud83d\ude00"`), ""),
		line("1e400", with(3, `"duration":1e400`), ""),
		line("2^63", with(3, `"duration":9223372036854775808`), ""),
		line("2^53+1", with(3, `"duration":9007199254740993`), ""),
		line("float where an int is due", with(3, `"duration":5.0,"department_id":1e3`), ""),
		line("a number of 10,000 digits", with(3, `"duration":`+strings.Repeat("9", 10_000)), ""),
		line("every nested object of a wrong type", `{"id":"a","visitor":5,"session":[],"webpath":{},"history":"x","tags":"a","count":null,"response_time":true,"engagements":0,"conversions":"","agent_ids":{}}`, ""),
		line("history elements that are no objects", `{"id":"a","history":[1,"x",null,[],{}],"webpath":[["a",1],{"to":"b"}]}`, ""),
		line("unknown type", `{"id":"a","type":"sms"}`, ""),
		line("timestamps out of range", `{"id":"a","timestamp":"-0001-01-01T00:00:00Z","end_timestamp":"99999-12-31T23:59:59Z"}`, ""),
		line("nesting of 100", with(3, nest(100)), ""),
		line("100,000 keys", `{"id":"a",`+strings.Join(manyKeys, ",")+`}`, ""),
		line("10 MB message", with(3, `"comment":"`+strings.Repeat("x", 10<<20)+`"`), ""),
		line("20,000 history entries", `{"id":"a","history":[`+strings.TrimSuffix(strings.Repeat(`{"type":"chat.msg","msg":"x"},`, 20_000), ",")+`]}`, ""),
		line("white space around", " \t"+good(3)+" \t ", ""),
	}
}

func hostileFiles(t *testing.T) []hostileFile {
	three := lines(good(1), good(2), good(3))
	array := "[" + good(1) + "," + good(2) + "]"
	page := `{"chats":` + array + `,"count":2,"end_time":1,"next_page":"https://example.com/"}`
	csv := "analytics_agent_activity/a.csv"
	head := "First Name,Last Name,Email,Enabled,Start Time (UTC+0),End Time (UTC+0),Assigned Chats\n"
	row := "Ann,Lee,ann@example.com,1,2021-01-01 00:00:00,2021-01-01 01:00:00,3\n"
	bomb := make([]byte, 256<<20)
	gzipped := gz(t, three)
	hugeWindow := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00}

	blank := line("blank line", "", "")
	spaces := line("line of white space", "  \t ", "")
	blank.loaded, spaces.loaded = 2, 2
	files := []hostileFile{
		{name: "empty file"},
		{name: "only a newline", content: []byte("\n")},
		{name: "only white space", content: []byte(" \n\t\r\n  ")},
		{name: "no newline at the end", content: bytes.TrimSpace(three), loaded: 3},
		{name: "CRLF", content: bytes.ReplaceAll(three, []byte("\n"), []byte("\r\n")), loaded: 3},
		{name: "BOM at the start", content: append([]byte("\ufeff"), three...), loaded: 3},
		{name: "last record cut", content: append(three, good(4)[:40]...), loaded: 3, quarantined: 1, exit: 4},
		{name: "binary", content: bytes.Repeat([]byte{0, 1, 2, 0xfe, 0xff}, 100), quarantined: 1, exit: 4},
		{
			name: "record beyond the limit", content: lines(good(1), with(2, `"comment":"`+strings.Repeat("x", 3<<20)+`"`), good(3)),
			flags: []string{"--record-limit", "2MiB"}, loaded: 2, quarantined: 1, code: "too_long", exit: 4,
		},

		{name: "JSON array", path: "chats/x.json", content: []byte(array), loaded: 2},
		{name: "empty array", path: "chats/x.json", content: []byte(" [ ] ")},
		{name: "array with a duplicate key", path: "chats/x.json", content: []byte("[" + good(1) + `,{"id":"a","id":"b"},` + good(2) + "]"), loaded: 2, quarantined: 1, code: "duplicate_key", exit: 4},
		{name: "array of other values", path: "chats/x.json", content: []byte("[" + good(1) + `,null,[],"x",` + good(2) + "]"), loaded: 2, quarantined: 3, code: "not_an_object", exit: 4},
		{name: "array cut in mid-record", path: "chats/x.json", content: []byte(array[:len(array)-20]), loaded: 1, quarantined: 1, exit: 4},
		{name: "array with garbage behind", path: "chats/x.json", content: []byte(array + " oops"), loaded: 2, quarantined: 1, code: "broken_structure", exit: 4},
		{name: "array without a comma", path: "chats/x.json", content: []byte("[" + good(1) + " " + good(2) + "]"), loaded: 1, quarantined: 1, code: "broken_structure", exit: 4},
		{name: "saved page", path: "chats/x.json", content: []byte(page), loaded: 2},
		{name: "two pages one behind the other", path: "chats/x.json", content: []byte(page + page), loaded: 4},
		{name: "a page a line", content: lines(page, page, page), loaded: 6},
		{name: "page cut in mid-record", path: "chats/x.json", content: []byte(page[:len(page)-90]), loaded: 1, quarantined: 1, exit: 4},
		{name: "docs map", path: "chats/x.json", content: []byte(`{"docs":{"a":` + good(1) + `,"b":` + good(2) + `}}`), loaded: 2},
		{name: "pretty-printed object", path: "chats/x.json", content: []byte("{\n  \"id\": \"a\",\n  \"type\": \"chat\"\n}\n"), loaded: 1},

		{name: "gzip", path: "chats/x.ndjson.gz", content: gzipped, loaded: 3},
		{name: "gzip of three members", path: "chats/x.ndjson.gz", content: gz(t, lines(good(1)), lines(good(2)), lines(good(3))), loaded: 3},
		{name: "gzip members that split a record", path: "chats/x.ndjson.gz", content: gz(t, []byte(good(1)[:30]), []byte(good(1)[30:]+"\n")), loaded: 1},
		{name: "gzip cut in its trailer", path: "chats/x.ndjson.gz", content: gzipped[:len(gzipped)-3], loaded: 3, exit: 4},
		{name: "gzip with a wrong checksum", path: "chats/x.ndjson.gz", content: flip(gzipped, len(gzipped)-6), loaded: 3, exit: 4},
		{name: "gzip with zero padding", path: "chats/x.ndjson.gz", content: append(bytes.Clone(gzipped), make([]byte, 512)...), loaded: 3, exit: 4},
		{name: "gzip with garbage behind", path: "chats/x.ndjson.gz", content: append(bytes.Clone(gzipped), "garbage"...), loaded: 3, exit: 4},
		{name: "gzip of nothing", path: "chats/x.ndjson.gz", content: gz(t, nil)},
		{name: "empty .gz", path: "chats/x.ndjson.gz", content: nil, exit: 4},
		{name: "plain text called .gz", path: "chats/x.ndjson.gz", content: three, loaded: 3},
		{name: "gzip called .ndjson", content: gzipped, loaded: 3},
		{name: "gzip bomb", path: "chats/x.ndjson.gz", content: gz(t, bomb), quarantined: 1, code: "too_long", exit: 4},
		{name: "zstd", path: "chats/x.ndjson.zst", content: zst(t, three), loaded: 3},
		{name: "zstd of three frames", path: "chats/x.ndjson.zst", content: zst(t, lines(good(1)), lines(good(2)), lines(good(3))), loaded: 3},
		{name: "zstd bomb", path: "chats/x.ndjson.zst", content: zst(t, bomb), quarantined: 1, code: "too_long", exit: 4},
		{name: "zstd with garbage behind", path: "chats/x.ndjson.zst", content: append(zst(t, three), "garbage"...), loaded: 3, exit: 4},
		{name: "empty .zst", path: "chats/x.ndjson.zst", content: nil, exit: 4},
		{name: "zstd frame that asks for a huge window", path: "chats/x.ndjson.zst", content: hugeWindow, exit: 4},

		{name: "name with an equals sign", path: "chats/a=b.ndjson", content: three, loaded: 3},
		{name: "name with two dots", path: "chats/x..y.ndjson", content: three, loaded: 3},
		{name: "name with a newline", path: "chats/new\nline.ndjson", content: three, loaded: 3},
		{name: "name with an escape", path: "chats/%2F..%2Fx.ndjson", content: three, loaded: 3},
		{name: "name with a space and an accent", path: "chats/à b.ndjson", content: three, loaded: 3},

		{name: "CSV", path: csv, content: []byte(head + row + row), loaded: 2},
		{name: "CSV with a BOM and CRLF", path: csv, content: []byte("\ufeff" + strings.ReplaceAll(head+row, "\n", "\r\n")), loaded: 1},
		{name: "CSV with quoted newlines", path: csv, content: []byte(head + strings.Replace(row, "Ann", "\"An\n\"\"n\"\"\"", 1) + row), loaded: 2},
		{name: "CSV with a short row", path: csv, content: []byte(head + "a,b\n" + row), loaded: 1, quarantined: 1, code: "csv_row", exit: 4},
		{name: "CSV with a long row", path: csv, content: []byte(head + strings.TrimSpace(row) + ",x\n" + row), loaded: 1, quarantined: 1, code: "csv_row", exit: 4},
		{name: "CSV with an open quote at the end", path: csv, content: []byte(head + row + "\"abc"), loaded: 1, quarantined: 1, exit: 4},
		{name: "CSV with one header twice", path: csv, content: []byte("Email,Email\na,b\n"), quarantined: 1, code: "csv_header", exit: 4},
		{name: "CSV with unknown headers", path: csv, content: []byte("Foo,Bar\na,b\n"), loaded: 1},
		{name: "CSV with only a header", path: csv, content: []byte(head)},
		{name: "CSV without anything", path: csv},
	}
	files = append(files, blank, spaces)
	return append(files, hostileLines()...)
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func TestHostileFiles(t *testing.T) {
	files := hostileFiles(t)
	if len(files) < 70 {
		t.Fatalf("only %d hostile files", len(files))
	}
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if f.path == "" {
				f.path = "chats/x.ndjson"
			}
			dump, root := t.TempDir(), filepath.Join(t.TempDir(), "out")
			path := filepath.Join(dump, f.path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.content, 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"run", "--from", dump, "--to", root, "--max-bad-records", "100%", "--settle", "false"}, f.flags...)
			got, end := callJSON(t, args...)
			s := got.Streams[chatferry.Stream(strings.Split(f.path, "/")[0])]
			if s.Loaded != f.loaded || s.Quarantined != f.quarantined || end.code != f.exit {
				t.Errorf("loaded %d, quarantined %d, exit %d; want %d, %d, %d: %s",
					s.Loaded, s.Quarantined, end.code, f.loaded, f.quarantined, f.exit, end.stderr)
			}
			if s.Read != s.Loaded+s.Quarantined+s.Excluded+s.Superseded {
				t.Errorf("the books do not close: %+v", s)
			}
			for code := range got.QuarantinedByCode {
				if f.code != "" && string(code) != f.code {
					t.Errorf("quarantined as %s, want %s", code, f.code)
				}
			}
			if strings.Contains(end.stderr, "goroutine ") {
				t.Errorf("the program panicked: %s", end.stderr)
			}
		})
	}
}
