package chatapi

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// TestBareIDs: without fields, records hold their id only, and the envelope all that is needed to go on.
func TestBareIDs(t *testing.T) {
	s, _, c := serve(t, small(), Options{})
	var ids []string
	u := "/incremental/chats?start_time=0&limit=100"
	for {
		e := c.export(u, chatferry.Chats)
		for _, raw := range e.records {
			var all map[string]string
			decode(t, raw, &all)
			if len(all) != 1 || all["id"] == "" {
				t.Fatalf("%s", raw)
			}
			ids = append(ids, all["id"])
		}
		if e.Count == 0 {
			break
		}
		u = e.NextPage
	}
	if want := ledger(t, s, chatferry.Chats); len(ids) != len(want) {
		t.Errorf("%d ids of %d", len(ids), len(want))
	}
}

// TestProjection: fields=chats(id,visitor) gives these members, each as it stands in the record.
func TestProjection(t *testing.T) {
	_, _, c := serve(t, small(), Options{})
	whole := c.export(exportURL(chatferry.Chats, "0", "200"), chatferry.Chats)
	part := c.export("/incremental/chats?limit=200&fields="+url.QueryEscape("chats(visitor, zendesk_ticket_id,nothing)"), chatferry.Chats)
	for k := range whole.records {
		var want, got map[string]json.RawMessage
		decode(t, whole.records[k], &want)
		decode(t, part.records[k], &got)
		if len(got) != 3 {
			t.Fatalf("%s", part.records[k])
		}
		for _, name := range []string{"id", "visitor", "zendesk_ticket_id"} {
			if !bytes.Equal(got[name], want[name]) {
				t.Fatalf("%s is %s, not %s", name, got[name], want[name])
			}
		}
	}
	if !strings.Contains(part.NextPage, "fields=chats%28visitor%2C+zendesk_ticket_id%2Cnothing%29") {
		t.Errorf("next_page does not ask for the same: %s", part.NextPage)
	}
}

// TestLimit: more than 1,000 is taken for 1,000; a server may give less than was asked for, and goes on as asked.
func TestLimit(t *testing.T) {
	s, _, c := serve(t, small(), Options{Quirks: Quirks{PageCap: 90}})
	want := ledger(t, s, chatferry.Chats)
	for u := exportURL(chatferry.Chats, "0", "5000"); len(want) > 0; {
		e := c.export(u, chatferry.Chats)
		if e.Count > 90 || e.Count == 0 || !strings.Contains(e.NextPage, "limit=1000&") {
			t.Fatalf("%d records, next %s", e.Count, e.NextPage)
		}
		for _, raw := range e.records {
			delete(want, read(t, raw).id)
		}
		u = e.NextPage
	}
}

// TestEmptyPage: at the end, the cursor stays, and next_page is there all the same.
func TestEmptyPage(t *testing.T) {
	_, clock, c := serve(t, small(), Options{})
	all := c.export(exportURL(chatferry.Chats, "0", "1000"), chatferry.Chats)
	for all.Count == 1000 {
		all = c.export(all.NextPage, chatferry.Chats)
	}
	clock.pass(time.Hour)
	for range 3 {
		e := c.export(all.NextPage, chatferry.Chats)
		if e.Count != 0 || e.EndTime != all.EndTime || *e.EndID != *all.EndID || e.NextPage != all.NextPage {
			t.Fatalf("%+v after %+v", e, all)
		}
	}
	later := strconv.FormatInt(clock.at.Unix()-301, 10)
	if e := c.export(exportURL(chatferry.Chats, later, "10"), chatferry.Chats); e.EndID != nil || e.EndTime.String() != later {
		t.Errorf("%+v", e)
	}
}

// TestDropStartID: a server that ignores start_id serves a page that shares one second for ever.
func TestDropStartID(t *testing.T) {
	s, clock, c := serve(t, small(), Options{Quirks: Quirks{DropStartID: true}})
	s.Storm(300)
	clock.pass(time.Hour)
	second := strconv.FormatInt(begin.Unix(), 10)
	e := c.export(exportURL(chatferry.Chats, second, "100"), chatferry.Chats)
	for range 5 {
		next := c.export(e.NextPage, chatferry.Chats)
		if next.NextPage != e.NextPage || !bytes.Equal(next.records[0], e.records[0]) || next.Count != 100 {
			t.Fatal("the export goes on")
		}
	}
}

// TestStorm: 2,500 chats with one update second are all reached by the pair of time and id, which a page is cut within.
func TestStorm(t *testing.T) {
	a := rehearsal.Options{Seed: 24, Chats: 2900}
	s, clock, c := serve(t, a, Options{Change: Changes{Storms: []Storm{{After: time.Minute}}}})
	clock.pass(time.Hour)
	want := ledger(t, s, chatferry.Chats)
	second := begin.Add(time.Minute).Unix()
	stormy := 0
	for _, e := range want {
		if e.Updated == second*1_000_000 {
			stormy++
		}
	}
	if stormy != 2500 {
		t.Errorf("%d chats have the second of the storm", stormy)
	}
	within := 0 // pages that end in the storm
	for u := "/incremental/chats?limit=700"; ; {
		e := c.export(u, chatferry.Chats)
		for _, raw := range e.records {
			delete(want, read(t, raw).id)
		}
		if e.EndTime.String() == strconv.FormatInt(second, 10) {
			within++
		}
		if u = e.NextPage; e.Count < 700 {
			break
		}
	}
	if len(want) != 0 || within < 4 {
		t.Errorf("%d chats were not reached; %d pages ended in the storm", len(want), within)
	}
}

// TestTimeline: the export counts in microseconds, has no end_id, and takes seconds for the beginning of time.
func TestTimeline(t *testing.T) {
	_, _, c := serve(t, small(), Options{})
	stream := chatferry.AgentTimeline
	first := c.export(exportURL(stream, "0", "20"), stream)
	asSeconds := c.export(exportURL(stream, "1653000000", "20"), stream)
	if !bytes.Equal(first.records[0], asSeconds.records[0]) {
		t.Error("seconds are not long ago")
	}
	if first.EndID != nil || strings.Contains(first.NextPage, "start_id") {
		t.Errorf("there is an end_id: %s", first.NextPage)
	}
	if len(first.EndTime.String()) != 16 {
		t.Errorf("end_time is %s", first.EndTime)
	}
	next := c.export(first.NextPage, stream)
	if !bytes.Equal(next.records[0], first.records[len(first.records)-1]) {
		t.Error("start_time is not inclusive")
	}
}

// TestTimelineOpen: what has not ended is longer later.
func TestTimelineOpen(t *testing.T) {
	s, clock, c := serve(t, small(), Options{Change: Changes{Open: true}})
	longest := func() (open map[string][32]byte) {
		open = map[string][32]byte{}
		for e := range s.Ledger(chatferry.AgentTimeline) {
			if e.Open {
				open[e.Key] = e.SHA256
			}
		}
		return open
	}
	before := longest()
	clock.pass(time.Hour)
	after := longest()
	if len(before) == 0 || len(before) != len(after) {
		t.Fatalf("%d and %d intervals are open", len(before), len(after))
	}
	for k := range before {
		if before[k] == after[k] {
			t.Errorf("%s does not grow", k)
		}
	}
	if n := len(c.follow(chatferry.AgentTimeline, "0", 1000)); n < len(after) {
		t.Errorf("%d intervals", n)
	}
}

// TestAgentEventsEndTime: this export's end_time is no integer.
func TestAgentEventsEndTime(t *testing.T) {
	_, _, c := serve(t, small(), Options{})
	e := c.export("/incremental/agent_events?limit=5", chatferry.AgentEvents)
	if v, err := e.EndTime.Float64(); err != nil || !strings.Contains(e.EndTime.String(), ".") || v < 1.4e9 || v > 1.7e9 {
		t.Errorf("end_time is %s", e.EndTime)
	}
	if e.Count != 5 || !bytes.Contains(e.records[0], []byte(`"field_name"`)) {
		t.Errorf("%d records, %s", e.Count, e.records[0])
	}
}
