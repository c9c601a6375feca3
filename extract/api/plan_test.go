package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

var growing = []chatferry.Stream{chatferry.Chats, chatferry.AgentTimeline, chatferry.AgentEvents, chatferry.DepartmentEvents, chatferry.Conversions}

func planOf(t testing.TB, d *desk, o PlanOptions) *Plan {
	t.Helper()
	if o.Next == 0 {
		o.Next = 1
	}
	p, err := NewPlan(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// contiguous holds the windows of a plan against the rules: no gaps, half-open, from since to the plan's bound.
func contiguous(t testing.TB, p *Plan, since time.Time) {
	t.Helper()
	last := map[chatferry.Stream]time.Time{}
	for i, s := range p.Shards {
		if s.ID != p.Shards[0].ID+chatferry.ShardID(i) {
			t.Fatalf("shard %s is number %d", s.ID, i)
		}
		if s.API.Account != p.Account || s.API.Begun.IsZero() {
			t.Fatalf("shard %s of account %q, begun %s", s.ID, s.API.Account, s.API.Begun)
		}
		if !Grows(s.Stream) || s.API.Endpoint == chatsList {
			continue
		}
		from, ok := last[s.Stream]
		if !ok {
			from = since
		}
		if !s.API.Since.Equal(from) || !s.API.Until.After(from) || !s.API.Until.Equal(s.API.Until.Truncate(time.Second)) {
			t.Fatalf("shard %s of %s from %s to %s follows %s", s.ID, s.Stream, s.API.Since, s.API.Until, from)
		}
		last[s.Stream] = s.API.Until
	}
	for stream, until := range last {
		if !until.Equal(p.Until) {
			t.Fatalf("%s ends at %s, not at %s", stream, until, p.Until)
		}
	}
}

// TestPlanCoversEverything: the windows and a sweep together give every record, and no window gives what another does.
func TestPlanCoversEverything(t *testing.T) {
	s, d := rehearse(t, 3000, chatapi.Options{})
	p := planOf(t, d, PlanOptions{Streams: Streams(), Overlap: 10 * time.Minute, Lanes: 4, Window: 250, PerMinute: 140})
	contiguous(t, p, time.Time{})
	if want := noon.Add(-10 * time.Minute); !p.Until.Equal(want) {
		t.Fatalf("the windows end at %s, not at %s", p.Until, want)
	}
	source := sourceOver(t, d, SourceOptions{Account: p.Account, PageLimit: 100})
	records := map[chatferry.Stream][]string{}
	sizes := []int{}
	for i := range p.Shards {
		got := read(t, source, &p.Shards[i], "").ok(t)
		records[p.Shards[i].Stream] = append(records[p.Shards[i].Stream], got.records...)
		if p.Shards[i].Stream == chatferry.Chats {
			sizes = append(sizes, len(got.records))
		}
	}
	for _, stream := range Streams() {
		if stream == chatferry.RoutingSettings {
			continue
		}
		wants(t, s, stream, false, records[stream])
		unique(t, records[stream])
	}
	if len(sizes) != 12 || len(p.Account) == 0 {
		t.Fatalf("%d windows of chats, account %q", len(sizes), p.Account)
	}
	t.Logf("account %s, windows of chats %v, %d requests; %+v", p.Account, sizes, p.Requests, p.Estimates)
}

// spreadOf tells how even the windows of chats are: the largest as a multiple of the mean.
func spreadOf(stamps []int64, p *Plan) (largest float64, windows int) {
	total, most := 0, 0
	for i := range p.Shards {
		if p.Shards[i].Stream != chatferry.Chats {
			continue
		}
		n := 0
		for _, at := range stamps {
			if r := p.Shards[i].API; at < r.Until.Unix() && (r.Since.IsZero() || at >= r.Since.Unix()) {
				n++
			}
		}
		total += n
		most = max(most, n)
		windows++
	}
	return float64(most) * float64(windows) / float64(max(total, 1)), windows
}

// stampDesk serves chats whose update times are given, in order, as cheaply as can be.
func stampDesk(stamps []int64) *desk {
	id := func(i int) string { return fmt.Sprintf("2105.77.%013d", i) }
	return answering(func(path string, q url.Values) (int, string) {
		switch path {
		case chatsSearch:
			return 200, fmt.Sprintf(`{"results":[],"count":%d,"next_url":null}`, len(stamps))
		case chatsExport:
		default:
			return 404, `{"error":"not_found"}`
		}
		var start int64
		limit := 1000
		fmt.Sscan(q.Get("start_time"), &start)
		fmt.Sscan(q.Get("limit"), &limit)
		lo, hi := 0, len(stamps)
		for lo < hi {
			if m := (lo + hi) / 2; stamps[m] < start || stamps[m] == start && q.Get("start_id") != "" && id(m) <= q.Get("start_id") {
				lo = m + 1
			} else {
				hi = m
			}
		}
		var records []string
		end, endID := start, q.Get("start_id")
		for i := lo; i < len(stamps) && len(records) < limit; i++ {
			records = append(records, fmt.Sprintf(`{"id":%q,"type":"chat","update_timestamp":%q}`, id(i), time.Unix(stamps[i], 0).UTC().Format(time.RFC3339)))
			end, endID = stamps[i], id(i)
		}
		return 200, exportBody("chats", records, end, endID, "")
	})
}

// TestPlanSpreadsWindows: whatever the shape of the account's history, windows hold about as many records each, and
// finding that out costs a twentieth of the requests at most.
func TestPlanSpreadsWindows(t *testing.T) {
	const n = 100_000
	from, year := time.Date(2014, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), int64(365*86_400)
	shape := func(at func(x float64) float64) []int64 {
		stamps := make([]int64, n)
		for i := range stamps {
			stamps[i] = from + int64(at(float64(i)/n)*float64(8*year))
		}
		return stamps
	}
	for name, c := range map[string]struct {
		stamps  []int64
		largest float64
		least   int
	}{
		"even":             {shape(func(x float64) float64 { return x }), 1.6, 6},
		"growing":          {shape(func(x float64) float64 { return 1 - (1-x)*(1-x) }), 2, 6},
		"began last year":  {shape(func(x float64) float64 { return 0.875 + x/8 }), 2, 6},
		"all re-touched":   {shape(func(x float64) float64 { return 0.99 + x/3000 }), 1.6, 5},
		"all within a day": {shape(func(x float64) float64 { return 0.995 + x/3000 }), 1.6, 5},
		"half re-touched in an hour": {shape(func(x float64) float64 {
			if x < 0.5 {
				return 1.8 * x
			}
			return 0.95 + x/70_000
		}), 3.5, 5},
		"two periods": {shape(func(x float64) float64 {
			if x < 0.5 {
				return x / 4
			}
			return 0.9 + (x-0.5)/6
		}), 2.5, 5},
	} {
		t.Run(name, func(t *testing.T) {
			d := stampDesk(c.stamps)
			p := planOf(t, d, PlanOptions{Streams: []chatferry.Stream{chatferry.Chats}, Overlap: 10 * time.Minute, Lanes: 4})
			contiguous(t, p, time.Time{})
			if p.Account != "77" {
				t.Fatalf("account %q", p.Account)
			}
			largest, windows := spreadOf(c.stamps, p)
			t.Logf("%d windows, the largest %.2f times the mean, %d requests to plan", windows, largest, p.Requests)
			if largest > c.largest || windows < c.least || p.Requests > n/exportLimit/20+3 {
				t.Errorf("%d windows, the largest %.2f times the mean, %d requests to plan", windows, largest, p.Requests)
			}
		})
	}
}

// TestPlanIsCheap: a small account takes few requests to plan, a trial fewer, and what is planned already none but the
// fingerprint.
func TestPlanIsCheap(t *testing.T) {
	_, d := rehearse(t, 400, chatapi.Options{})
	for name, c := range map[string]struct {
		o    PlanOptions
		most int
	}{
		"small":   {PlanOptions{Streams: Streams(), Overlap: 10 * time.Minute, Lanes: 4}, 3},
		"trial":   {PlanOptions{Streams: Streams(), Lanes: 4, Limit: 100}, 2},
		"planned": {PlanOptions{Streams: []chatferry.Stream{chatferry.Chats}, Already: []chatferry.Shard{*shardOf(chatferry.Chats, chatferry.Range{})}}, 1},
	} {
		p := planOf(t, d, c.o)
		if p.Requests > c.most {
			t.Errorf("%s: %d requests", name, p.Requests)
		}
		if name == "planned" && len(p.Shards) > 0 {
			t.Errorf("%d shards", len(p.Shards))
		}
	}
}

// TestPlanBounds: --since, --until and --overlap.
func TestPlanBounds(t *testing.T) {
	_, d := rehearse(t, 400, chatapi.Options{})
	since, past := noon.AddDate(0, -3, 0), noon.AddDate(0, -1, 0)
	for name, c := range map[string]struct {
		o     PlanOptions
		until time.Time
	}{
		"neither":           {PlanOptions{Overlap: 10 * time.Minute}, noon.Add(-10 * time.Minute)},
		"a short overlap":   {PlanOptions{Overlap: time.Second}, noon.Add(-6 * time.Minute)},
		"no overlap":        {PlanOptions{}, noon},
		"since":             {PlanOptions{Since: since, Overlap: 10 * time.Minute}, noon.Add(-10 * time.Minute)},
		"until in the past": {PlanOptions{Until: past, Overlap: 10 * time.Minute}, past},
		"until to come":     {PlanOptions{Until: noon.AddDate(1, 0, 0), Overlap: 10 * time.Minute}, noon.Add(-10 * time.Minute)},
	} {
		c.o.Streams = growing
		p := planOf(t, d, c.o)
		contiguous(t, p, c.o.Since)
		if !p.Until.Equal(c.until) {
			t.Errorf("%s: until %s, not %s", name, p.Until, c.until)
		}
	}
}

// TestPlanWithoutExport: chats are read by what takes fewer requests, and the plan says so.
func TestPlanWithoutExport(t *testing.T) {
	refuse := func(d *desk, paths ...string) {
		inner := d.h
		d.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, p := range paths {
				if strings.TrimPrefix(r.URL.Path, "/api/v2/") == p && !r.URL.Query().Has("ids") {
					w.WriteHeader(http.StatusForbidden)
					fmt.Fprint(w, `{"error":"forbidden"}`)
					return
				}
			}
			inner.ServeHTTP(w, r)
		})
	}
	for name, c := range map[string]struct {
		o       PlanOptions
		refuse  []string
		want    string
		records bool
	}{
		"list":                  {PlanOptions{}, nil, chatsList, true},
		"list, search refused":  {PlanOptions{}, []string{chatsSearch}, chatsList, false},
		"search, list refused":  {PlanOptions{}, []string{chatsList}, chatsSearch, true},
		"search of an old year": {PlanOptions{Since: noon.AddDate(-1, 0, 0), Until: noon.AddDate(0, -11, 0)}, nil, chatsSearch, true},
		"nothing":               {PlanOptions{}, []string{chatsList, chatsSearch}, chatsExport, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := rehearse(t, 1500, chatapi.Options{Quirks: chatapi.Quirks{NoIncremental: true}})
			refuse(d, c.refuse...)
			c.o.Streams, c.o.Lanes, c.o.PerMinute, c.o.Window = []chatferry.Stream{chatferry.Chats}, 3, 100, 100
			p := planOf(t, d, c.o)
			e := p.Estimates[0]
			if e.Endpoint != c.want || p.Shards[0].API.Endpoint != c.want || e.Reason == "" || c.records != (e.Records > 0) {
				t.Fatalf("%+v, shards %+v", e, p.Shards)
			}
			t.Logf("%+v", e)
			var records []string
			for i := range p.Shards {
				got := read(t, sourceOver(t, d, SourceOptions{Account: p.Account}), &p.Shards[i], "")
				if name == "nothing" {
					isUnavailable(t, got.err, chatferry.Missing)
					return
				}
				records = append(records, got.ok(t).records...)
			}
			unique(t, records)
			if c.o.Since.IsZero() {
				wants(t, s, chatferry.Chats, true, records)
			} else if int64(len(records)) != e.Records || len(records) == 0 {
				t.Fatalf("%d records of %d", len(records), e.Records)
			}
			if c.want == chatsSearch && c.o.Since.IsZero() && len(p.Shards) != 3 {
				t.Errorf("%d shards", len(p.Shards))
			}
		})
	}
}

// TestFingerprint: which account answers, and what is done about another one.
func TestFingerprint(t *testing.T) {
	key := sha256.Sum256([]byte("k1"))
	byKey := accountByKey + hex.EncodeToString(key[:8])
	serve := func(chats, account bool) *desk {
		return answering(func(path string, _ url.Values) (int, string) {
			switch {
			case path == chatsExport && chats:
				return 200, `{"chats":[{"id":"odd"},{"id":"1704.2314815.QHgVx6SOrRuSx"}],"count":2,"end_time":5,"end_id":"x"}`
			case path == chatsExport:
				return 200, `{"chats":[],"count":0}`
			case path == chatsList && chats:
				return 200, `{"chats":[{"id":"1704.2314815.QHgVx6SOrRuSx"}]}`
			case path == "account" && account:
				return 200, `{"account_key":"k1"}`
			}
			return 403, `{"error":"forbidden"}`
		})
	}
	for name, c := range map[string]struct {
		d       *desk
		already string
		want    string
		refused bool
	}{
		"chats":                         {serve(true, false), "", "2314815", false},
		"no chats":                      {serve(false, true), "", byKey, false},
		"neither":                       {serve(false, false), "", accountUnknown, false},
		"the same":                      {serve(true, false), "2314815", "2314815", false},
		"another":                       {serve(true, false), "10414779", "", true},
		"unknown before":                {serve(true, false), accountUnknown, "2314815", false},
		"unknown now":                   {serve(false, false), "2314815", accountUnknown, false},
		"no chats before":               {serve(true, true), byKey, "2314815", false},
		"no chats before, another":      {serve(true, true), "key:0000000000000000", "", true},
		"no chats before or now, other": {serve(false, true), "key:0000000000000000", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			o := PlanOptions{Streams: []chatferry.Stream{chatferry.Roles}}
			if c.already != "" {
				o.Already = []chatferry.Shard{*shardOf(chatferry.Chats, chatferry.Range{Account: c.already})}
			}
			p, err := NewPlan(t.Context(), c.d, o)
			if c.refused {
				isKind(t, err, chatferry.KindIncompatible)
				return
			}
			if err != nil || p.Account != c.want {
				t.Fatalf("%v, error %v", p, err)
			}
		})
	}
	for id, want := range map[string]string{"1704.2314815.QHgVx6SOrRuSx": "2314815", "1704.2314815": "", "170.1.x": "", "1704..x": "", "1704.1.": "", "1704.01.x": "", "": "", "1704.1.x.y": ""} {
		if got := accountOfChat(id); got != want {
			t.Errorf("%s is of account %q", id, got)
		}
	}
}

// TestPlanOfStreamsThatAreNone: a Stream that the API does not have is named.
func TestPlanOfStreamsThatAreNone(t *testing.T) {
	_, err := NewPlan(t.Context(), answering(nil), PlanOptions{Streams: []chatferry.Stream{chatferry.AnalyticsChatActivity}})
	isKind(t, err, chatferry.KindUsage)
	if !strings.Contains(err.Error(), string(chatferry.AnalyticsChatActivity)) {
		t.Error(err)
	}
}

// TestPlanAccountOfTheRehearsal: the account's number comes out of the ids of its chats.
func TestPlanAccountOfTheRehearsal(t *testing.T) {
	_, d := rehearse(t, 100, chatapi.Options{})
	a := rehearsal.New(rehearsal.Options{Seed: 21, Chats: 100})
	if p := planOf(t, d, PlanOptions{Streams: []chatferry.Stream{chatferry.Roles}}); p.Account != numeral(a.Number) {
		t.Fatalf("%q is not %d", p.Account, a.Number)
	}
}
