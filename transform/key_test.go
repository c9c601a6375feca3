package transform

import (
	"testing"

	"chatferry"
)

func TestKeys(t *testing.T) {
	cases := []struct {
		stream  chatferry.Stream
		record  string
		key     string
		version int64
	}{
		{chatferry.Chats, `{"id":"1704.1.x","update_timestamp":"2021-04-26T13:54:02Z"}`, "1704.1.x", 1619445242000000},
		{chatferry.Chats, `{"id":"1704.1.x"}`, "1704.1.x", 0},
		{chatferry.Chats, `{"id":5,"update_timestamp":"soon"}`, "5", 0},
		{chatferry.Visitors, `{"id":1}`, "1", 0},
		{chatferry.Agents, `{"id":"4123471"}`, "4123471", 0},
		{chatferry.Shortcuts, `{"name":"help","id":"other"}`, "help", 0},
		{chatferry.Triggers, `{"id":9,"name":"n"}`, "9", 0},
		{chatferry.Triggers, `{"name":"Chat Rescuer"}`, "Chat Rescuer", 0},
		{chatferry.Triggers, `{"id":null,"name":"n"}`, "n", 0},
		{chatferry.AgentTimeline, `{"start_time":"2021-04-26T13:54:02.171963Z","agent_id":7}`, "7|1619445242171963", 0},
		{chatferry.Attachments, `{"chat_id":"1704.1.x","index":3}`, "1704.1.x|3", 0},
		{chatferry.Account, `{"account_key":"k"}`, "k", 0},
		{chatferry.Account, `{"status":"active"}`, "account", 0},
		{chatferry.Account, `{"account_key":{}}`, "account", 0},
		{chatferry.RoutingSettings, `{"routing_mode":"assigned"}`, "account", 0},
		{chatferry.RoutingSettings, `{"agent_id":12}`, "12", 0},
	}
	for _, c := range cases {
		t.Run(string(c.stream)+" "+c.key, func(t *testing.T) {
			b := loadOne(t, c.stream, c.record)
			k := KeyOf(c.stream)
			key, version := k.Of(tables(b)[c.stream.Parent()], 0)
			if key != c.key || version != c.version {
				t.Errorf("key %q, version %d; want %q, %d", key, version, c.key, c.version)
			}
		})
	}
}

// TestKeyColumns: every Key names columns that are there.
func TestKeyColumns(t *testing.T) {
	for _, s := range chatferry.Streams() {
		k := KeyOf(s)
		names := append([]string{}, k.Columns...)
		for _, n := range []string{k.Else, k.Version} {
			if n != "" {
				names = append(names, n)
			}
		}
		for _, n := range names {
			if !Schema(s.Parent()).HasField(n) {
				t.Errorf("%s has no column %s", s, n)
			}
		}
		if s.CSV() != (len(k.Columns) == 0) {
			t.Errorf("%s: key columns %v", s, k.Columns)
		}
	}
}
