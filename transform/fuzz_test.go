package transform

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"chatferry"
)

// FuzzDecode: the decoder takes exactly what encoding/json takes as an object, but for the differences that are meant:
// bytes that are not UTF-8, a name twice in one object, too deep nesting, an identifying field that is missing or wrong.
// What it takes comes back equal from the rows.
func FuzzDecode(f *testing.F) {
	for _, c := range badRecords {
		if len(c.record) < 10_000 {
			f.Add([]byte(c.record))
		}
	}
	for _, r := range generated(2, 3) {
		f.Add([]byte(r))
	}
	for _, r := range []string{
		`{"id":"a","history":[{},null,[1]],"tags":[null,1,"x"],"_absent":[],"visitor":{"x":{}},"count":{"total":1.0}}`,
		` { "id" : "a" , "response_time" : { "avg" : 1e-7 } , "session" : { } } `, `{"id":"\ud83d\ude00","missed":"true"}`,
		`{"id":1,"agent_id":"2","start_time":"2021-04-26T13:54:02.171963Z","name":"n"}`,
	} {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, s := range []chatferry.Stream{chatferry.Chats, chatferry.AgentTimeline, chatferry.Triggers} {
			b := run(t, New(s, Options{SocialChannels: []string{}}), page(s, "", string(raw)))
			if len(b.Rejects) == 0 {
				if !json.Valid(raw) || !utf8.Valid(raw) {
					t.Fatalf("%s took what is not JSON", s)
				}
				sameJSON(t, rebuilt(t, s, b)[0], raw)
				continue
			}
			switch code := b.Rejects[0].Code; code {
			case chatferry.CodeUTF8:
				if utf8.Valid(raw) {
					t.Fatal("valid UTF-8 was refused")
				}
			case chatferry.CodeSyntax:
				if json.Valid(raw) {
					t.Fatalf("valid JSON was refused: %s", b.Rejects[0].Reason)
				}
			case chatferry.CodeDepth:
				if bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) <= MaxDepth {
					t.Fatal("shallow JSON was refused")
				}
			case chatferry.CodeDuplicateKey:
				if !namesTwice(raw) {
					t.Fatal("no name is there twice")
				}
			case chatferry.CodeNotObject:
				if !json.Valid(raw) || bytes.TrimLeft(raw, " \t\r\n")[0] == '{' {
					t.Fatal("an object was refused as none")
				}
			case chatferry.CodeMissingKey, chatferry.CodeKeyType:
				if !json.Valid(raw) || namesTwice(raw) {
					t.Fatal("broken JSON was refused for its key alone")
				}
			default:
				t.Fatalf("code %s", code)
			}
		}
	})
}

// namesTwice looks for one name twice in one object of what may be JSON, up to its first error, token by token.
func namesTwice(raw []byte) bool {
	p := &valueParser{s: string(raw)}
	twice := false
	var value func()
	value = func() {
		p.space()
		switch {
		case p.i < len(p.s) && p.s[p.i] == '{':
			seen := map[string]bool{}
			p.each('}', func() {
				p.space()
				name := p.str()
				if p.err == nil && seen[name] {
					twice = true
				}
				seen[name] = true
				p.space()
				if p.i < len(p.s) && p.s[p.i] == ':' {
					p.i++
					value()
				} else {
					p.bad()
				}
			})
		case p.i < len(p.s) && p.s[p.i] == '[':
			p.each(']', value)
		default:
			p.value()
		}
	}
	value()
	return twice
}

// FuzzCSV: no header and no row makes the reader fail, and a row that is taken has the cells of its header.
func FuzzCSV(f *testing.F) {
	f.Add(activityHeader, `Ana,"Souza, Jr.",ana@example.com,true,2021-04-26 13:00:00,2021-04-26 14:00:00,12,95%`)
	f.Add("Email,\"x\"\"y\"", `"",`)
	f.Add("Start Time (UTC+5:30),a", `2021-04-26 13:00:00,"`)
	f.Fuzz(func(t *testing.T, header, row string) {
		b := run(t, New(chatferry.AnalyticsAgentActivity, Options{}), page(chatferry.AnalyticsAgentActivity, header, row))
		if len(b.Rejects) > 0 {
			return
		}
		got := rebuilt(t, chatferry.AnalyticsAgentActivity, b)[0]
		var cells map[string]string
		if err := json.Unmarshal(got, &cells); err != nil {
			t.Fatal(err)
		}
		r := csvReader{node: New(chatferry.AnalyticsAgentActivity, Options{}).csv.node}
		names, _ := r.split(bytes.TrimPrefix([]byte(header), []byte("\ufeff")))
		var want []string
		for _, n := range names {
			want = append(want, string(n))
		}
		texts, _ := r.split([]byte(row))
		if len(cells) != len(want) {
			t.Fatalf("%d cells of %d", len(cells), len(want))
		}
		for i, n := range want {
			if cells[n] != string(texts[i]) {
				t.Fatalf("under %q stands %q, not %q", n, cells[n], texts[i])
			}
		}
	})
}

// FuzzSecrets: what has no secrets is left byte for byte as it is; what is left never names one.
func FuzzSecrets(f *testing.F) {
	f.Add([]byte(`{ "id" : 1 , "client_secret" : [ ] , "x" : [ { "Access_Token" : 1 } , 2 ] }`))
	f.Add([]byte(`[ [ ] , { } , "\u0061ccess_token" ]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tr := New(chatferry.OAuthClients, Options{})
		clean := tr.withoutSecrets(raw)
		if !bytes.Contains(bytes.ToLower(raw), []byte("_")) && !bytes.Contains(raw, []byte("\\u")) && !bytes.Equal(clean, raw) {
			t.Fatalf("%q became %q", raw, clean)
		}
		value, err := jsonValue(clean)
		if json.Valid(raw) && utf8.Valid(raw) && !namesTwice(raw) && err == nil && !json.Valid(clean) {
			t.Fatalf("%q became %q", raw, clean)
		}
		if json.Valid(raw) && utf8.Valid(raw) && !namesTwice(raw) && strings.Contains(strings.ToLower(value), `"access_token":`) {
			t.Fatalf("%q became %q", raw, clean)
		}
	})
}
