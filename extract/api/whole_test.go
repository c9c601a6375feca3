package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"chatferry"
	"chatferry/extract/rehearsal/chatapi"
)

// TestWholeForms: the forms of answers that are read in one piece, those included that only other versions of the API give.
func TestWholeForms(t *testing.T) {
	for _, c := range []struct {
		name   string
		stream chatferry.Stream
		body   string
		want   string // records joined by |
		doubts int
		bad    bool
	}{
		{"array", chatferry.Roles, ` [ {"id":1} , {"id":2} ] `, `{"id":1}|{"id":2}`, 0, false},
		{"empty array", chatferry.Roles, `[]`, ``, 0, false},
		{"array in an object", chatferry.Roles, `{"roles":[{"id":1}],"count":1}`, `{"id":1}`, 0, false},
		{"array in data", chatferry.Goals, `{"data":[{"id":1}]}`, `{"id":1}`, 0, false},
		{"object without an array", chatferry.Goals, `{"error":"x"}`, ``, 0, true},
		{"pages", chatferry.Goals, `{"goals":[{"id":1}],"next_page":"/goals?page=2"}`, `{"id":1}`, 1, false},
		{"broken record", chatferry.Skills, "[{\"a\":\"\\q\x01\",\"b\":NaN},{\"id\":2}]", "{\"a\":\"\\q\x01\",\"b\":NaN}|{\"id\":2}", 0, false},
		{"broken array", chatferry.Skills, `[{"id":1},]`, ``, 0, true},
		{"object", chatferry.Account, `{"account_key":"k","plan":{"x":[1]}}`, `{"account_key":"k","plan":{"x":[1]}}`, 0, false},
		{"object in an object", chatferry.Account, `{"account":{"account_key":"k"}}`, `{"account_key":"k"}`, 0, false},
		{"object with a plan only", chatferry.Account, `{"plan":{"name":"x"}}`, `{"plan":{"name":"x"}}`, 0, false},
		{"object in an array", chatferry.Account, `[{"account_key":"k"}]`, `{"account_key":"k"}`, 0, false},
		{"cut", chatferry.Account, `{"account_key":"k"`, ``, 0, true},
		{"trailing", chatferry.Account, `{"account_key":"k"}{}`, ``, 0, true},
		{"a text", chatferry.Account, `"ok"`, ``, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := answering(func(string, url.Values) (int, string) { return 200, c.body })
			got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(c.stream, chatferry.Range{}), "")
			if c.bad {
				isKind(t, got.err, chatferry.KindTemporary)
				return
			}
			if got.err != nil || strings.Join(got.records, "|") != c.want || len(got.doubts) != c.doubts {
				t.Fatalf("error %v, records %q, doubts %v", got.err, got.records, got.doubts)
			}
		})
	}
}

// TestUnavailable: 404 and 403 are told as such, never as an empty Stream, and nothing else is.
func TestUnavailable(t *testing.T) {
	for _, way := range endpoints {
		for status, want := range map[int]chatferry.Availability{404: chatferry.Missing, 410: chatferry.Missing, 403: chatferry.Forbidden, 400: "", 401: "", 422: ""} {
			t.Run(fmt.Sprintf("%s %d", way.name, status), func(t *testing.T) {
				d := answering(func(string, url.Values) (int, string) {
					return status, `{"error":"refused","description":"the sentence of the server"}`
				})
				got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(way.stream, chatferry.Range{Endpoint: way.name}), "")
				if want != "" {
					isUnavailable(t, got.err, want)
				} else if u := (*chatferry.UnavailableError)(nil); got.err == nil || errors.As(got.err, &u) {
					t.Fatalf("error %v", got.err)
				}
				if !strings.Contains(got.err.Error(), "the sentence of the server") || !strings.Contains(got.err.Error(), strings.Split(way.name, "/")[0]) {
					t.Errorf("%v names neither the endpoint nor the server's sentence", got.err)
				}
			})
		}
	}
}

// TestRoutingOfAgentsMayBeMissing: an account without routing of agents has the other settings all the same.
func TestRoutingOfAgentsMayBeMissing(t *testing.T) {
	for status, want := range map[int]int{http.StatusNotFound: 1, http.StatusForbidden: 1} {
		d := answering(func(path string, _ url.Values) (int, string) {
			if path == "routing_settings/account" {
				return 200, `{"data":{"routing_mode":"assigned"}}`
			}
			return status, `{"error":"x"}`
		})
		got := read(t, sourceOver(t, d, SourceOptions{}), shardOf(chatferry.RoutingSettings, chatferry.Range{}), "")
		if len(got.records) != want || got.records[0] != `{"routing_mode":"assigned"}` {
			t.Fatalf("%d: records %q", status, got.records)
		}
		if status == http.StatusForbidden {
			isUnavailable(t, got.err, chatferry.Forbidden)
		} else if got.err != nil {
			t.Fatal(got.err)
		}
	}
}

// TestTooLongRecord: a record beyond the limit is kept by its beginning, and counted in full.
func TestTooLongRecord(t *testing.T) {
	long := `{"id":"b","type":"chat","update_timestamp":"2021-05-01T10:00:00Z","x":"` + strings.Repeat("y", 3<<20) + `"}`
	short := `{"id":"a","type":"chat","update_timestamp":"2021-05-01T10:00:00Z"}`
	d := answering(func(_ string, q url.Values) (int, string) {
		if q.Get("start_time") != "0" {
			return 200, exportBody("chats", nil, q.Get("start_time"), "", "")
		}
		return 200, exportBody("chats", []string{short, long, short}, 1_619_863_200, "b", "")
	})
	source := sourceOver(t, d, SourceOptions{Cuts: chatferry.Cuts{RecordBytes: 2 << 20}})
	r, err := source.Open(t.Context(), shardOf(chatferry.Chats, chatferry.Range{}), "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := p.Records[1].Fault
	if len(p.Records) != 3 || f == nil || f.Code != chatferry.CodeTooLong || f.RawLen != int64(len(long)) || len(p.Records[1].Raw) != keptBytes ||
		p.Records[0].Fault != nil || p.RawBytes != int64(len(long)+2*len(short)) {
		t.Fatalf("fault %+v, %d raw bytes", f, p.RawBytes)
	}
}

// TestOpenRefuses: what cannot be read here, and Positions of others, are errors of KindIncompatible.
func TestOpenRefuses(t *testing.T) {
	_, d := rehearse(t, 50, chatapi.Options{})
	source := sourceOver(t, d, SourceOptions{Account: "4711"})
	for name, c := range map[string]struct {
		shard chatferry.Shard
		from  chatferry.Position
	}{
		"a dump":           {chatferry.Shard{Stream: chatferry.Chats}, ""},
		"another account":  {*shardOf(chatferry.Chats, chatferry.Range{Account: "4712"}), ""},
		"another endpoint": {*shardOf(chatferry.Chats, chatferry.Range{Endpoint: "incremental/tickets"}), ""},
		"another stream":   {*shardOf(chatferry.Agents, chatferry.Range{Endpoint: chatsExport}), ""},
	} {
		_, err := source.Open(t.Context(), &c.shard, c.from)
		t.Log(name, err)
		isKind(t, err, chatferry.KindIncompatible)
	}
	for _, way := range endpoints {
		for _, from := range []chatferry.Position{"x", "0:0", "i1:", "i1:5::0", "i1:05::0:", "i1:-5::0:", "i1:5:a b:0:", "i1:5::0:AA", "i1:5::0:!", "w1:9:0", "w1:1", "s1:-1:0", "s1:a:0", "l1:x:0", "l1::0", "q1:4:0:0::0", "q1:0:5:4:a:0", "q1:0:0:0:a:0"} {
			_, err := source.Open(t.Context(), shardOf(way.stream, chatferry.Range{Endpoint: way.name}), from)
			isKind(t, err, chatferry.KindIncompatible)
		}
	}
	for _, account := range []string{"4711", "", accountUnknown, "key:abc"} {
		if _, err := source.Open(t.Context(), shardOf(chatferry.Chats, chatferry.Range{Account: account}), ""); err != nil {
			t.Errorf("%q: %v", account, err)
		}
	}
}
