package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal/chatapi"
)

// spoil wraps the desk's handler: f is given each request, counted from 1, and the body that would be answered, and returns
// what is answered in its place.
func (d *desk) spoil(f func(n int, path string, q url.Values, body []byte) []byte) {
	inner, n := d.h, 0
	d.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		inner.ServeHTTP(rec, r)
		n++
		body := rec.Body.Bytes()
		if rec.Code == http.StatusOK {
			body = f(n, strings.TrimPrefix(r.URL.Path, "/api/v2/"), r.URL.Query(), body)
		}
		w.WriteHeader(rec.Code)
		w.Write(body)
	})
}

// edit rewrites members of an answer; a nil value removes one.
func edit(body []byte, members map[string]json.RawMessage) []byte {
	list, err := cutObject(body)
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	sep := byte('{')
	for _, m := range list {
		value, changed := members[m.name]
		if !changed {
			value = m.value
		}
		if value == nil {
			continue
		}
		b.WriteByte(sep)
		fmt.Fprintf(&b, "%q:%s", m.name, value)
		sep = ','
	}
	return append(b.Bytes(), '}')
}

func text(s string) json.RawMessage {
	b, _ := json.Marshal(s)
	return b
}

// TestFiveMinuteRule: no request asks for what is newer than five minutes, though the reading comes to the head; what is
// there when the sweep is begun is read.
func TestFiveMinuteRule(t *testing.T) {
	s, d := rehearse(t, 300, chatapi.Options{Change: chatapi.Changes{Seed: 5, Touches: 600}})
	d.step = 7 * time.Second
	d.pass(30 * time.Minute)
	begun := d.Now()
	source := sourceOver(t, d, SourceOptions{PageLimit: 20})
	got := read(t, source, shardOf(chatferry.Chats, chatferry.Range{Pass: 1, Since: begun.Add(-20 * time.Minute), Begun: begun}), "").ok(t)
	if d.refused[http.StatusBadRequest] > 0 {
		t.Fatalf("%d requests were refused", d.refused[http.StatusBadRequest])
	}
	have := map[string]bool{}
	for _, r := range got.records {
		have[textOf(memberOf([]byte(r), "id"))+string(memberOf([]byte(r), "update_timestamp"))] = true
	}
	n := 0
	for e := range s.Ledger(chatferry.Chats) {
		at := time.UnixMicro(e.Updated).UTC()
		if at.Before(begun.Add(-20*time.Minute)) || at.After(begun) {
			continue
		}
		n++
		if !have[e.Key+strconv.Quote(at.Format(time.RFC3339))] {
			t.Errorf("%s of %s was not read", e.Key, at)
		}
	}
	if n < 20 || d.waited == 0 || d.waited > 10*time.Minute {
		t.Fatalf("%d changes, waited %s", n, d.waited)
	}
	t.Logf("%d changes before the begin, %d records, waited %s", n, len(got.records), d.waited)
}

// TestFiveMinuteRuleByTheServer: a server whose clock is behind what its answers say is asked again later.
func TestFiveMinuteRuleByTheServer(t *testing.T) {
	d := answering(nil)
	at := noon.Add(-306 * time.Second)
	d.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, _ := strconv.ParseInt(r.URL.Query().Get("start_time"), 10, 64)
		if d.Now().Sub(time.Unix(start, 0)) < 8*time.Minute {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_request","description":"start_time must be more than five minutes in the past"}`)
			return
		}
		records := []string{}
		if start <= at.Unix() {
			records = append(records, fmt.Sprintf(`{"id":"a","type":"chat","update_timestamp":%q}`, at.Format(time.RFC3339)))
		}
		fmt.Fprint(w, exportBody("chats", records, max(start, at.Unix()), "", ""))
	})
	got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{}), "").ok(t)
	if len(got.records) != 1 || d.refused[http.StatusBadRequest] == 0 {
		t.Fatalf("%d records, %d refused", len(got.records), d.refused[http.StatusBadRequest])
	}
}

// TestSecondsAgainstMicroseconds: each export is asked in its own unit, and one that answers in the other is refused.
func TestSecondsAgainstMicroseconds(t *testing.T) {
	_, d := rehearse(t, 300, chatapi.Options{})
	source := sourceOver(t, d, SourceOptions{PageLimit: 50})
	for stream, digits := range map[chatferry.Stream]int{chatferry.Chats: 10, chatferry.AgentTimeline: 16, chatferry.AgentEvents: 10, chatferry.DepartmentEvents: 10} {
		before := d.requests()
		read(t, source, shardOf(stream, chatferry.Range{}), "").ok(t)
		for i, asked := range d.asked[before:] {
			_, query, _ := strings.Cut(asked, "?")
			q, _ := url.ParseQuery(query)
			if n := len(q.Get("start_time")); i > 0 && n != digits {
				t.Errorf("%s: %d digits in %s", stream, n, asked)
			}
		}
	}
	for name, c := range map[string]struct {
		stream chatferry.Stream
		record string
		end    int64
	}{
		"seconds from the timeline":  {chatferry.AgentTimeline, `{"agent_id":1,"start_time":"2021-05-01T10:00:00.5Z"}`, 1_619_863_200},
		"microseconds from chats":    {chatferry.Chats, `{"id":"a","type":"chat","update_timestamp":"2021-05-01T10:00:00Z"}`, 1_619_863_200_000_000},
		"milliseconds from the rest": {chatferry.Conversions, `{"id":"a","goal_id":1,"timestamp":"2021-05-01T10:00:00Z"}`, 1_619_863_200_000},
	} {
		t.Run(name, func(t *testing.T) {
			d := answering(func(string, url.Values) (int, string) {
				return 200, exportBody(string(c.stream), []string{c.record}, c.end, "", "")
			})
			got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(c.stream, chatferry.Range{}), "")
			isKind(t, got.err, chatferry.KindTemporary)
			if !strings.Contains(got.err.Error(), errUnit.Error()) || len(got.records) > 0 {
				t.Fatalf("%d records, error %v", len(got.records), got.err)
			}
		})
	}
}

// TestTimestampStorm: 2,500 chats of one second are read through the pair of second and id, none twice, from every Position.
func TestTimestampStorm(t *testing.T) {
	s, d := rehearse(t, 2700, chatapi.Options{Change: chatapi.Changes{Seed: 9, Storms: []chatapi.Storm{{After: -time.Hour}}}})
	d.pass(time.Hour)
	source := sourceOver(t, d, SourceOptions{})
	shard := shardOf(chatferry.Chats, chatferry.Range{Begun: d.Now()})
	all := read(t, source, shard, "").ok(t)
	wants(t, s, chatferry.Chats, false, all.records)
	unique(t, all.records)
	for i, p := range all.position {
		upTo := len(readSome(t, source, shard, "", i+1).ok(t).records)
		if rest := read(t, source, shard, p).ok(t); !slices.Equal(rest.records, all.records[upTo:]) {
			t.Fatalf("from %.60q on it is not the same", p)
		}
		if len(p) > 12_000 {
			t.Errorf("a position of %d bytes", len(p))
		}
	}
}

// TestDropStartIDDoesNotLoop: a server that ignores start_id serves the boundary second again. What fits a page is read,
// once; a second that does not leaves a Doubt and is passed.
func TestDropStartIDDoesNotLoop(t *testing.T) {
	t.Run("seconds that fit", func(t *testing.T) {
		s, d := rehearse(t, 2000, chatapi.Options{
			Quirks: chatapi.Quirks{DropStartID: true},
			Change: chatapi.Changes{Seed: 9, Storms: []chatapi.Storm{{Chats: 60, After: -time.Hour}}},
		})
		d.pass(time.Hour)
		got := read(t, sourceOver(t, d, SourceOptions{PageLimit: 100}), shardOf(chatferry.Chats, chatferry.Range{Begun: d.Now()}), "").ok(t)
		wants(t, s, chatferry.Chats, false, got.records)
		unique(t, got.records)
	})
	t.Run("a second that does not", func(t *testing.T) {
		s, d := rehearse(t, 3000, chatapi.Options{
			Quirks: chatapi.Quirks{DropStartID: true},
			Change: chatapi.Changes{Seed: 9, Storms: []chatapi.Storm{{After: -2 * time.Hour}, {Chats: 40, After: -2*time.Hour + time.Second}}},
		})
		d.pass(time.Hour)
		got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Begun: d.Now()}), "")
		if got.err != nil || len(got.doubts) != 1 || got.doubts[0].File != "incremental/chats" || !strings.Contains(got.doubts[0].Reason, "2022-06-01T10:00:00Z") {
			t.Fatalf("error %v, doubts %v", got.err, got.doubts)
		}
		unique(t, got.records)
		have := map[string]bool{}
		for _, r := range got.records {
			have[textOf(memberOf([]byte(r), "id"))] = true
		}
		lost := 0
		for e := range s.Ledger(chatferry.Chats) {
			if have[e.Key] {
				continue
			}
			if lost++; !time.UnixMicro(e.Updated).Equal(noon.Add(-2 * time.Hour)) {
				t.Errorf("%s of %s was not read", e.Key, time.UnixMicro(e.Updated).UTC())
			}
		}
		if lost == 0 || lost > 1500 || d.requests() > 20 {
			t.Fatalf("%d of 2,500 chats of one second were not read, in %d requests", lost, d.requests())
		}
	})
}

// TestShortPages: neither a page that is shorter than asked nor one that is longer ends a Stream.
func TestShortPages(t *testing.T) {
	for _, size := range []int{5, 20, 40} {
		t.Run(fmt.Sprintf("%d a page", size), func(t *testing.T) {
			s, d := rehearse(t, 300, chatapi.Options{Quirks: chatapi.Quirks{PageCap: size}})
			for _, stream := range []chatferry.Stream{chatferry.Chats, chatferry.AgentEvents, chatferry.AgentTimeline, chatferry.Conversions} {
				got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(stream, chatferry.Range{}), "").ok(t)
				wants(t, s, stream, false, got.records)
				unique(t, got.records)
			}
		})
	}
	t.Run("any size", func(t *testing.T) {
		s, d := rehearse(t, 1500, chatapi.Options{})
		inner, n := d.h, 0
		d.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			n++
			q.Set("limit", []string{"1", "130", "3", "77"}[n%4]) // 50 are asked for
			r.URL.RawQuery = q.Encode()
			inner.ServeHTTP(w, r)
		})
		for _, stream := range []chatferry.Stream{chatferry.Chats, chatferry.Conversions} {
			got := read(t, sourceOver(t, d, SourceOptions{PageLimit: 50}), shardOf(stream, chatferry.Range{}), "").ok(t)
			wants(t, s, stream, false, got.records)
			unique(t, got.records)
		}
	})
}

// TestNextPageNeverEnds: next_page is there for ever; the reading ends all the same, with a proof.
func TestNextPageNeverEnds(t *testing.T) {
	for stream, most := range map[chatferry.Stream]int{chatferry.Chats: 12, chatferry.AgentEvents: 14, chatferry.Conversions: 4} {
		s, d := rehearse(t, 1000, chatapi.Options{})
		got := read(t, sourceOver(t, d, SourceOptions{PageLimit: 100}), shardOf(stream, chatferry.Range{}), "").ok(t)
		wants(t, s, stream, false, got.records)
		if d.requests() > most+2 {
			t.Errorf("%s: %d requests for %d pages", stream, d.requests(), got.pages)
		}
	}
}

// TestMishapsOfExports: what goes wrong with single answers is asked for again, and nothing is lost or left in doubt.
func TestMishapsOfExports(t *testing.T) {
	type answer struct{ body []byte }
	for name, f := range map[string]func(last *answer, q url.Values, body []byte) []byte{
		"empty page": func(_ *answer, q url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"chats": []byte(`[]`), "count": []byte(`0`), "end_time": []byte(cmpOr(q.Get("start_time"), "0")), "end_id": nil, "next_page": nil})
		},
		"empty page without an end": func(*answer, url.Values, []byte) []byte { return []byte(`{"chats":[],"count":0}`) },
		"empty page of null":        func(*answer, url.Values, []byte) []byte { return []byte(`{"chats":null,"end_time":null}`) },
		"repeated page":             func(last *answer, _ url.Values, _ []byte) []byte { return last.body },
		"no end_time": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"end_time": nil, "end_id": nil})
		},
		"no next_page": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"next_page": nil})
		},
		"neither": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"end_time": nil, "end_id": nil, "next_page": nil})
		},
		"next_page of another age": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"next_page": text("/x?start_time=7&start_id=a")})
		},
		"next_page far ahead": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"next_page": text("/x?start_time=1650000000")})
		},
		"end_time as a fraction": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"end_time": append(slices.Clone(memberOf(body, "end_time")), ".999"...)})
		},
		"end_time as text": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"end_time": text(string(memberOf(body, "end_time")))})
		},
		"end_time in microseconds": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"end_time": append(slices.Clone(memberOf(body, "end_time")), "000000"...), "next_page": nil})
		},
		"backwards": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"end_time": []byte(`5`), "next_page": nil})
		},
		"another count": func(_ *answer, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"count": []byte(`3`)})
		},
		"bare ids": func(*answer, url.Values, []byte) []byte {
			return []byte(`{"chats":[{"id":"a"},{"id":"b"}],"count":2,"end_time":1,"end_id":"b"}`)
		},
		"another object": func(*answer, url.Values, []byte) []byte { return []byte(`{"docs":{}}`) },
		"closed too early": func(_ *answer, _ url.Values, body []byte) []byte {
			return append(slices.Clone(body[:len(body)/2]), "}]}"...)
		},
		"an array": func(*answer, url.Values, []byte) []byte { return []byte(`[]`) },
	} {
		for _, place := range []int{1, 5, 0} { // 0: the last page with records
			t.Run(fmt.Sprintf("%s at %d", name, place), func(t *testing.T) {
				s, d := rehearse(t, 130, chatapi.Options{})
				at := place
				if at == 0 {
					source := sourceOver(t, d, SourceOptions{PageLimit: 16})
					read(t, source, shardOf(chatferry.Chats, chatferry.Range{}), "").ok(t)
					at = d.requests() - 1
				}
				if at == 1 && name == "repeated page" {
					t.Skip("there is no page before the first")
				}
				var last answer
				d.spoil(func(n int, _ string, q url.Values, body []byte) []byte {
					out := body
					if n == at {
						out = f(&last, q, body)
					}
					last.body = body
					return out
				})
				got := read(t, sourceOver(t, d, SourceOptions{PageLimit: 16}), shardOf(chatferry.Chats, chatferry.Range{}), "").ok(t)
				wants(t, s, chatferry.Chats, false, got.records)
				unique(t, got.records)
			})
		}
	}
}

func cmpOr(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// TestMishapsThatStay: what goes wrong with every answer is an error, not a loop, an end or a loss.
func TestMishapsThatStay(t *testing.T) {
	record := `{"id":"2105.1.a","type":"chat","update_timestamp":"2021-05-01T10:00:00Z"}`
	at := time.Date(2021, 5, 1, 10, 0, 0, 0, time.UTC).Unix()
	for name, c := range map[string]struct {
		answer func(q url.Values) string
	}{
		"no end":     {func(url.Values) string { return `{"chats":[{"id":"a","x":1}],"count":1}` }},
		"no records": {func(url.Values) string { return `{"count":1,"end_time":5}` }},
		"backwards": {func(q url.Values) string {
			if q.Get("start_time") == "0" {
				return exportBody("chats", []string{record}, at, "a", "")
			}
			return exportBody("chats", []string{record}, at-50, "a", "")
		}},
		"the same page for ever": {func(url.Values) string { return exportBody("chats", []string{record}, at, "a", "") }},
		"the same instant for ever": {func(q url.Values) string {
			start, _ := strconv.ParseInt(q.Get("start_time"), 10, 64)
			return exportBody("chats", []string{record}, max(start, at), "a", "")
		}},
		"empty pages that go on": {func(q url.Values) string {
			start, _ := strconv.ParseInt(q.Get("start_time"), 10, 64)
			return exportBody("chats", nil, start+1, "", "")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := answering(func(_ string, q url.Values) (int, string) { return 200, c.answer(q) })
			got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{}), "")
			isKind(t, got.err, chatferry.KindTemporary)
			if d.requests() > 2*idleMost {
				t.Fatalf("%d requests", d.requests())
			}
		})
	}
}

// TestEmptyPagesOfQuietDays: a server that pages by days answers with an empty page for a day without chats.
func TestEmptyPagesOfQuietDays(t *testing.T) {
	first := time.Date(2015, 1, 1, 10, 0, 0, 0, time.UTC)
	days := []int{0, 1, 400, 401, 1500}
	d := answering(func(_ string, q url.Values) (int, string) {
		start, _ := strconv.ParseInt(q.Get("start_time"), 10, 64)
		start = max(start, first.Unix())
		end := time.Unix(start, 0).UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Unix()
		var records []string
		for _, day := range days {
			if at := first.AddDate(0, 0, day); at.Unix() >= start && at.Unix() < end {
				records = append(records, fmt.Sprintf(`{"id":"d%d","type":"chat","update_timestamp":%q}`, day, at.Format(time.RFC3339)))
			}
		}
		return 200, exportBody("chats", records, min(end, noon.Add(-time.Minute).Unix()), "", "")
	})
	got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{}), "").ok(t)
	if len(got.records) != len(days) {
		t.Fatalf("%d of %d records", len(got.records), len(days))
	}
}

// TestNextPageOfAnotherHostIsNotDialled: whatever a link looks like, only its parameters are used.
func TestNextPageOfAnotherHostIsNotDialled(t *testing.T) {
	forms := []string{
		"https://evil.example/api/v2/incremental/chats?%s", "http://evil.example/?%s", "//evil.example/x?%s", "https://chat.test@evil.example/?%s",
		"https://evil.example#@chat.test/?%s", "https://chat.test.evil.example/?%s", "https://chat.test:8443/api/v2/incremental/chats?%s", "http://chat.test/api/v2/oauth/tokens?%s",
		"ftp://evil.example/?%s", "file:///etc/passwd?%s", "javascript:alert(1)?%s", "data:text/html,x?%s", "gopher://evil.example/?%s", `https:\\evil.example\?%s`,
		`\\evil.example\x?%s`, "https:/evil.example/?%s", "https:///evil.example/?%s", "///evil.example?%s", "?%s", "/?%s",
		"../../oauth/tokens?%s", "incremental/chats/../../../x?%s", "https://[::1]:80/?%s", "https://169.254.169.254/latest/meta-data?%s", "https://127.0.0.1/?%s", "https://0x7f000001/?%s",
		"https://evil%%2eexample/?%s", "https://EVIL.example/?%s", "https://evil.example:443/?%s", "https://user:pass@chat.test/?%s", "https://chat.test\x00.evil.example/?%s", "https://chat.test\r\nHost: evil.example/?%s",
		"https://evil\u3002example/?%s", "https://\u0435vil.example/?%s", " https://evil.example/?%s", "HTTPS://EVIL.EXAMPLE/?%s", "https://chat.test%%40evil.example/?%s", "https://evil.example/?%s#fragment",
		"https://evil.example/?redirect=https://evil.example&%s", "https://evil.example/?token=1&fields=x&limit=1&%s",
	}
	if len(forms) < 40 {
		t.Fatalf("%d forms", len(forms))
	}
	for i, form := range forms {
		t.Run(strconv.Quote(form), func(t *testing.T) {
			s, d := rehearse(t, 60, chatapi.Options{})
			honest := 0
			d.spoil(func(_ int, path string, q url.Values, body []byte) []byte {
				honest++
				for _, name := range []string{"next_page", "next_url"} {
					link := textOf(memberOf(body, name))
					if link == "" {
						continue
					}
					_, query, _ := strings.Cut(link, "?")
					body = edit(body, map[string]json.RawMessage{name: text(fmt.Sprintf(form, query)), "end_id": nil, "end_time": nil})
				}
				return body
			})
			source := sourceOver(t, d, SourceOptions{PageLimit: 20, Origin: "http://chat.test"})
			ways := []string{chatsExport}
			if i%2 == 0 {
				ways = append(ways, chatsList, chatsSearch)
			}
			for _, way := range ways {
				got := read(t, source, shardOf(chatferry.Chats, chatferry.Range{Endpoint: way}), "").ok(t)
				wants(t, s, chatferry.Chats, way != chatsExport, got.records)
			}
			for _, asked := range d.asked {
				path, query, _ := strings.Cut(asked, "?")
				if path != chatsExport && path != chatsList && path != chatsSearch {
					t.Fatalf("asked for %q", path)
				}
				for _, odd := range []string{"redirect", "token", "evil"} {
					if strings.Contains(query, odd) && path != chatsSearch {
						t.Fatalf("asked with %q", query)
					}
				}
			}
			if honest != d.requests() {
				t.Fatalf("%d requests, of which %d came here", d.requests(), honest)
			}
		})
	}
}
