package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal/chatapi"
)

// TestSinceIDIsInclusive: each page begins behind the greatest id before it, and nothing comes twice, however the server
// understands since_id and limit.
func TestSinceIDIsInclusive(t *testing.T) {
	type ban struct {
		id int
		ip bool
	}
	var bans []ban
	for id := range 700 {
		bans = append(bans, ban{id: 3*id + 5, ip: id%7 == 0})
	}
	raw := func(b ban) string {
		kind := map[bool]string{true: "ip_address", false: "visitor"}[b.ip]
		return fmt.Sprintf(`{"id":%d,"type":%q}`, b.id, kind)
	}
	for name, serve := range map[string]func(since, limit int) (page []ban){
		"as documented": func(since, limit int) (page []ban) {
			for _, b := range bans {
				if b.id >= since && len(page) < limit {
					page = append(page, b)
				}
			}
			return page
		},
		"a limit for each array": func(since, limit int) (page []ban) {
			var n [2]int
			for _, b := range bans {
				k := map[bool]int{true: 1}[b.ip]
				if b.id >= since && n[k] < limit {
					n[k]++
					page = append(page, b)
				}
			}
			return page
		},
		"since_id ignored": func(int, int) []ban { return bans },
		"no limit":         func(since, _ int) []ban { return bans[max(0, (since-3)/3):] },
		"fewer than asked": func(since, _ int) []ban { from := max(0, (since-3)/3); return bans[from:min(from+13, len(bans))] },
		"each twice": func(since, _ int) []ban {
			from := max(0, (since-3)/3)
			p := bans[from:min(from+40, len(bans))]
			return slices.Concat(p, p)
		},
		"exclusive of what is asked": func(since, limit int) (page []ban) {
			for _, b := range bans {
				if b.id > since-1 && len(page) < limit {
					page = append(page, b)
				}
			}
			return page
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := answering(func(_ string, q url.Values) (int, string) {
				since, _ := strconv.Atoi(q.Get("since_id"))
				limit, _ := strconv.Atoi(q.Get("limit"))
				if limit > sinceLimit {
					return 400, `{"error":"invalid_request"}`
				}
				var visitor, ip []string
				for _, b := range serve(since, limit) {
					if b.ip {
						ip = append(ip, raw(b))
					} else {
						visitor = append(visitor, raw(b))
					}
				}
				return 200, `{"visitor":[` + strings.Join(visitor, ",") + `],"ip_address":[` + strings.Join(ip, ",") + `]}`
			})
			source := sourceOver(t, d, SourceOptions{})
			shard := shardOf(chatferry.Bans, chatferry.Range{})
			got := read(t, source, shard, "").ok(t)
			unique(t, got.records)
			if len(got.records) != len(bans) {
				t.Fatalf("%d of %d bans", len(got.records), len(bans))
			}
			if d.requests() > len(bans)/13+3 {
				t.Fatalf("%d requests", d.requests())
			}
			for i, p := range got.position {
				upTo := readSome(t, source, shard, "", i+1).ok(t)
				rest := read(t, source, shard, p).ok(t)
				all := slices.Concat(upTo.records, rest.records)
				slices.Sort(all)
				if n := len(slices.Compact(all)); n != len(bans) {
					t.Fatalf("resumed at %q: %d of %d", p, n, len(bans))
				}
			}
		})
	}
}

// TestSinceIDIgnored: the lists of a server that ignores since_id never come to an end by themselves.
func TestSinceIDIgnored(t *testing.T) {
	s, d := rehearse(t, 300, chatapi.Options{Quirks: chatapi.Quirks{IgnoreSinceID: true}})
	for _, stream := range []chatferry.Stream{chatferry.Agents, chatferry.Bans} {
		got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(stream, chatferry.Range{}), "").ok(t)
		wants(t, s, stream, false, got.records)
		unique(t, got.records)
	}
	if d.requests() > 4 {
		t.Fatalf("%d requests", d.requests())
	}
}

// TestSinceIDOddities: records without an id are given once, and a full page out of order is doubted.
func TestSinceIDOddities(t *testing.T) {
	d := answering(func(_ string, q url.Values) (int, string) {
		if q.Get("since_id") != "" {
			return 200, `[{"name":"no id"}]`
		}
		return 200, `[{"id":9},{"id":"4"},{"name":"no id"},{"id":9,"again":1},{"id":null},7]`
	})
	got := read(t, sourceOver(t, d, SourceOptions{PageLimit: 6}), shardOf(chatferry.Agents, chatferry.Range{}), "")
	if got.err != nil || len(got.records) != 6 || len(got.doubts) != 1 {
		t.Fatalf("error %v, records %q, doubts %v", got.err, got.records, got.doubts)
	}
	d = answering(func(string, url.Values) (int, string) { return 200, `[{"name":"no id"},{"name":"none"}]` })
	if got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Agents, chatferry.Range{}), "").ok(t); len(got.records) != 2 {
		t.Fatalf("%d records", len(got.records))
	}
}

// TestListEnds: null, empty and absent end the list; a link that leads nowhere or back does not.
func TestListEnds(t *testing.T) {
	for _, end := range []chatapi.EndNextURL{chatapi.EndNextURLNull, chatapi.EndNextURLEmpty, chatapi.EndNextURLAbsent} {
		s, d := rehearse(t, 300, chatapi.Options{Quirks: chatapi.Quirks{EndNextURL: end, NextPage: chatapi.NextPageRelative}})
		got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsList}), "").ok(t)
		wants(t, s, chatferry.Chats, true, got.records)
		last := got.position[len(got.position)-1]
		if again := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsList}), last).ok(t); len(again.records) > 0 {
			t.Fatalf("%d records behind the end", len(again.records))
		}
	}
	for name, c := range map[string]struct {
		edit    func(n int, q url.Values, body []byte) []byte
		healthy bool
	}{
		"the same page once": {func(n int, q url.Values, body []byte) []byte {
			if n == 3 {
				return edit(body, map[string]json.RawMessage{"next_url": text("/chats?" + q.Encode())})
			}
			return body
		}, true},
		"always the same": {func(_ int, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"next_url": text("/chats?cursor=same")})
		}, false},
		"in a circle": {func(n int, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"next_url": text(fmt.Sprintf("/chats?cursor=c%d", n%5))})
		}, false},
		"a link without query": {func(_ int, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"next_url": text("/chats")})
		}, false},
		"a number": {func(_ int, _ url.Values, body []byte) []byte {
			return edit(body, map[string]json.RawMessage{"next_url": []byte("5")})
		}, false},
		"empty pages for ever": {func(n int, _ url.Values, _ []byte) []byte {
			return fmt.Appendf(nil, `{"chats":[],"next_url":"/chats?cursor=c%d"}`, n)
		}, false},
		"one page for ever": {func(n int, _ url.Values, _ []byte) []byte {
			return fmt.Appendf(nil, `{"chats":[{"id":"a"},{"id":"b"}],"next_url":"/chats?cursor=c%d"}`, n)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := rehearse(t, 300, chatapi.Options{})
			inner := d.h
			n := 0
			d.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c := r.URL.Query().Get("cursor"); c == "same" || strings.HasPrefix(c, "c") {
					r.URL.RawQuery = ""
				}
				inner.ServeHTTP(w, r)
			})
			d.spoil(func(_ int, _ string, q url.Values, body []byte) []byte { n++; return c.edit(n, q, body) })
			got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsList}), "")
			if !c.healthy {
				isKind(t, got.err, chatferry.KindTemporary)
				if most := map[string]int{"in a circle": 10}[name]; d.requests() > idleMost+10 || most > 0 && d.requests() > most {
					t.Fatalf("%d requests", d.requests())
				}
				return
			}
			wants(t, s, chatferry.Chats, true, got.ok(t).records)
		})
	}
}

// TestListSweep: with Since the list is read until it is a day older.
func TestListSweep(t *testing.T) {
	s, d := rehearse(t, 1000, chatapi.Options{Change: chatapi.Changes{Inserts: 100}})
	d.pass(5 * time.Hour)
	since := noon.Add(2 * time.Hour)
	got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsList, Pass: 1, Since: since, Begun: d.Now()}), "").ok(t)
	n := 0
	have := strings.Join(got.records, "\n")
	for e := range s.Ledger(chatferry.Chats) {
		if at := time.UnixMicro(e.Updated); !e.Deleted && !at.Before(since) {
			n++
			if !strings.Contains(have, e.Key) {
				t.Errorf("%s of %s is missing", e.Key, at.UTC())
			}
		}
	}
	if n < 100 || len(got.records) > n+50 || d.requests() > n/listLimit+12 {
		t.Fatalf("%d records, %d in range, %d requests", len(got.records), n, d.requests())
	}
}

// TestSearchCapBisects: with more chats than a search shows the windows are shortened until all are found, each once.
func TestSearchCapBisects(t *testing.T) {
	s, d := rehearse(t, 10_500, chatapi.Options{})
	got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsSearch}), "").ok(t)
	wants(t, s, chatferry.Chats, true, got.records)
	unique(t, got.records)
	if d.refused[http.StatusBadRequest] > 0 {
		t.Errorf("%d requests were refused", d.refused[http.StatusBadRequest])
	}
	ideal := len(got.records)/listLimit + len(got.records)/bulkLimit
	if d.requests() > ideal*107/100 {
		t.Errorf("%d requests, ideally %d", d.requests(), ideal)
	}
	for _, asked := range d.asked {
		if _, query, _ := strings.Cut(asked, "?"); strings.Contains(query, "timestamp") && strings.Contains(query, "Z") {
			t.Fatalf("a bound with a zone: %s", query)
		}
	}
}

// searchDesk answers searches and bulk requests for made-up chats, each an id and a second.
func searchDesk(chats map[string]int64, typeless bool) *desk {
	kind := func(id string) string {
		return map[bool]string{true: "offline_msg", false: "chat"}[strings.HasSuffix(id, "o")]
	}
	ids := make([]string, 0, len(chats))
	for id := range chats {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return answering(func(path string, q url.Values) (int, string) {
		if list := q.Get("ids"); list != "" {
			var docs []string
			for _, id := range strings.Split(list, ",") {
				docs = append(docs, fmt.Sprintf(`%q:{"id":%q,"type":%q}`, id, id, kind(id)))
			}
			return 200, `{"docs":{` + strings.Join(docs, ",") + `}}`
		}
		query := q.Get("q")
		want := ""
		if rest, ok := strings.CutPrefix(query, "type:"); ok {
			want, query, _ = strings.Cut(rest, " AND ")
		} else if !typeless {
			return 200, `{"results":[],"count":0,"next_url":null}`
		}
		from, to, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(query, "timestamp:["), "]"), " TO ")
		a, err1 := time.Parse("2006-01-02T15:04:05", from)
		b, err2 := time.Parse("2006-01-02T15:04:05", to)
		if err1 != nil || err2 != nil || path != chatsSearch {
			return 400, `{"error":"invalid_request"}`
		}
		var found []string
		for _, id := range ids {
			if at := chats[id]; at >= a.Unix() && at <= b.Unix() && (want == "" || kind(id) == want) {
				found = append(found, id)
			}
		}
		page, _ := strconv.Atoi(cmpOr(q.Get("page"), "1"))
		if page > 250 {
			return 400, `{"error":"invalid_request","description":"251 pages"}`
		}
		lo, hi := min((page-1)*40, len(found)), min(page*40, len(found))
		next := "null"
		stubs := make([]string, 0, 40)
		for _, id := range found[lo:hi] {
			stubs = append(stubs, fmt.Sprintf(`{"id":%q}`, id))
		}
		if hi < len(found) {
			next = fmt.Sprintf(`"/x?page=%d"`, page+1)
		}
		return 200, fmt.Sprintf(`{"results":[%s],"count":%d,"next_url":%s}`, strings.Join(stubs, ","), len(found), next)
	})
}

// TestSearchFullSecond: a second with more chats than a search shows is searched by types too; what is still not shown
// leaves a Doubt.
func TestSearchFullSecond(t *testing.T) {
	for name, c := range map[string]struct{ chat, offline, doubts, least int }{
		"types suffice":    {9_500, 3_000, 0, 12_500},
		"types are capped": {12_000, 100, 1, 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			chats := map[string]int64{"2105.1.first": 1_600_000_000, "2105.1.last": 1_640_000_000}
			for i := range c.chat {
				chats[fmt.Sprintf("2105.1.%06d", i)] = 1_620_000_000
			}
			for i := range c.offline {
				chats[fmt.Sprintf("2105.1.%06do", i)] = 1_620_000_000
			}
			got := read(t, sourceOver(t, searchDesk(chats, true), SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsSearch}), "")
			if got.err != nil || len(got.doubts) != c.doubts || len(got.records) < c.least+2 {
				t.Fatalf("error %v, doubts %v, %d records", got.err, got.doubts, len(got.records))
			}
			unique(t, got.records)
		})
	}
}

// TestSearchWithoutTypes: a server that finds nothing without a type is searched by types.
func TestSearchWithoutTypes(t *testing.T) {
	chats := map[string]int64{}
	for i := range 300 {
		chats[fmt.Sprintf("2105.1.%06d%s", i, []string{"", "o"}[i%2])] = 1_600_000_000 + int64(i)*86_400
	}
	source, shard := sourceOver(t, searchDesk(chats, false), SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsSearch})
	got := read(t, source, shard, "").ok(t)
	unique(t, got.records)
	if len(got.records) != 300 {
		t.Fatalf("%d records", len(got.records))
	}
	for i, p := range got.position {
		upTo := len(readSome(t, source, shard, "", i+1).ok(t).records)
		if rest := read(t, source, shard, p).ok(t); !slices.Equal(rest.records, got.records[upTo:]) {
			t.Fatalf("from %q on it is not the same", p)
		}
	}
}

// TestSearchWindowsAreDisjoint: a chat on an edge of two Shards stands in one of them.
func TestSearchWindowsAreDisjoint(t *testing.T) {
	chats := map[string]int64{}
	for i := range 100 {
		chats[fmt.Sprintf("2105.1.%06d", i)] = 1_600_000_000 + int64(i)
	}
	d := searchDesk(chats, true)
	var records []string
	var since time.Time
	for _, until := range []time.Time{time.Unix(1_600_000_017, 0), time.Unix(1_600_000_018, 0), time.Unix(1_600_000_050, 0), {}} {
		got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsSearch, Since: since, Until: until}), "").ok(t)
		records = append(records, got.records...)
		since = until
	}
	unique(t, records)
	if len(records) != 100 {
		t.Fatalf("%d records", len(records))
	}
}

// TestBulkAnswersLackIDs: a chat that the bulk answer lacks is asked for by itself; one that is gone is absent.
func TestBulkAnswersLackIDs(t *testing.T) {
	for _, null := range []bool{false, true} {
		t.Run(fmt.Sprintf("null=%v", null), func(t *testing.T) {
			s, d := rehearse(t, 400, chatapi.Options{Quirks: chatapi.Quirks{MissingNull: null}})
			var gone []string
			d.spoil(func(n int, path string, q url.Values, body []byte) []byte {
				ids := strings.Split(q.Get("ids"), ",")
				if path != chatsList || len(ids) < 10 {
					return body
				}
				docs := memberOf(body, "docs")
				// The server leaves one out that is there, and another one is deleted behind the search's back.
				lack := map[string]json.RawMessage{ids[3]: nil}
				if len(gone) == 0 {
					gone = append(gone, ids[7])
					lack[ids[7]] = []byte("null")
				}
				return edit(body, map[string]json.RawMessage{"docs": edit(docs, lack)})
			})
			inner := d.h
			d.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if len(gone) > 0 && strings.HasSuffix(r.URL.Path, "/chats/"+gone[0]) {
					w.WriteHeader(http.StatusNotFound)
					fmt.Fprint(w, `{"error":"not_found"}`)
					return
				}
				inner.ServeHTTP(w, r)
			})
			got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsSearch}), "").ok(t)
			if !slices.Equal(got.absent, gone) || len(gone) != 1 {
				t.Fatalf("absent %v, gone %v", got.absent, gone)
			}
			n := 0
			for e := range s.Ledger(chatferry.Chats) {
				if !e.Deleted && e.Key != gone[0] {
					n++
				}
			}
			if unique(t, got.records); len(got.records) != n {
				t.Fatalf("%d of %d chats", len(got.records), n)
			}
		})
	}
}

// TestSearchCountDisagrees: a search that counts more than it shows is walked again, and then doubted.
func TestSearchCountDisagrees(t *testing.T) {
	d := searchDesk(map[string]int64{"2105.1.a": 1_600_000_000, "2105.1.b": 1_600_000_001}, true)
	d.spoil(func(_ int, path string, _ url.Values, body []byte) []byte {
		if string(memberOf(body, "count")) == "2" {
			return edit(body, map[string]json.RawMessage{"count": []byte("3")})
		}
		return body
	})
	got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.Chats, chatferry.Range{Endpoint: chatsSearch}), "")
	if got.err != nil || len(got.doubts) != 1 || len(got.records) != 2 {
		t.Fatalf("error %v, doubts %v, %d records", got.err, got.doubts, len(got.records))
	}
}

// TestSearchIDsThatAreNone: ids become parts of a path, so odd ones are refused.
func TestSearchIDsThatAreNone(t *testing.T) {
	for _, id := range []string{`"../oauth/tokens"`, `".."`, `"a,b"`, `"a b"`, `""`, `null`, `{}`, `"a?b=c"`, `"%2e%2e"`} {
		if _, err := readFound([]byte(`{"results":[{"id":` + id + `}],"count":1}`)); err == nil {
			t.Errorf("%s was taken for an id", id)
		}
	}
}
