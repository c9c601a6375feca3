package chatapi

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// TestSearchLanguage: what can be searched for, and what the search does not understand.
func TestSearchLanguage(t *testing.T) {
	s, _, c := serve(t, rehearsal.Options{Seed: 25, Chats: 3000, Bad: -1}, Options{})
	count := func(q string) int {
		var page struct{ Count int }
		c.get("/chats/search?"+url.Values{"q": {q}}.Encode(), &page)
		return page.Count
	}
	all := count("timestamp:[* TO *]")
	live := 0
	for e := range s.Ledger(chatferry.Chats) {
		if !e.Deleted {
			live++
		}
	}
	if all != live {
		t.Errorf("%d chats, %d are there", all, live)
	}
	if n := count("type:chat") + count("type:offline_msg") + count("type:bot_chat"); n != all {
		t.Errorf("by type there are %d of %d", n, all)
	}
	if n := count("rating:good AND type:chat"); n == 0 || n > all/3 {
		t.Errorf("%d good ones", n)
	}
	if n := count(`"Ana"`); n == 0 || n == all || n != count(`agent_names:"Ana"`) {
		t.Errorf("%d by Ana", n)
	}
	for _, q := range []string{
		"type:chat AND end_timestamp:[2019-01-01T00:00:00Z TO 2020-01-01T00:00:00Z]",
		"type:chat AND end_timestamp:[2019-01-01T00:00:00+00:00 TO 2020-01-01T00:00:00+00:00]",
		"type:nothing", "shoe_size:44", "timestamp:yesterday", "timestamp:[2019-01-01T00:00:00]",
	} {
		if n := count(q); n != 0 {
			t.Errorf("%s: %d", q, n)
		}
	}
	year := count("timestamp:[2019-01-01T00:00:00 TO 2019-12-31T23:59:59]")
	if year == 0 || year != count("timestamp:[2019-01-01 TO 2019-12-31]") || year != count("timestamp:[2019-01-01T00:00:00.000 TO 2019-12-31T23:59:59.999999]") {
		t.Errorf("%d in 2019", year)
	}
	for _, q := range []string{"type:chat AND", "AND type:chat", "type:", "timestamp:[2019", `"Ana`} {
		if status, _ := c.status("/chats/search?" + url.Values{"q": {q}}.Encode()); status != 400 {
			t.Errorf("%s: status %d", q, status)
		}
	}
}

// TestSearchEdges: both bounds belong to the window, so that a chat on an edge is in two windows.
func TestSearchEdges(t *testing.T) {
	s, _, c := serve(t, rehearsal.Options{Seed: 25, Chats: 300, Bad: -1}, Options{})
	r, done := s.reader()
	defer done()
	i := int64(0)
	for r.Facts(i, 0).Type != "chat" {
		i++
	}
	at := time.UnixMilli(r.Facts(i, 0).End).UTC().Format("2006-01-02T15:04:05")
	id := string(s.account.AppendChatID(nil, i, 0))
	for _, window := range []string{at + " TO 2030-01-01T00:00:00", "2000-01-01T00:00:00 TO " + at} {
		found := false
		for u := "/chats/search?" + (url.Values{"q": {"type:chat AND end_timestamp:[" + window + "]"}}).Encode(); u != ""; {
			var page struct {
				Results []struct{ ID string }
				NextURL string `json:"next_url"`
			}
			c.get(u, &page)
			found = found || slices.ContainsFunc(page.Results, func(x struct{ ID string }) bool { return x.ID == id })
			u = page.NextURL
		}
		if !found {
			t.Errorf("%s is not in [%s]", id, window)
		}
	}
}

// TestSearchCap: more than 10,000 results are counted, and cannot be reached.
func TestSearchCap(t *testing.T) {
	_, _, c := serve(t, rehearsal.Options{Seed: 26, Chats: 13_000}, Options{})
	var page struct {
		Results []json.RawMessage
		Count   int
		NextURL string `json:"next_url"`
	}
	c.get("/chats/search?q=type:chat&page=250", &page)
	if page.Count <= 10_000 || len(page.Results) != 40 || !strings.HasSuffix(page.NextURL, "page=251&q=type%3Achat") {
		t.Fatalf("%d results, %d here, next %s", page.Count, len(page.Results), page.NextURL)
	}
	if status, _ := c.status("/chats/search?q=type:chat&page=251"); status != 400 {
		t.Errorf("page 251: status %d", status)
	}
}
