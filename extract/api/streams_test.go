package api

import (
	"testing"

	"chatferry"
	"chatferry/extract/rehearsal/chatapi"
)

// TestEveryStream: every endpoint gives what the server has, each record once, from every Position on.
func TestEveryStream(t *testing.T) {
	s, d := rehearse(t, 900, chatapi.Options{})
	ways := []struct {
		endpoint string
		stream   chatferry.Stream
		listed   bool
	}{}
	for _, way := range endpoints {
		ways = append(ways, struct {
			endpoint string
			stream   chatferry.Stream
			listed   bool
		}{way.name, way.stream, way.name == chatsList || way.name == chatsSearch})
	}
	for _, c := range ways {
		t.Run(c.endpoint, func(t *testing.T) {
			source := sourceOver(t, d, SourceOptions{PageLimit: 100})
			shard := shardOf(c.stream, chatferry.Range{Endpoint: c.endpoint})
			before := d.requests()
			all := read(t, source, shard, "").ok(t)
			if c.stream == chatferry.RoutingSettings {
				// The server's ledger holds the account's settings only, which come first; those of its agents follow.
				wants(t, s, c.stream, c.listed, all.records[:1])
				wantAgents(t, s, all.records[1:])
			} else {
				wants(t, s, c.stream, c.listed, all.records)
			}
			unique(t, all.records)
			t.Logf("%d records, %d pages, %d requests", len(all.records), all.pages, d.requests()-before)
			at := 0
			for i, p := range all.position {
				if i > 1 && i < len(all.position)-2 && i%5 != 0 {
					continue
				}
				rest := read(t, source, shard, p).ok(t)
				upTo := readSome(t, source, shard, "", i+1).ok(t)
				at = len(upTo.records)
				if got, want := len(rest.records), len(all.records)-at; got != want {
					t.Fatalf("from %q come %d records, not %d", p, got, want)
				}
				for k, r := range rest.records {
					if r != all.records[at+k] {
						t.Fatalf("from %q record %d is another", p, k)
					}
				}
			}
		})
	}
}

// wantAgents wants a record for every agent.
func wantAgents(t *testing.T, s *chatapi.Server, records []string) {
	t.Helper()
	n := 0
	for range s.Ledger(chatferry.Agents) {
		n++
	}
	if len(records) != n || n == 0 {
		t.Fatalf("%d agents' settings of %d", len(records), n)
	}
}
