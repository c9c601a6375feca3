package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"chatferry"
)

// FuzzCut: valid JSON is cut as the decoder of the standard library cuts it, and what is cut from anything stands in it.
func FuzzCut(f *testing.F) {
	for _, seed := range []string{`{"chats":[{"id":"a"},{"b":[1,{"c":"]}"}]}],"count":2}`, `[1,"\"",null,{}]`, ` [ ] `, `{"a":"\\","a":1}`, `[{"a":NaN}]`, `{"a":[}`, `[[[`, "{\"\\u0061\":tru}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := cutArray(body)
		var want []json.RawMessage
		if json.Valid(body) && json.Unmarshal(body, &want) == nil && bytes.TrimLeft(body, " \t\r\n")[0] == '[' {
			if err != nil || len(list) != len(want) {
				t.Fatalf("%d elements, error %v; want %d", len(list), err, len(want))
			}
			for i := range list {
				if !bytes.Equal(list[i], want[i]) {
					t.Fatalf("element %d is %q, not %q", i, list[i], want[i])
				}
			}
		}
		at := 0
		for _, raw := range list {
			i := bytes.Index(body[at:], raw)
			if i < 0 || len(raw) == 0 {
				t.Fatalf("%q does not stand in %q", raw, body[at:])
			}
			at += i + len(raw)
		}
		members, err := cutObject(body)
		var object map[string]json.RawMessage
		if json.Valid(body) && json.Unmarshal(body, &object) == nil && object != nil {
			if err == nil && len(members) != len(object) {
				t.Fatalf("%d members, not %d", len(members), len(object))
			}
			for _, m := range members {
				if !bytes.Equal(m.value, object[m.name]) {
					t.Fatalf("%q is %q, not %q", m.name, m.value, object[m.name])
				}
			}
		}
		for _, raw := range list {
			memberOf(raw, "id")
			bare(raw)
			identityOf(raw, []string{"id", "x"})
		}
		parseExportBody[EpochMicro](body, "chats")
		readFound(body)
		readDocs(body)
		readList(body)
		sinceLists(chatferry.Bans, body)
	})
}

// TestCutIsStrict: no body that was cut off anywhere, or has something behind it, is taken for a whole one.
func TestCutIsStrict(t *testing.T) {
	body := []byte(`{"chats":[{"id":"a","s":"\\\"]}"},{"id":"b"}],"count":2,"end_time":5,"end_id":"b","next_page":"https://h/x?start_time=5&start_id=b"}`)
	if _, err := parseExportBody[EpochSec](body, "chats"); err != nil {
		t.Fatal(err)
	}
	for n := range body {
		if _, err := parseExportBody[EpochSec](body[:n], "chats"); err == nil {
			t.Errorf("cut at %d is taken for whole", n)
		}
	}
	for _, tail := range []string{"x", "{}", ",", "]", "\x00"} {
		if _, err := parseExportBody[EpochSec](slices.Concat(body, []byte(tail)), "chats"); err == nil {
			t.Errorf("%q behind it is not seen", tail)
		}
	}
	for _, bad := range []string{`{"chats":[{}],"chats":[{}]}`, `{"chats":{}}`, `{"chats":5}`, `{"chats":[{} {}]}`, `{"chats":[,{}]}`, `{"chats":[{},]}`, `{"chats" []}`, `{chats:[]}`, `{"chats":[]`, `["chats"]`, ``, ` `} {
		if _, err := parseExportBody[EpochSec]([]byte(bad), "chats"); err == nil {
			t.Errorf("%s is taken for a page", bad)
		}
	}
}

// FuzzPosition: what is read as a Position is written the same again.
func FuzzPosition(f *testing.F) {
	for _, seed := range []string{"i1:1619863200:2105.1.a:7:AAAAAAAAAAE", "i1:0::0:", "w1:1:5", "s1:101:100", "l1:cY2hhdHM6NA:40", "l1:e:40", "q1:0:1600000000:1600086400:2105.1.a:50", "q1:3:0:0::9", "i1:5:%20:0:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pos := chatferry.Position(text)
		check := func(form string, again chatferry.Position, ok bool) {
			if ok && again != pos {
				t.Fatalf("%s: %q is written %q", form, pos, again)
			}
		}
		if p, ok := parseExport[EpochSec](pos); ok {
			check("i1", p.position(), ok)
		}
		if p, ok := parseExport[EpochMicro](pos); ok {
			check("i1", p.position(), ok)
		}
		if p, ok := parseWhole(pos); ok {
			check("w1", p.position(), ok)
		}
		if p, ok := parseSince(pos); ok {
			check("s1", p.position(), ok)
		}
		if p, ok := parseList(pos); ok {
			check("l1", p.position(), ok)
		}
		if p, ok := parseSearch(pos); ok {
			check("q1", p.position(), ok)
		}
		if s, ok := readText(text); ok && plainText(s) != text {
			t.Fatalf("%q reads %q", text, s)
		}
	})
}

// TestRecordTime: the forms of times in records.
func TestRecordTime(t *testing.T) {
	want := time.Date(2017, 4, 24, 12, 45, 32, 0, time.UTC)
	for _, text := range []string{"2017-04-24T12:45:32Z", "2017-04-24T12:45:32+00:00Z", "2017-04-24T12:45:32+00:00", "2017-04-24T12:45:32.000000Z", "2017-04-24T12:45:32", "2017-04-24 12:45:32", "2017-04-24T14:45:32+02:00"} {
		if got, ok := recordTime([]byte(`"` + text + `"`)); !ok || !got.Equal(want) {
			t.Errorf("%s is %s", text, got)
		}
	}
	for _, value := range []string{`""`, `"never"`, `5`, `null`, ``, `{}`} {
		if _, ok := recordTime([]byte(value)); ok {
			t.Errorf("%s is a time", value)
		}
	}
}

// TestEpochs: numbers of answers in either unit.
func TestEpochs(t *testing.T) {
	for text, want := range map[string]int64{"1619863200": 1_619_863_200, "1619863200.0": 1_619_863_200, "1619863200.999": 1_619_863_200, "1.6198632e9": 1_619_863_200, `"1619863200"`: 1_619_863_200, "0": 0, "1761312972333455": 1_761_312_972_333_455, "1761312972333455.0": 1_761_312_972_333_455} {
		if got, ok := parseEpoch[EpochSec]([]byte(text)); !ok || int64(got) != want {
			t.Errorf("%s is %d", text, got)
		}
	}
	for _, text := range []string{"", "null", "-5", "NaN", `"x"`, "1e30", "[]", "Infinity"} {
		if got, ok := parseEpoch[EpochMicro]([]byte(text)); ok {
			t.Errorf("%s is %d", text, got)
		}
	}
	at := time.Date(2021, 5, 1, 10, 0, 0, 123456789, time.UTC)
	if got := timeOf(epochOf[EpochMicro](at)); !got.Equal(at.Truncate(time.Microsecond)) {
		t.Error(got)
	}
	if got := timeOf(epochOf[EpochSec](at)); !got.Equal(at.Truncate(time.Second)) {
		t.Error(got)
	}
	if epochOf[EpochSec](time.Time{}) != 0 || epochOf[EpochMicro](time.Unix(-5, 0)) != 0 {
		t.Error("a time before 1970 is not 0")
	}
}
