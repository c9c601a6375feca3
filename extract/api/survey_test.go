package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// tally answers searches with how many of its times lie in them, and stops counting where a search does.
type tally []int64

func (t tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var from, to string
	if _, err := fmt.Sscanf(r.URL.Query().Get("q"), "timestamp:[%s TO %s", &from, &to); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	lower, _ := time.Parse("2006-01-02T15:04:05", from)
	upper, _ := time.Parse("2006-01-02T15:04:05]", to)
	n := 0
	for _, at := range t {
		if at >= lower.Unix() && at <= upper.Unix() {
			n++
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": []any{}, "count": min(n, searchCap)})
}

// Chats are counted by month, each once, months that begin or end with one and months with more chats than a search counts
// included.
func TestCountChats(t *testing.T) {
	var times tally
	want := map[string]int64{}
	add := func(n int, at time.Time, apart time.Duration) {
		for range n {
			times = append(times, at.Unix())
			want[at.Format("2006-01")]++
			at = at.Add(apart)
		}
	}
	add(1, time.Date(2017, 4, 1, 0, 0, 0, 0, time.UTC), 0)
	add(1, time.Date(2017, 4, 30, 23, 59, 59, 0, time.UTC), 0)
	add(1, time.Date(2017, 5, 1, 0, 0, 0, 0, time.UTC), 0)
	add(23_000, time.Date(2019, 2, 3, 0, 0, 0, 0, time.UTC), time.Minute)
	add(10_000, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Second)
	add(7, time.Date(2022, 5, 1, 0, 0, 0, 0, time.UTC), time.Hour)
	d := deskOver(times)
	got, ok, err := CountChats(t.Context(), d, time.Time{}, noon)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for month, n := range want {
		if got[month] != n {
			t.Errorf("%s: %d chats instead of %d", month, got[month], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	if n := d.requests(); n > 120 {
		t.Errorf("%d requests", n)
	}
	missing := deskOver(http.NotFoundHandler())
	if _, ok, err := CountChats(t.Context(), missing, time.Time{}, noon); ok || err != nil {
		t.Errorf("without a search: %t, %v", ok, err)
	}
}

// An export that is small is counted, and one that is large is reckoned from samples, whatever the server gives at a time.
func TestLookAtExports(t *testing.T) {
	const seed = 41
	for _, tt := range []struct {
		pageCap, pages int
		counted        bool
	}{{1000, 12, true}, {100, 60, true}, {20, 12, false}} {
		account := rehearsal.New(rehearsal.Options{Seed: seed, Chats: 2500, Bad: -1})
		server, err := chatapi.New(account, chatapi.Options{Now: func() time.Time { return noon }, Quirks: chatapi.Quirks{PageCap: tt.pageCap}})
		if err != nil {
			t.Fatal(err)
		}
		d := deskOver(server)
		for _, s := range []chatferry.Stream{chatferry.Chats, chatferry.AgentTimeline, chatferry.AgentEvents, chatferry.DepartmentEvents, chatferry.Conversions} {
			records := int64(0)
			for range server.Ledger(s) {
				records++
			}
			before := d.requests()
			got, err := LookAt(t.Context(), d, s, time.Time{}, noon.Add(-time.Hour), tt.pages)
			if err != nil {
				t.Fatal(err)
			}
			sum := int64(0)
			for _, n := range got.Months {
				sum += n
			}
			if got.Counted && got.Records != records || got.Page != tt.pageCap && got.Page != int(records) || sum != got.Records && got.Counted {
				t.Errorf("seed %d: %s, %d at a time: %+v of %d records", seed, s, tt.pageCap, got, records)
			}
			if tt.counted && !got.Counted || math.Abs(float64(got.Records-records)) > 0.35*float64(records) || math.Abs(float64(sum-got.Records)) > 0.1*float64(records) {
				t.Errorf("seed %d: %s, %d at a time: %d records instead of %d, %d by month, counted: %t", seed, s, tt.pageCap, got.Records, records, sum, got.Counted)
			}
			if n := d.requests() - before; n > 2*tt.pages+2 {
				t.Errorf("seed %d: %s, %d at a time: %d requests", seed, s, tt.pageCap, n)
			}
		}
	}
}

// One record is counted, none is none, and what the account does not have is told from both.
func TestLookAtLittle(t *testing.T) {
	for _, n := range []int{0, 1} {
		at := noon.Add(-24 * time.Hour)
		d := deskOver(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			list := []any{}
			start, _ := strconv.ParseInt(r.URL.Query().Get("start_time"), 10, 64)
			if n == 1 && start <= at.Unix() {
				list = append(list, map[string]any{"id": "a", "timestamp": at.Format(time.RFC3339)})
				start = at.Unix()
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"conversions": list, "count": len(list), "end_time": start})
		}))
		got, err := LookAt(t.Context(), d, chatferry.Conversions, time.Time{}, noon.Add(-time.Hour), 12)
		if err != nil || !got.Counted || got.Records != int64(n) || len(got.Months) != n {
			t.Errorf("%d records: %+v, %v", n, got, err)
		}
	}
	_, err := LookAt(t.Context(), deskOver(http.NotFoundHandler()), chatferry.Conversions, time.Time{}, noon, 12)
	if absent := (*chatferry.UnavailableError)(nil); !errors.As(err, &absent) || absent.Why != chatferry.Missing {
		t.Errorf("%v", err)
	}
	if slices.Contains(Streams(), chatferry.Visitors) {
		t.Error("visitors have an export")
	}
	if _, err := LookAt(t.Context(), deskOver(http.NotFoundHandler()), chatferry.Agents, time.Time{}, noon, 12); err == nil {
		t.Error("agents have an export")
	}
}
