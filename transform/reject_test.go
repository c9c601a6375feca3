package transform

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow/array"
)

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// manyNames is an object of n members, the last of which has the first one's name if twice.
func manyNames(n int, twice bool) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":0,`, i)
	}
	last := "last"
	if twice {
		last = `\u006b0`
	}
	return "{" + b.String() + `"` + last + `":0}`
}

var badRecords = []struct {
	name   string
	stream chatferry.Stream
	record string
	code   chatferry.Code
	reason string // a part of it
}{
	{"empty", chatferry.Chats, ``, chatferry.CodeSyntax, "empty"},
	{"cut in a string", chatferry.Chats, `{"id":"a`, chatferry.CodeSyntax, "id: the record ends inside a string"},
	{"cut in an object", chatferry.Chats, `{"id":"a"`, chatferry.CodeSyntax, "ends inside an object"},
	{"cut in the history", chatferry.Chats, `{"id":"a","history":[{"msg":"x"},{"msg":"y`, chatferry.CodeSyntax, "history[1].msg: the record ends inside a string"},
	{"something behind it", chatferry.Chats, `{"id":"a"}x`, chatferry.CodeSyntax, "behind the value"},
	{"two values", chatferry.Chats, `{"id":"a"}{"id":"b"}`, chatferry.CodeSyntax, "behind the value"},
	{"leading zero", chatferry.Chats, `{"id":"a","duration":007}`, chatferry.CodeSyntax, ""},
	{"plus sign", chatferry.Chats, `{"id":"a","duration":+1}`, chatferry.CodeSyntax, "duration"},
	{"no digits behind the point", chatferry.Chats, `{"id":"a","duration":1.}`, chatferry.CodeSyntax, "duration"},
	{"NaN", chatferry.Chats, `{"id":"a","abandon_time":NaN}`, chatferry.CodeSyntax, "abandon_time"},
	{"Infinity", chatferry.Chats, `{"id":"a","abandon_time":-Infinity}`, chatferry.CodeSyntax, "abandon_time"},
	{"unknown escape", chatferry.Chats, `{"id":"a","message":"\q"}`, chatferry.CodeSyntax, "unknown escape"},
	{"three hex digits", chatferry.Chats, `{"id":"a","message":"\u12G4"}`, chatferry.CodeSyntax, "four hex digits"},
	{"raw control character", chatferry.Chats, "{\"id\":\"a\",\"message\":\"x\ny\"}", chatferry.CodeSyntax, "control character"},
	{"trailing comma", chatferry.Chats, `{"id":"a",}`, chatferry.CodeSyntax, "something else than a name"},
	{"trailing comma in a list", chatferry.Chats, `{"id":"a","tags":["x",]}`, chatferry.CodeSyntax, "tags[1]"},
	{"broken in an unknown member", chatferry.Chats, `{"id":"a","new":{"x":[1,}]}}`, chatferry.CodeSyntax, "(other member)"},
	{"literal misspelt", chatferry.Chats, `{"id":"a","missed":tru}`, chatferry.CodeSyntax, "missed"},
	{"single quotes", chatferry.Chats, `{'id':'a'}`, chatferry.CodeSyntax, "name"},
	{"byte order mark", chatferry.Chats, "\ufeff{\"id\":\"a\"}", chatferry.CodeSyntax, ""},
	{"not UTF-8", chatferry.Chats, "{\"id\":\"a\",\"message\":\"\xff\"}", chatferry.CodeUTF8, "byte 21"},
	{"UTF-8 of half a surrogate pair", chatferry.Chats, "{\"id\":\"a\",\"message\":\"\xed\xa0\x80\"}", chatferry.CodeUTF8, "byte 21"},
	{"UTF-8 cut short", chatferry.Chats, "{\"id\":\"a\",\"message\":\"\xf0\x9f\x98\"}", chatferry.CodeUTF8, "byte 21"},
	{"name twice", chatferry.Chats, `{"id":"a","type":"chat","type":"chat"}`, chatferry.CodeDuplicateKey, "type: an object has one name twice"},
	{"name twice, once escaped", chatferry.Chats, `{"id":"a","\u0069d":"b"}`, chatferry.CodeDuplicateKey, ""},
	{"unknown name twice", chatferry.Chats, `{"id":"a","x":1,"x":1}`, chatferry.CodeDuplicateKey, ""},
	{"name twice in an unknown value", chatferry.Chats, `{"id":"a","x":[{"y":1,"\u0079":2}]}`, chatferry.CodeDuplicateKey, ""},
	{"name twice in the visitor", chatferry.Chats, `{"id":"a","visitor":{"id":"v","id":"w"}}`, chatferry.CodeDuplicateKey, "visitor.id"},
	{"name twice in the history", chatferry.Chats, `{"id":"a","history":[{},{"msg":"x","msg":"y"}]}`, chatferry.CodeDuplicateKey, "history[1].msg"},
	{"name twice among many", chatferry.Chats, `{"id":"a","x":` + manyNames(5000, true) + `}`, chatferry.CodeDuplicateKey, ""},
	{"name twice in JSON text", chatferry.Triggers, `{"id":1,"definition":{"a":{"b":1,"b":2}}}`, chatferry.CodeDuplicateKey, "definition"},
	{"too deep", chatferry.Chats, `{"id":"a","x":` + nested(MaxDepth) + `}`, chatferry.CodeDepth, ""},
	{"100,000 deep", chatferry.Chats, `{"id":"a","x":` + strings.Repeat("[", 100_000) + `}`, chatferry.CodeDepth, ""},
	{"objects too deep", chatferry.Chats, `{"id":"a","x":` + strings.Repeat(`{"x":`, MaxDepth) + `1` + strings.Repeat("}", MaxDepth) + `}`, chatferry.CodeDepth, ""},
	{"too deep from the start", chatferry.Chats, strings.Repeat("[", 100_000), chatferry.CodeDepth, ""},
	{"too deep in the history", chatferry.Chats, `{"id":"a","history":[` + nested(MaxDepth) + `]}`, chatferry.CodeDepth, "history[0]"},
	{"an array", chatferry.Chats, `[{"id":"a"}]`, chatferry.CodeNotObject, "object is due"},
	{"a string", chatferry.Chats, `"id"`, chatferry.CodeNotObject, ""},
	{"null", chatferry.Chats, `null`, chatferry.CodeNotObject, ""},
	{"a broken array", chatferry.Chats, `[1,`, chatferry.CodeSyntax, ""},
	{"no id", chatferry.Chats, `{"type":"chat"}`, chatferry.CodeMissingKey, "id"},
	{"empty id", chatferry.Chats, `{"id":""}`, chatferry.CodeMissingKey, "id"},
	{"null id", chatferry.Chats, `{"id":null}`, chatferry.CodeMissingKey, "id"},
	{"id is an object", chatferry.Chats, `{"id":{"x":1}}`, chatferry.CodeKeyType, "id"},
	{"id is a boolean", chatferry.Chats, `{"id":true}`, chatferry.CodeKeyType, "id"},
	{"id with half a surrogate pair", chatferry.Chats, `{"id":"a\ud800"}`, chatferry.CodeKeyType, "id"},
	{"id beyond all measure", chatferry.Chats, `{"id":"` + strings.Repeat("x", maxIDLen+1) + `"}`, chatferry.CodeKeyType, "longer than"},
	{"agent id with a fraction", chatferry.Agents, `{"id":1.5}`, chatferry.CodeKeyType, "id"},
	{"agent id beyond int64", chatferry.Agents, `{"id":9223372036854775808}`, chatferry.CodeKeyType, "id"},
	{"agent id is a word", chatferry.Agents, `{"id":"me"}`, chatferry.CodeKeyType, "id"},
	{"timeline without a time", chatferry.AgentTimeline, `{"agent_id":1}`, chatferry.CodeMissingKey, "start_time"},
	{"timeline without an agent", chatferry.AgentTimeline, `{"start_time":"2021-04-26T13:54:02.171963Z"}`, chatferry.CodeMissingKey, "agent_id"},
	{"timeline with another time", chatferry.AgentTimeline, `{"agent_id":1,"start_time":1493309458}`, chatferry.CodeKeyType, "start_time"},
	{"shortcut without a name", chatferry.Shortcuts, `{"id":"help"}`, chatferry.CodeMissingKey, "name"},
	{"trigger without id and name", chatferry.Triggers, `{"description":"d"}`, chatferry.CodeMissingKey, "id or name"},
}

// TestRejects: each bad record, put between two good ones, costs itself only. Its reason names no value.
func TestRejects(t *testing.T) {
	for _, c := range badRecords {
		t.Run(c.name, func(t *testing.T) {
			before, after := goodRecord(c.stream, "before"), goodRecord(c.stream, "after")
			b := run(t, New(c.stream, Options{}), page(c.stream, "", before, c.record, after, c.record))
			if len(b.Rejects) != 2 || b.Books.Quarantined.N != 2 || b.Books.Loaded.N != 2 {
				t.Fatalf("%d Rejects, %d loaded: %+v", len(b.Rejects), b.Books.Loaded.N, b.Rejects)
			}
			r := b.Rejects[0]
			if r.Code != c.code || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("%s: %s", r.Code, r.Reason)
			}
			if chatferry.Codes[r.Code] == "" {
				t.Errorf("code %q is not documented", r.Code)
			}
			if !bytes.Equal(r.Raw, []byte(c.record)) || r.RawSHA256 != sha256.Sum256([]byte(c.record)) || r.RawLen != int64(len(c.record)) {
				t.Error("the Reject does not hold the record")
			}
			if r.Offset != chatferry.FileOffset(0, int64(len(before))+1) || r.Seq != 3 || r.Shard != 7 || r.Place == "" {
				t.Errorf("the Reject is misplaced: %+v", r)
			}
			alone := run(t, New(c.stream, Options{}), page(c.stream, "", before, after))
			got := rebuilt(t, c.stream, b)
			sameJSON(t, got[0], []byte(before))
			sameJSON(t, got[1], []byte(after))
			for i, rows := range b.Rows {
				for col, name := range rows.Record.Schema().Fields() {
					if name.Name != ColumnSourceOffset && !array.Equal(rows.Record.Column(col), alone.Rows[i].Record.Column(col)) {
						t.Errorf("the bad record left traces in %s.%s", rows.Table, name.Name)
					}
				}
			}
		})
	}
}

// goodRecord is a record that fills as many columns as it can.
func goodRecord(s chatferry.Stream, id string) string {
	n := len(id)
	switch s {
	case chatferry.Chats:
		return fmt.Sprintf(`{"id":"%s","tags":["t","%s"],"skills_requested":[%d,null],"agent_ids":["1"],"missed":true,"duration":%d,"response_time":{"avg":%d.5},`+
			`"timestamp":"2021-04-26T13:54:02Z","history":[{"msg":"m %s","tags":["x"]},{"type":"chat.msg"}],"webpath":[{"to":"%s"}],"new":"%s"}`, id, id, n, n, n, id, id, id)
	case chatferry.AgentTimeline:
		return fmt.Sprintf(`{"agent_id":%d,"start_time":"2021-04-26T13:54:02.171963Z","status":"%s"}`, n, id)
	case chatferry.Shortcuts:
		return fmt.Sprintf(`{"name":"%s","tags":["a","b"],"agents":[1,2]}`, id)
	default:
		return fmt.Sprintf(`{"id":%d,"name":"%s","departments":[%d],"new":"%s"}`, n, id, n, id)
	}
}

// TestRejectReasonsHoldNoValues: what a person wrote must not reach logs.
func TestRejectReasonsHoldNoValues(t *testing.T) {
	const secret = "Marzipan"
	for _, record := range []string{
		`{"id":"a","Marzipan":"Marzipan","Marzipan":1}`, `{"id":{"Marzipan":1}}`, `{"id":"a","message":"Marzipan\q"}`,
		`{"id":"a","x":{"Marzipan":[tru]}}`, `"Marzipan"`, `{"id":"\ud800Marzipan"}`, `{"Marzipan":1}`, "{\"id\":\"Marzipan\xff\"}",
	} {
		b := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", record))
		if len(b.Rejects) != 1 || strings.Contains(b.Rejects[0].Reason, secret) {
			t.Errorf("%s: %+v", record, b.Rejects)
		}
	}
}

// TestFaults: what the Source could not cut becomes a Reject as it is, with the length and sum of the whole record.
func TestFaults(t *testing.T) {
	sum := [32]byte{1, 2, 3}
	p := page(chatferry.Chats, "", `{"id":"a"}`, `{"id":"b"`, `{"id":"c`, `{"id":"d"}`)
	p.Records[1].Fault = &chatferry.Fault{Code: chatferry.CodeTooLong, Reason: "too long", RawLen: 99, RawSHA256: &sum}
	p.Records[2].Fault = &chatferry.Fault{Code: chatferry.CodeTruncated, Reason: "cut"}
	b := run(t, New(chatferry.Chats, Options{}), p)
	if b.Books.Loaded.N != 2 || len(b.Rejects) != 2 {
		t.Fatalf("%+v", b.Books)
	}
	if r := b.Rejects[0]; r.Code != chatferry.CodeTooLong || r.RawLen != 99 || r.RawSHA256 != sum || string(r.Raw) != `{"id":"b"` {
		t.Errorf("%+v", r)
	}
	if r := b.Rejects[1]; r.Code != chatferry.CodeTruncated || r.RawLen != 8 || r.RawSHA256 != sha256.Sum256([]byte(`{"id":"c`)) {
		t.Errorf("%+v", r)
	}
}

// TestRejectRawLimit: of a very long bad record the first MiB is kept.
func TestRejectRawLimit(t *testing.T) {
	record := `{"message":"` + strings.Repeat("x", 2<<20) + `"}`
	b := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", record))
	if r := b.Rejects[0]; len(r.Raw) != 1<<20 || r.RawLen != int64(len(record)) || r.RawSHA256 != sha256.Sum256([]byte(record)) {
		t.Errorf("%d bytes kept of %d", len(r.Raw), r.RawLen)
	}
}

// TestDepthLimit: the deepest record that is taken comes back.
func TestDepthLimit(t *testing.T) {
	loadOne(t, chatferry.Chats, `{"id":"a","x":`+nested(MaxDepth-1)+`}`)
	loadOne(t, chatferry.Chats, `{"id":"a","x":`+strings.Repeat(`{"x":`, MaxDepth-1)+`1`+strings.Repeat("}", MaxDepth)+``)
	loadOne(t, chatferry.Chats, `{"id":"a","history":[{"conversion":`+nested(MaxDepth-3)+`}]}`)
	loadOne(t, chatferry.Chats, `{"id":"a","x":`+manyNames(5000, false)+`}`)
}

// TestTooManyElements: an array too long for rows stands in _extra, and leaves none behind.
func TestTooManyElements(t *testing.T) {
	long := `{"id":"a","webpath":[{"to":"x"},` + strings.Repeat("1,", maxElements-1) + `2]}`
	b := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", goodRecord(chatferry.Chats, "before"), long, goodRecord(chatferry.Chats, "after")))
	got := rebuilt(t, chatferry.Chats, b)
	sameJSON(t, got[1], []byte(long))
	sameJSON(t, got[2], []byte(goodRecord(chatferry.Chats, "after")))
	if n := tables(b)[chatferry.ChatWebpath].NumRows(); n != 2 {
		t.Errorf("%d rows of webpath", n)
	}
	if got := cell(t, tables(b)["chats"], 1, "webpath_len"); got != "(null)" {
		t.Errorf("webpath_len = %s", got)
	}
	b = loadOne(t, chatferry.Chats, `{"id":"a","webpath":[`+strings.Repeat("1,", maxElements-1)+`2]}`)
	if got := cell(t, tables(b)["chats"], 0, "webpath_len"); got != fmt.Sprint(maxElements) {
		t.Errorf("webpath_len = %s", got)
	}
}

// TestRollbackClearsValues: what a bad record had set must not show through the null or the false of the next one.
func TestRollbackClearsValues(t *testing.T) {
	bad := `{"id":"bad","missed":true,"tags":["a","b","c"],"skills_requested":[1,2,3],"duration":5,"history":[{"msg":"x"}],"rating":"good","x":`
	next := `{"id":"next","missed":false,"tags":[null,null,"d"],"skills_requested":[null,null,4]}`
	for n := range 9 {
		records := make([]string, n)
		for i := range records {
			records[i] = fmt.Sprintf(`{"id":"%d","missed":false,"tags":["t"],"skills_requested":[%d]}`, i, i)
		}
		records = append(records, bad, next)
		b := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", records...))
		got := rebuilt(t, chatferry.Chats, b)
		sameJSON(t, got[len(got)-1], []byte(next))
		if len(got) != n+1 {
			t.Fatalf("%d records of %d", len(got), n+1)
		}
	}
}
