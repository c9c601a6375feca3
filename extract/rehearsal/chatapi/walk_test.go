package chatapi

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// follow reads an export by next_page until a page is short, as the common connectors do.
func (c *client) follow(stream chatferry.Stream, start string, limit int) (records []json.RawMessage) {
	c.t.Helper()
	u := exportURL(stream, start, strconv.Itoa(limit))
	for range 10_000 {
		e := c.export(u, stream)
		records = append(records, e.records...)
		if e.Count < limit {
			return records
		}
		u = e.NextPage
	}
	c.t.Fatal("the export has no end")
	return nil
}

// TestWalkIncremental reads chats as an incremental connector does, at both roots and with several sizes of pages, and
// finds every chat at its newest, deleted ones included.
func TestWalkIncremental(t *testing.T) {
	s, _, c := serve(t, rehearsal.Options{Seed: 21, Chats: 300}, Options{})
	want := ledger(t, s, chatferry.Chats)
	for _, root := range []string{"/api/v2", "/api/v2/chat"} {
		for _, limit := range []int{3, 100, 1000} {
			t.Run(fmt.Sprintf("root=%s/limit=%d", strings.TrimPrefix(root, "/"), limit), func(t *testing.T) {
				c := &client{t: t, h: s, token: c.token, root: "http://chat.test" + root}
				got := map[string]record{}
				last := ""
				for _, raw := range c.follow(chatferry.Chats, "0", limit) {
					r := read(t, raw)
					if _, twice := got[r.id]; twice {
						t.Fatalf("chat %s came twice although nothing changed", r.id)
					}
					if at := r.updated + r.id; r.updated == "" || at <= last {
						t.Fatalf("chat %s is out of order: %s behind %s", r.id, at, last)
					} else {
						last = at
					}
					got[r.id] = r
				}
				equal(t, got, want)
			})
		}
	}
}

// equal holds what was read against the ledger.
func equal(t *testing.T, got map[string]record, want map[string]Entry) {
	t.Helper()
	for id, e := range want {
		if got[id].sum != e.SHA256 {
			t.Fatalf("%s is missing or differs", id)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records were read, %d are there", len(got), len(want))
	}
}

// TestWalkMoments reads the exports whose cursor is a time alone.
func TestWalkMoments(t *testing.T) {
	s, _, c := serve(t, small(), Options{})
	for _, stream := range []chatferry.Stream{
		chatferry.AgentTimeline, chatferry.AgentEvents, chatferry.DepartmentEvents, chatferry.Conversions,
	} {
		t.Run(string(stream), func(t *testing.T) {
			c := &client{t: t, h: s, token: c.token, root: c.root}
			got := map[string]record{}
			repeated := 0
			for _, raw := range c.follow(stream, "0", 500) {
				var r record
				if stream == chatferry.AgentTimeline {
					var known struct {
						Agent int64     `json:"agent_id"`
						Start time.Time `json:"start_time"`
					}
					decode(t, raw, &known)
					r = record{id: fmt.Sprintf("%d|%d", known.Agent, known.Start.UnixMicro()), sum: sha256.Sum256(raw)}
				} else {
					r = read(t, raw)
				}
				if _, again := got[r.id]; again {
					repeated++
				}
				got[r.id] = r
			}
			equal(t, got, ledger(t, s, stream))
			if pages := len(got) / 500; repeated < pages {
				t.Errorf("%d records came again at the beginning of %d pages: start_time is not inclusive", repeated, pages)
			}
		})
	}
}

// TestWalkSearch reads chats as the connectors do that know no incremental export: windows of search, then bulk.
func TestWalkSearch(t *testing.T) {
	s, clock, c := serve(t, small(), Options{})
	want := ledger(t, s, chatferry.Chats)
	got := map[string]record{}
	from, to := time.Date(2016, 12, 1, 0, 0, 0, 0, time.UTC), clock.at
	for _, kind := range [][2]string{{"chat", "end_timestamp"}, {"offline_msg", "timestamp"}, {"bot_chat", "timestamp"}} {
		for start := from; start.Before(to); start = start.AddDate(0, 0, 60) {
			const naive = "2006-01-02T15:04:05"
			q := fmt.Sprintf("type:%s AND %s:[%s TO %s]", kind[0], kind[1], start.Format(naive), start.AddDate(0, 0, 60).Format(naive))
			u := c.root + "/chats/search?" + url.Values{"q": {q}}.Encode()
			for u != "" {
				var page struct {
					Results []struct{ ID, URL, Type, Timestamp, Preview string }
					Count   int
					NextURL string `json:"next_url"`
				}
				c.get(u, &page)
				u = page.NextURL
				var ids []string
				for _, r := range page.Results {
					if r.Type != kind[0] || r.Timestamp == "" || !strings.HasSuffix(r.URL, "/api/v2/chats/"+r.ID) {
						t.Fatalf("%+v", r)
					}
					ids = append(ids, r.ID)
				}
				if len(ids) == 0 {
					continue
				}
				var docs struct{ Docs map[string]json.RawMessage }
				c.get("/chats?"+url.Values{"ids": {strings.Join(ids, ",")}}.Encode(), &docs)
				if len(docs.Docs) != len(ids) {
					t.Fatalf("%d of %d ids", len(docs.Docs), len(ids))
				}
				for id, raw := range docs.Docs {
					got[id] = read(t, raw)
				}
			}
		}
	}
	deleted := 0
	for id, e := range want {
		switch {
		case e.Deleted:
			deleted++
			if _, there := got[id]; there {
				t.Fatalf("%s is deleted and was found", id)
			}
		case got[id].sum != e.Listed:
			t.Fatalf("%s is missing or differs", id)
		}
	}
	if deleted == 0 || len(got) != len(want)-deleted {
		t.Fatalf("%d chats were read; %d are there, %d of them deleted", len(got), len(want), deleted)
	}
}

// TestWalkList reads the list of chats, the newest first.
func TestWalkList(t *testing.T) {
	s, _, c := serve(t, small(), Options{})
	want := ledger(t, s, chatferry.Chats)
	got := 0
	last := ""
	for u := "/chats"; u != ""; {
		var page struct {
			Chats   []json.RawMessage
			NextURL string `json:"next_url"`
		}
		c.get(u, &page)
		if page.NextURL != "" && len(page.Chats) != 40 {
			t.Fatalf("a page of %d", len(page.Chats))
		}
		for _, raw := range page.Chats {
			r := read(t, raw)
			if e := want[r.id]; e.Listed != r.sum || e.Deleted {
				t.Fatalf("%s differs or is deleted", r.id)
			}
			if last != "" && r.id[:4] > last[:4] {
				t.Fatalf("%s behind %s", r.id, last)
			}
			last = r.id
			got++
		}
		u = page.NextURL
	}
	for _, e := range want {
		if e.Deleted {
			got++
		}
	}
	if got != len(want) {
		t.Fatalf("%d of %d chats", got, len(want))
	}
}

// TestWalkSinceID reads agents and bans with the last id plus one, the bans in the way that takes the last element of
// both lists for the greatest.
func TestWalkSinceID(t *testing.T) {
	s, _, c := serve(t, rehearsal.Options{Seed: 22, Chats: 9000}, Options{})
	for _, stream := range []chatferry.Stream{chatferry.Agents, chatferry.Bans} {
		for _, limit := range []int{1, 4, 100} {
			got := map[string]record{}
			since := int64(0)
			for {
				b := c.get(fmt.Sprintf("/%s?since_id=%d&limit=%d", stream, since, limit), nil)
				var page []json.RawMessage
				if stream == chatferry.Bans {
					var both struct {
						Visitor   []json.RawMessage
						IPAddress []json.RawMessage `json:"ip_address"`
					}
					decode(t, b, &both)
					page = slices.Concat(both.Visitor, both.IPAddress)
				} else {
					decode(t, b, &page)
				}
				if len(page) == 0 {
					break
				}
				if len(page) > limit {
					t.Fatalf("%s: a page of %d", stream, len(page))
				}
				for _, raw := range page {
					r := read(t, raw)
					got[r.id] = r
				}
				last, err := strconv.ParseInt(read(t, page[len(page)-1]).id, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				since = last + 1
			}
			equal(t, got, ledger(t, s, stream))
		}
	}
}

// TestWalkConfiguration reads the lists that have no pages, and each record by its own address.
func TestWalkConfiguration(t *testing.T) {
	s, _, c := serve(t, small(), Options{})
	for stream, by := range map[chatferry.Stream]string{
		chatferry.Departments: "id", chatferry.Roles: "id", chatferry.Skills: "id", chatferry.Goals: "id",
		chatferry.Shortcuts: "name", chatferry.Triggers: "", chatferry.OAuthClients: "",
	} {
		t.Run(string(stream), func(t *testing.T) {
			c := &client{t: t, h: s, token: c.token, root: c.root}
			path := "/" + strings.Replace(string(stream), "oauth_", "oauth/", 1)
			var list []json.RawMessage
			c.get(path, &list)
			got := map[string]record{}
			for _, raw := range list {
				r := read(t, raw)
				got[r.id] = r
				if by != "" {
					var known struct{ Name string }
					decode(t, raw, &known)
					one := map[string]string{"id": r.id, "name": known.Name}[by]
					if string(c.get(path+"/"+url.PathEscape(one), nil)) != string(raw) {
						t.Errorf("%s alone differs", one)
					}
				}
			}
			equal(t, got, ledger(t, s, stream))
		})
	}
}

// TestWalkVisitors asks for every visitor that chats or bans name.
func TestWalkVisitors(t *testing.T) {
	s, _, c := serve(t, rehearsal.Options{Seed: 23, Chats: 400, Bad: -1}, Options{})
	got := map[string]record{}
	for _, raw := range c.follow(chatferry.Chats, "0", 1000) {
		var chat struct{ Visitor struct{ ID json.RawMessage } }
		decode(t, raw, &chat)
		id := strings.Trim(string(chat.Visitor.ID), `"`)
		if _, known := got[id]; !known {
			got[id] = read(t, c.get("/visitors/"+id, nil))
		}
	}
	equal(t, got, ledger(t, s, chatferry.Visitors))
}
