package rehearsal

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"chatferry"
)

// sample is what the tests of frequencies know of a record: its JSON, and the outcome.
type sample struct {
	raw []byte
	m   map[string]any
	era era
}

// TestQuirks finds each quirk by what stands in the records, and holds how often against the rate that is stated.
func TestQuirks(t *testing.T) {
	countsOnly(t)
	const seed = 21
	a := New(Options{Seed: seed, Chats: 6_000, Bad: -1})
	t.Logf("seed %d", seed)
	var chats, visitors, events []sample
	collect := func(s chatferry.Stream, into *[]sample) {
		for r := range a.Records(s) {
			*into = append(*into, sample{raw: slices.Clone(r.Raw), m: decode(t, r.Raw), era: a.eraOf(r.Time)})
		}
	}
	collect(chatferry.Chats, &chats)
	collect(chatferry.Visitors, &visitors)
	collect(chatferry.AgentEvents, &events)

	all := func(sample) bool { return true }
	offline := func(s sample) bool { return s.m["type"] == "offline_msg" }
	support := func(s sample) bool { return !offline(s) }
	widget := func(s sample) bool { return support(s) && size(s.m["webpath"]) > 0 }
	has := func(text string) func(sample) bool {
		return func(s sample) bool { return bytes.Contains(s.raw, []byte(text)) }
	}
	history := func(match func(map[string]any) bool) func(sample) bool {
		return func(s sample) bool {
			list, _ := s.m["history"].([]any)
			return slices.ContainsFunc(list, func(e any) bool { return match(e.(map[string]any)) })
		}
	}
	isNumber := func(v any) bool { _, ok := v.(json.Number); return ok }
	for q, c := range [quirks]struct {
		of        []sample
		among, is func(sample) bool
	}{
		quirkSessionDate:  {chats, func(s sample) bool { return offline(s) && s.era == eraFirst }, has(`+00:00Z"`)},
		quirkWebpathArray: {chats, widget, func(s sample) bool { _, ok := s.m["webpath"].([]any)[0].([]any); return ok }},
		quirkMessageIDNumber: {
			chats, func(s sample) bool { return support(s) && bytes.Contains(s.raw, []byte(`"msg_id"`)) },
			history(func(e map[string]any) bool { return isNumber(e["msg_id"]) }),
		},
		quirkMessageIDAbsent: {chats, support, func(s sample) bool { return !bytes.Contains(s.raw, []byte(`"msg_id"`)) }},
		quirkUnreadNumber:    {chats, all, func(s sample) bool { return isNumber(s.m["unread"]) }},
		quirkEmailNull:       {chats, all, func(s sample) bool { return s.m["visitor"].(map[string]any)["email"] == nil }},
		quirkCommentAlone: {
			chats, func(s sample) bool { return support(s) && s.m["rating"] == nil && s.m["missed"] == false },
			func(s sample) bool { return s.m["comment"] != nil },
		},
		quirkHistoryType: {chats, func(s sample) bool { return support(s) && s.m["missed"] == false }, has("chat.sneak_peek")},
		quirkLoneSurrogate: {chats, support, func(s sample) bool {
			return bytes.Contains(s.raw, []byte(` \ud83d…`)) || bytes.Contains(s.raw, []byte(` \ud83d\u2026`))
		}},
		quirkNUL: {chats, support, has(`\u0000`)},
		quirkNumberForm: {chats, support, func(s sample) bool {
			return strings.HasSuffix(string(s.m["duration"].(json.Number)), ".0")
		}},
		quirkUnknownField: {chats, all, has(`x_experiment`)},
		quirkEscaped:      {chats, all, has(`"id": "`)},
		quirkManyConversions: {
			chats, func(s sample) bool { return support(s) && s.era > eraFirst && s.m["missed"] == false },
			func(s sample) bool { return size(s.m["conversions"]) == maxConversions },
		},
		quirkDeleted:       {chats, func(s sample) bool { return s.era > eraFirst }, func(s sample) bool { return s.m["deleted"] == true }},
		quirkVisitorNumber: {visitors, all, func(s sample) bool { return isNumber(s.m["id"]) }},
		quirkInjected:      {chats, offline, has(`299.96`)},
		quirkSessionNull:   {chats, widget, func(s sample) bool { return s.m["session"].(map[string]any)["ip"] == nil }},
		quirkValueText: {
			events, func(s sample) bool { return s.m["field_name"] == "engagements" },
			func(s sample) bool { return !isNumber(s.m["value"]) },
		},
		quirkEngagementNumber: {
			chats, func(s sample) bool { return size(s.m["engagements"]) > 0 },
			func(s sample) bool { return isNumber(s.m["engagements"].([]any)[0].(map[string]any)["agent_id"]) },
		},
	} {
		rate := quirkRates[q]
		n, hits := 0, 0
		for _, s := range c.of {
			if c.among(s) {
				n++
				if c.is(s) {
					hits++
				}
			}
		}
		// Six standard deviations of the binomial, and one: a right generator fails once in a thousand million seeds.
		want := float64(n) * rate.rate
		if math.Abs(float64(hits)-want) > 6*math.Sqrt(want*(1-rate.rate))+1 || hits == 0 {
			t.Errorf("%s: %d of %d %s, want about %.0f", rate.name, hits, n, rate.of, want)
		}
	}
}

func TestDistribution(t *testing.T) {
	countsOnly(t)
	const seed, chats = 22, 4_000
	a := New(Options{Seed: seed, Chats: chats})
	t.Logf("seed %d", seed)
	var histories []int
	var weekdays [7]int
	var hours [24]int
	countries, languages, starters := map[any]int{}, map[string]int{}, map[any]int{}
	offline, missed, emojis, bytesRead, years := 0, 0, 0, 0, map[int]int{}
	for r := range a.Records(chatferry.Chats) {
		made := time.UnixMilli(r.Time).UTC()
		weekdays[made.Weekday()]++
		hours[made.Hour()]++
		years[made.Year()]++
		bytesRead += len(r.Raw)
		if r.Outcome.Code != "" {
			continue
		}
		m := decode(t, r.Raw)
		countries[m["session"].(map[string]any)["country_code"]]++
		for name, text := range map[string]string{"Japanese": "ください", "Arabic": "الطلب", "German": "Bestellung", "Portuguese": "pedido", "English": "order"} {
			if bytes.Contains(r.Raw, []byte(text)) {
				languages[name]++
			}
		}
		if bytes.Contains(r.Raw, []byte("😀")) {
			emojis++
		}
		if m["type"] == "offline_msg" {
			offline++
			continue
		}
		if m["missed"] == true {
			missed++
		}
		starters[m["started_by"]]++
		histories = append(histories, int(size(m["history"])))
	}
	slices.Sort(histories)
	share := func(what string, n int, lo, hi float64) {
		t.Helper()
		if s := float64(n) / chats; s < lo || s > hi {
			t.Errorf("%s: %d of %d chats, want %.1f to %.1f %%", what, n, chats, lo*100, hi*100)
		}
	}
	share("offline messages", offline, 0.1, 0.14)
	share("missed", missed, 0.03, 0.09)
	share("started by agents", starters["agent"], 0.02, 0.1)
	share("started by triggers", starters["trigger"], 0.04, 0.14)
	share("emoji", emojis, 0.01, 0.2)
	if median := histories[len(histories)/2]; median < 7 || median > 12 {
		t.Errorf("the median history has %d entries", median)
	}
	if long := histories[len(histories)-3]; long <= 200 {
		t.Errorf("the third longest history has %d entries", long)
	}
	if mean := bytesRead / chats; mean < 4000 || mean > 6200 {
		t.Errorf("a chat takes %d bytes", mean)
	}
	if len(countries) != len(a.locales) || len(languages) != 5 {
		t.Errorf("countries %v, languages %v", countries, languages)
	}
	if weekdays[time.Monday] < 2*weekdays[time.Saturday] || hours[10] < 10*hours[3] || years[2021] < 2*years[2018] {
		t.Errorf("weekdays %v, hours %v, years %v", weekdays, hours, years)
	}
	visitors := a.Truth(chatferry.Visitors).Read
	share("visitors", int(visitors), 0.6, 0.7)
}
