package estimate

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/dump"
	"chatferry/extract/rehearsal"
)

// The course of requests, by hand: the pacer starts empty, the head goes one by one, lanes wait for their answers.
func TestCourse(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name              string
		interval, latency time.Duration
		head              int64
		chains            []int64
		lanes             int
		want              time.Duration
	}{
		{"nothing", s, s, 0, nil, 4, 0},
		{"one request waits an interval", s, 3 * s, 1, nil, 4, 4 * s},
		{"answers that come at once are paced", s, 0, 2, []int64{3, 3}, 4, 8 * s},
		{"one lane waits for each answer", s, 5 * s, 1, []int64{3}, 4, 1*s + 4*5*s},
		{"lanes wait side by side", s, 5 * s, 0, []int64{2, 2, 2, 2}, 4, 4*s + 2*5*s},
		{"two lanes share four", s, 5 * s, 0, []int64{1, 1, 1, 1}, 2, 2*s + 2*5*s},
		{"a long chain is not shared out", s, 10 * s, 0, []int64{1, 5}, 8, 2*s + 5*10*s},
	} {
		chains := make([]chain, len(tt.chains))
		for i, n := range tt.chains {
			chains[i] = chain{n, tt.latency}
		}
		if got := course(tt.interval, chain{tt.head, tt.latency}, chains, tt.lanes); got != tt.want {
			t.Errorf("%s: %s instead of %s", tt.name, got, tt.want)
		}
	}
	// Beyond what is played through, the answer goes on from there.
	whole := course(s, chain{}, []chain{{playMost, 0}}, 8)
	if more := course(s, chain{}, []chain{{playMost + 1, 0}}, 8); more < whole || more > whole+2*s {
		t.Errorf("%s, then %s", whole, more)
	}
}

// What is left out of a cut-over that does not fit is what costs most of what agents can work without.
func TestFit(t *testing.T) {
	streams := []chatferry.Stream{chatferry.Account, chatferry.Agents, chatferry.Shortcuts, chatferry.Bans}
	e := &Estimate{Streams: map[chatferry.Stream]*Stream{}}
	for name, n := range map[chatferry.Stream]int64{chatferry.Account: 1, chatferry.Agents: 20, chatferry.Shortcuts: 30, chatferry.Bans: 9} {
		e.Streams[name] = &Stream{Requests: Figure{n, Counted}}
	}
	cutting := func(list []chatferry.Stream) (d time.Duration) {
		for _, s := range list {
			d += time.Duration(e.Streams[s].Requests.N) * time.Second
		}
		return d
	}
	e.Cutover.Seconds, e.Backfill.Seconds = cutting(streams).Seconds(), 40
	for window, want := range map[time.Duration]Window{
		100 * time.Second: {Fits: FitsYes, Needs: 60, Backfill: true},
		60 * time.Second:  {Fits: FitsYes, Needs: 60},
		40 * time.Second:  {Fits: FitsWithout, Without: []chatferry.Stream{chatferry.Shortcuts}, Needs: 30},
		25 * time.Second:  {Fits: FitsWithout, Without: []chatferry.Stream{chatferry.Shortcuts, chatferry.Bans}, Needs: 21},
		20 * time.Second:  {Fits: FitsNo, Needs: 60},
	} {
		e.Window = Window{}
		e.fit(window, streams, cutting)
		got := e.Window
		if got.Fits != want.Fits || !slices.Equal(got.Without, want.Without) || got.Needs != want.Needs || got.Backfill != want.Backfill || got.Seconds != window.Seconds() {
			t.Errorf("%s: %+v", window, got)
		}
	}
}

// A deviation is named if it is more than the figure's certainty allows for; of what is not read to its end only too much is.
func TestCompare(t *testing.T) {
	e := &Estimate{Streams: map[chatferry.Stream]*Stream{
		chatferry.Agents:        {Endpoint: "agents", Records: Figure{500, Counted}, Bytes: Figure{1 << 20, Counted}, Requests: Figure{6, Counted}},
		chatferry.AgentTimeline: {Records: Figure{1000, Sampled}, Bytes: Figure{0, Sampled}},
		chatferry.Visitors:      {Records: Figure{1000, Assumed}, Bytes: Figure{0, Sampled}},
	}}
	all := func(chatferry.Stream) bool { return true }
	for _, tt := range []struct {
		actual Actual
		stream chatferry.Stream
		want   string
	}{
		{Actual{Records: 500, Bytes: 1 << 20, Requests: 5, Done: true}, chatferry.Agents, ""},
		{Actual{Records: 509, Bytes: 1 << 20, Requests: 6, Done: true}, chatferry.Agents, ""},
		{Actual{Records: 550, Bytes: 1 << 20, Requests: 6, Done: true}, chatferry.Agents, "agents: 550 records instead of 500 (counted), 10 % more"},
		{Actual{Records: 450, Bytes: 1 << 20, Requests: 6, Done: true}, chatferry.Agents, "agents: 450 records instead of 500 (counted), 10 % less"},
		{Actual{Records: 450, Bytes: 1 << 20, Requests: 6}, chatferry.Agents, ""},
		{Actual{Records: 500, Bytes: 2 << 20, Requests: 6, Done: true}, chatferry.Agents, "agents: 2097152 bytes instead of 1048576 (sampled), 100 % more"},
		{Actual{Records: 500, Bytes: 1 << 20, Requests: 12, Done: true}, chatferry.Agents, "agents: 12 requests instead of 6 (sampled), 100 % more"},
		{Actual{Records: 1200, Done: true}, chatferry.AgentTimeline, ""},
		{Actual{Records: 700, Done: true}, chatferry.AgentTimeline, "agent_timeline: 700 records instead of 1000 (sampled), 30 % less"},
		{Actual{Records: 10, Done: true}, chatferry.Visitors, ""},
		{Actual{Records: 2100, Done: true}, chatferry.Visitors, "visitors: 2100 records instead of 1000 (assumed), 110 % more"},
		{Actual{Records: 10, Done: true}, chatferry.Goals, ""},
		{Actual{Records: 100, Done: true}, chatferry.Goals, "goals: 100 records instead of 0 (assumed), none were planned"},
	} {
		c := e.Compare(map[chatferry.Stream]Actual{tt.stream: tt.actual}, func(s chatferry.Stream) bool { return s == tt.stream })
		if got := strings.Join(c.Deviations, "; "); got != tt.want || len(c.Streams) != 1 {
			t.Errorf("%+v: %q, want %q", tt.actual, got, tt.want)
		}
	}
	if c := e.Compare(nil, all); len(c.Streams) != 3 || len(c.Deviations) != 0 {
		t.Errorf("of a dataset without records: %+v", c)
	}
	c := e.Compare(nil, all)
	if c.Timed(Phase{Seconds: 100}, 110*time.Second); len(c.Deviations) != 0 || c.Actual != 110 {
		t.Errorf("%+v", c)
	}
	if c.Timed(Phase{Seconds: 100}, 200*time.Second); len(c.Deviations) != 1 || c.Deviations[0] != "time: 200 s instead of 100 s, 100 % more" {
		t.Errorf("%+v", c)
	}
}

// A small dump is counted, by the months of its records; of a large one records are reckoned from the beginnings of files, and
// bytes are those of the listing.
func TestDumpIsEstimated(t *testing.T) {
	const seed, chats = 43, 900
	gz := rehearsal.Form{Compression: rehearsal.Gzip}
	for _, tt := range []struct {
		form          rehearsal.Form
		split         rehearsal.Split
		looks         int
		sample, piece int64
		known         Certainty
	}{
		{rehearsal.Form{}, rehearsal.Split{}, 0, 0, 0, Counted},
		{gz, rehearsal.Split{}, 4, 256 << 10, 1 << 20, Sampled}, // of one file, the beginning
		{rehearsal.Form{}, rehearsal.Split{}, 12, 32 << 10, 128 << 10, Sampled},
		{rehearsal.Form{}, rehearsal.Split{Records: 150}, 0, 0, 0, Counted},
		{rehearsal.Form{}, rehearsal.Split{Records: 30}, 12, 32 << 10, 128 << 10, Sampled},
		{gz, rehearsal.Split{Months: true}, 24, 16 << 10, 16 << 10, Sampled},
	} {
		root := t.TempDir()
		account := rehearsal.New(rehearsal.Options{Seed: seed, Chats: chats, Bad: -1})
		if _, err := account.WriteDump(t.Context(), root, rehearsal.Uniform(tt.form, tt.split)); err != nil {
			t.Fatal(err)
		}
		listing, err := dump.List(t.Context(), []string{root}, dump.OpenLocal)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Dump(t.Context(), DumpOptions{
			Listing: listing, Cuts: chatferry.DefaultCuts(), Processors: 2, Window: time.Hour, Tell: func(string) {}, looks: tt.looks, sample: tt.sample, piece: tt.piece,
		})
		if err != nil {
			t.Fatal(err)
		}
		stored := int64(0)
		for _, f := range listing.Files {
			if f.Stream == chatferry.Chats {
				stored += f.Size
			}
		}
		c := e.Streams[chatferry.Chats]
		if c.Records.Known != tt.known || math.Abs(float64(c.Records.N-chats)) > 0.1*chats || c.Bytes != (Figure{stored, Counted}) {
			t.Errorf("seed %d: %+v: %+v of %d chats, %+v of %d bytes", seed, tt, c.Records, chats, c.Bytes, stored)
		}
		if tt.known == Counted && c.Records.N != chats {
			t.Errorf("seed %d: %+v: %d chats were counted", seed, tt, c.Records.N)
		}
		sum := int64(0)
		for _, n := range c.Months {
			sum += n
		}
		if tt.known == Counted && len(c.Months) != 59 || math.Abs(float64(sum-c.Records.N)) > 0.05*chats {
			t.Errorf("seed %d: %+v: %d in %d months", seed, tt, sum, len(c.Months))
		}
		if e.Window.Fits != FitsYes || e.Streams[chatferry.Agents].Records != (Figure{25, Counted}) {
			t.Errorf("seed %d: %+v %+v", seed, e.Window, e.Streams[chatferry.Agents])
		}
		e.SetTarget(Target{PartSize: 24 << 20, Memory: 512 << 20, Lanes: 2})
		if e.Disk.N < c.Written.N || c.Written.N == 0 {
			t.Errorf("seed %d: %+v, %+v", seed, e.Disk, c.Written)
		}
	}
}

// A file that is no estimate, or one of another format, is refused; what was written is read back.
func TestLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "e.json")
	put := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "{}", `{"format":"chatferry estimate 2"}`, `[]`, `{"format":"` + Format + `","streams":{"secrets":{}}}`, `{"format":"` + Format + `","streams":{"chats":null}}`} {
		put(text)
		if _, err := Load(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Load(name + ".gone"); err == nil {
		t.Error("a file that is not there was read")
	}
	want := &Estimate{Format: Format, Streams: map[chatferry.Stream]*Stream{chatferry.Chats: {Records: Figure{5, Counted}}}, Cutover: Phase{Seconds: 3, Known: Counted}}
	data, _ := json.Marshal(want)
	put(string(data))
	got, err := Load(name)
	if err != nil || got.Streams[chatferry.Chats].Records != want.Streams[chatferry.Chats].Records || got.Phase("cutover").Took() != 3*time.Second {
		t.Errorf("%+v, %v", got, err)
	}
}
