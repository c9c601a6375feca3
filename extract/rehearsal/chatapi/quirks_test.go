package chatapi

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// TestStatus: what is refused, and how.
func TestStatus(t *testing.T) {
	forty := strings.Repeat("x,", 50)
	for _, c := range []struct {
		name   string
		o      Options
		path   string
		status int
		code   string
	}{
		{"no such endpoint", Options{}, "/nothing", 404, "not_found"},
		{"no such chat", Options{}, "/chats/1704.1.QHgVx6SOrRuSx", 404, "not_found"},
		{"no such agent", Options{}, "/agents/1", 404, "not_found"},
		{"no such ban", Options{}, "/bans/1", 404, "not_found"},
		{"no such visitor", Options{}, "/visitors/1.12345", 404, "not_found"},
		{"no such shortcut", Options{}, "/shortcuts/nobody%2Fhome", 404, "not_found"},
		{"start_time newer than five minutes", Options{}, "/incremental/chats?start_time=" + seconds(begin.Add(-299*time.Second)), 400, "invalid_request"},
		{"start_time five minutes ago", Options{}, "/incremental/chats?start_time=" + seconds(begin.Add(-300*time.Second)), 200, ""},
		{"start_time in microseconds", Options{}, "/incremental/chats?start_time=1500000000000000", 400, "invalid_request"},
		{"start_time as a fraction", Options{}, "/incremental/agent_events?start_time=1500000000.75", 200, ""},
		{"start_time no number", Options{}, "/incremental/chats?start_time=yesterday", 400, "invalid_request"},
		{"timeline newer than five minutes", Options{}, "/incremental/agent_timeline?start_time=" + seconds(begin.Add(-time.Minute)) + "000000", 400, "invalid_request"},
		{"limit above 1000", Options{}, "/incremental/chats?limit=5000", 200, ""},
		{"limit above 1000, strictly", Options{Quirks: Quirks{LimitError: true}}, "/incremental/chats?limit=1001", 400, "invalid_request"},
		{"limit 0", Options{}, "/incremental/chats?limit=0", 400, "invalid_request"},
		{"unknown resource", Options{}, "/incremental/chats?fields=visitors(*)", 400, "invalid_request"},
		{"fields without parentheses", Options{}, "/incremental/chats?fields=chats", 400, "invalid_request"},
		{"fields that do not end", Options{}, "/incremental/chats?fields=chats(id", 400, "invalid_request"},
		{"cursor of another list", Options{}, "/chats?cursor=bm90aGluZw", 400, "invalid_request"},
		{"50 ids", Options{}, "/chats?ids=" + forty[:99], 200, ""},
		{"51 ids", Options{}, "/chats?ids=" + numbers(51), 400, "invalid_request"},
		{"agents by 500", Options{}, "/agents?limit=500", 400, "invalid_request"},
		{"bans by 101", Options{}, "/bans?limit=101", 400, "invalid_request"},
		{"search without a query", Options{}, "/chats/search", 400, "invalid_request"},
		{"search page 251", Options{}, "/chats/search?q=type:chat&page=251", 400, "invalid_request"},
		{"search page 250", Options{}, "/chats/search?q=type:chat&page=250", 200, ""},
		{"account forbidden", Options{Quirks: Quirks{AccountForbidden: true}}, "/account", 403, "forbidden"},
		{"account in phase 3", Options{Kind: Phase3}, "/account", 403, "forbidden"},
		{"account in phase 4", Options{Kind: Phase4}, "/account", 200, ""},
		{"no timeline", Options{Quirks: Quirks{NoTimeline: true}}, "/incremental/agent_timeline", 404, "not_found"},
		{"no incremental", Options{Quirks: Quirks{NoIncremental: true}}, "/incremental/chats", 404, "not_found"},
		{"agent events forbidden", Options{Quirks: Quirks{Limited: 403}}, "/incremental/agent_events", 403, "forbidden"},
		{"agent events missing", Options{Quirks: Quirks{Limited: 404}}, "/incremental/agent_events", 404, "not_found"},
		{"no zopim root", Options{Quirks: Quirks{NoZopim: true}}, "/agents", 404, "not_found"},
		{"scope without read", Options{Scopes: "write chat"}, "/agents", 403, "forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, client := serve(t, rehearsal.Options{Seed: 3, Chats: 60}, c.o)
			if status, code := client.status(c.path); status != c.status || code != c.code {
				t.Errorf("%d %s, not %d %s", status, code, c.status, c.code)
			}
		})
	}
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func numbers(n int) string {
	var ids []string
	for k := range n {
		ids = append(ids, strconv.Itoa(k))
	}
	return strings.Join(ids, ",")
}

// TestEndpoints asks for every endpoint below both roots.
func TestEndpoints(t *testing.T) {
	s, _, c := serve(t, small(), Options{})
	chat, agent := string(s.account.AppendChatID(nil, 5, 0)), s.setup.list(chatferry.Agents)[2]
	id := func(stream chatferry.Stream) string { return strconv.FormatInt(s.setup.list(stream)[0].id, 10) }
	var visitor string
	for e := range s.Ledger(chatferry.Visitors) {
		visitor = e.Key
		break
	}
	arguments := map[string]string{
		"/chats/{}": chat, "/visitors/{}": visitor, "/agents/email/{}": url.PathEscape(agent.email), "/agents/{}": strconv.FormatInt(agent.id, 10),
		"/departments/name/{}": "Sales", "/departments/{}": id(chatferry.Departments), "/bans/{}": id(chatferry.Bans), "/roles/{}": id(chatferry.Roles),
		"/skills/{}": id(chatferry.Skills), "/shortcuts/{}": "help", "/goals/{}": id(chatferry.Goals),
		"/routing_settings/agents/{}": strconv.FormatInt(agent.id, 10), "/chats/search": "?q=type:chat",
	}
	for _, root := range []string{"/api/v2", "/api/v2/chat"} {
		for _, pattern := range Endpoints() {
			path := strings.Replace(pattern, "{}", arguments[pattern], 1)
			if path == pattern {
				path += arguments[pattern]
			}
			r := c.ask("http://chat.test" + root + path)
			if b := body(t, r); r.StatusCode != http.StatusOK || !json.Valid(b) || len(b) < 2 {
				t.Errorf("%s%s: %d %.80s", root, path, r.StatusCode, b)
			}
		}
	}
	requests := s.Stats().Requests
	for _, pattern := range Endpoints() {
		if requests[pattern][200] != 2 {
			t.Errorf("%s: counted %v", pattern, requests[pattern])
		}
	}
}

// TestNextPage: the forms of links.
func TestNextPage(t *testing.T) {
	for _, c := range []struct {
		name   string
		q      Quirks
		prefix string
	}{
		{"absolute", Quirks{}, "http://chat.test/api/v2/chat/"},
		{"relative", Quirks{NextPage: NextPageRelative}, "/api/v2/chat/"},
		{"another host", Quirks{NextPage: NextPageOtherHost, OtherHost: "https://evil.test"}, "https://evil.test/api/v2/chat/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, client := serve(t, small(), Options{Quirks: c.q})
			client.root += "/chat"
			if e := client.export(exportURL(chatferry.Chats, "0", "10"), chatferry.Chats); !strings.HasPrefix(e.NextPage, c.prefix+"incremental/chats?") {
				t.Errorf("next_page is %s", e.NextPage)
			}
			var list struct {
				NextURL string `json:"next_url"`
			}
			client.get("/chats", &list)
			if !strings.HasPrefix(list.NextURL, c.prefix+"chats?cursor=") {
				t.Errorf("next_url is %s", list.NextURL)
			}
		})
	}
}

// TestEndOfList: the three ways to say that there is no next page.
func TestEndOfList(t *testing.T) {
	for form, want := range map[EndNextURL]string{EndNextURLNull: `],"next_url":null}`, EndNextURLEmpty: `],"next_url":""}`, EndNextURLAbsent: `]}`} {
		_, _, c := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{Quirks: Quirks{EndNextURL: form}})
		if b := c.get("/chats", nil); !bytes.HasSuffix(b, []byte(want)) {
			t.Errorf("form %d: %s", form, b[len(b)-40:])
		}
	}
}

// TestBulk: order, doubles and missing ids.
func TestBulk(t *testing.T) {
	for _, null := range []bool{false, true} {
		s, _, c := serve(t, rehearsal.Options{Seed: 3, Chats: 60, Bad: -1}, Options{Quirks: Quirks{MissingNull: null}})
		one, two := string(s.account.AppendChatID(nil, 1, 0)), string(s.account.AppendChatID(nil, 2, 0))
		s.Delete(2)
		var docs struct{ Docs map[string]json.RawMessage }
		c.get("/chats?ids="+strings.Join([]string{one, one, two, "1704.1.unknown"}, ","), &docs)
		want := 1
		if null {
			want = 3
		}
		if len(docs.Docs) != want || len(docs.Docs[one]) < 100 || null && string(docs.Docs[two]) != "null" {
			t.Errorf("MissingNull=%t: %d documents", null, len(docs.Docs))
		}
	}
}

// TestIgnoreSinceID: a list that begins anew with every request.
func TestIgnoreSinceID(t *testing.T) {
	_, _, c := serve(t, small(), Options{Quirks: Quirks{IgnoreSinceID: true}})
	if !bytes.Equal(c.get("/agents", nil), c.get("/agents?since_id=99999999", nil)) {
		t.Error("since_id is heeded")
	}
}

// TestSinceIDInclusive: the record with the id itself comes again.
func TestSinceIDInclusive(t *testing.T) {
	_, _, c := serve(t, small(), Options{})
	var all, again []struct{ ID int64 }
	c.get("/agents?limit=5", &all)
	c.get(fmt.Sprintf("/agents?since_id=%d", all[4].ID), &again)
	if again[0].ID != all[4].ID {
		t.Errorf("since_id %d gives %d", all[4].ID, again[0].ID)
	}
}

// TestFirstEra: old chats carry an update time in the export, and none anywhere else.
func TestFirstEra(t *testing.T) {
	s, _, c := serve(t, small(), Options{})
	differ := 0
	for e := range s.Ledger(chatferry.Chats) {
		if e.SHA256 != e.Listed {
			differ++
			if b := c.get("/chats/"+e.Key, nil); bytes.Contains(b, []byte(`"update_timestamp"`)) {
				t.Fatalf("%s", b)
			}
		}
	}
	if differ == 0 {
		t.Error("no chat is old")
	}
}

// TestBroken: records that no row can be made of are served if asked for, but never what would break the page.
func TestBroken(t *testing.T) {
	for _, broken := range []bool{false, true} {
		a := rehearsal.Options{Seed: 27, Chats: 520, Bad: 0.05}
		s, _, c := serve(t, a, Options{Quirks: Quirks{Broken: broken}})
		codes := map[chatferry.Code]int{}
		for e := range s.Ledger(chatferry.Chats) {
			codes[e.Code]++
		}
		n := 0
		for _, k := range codes {
			n += k
		}
		if got := len(c.follow(chatferry.Chats, "0", 100)); got != n {
			t.Errorf("Broken=%t: %d records, %d are there", broken, got, n)
		}
		if bad := n - codes[""]; (bad > 0) != broken || codes[chatferry.CodeSyntax]+codes[chatferry.CodeUTF8] > 0 {
			t.Errorf("Broken=%t: %v", broken, codes)
		}
	}
}

// TestKindAccount: the account of an upgraded account has no billing of its own.
func TestKindAccount(t *testing.T) {
	for kind, want := range map[Kind]bool{LegacyChatOnly: true, LegacyLinked: true, Phase4: false} {
		_, _, c := serve(t, small(), Options{Kind: kind})
		var got map[string]json.RawMessage
		c.get("/account", &got)
		if _, has := got["billing"]; has != want || got["account_key"] == nil || got["plan"] == nil {
			t.Errorf("%s: billing is there: %t", kind, has)
		}
		var again Kind
		if err := again.UnmarshalText([]byte(kind.String())); err != nil || again != kind {
			t.Errorf("%s is read as %s, %v", kind, again, err)
		}
	}
	if err := new(Kind).UnmarshalText([]byte("phase9")); chatferry.KindOf(err) != chatferry.KindUsage {
		t.Errorf("phase9: %v", err)
	}
}

// TestSecrets: clients and tokens hold the canary, nothing else does.
func TestSecrets(t *testing.T) {
	_, _, c := serve(t, small(), Options{})
	for _, path := range Endpoints() {
		if strings.Contains(path, "{}") || path == "/chats/search" {
			continue
		}
		if has := bytes.Contains(c.get(path, nil), []byte(rehearsal.Canary)); has != strings.HasPrefix(path, "/oauth/") {
			t.Errorf("%s: canary %t", path, has)
		}
	}
}

// TestAttachments: files that chats name are there, with the size that they say.
func TestAttachments(t *testing.T) {
	_, _, c := serve(t, small(), Options{Files: "http://chat.test/attachments/"})
	n := 0
	for _, raw := range c.follow(chatferry.Chats, "0", 1000) {
		var chat struct {
			History []struct {
				Type       string
				Attachment struct {
					URL, MimeType string
					Size          int
				}
			}
		}
		decode(t, raw, &chat)
		for _, h := range chat.History {
			if h.Type != "chat.file" || n == 5 {
				continue
			}
			n++
			r := httptest.NewRequest(http.MethodGet, h.Attachment.URL, nil) // without a token
			w := httptest.NewRecorder()
			c.h.ServeHTTP(w, r)
			if w.Code != http.StatusOK || w.Body.Len() != h.Attachment.Size {
				t.Errorf("%s: status %d, %d bytes of %d", h.Attachment.URL, w.Code, w.Body.Len(), h.Attachment.Size)
			}
		}
	}
	if n == 0 {
		t.Error("no chat has a file")
	}
	if status := c.ask("http://chat.test/attachments/AAAAAAAAAAAAAAAAA").StatusCode; status != 404 {
		t.Errorf("a file that is not there: %d", status)
	}
}

// TestGzip: compressed for those who accept it, and for nobody else.
func TestGzip(t *testing.T) {
	_, clock, c := serve(t, small(), Options{})
	plain := c.get("/agents", nil)
	for accept, want := range map[string]bool{"gzip": true, "deflate, gzip;q=0.5": true, "gzip;q=0": false, "br": false} {
		c.header = http.Header{"Accept-Encoding": {accept}}
		r := c.ask(c.root + "/agents")
		b := body(t, r)
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("%s: compressed %t", accept, got)
			continue
		}
		if r.Header.Get("Content-Length") != strconv.Itoa(len(b)) || r.Header.Get("Date") != clock.at.Format(http.TimeFormat) {
			t.Errorf("%s: %v", accept, r.Header)
		}
		if want {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if _, err := out.ReadFrom(z); err != nil {
				t.Fatal(err)
			}
			b = out.Bytes()
		}
		if !bytes.Equal(b, plain) {
			t.Errorf("%s: the body differs", accept)
		}
	}
}
