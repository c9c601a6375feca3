package transform

import (
	"strings"
	"testing"

	"chatferry"
)

func TestUnique(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	for _, c := range []struct {
		raw, first, last string // "!" and what an error says
	}{
		{`{"a":1}`, `{"a":1}`, `{"a":1}`},
		{` { "a" : 1 , "b":[ 1.50 , {} , [] ,"x" ] } `, `{"a":1,"b":[1.50,{},[],"x"]}`, `{"a":1,"b":[1.50,{},[],"x"]}`},
		{`{"a":1,"a":2}`, `{"a":1}`, `{"a":2}`},
		{`{"a":1,"b":2,"a":3,"c":4,"b":5}`, `{"a":1,"b":2,"c":4}`, `{"a":3,"c":4,"b":5}`},
		{`{"a":{"x":1,"x":2},"a":{"y":3,"y":4}}`, `{"a":{"x":1}}`, `{"a":{"y":4}}`},
		{`{"a":1,"a":2,"a":3}`, `{"a":1}`, `{"a":3}`},
		{`[{"a":1,"a":2},{"a":3}]`, `[{"a":1},{"a":3}]`, `[{"a":2},{"a":3}]`},
		{`{"\u0061":1e400,"a":"\ud800 é"}`, `{"\u0061":1e400}`, `{"a":"\ud800 é"}`}, // one name, written in two ways
		{`{"A":1,"a":2}`, `{"A":1,"a":2}`, `{"A":1,"a":2}`},
		{`{"":1,"":2}`, `{"":1}`, `{"":2}`},
		{`12`, `12`, `12`},
		{`{"a":1,}`, "!something else than a name", "!something else than a name"},
		{`{"a":1 "b":2}`, "!neither a comma nor its end", "!neither a comma nor its end"},
		{`{"a":{"b":nul}}`, "!a.b: no JSON value", "!a.b: no JSON value"},
		{`{"a":1}}`, "!something stands behind", "!something stands behind"},
		{`{"a":`, "!ends", "!ends"},
		{`[1,2`, "!inside an array", "!inside an array"},
		{``, "!a value is due", "!a value is due"},
		{deep, deep, deep},
		{`{"a":` + deep + `}`, "!more than 500", "!more than 500"},
	} {
		for _, last := range []bool{false, true} {
			want := c.first
			if last {
				want = c.last
			}
			got, err := Unique([]byte(c.raw), last)
			if text, fails := strings.CutPrefix(want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("%s, last %v: %s, %v; want an error with %q", c.raw, last, got, err, text)
				}
			} else if err != nil || string(got) != want {
				t.Errorf("%s, last %v: %s, %v; want %s", c.raw, last, got, err, want)
			}
		}
	}
}

func TestCheckNames(t *testing.T) {
	for raw, want := range map[string]string{
		`{"a":1,"b":{"a":"\ud800"},"c":[{"a":1},{"a":2}]}`: "",
		`{"a":1,"a":2}`:            "one name twice",
		`{"b":[{"a":1,"a":2}]}`:    "one name twice",
		`{"\ud800":1}`:             "half a surrogate pair",
		`{"\ud83d\ude00":1}`:       "",
		`{"a":NaN}`:                "no JSON value",
		`{"b":{"\u0061":1,"a":2}}`: "one name twice",
	} {
		if err := CheckNames([]byte(raw)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}

func TestVerbatim(t *testing.T) {
	for _, c := range []struct{ raw, pointer, want string }{
		{`{"a": 1 ,"b":2}`, "/a", `{"a": {"_verbatim":"1"} ,"b":2}`},
		{`{"a":{"x":"<q\"}">,"y":[1,{"z":nul}]}}`, "/a/y/1/z", "!"},
		{`{"a":{"x":"<q\"}>","y":[1,{"z":nul}]}}`, "/a/y/1/z", `{"a":{"x":"<q\"}>","y":[1,{"z":{"_verbatim":"nul"}}]}}`},
		{`{"a":{"x":1,"x":[2]},"b":"<é>"}`, "/b", `{"a":{"x":1,"x":[2]},"b":{"_verbatim":"\"<é>\""}}`},
		{`{"a/b":1,"m~n":2}`, "/a~1b", `{"a/b":{"_verbatim":"1"},"m~n":2}`},
		{`{"a/b":1,"m~n":2}`, "/m~0n", `{"a/b":1,"m~n":{"_verbatim":"2"}}`},
		{`{"a":[]}`, "/a/0", "!no such member"},
		{`{"a":1}`, "/b", "!no such member"},
		{`{"a":1}`, "/a/b", "!no such member"},
		{`{"a":1,"a":2}`, "/a", "!twice"},
		{`{"a":1}`, "a", "!no JSON Pointer"},
		{`{"a":1}`, "", "!no JSON Pointer"},
		{`{"a":}`, "/a", "!a value is missing"},
		{"{\"a\":\"\xff\"}", "/a", "!not UTF-8"},
		{`{"a":[1,2`, "/a", `{"a":{"_verbatim":"[1,2"}`},
		{`{"a":"x\`, "/a", `{"a":{"_verbatim":"\"x\\"}`},
	} {
		got, err := Verbatim([]byte(c.raw), c.pointer)
		if text, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s of %s: %s, %v; want an error with %q", c.pointer, c.raw, got, err, text)
			}
		} else if err != nil || string(got) != c.want {
			t.Errorf("%s of %s: %s, %v; want %s", c.pointer, c.raw, got, err, c.want)
		}
	}
}

// A value that Verbatim has sent away stands in _extra as its text, its column is null, and the record can be rebuilt.
func TestVerbatimGoesToExtra(t *testing.T) {
	for _, c := range []struct{ pointer, column string }{
		{"/rating", "rating"},
		{"/duration", "duration"},
		{"/tags", "tags"},
		{"/visitor/name", "visitor_name"},
		{"/history", "history_len"},
		{"/timestamp", "timestamp"},
		{"/missed", "missed"},
	} {
		raw := []byte(`{"id":"c","rating":"good","duration":5,"tags":["x"],"visitor":{"id":"v","name":"n"},"history":[{"msg":"hi"}],"timestamp":"2021-03-01T00:00:00Z","missed":true}`)
		changed, err := Verbatim(raw, c.pointer)
		if err != nil {
			t.Fatal(err)
		}
		tr := New(chatferry.Chats, Options{})
		shard := &chatferry.Shard{ID: 1, Stream: chatferry.Chats}
		b, err := tr.Transform(&chatferry.Page{Shard: shard, Records: []chatferry.Record{{Raw: changed}}}, 1)
		if err != nil || len(b.Rejects) > 0 {
			t.Fatalf("%s: %v; %+v", c.pointer, err, b.Rejects)
		}
		rec := b.Rows[0].Record
		at, extra := rec.Schema().FieldIndices(c.column), rec.Column(rec.Schema().FieldIndices(ColumnExtra)[0]).ValueStr(0)
		if len(at) != 1 || !rec.Column(at[0]).IsNull(0) || !strings.Contains(extra, VerbatimMember) {
			t.Errorf("%s: its column is %v, _extra %s", c.pointer, at, extra)
		}
		b.Release()
	}
}

// The bytes as they were cut are what the books count and the row's hash is of, whatever a rule has made of them.
func TestOriginal(t *testing.T) {
	shard := &chatferry.Shard{ID: 1, Stream: chatferry.Chats}
	original := &chatferry.Original{Len: 77, SHA256: chatferry.SHA256{1, 2, 3}}
	page := &chatferry.Page{Shard: shard, Records: []chatferry.Record{
		{Raw: []byte(`{"id":"a"}`), Original: original}, {Raw: []byte(`{"id":"b","channel":"facebook"}`), Original: original}, {Raw: []byte(`{`), Original: original},
	}}
	b, err := New(chatferry.Chats, Options{}).Transform(page, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	e := chatferry.Entry(chatferry.Chats, (*[32]byte)(&original.SHA256))
	var one chatferry.Tally
	one.Count(77, &e)
	if err := b.Books.Close(); err != nil || b.Books.Loaded != one || b.Books.Quarantined != one || b.Books.ExcludedTotal() != one {
		t.Errorf("%v; %+v", err, b.Books)
	}
	if l := b.Ledger[0]; l.RawSHA256 != original.SHA256 || l.RawLen != 77 {
		t.Errorf("%+v", l)
	}
	rec := b.Rows[0].Record
	if got := rec.Column(rec.Schema().FieldIndices(ColumnRawSHA256)[0]).ValueStr(0); !strings.HasPrefix(got, "AQID") {
		t.Errorf("the row's hash is %s", got)
	}
}

// Whatever the bytes are, repairs of them end; what Unique gives back has no key twice, and is not changed again.
func FuzzRepair(f *testing.F) {
	for _, raw := range []string{`{"a":1,"a":[{"b":"\"}]","b":1}]}`, `{"a/b":{"":1}}`, `["\ud800",{}]`, `{"a":`, `}`, ``, "{\"\\u00", "{\"a\":\xff}"} {
		f.Add([]byte(raw), "/a/0/b")
	}
	f.Fuzz(func(t *testing.T, raw []byte, pointer string) {
		before := string(raw)
		for _, last := range []bool{false, true} {
			once, err := Unique(raw, last)
			if err != nil {
				continue
			}
			if err := CheckNames(once); err != nil && !strings.Contains(err.Error(), "half a surrogate pair") {
				t.Errorf("%q became %q: %v", raw, once, err)
			}
			if again, err := Unique(once, !last); err != nil || string(again) != string(once) {
				t.Errorf("%q became %q, and then %q, %v", raw, once, again, err)
			}
		}
		if out, err := Verbatim(raw, pointer); err == nil && !strings.Contains(string(out), VerbatimMember) {
			t.Errorf("%q of %q became %q", pointer, raw, out)
		}
		if string(raw) != before {
			t.Errorf("%q was changed to %q", before, raw)
		}
	})
}
