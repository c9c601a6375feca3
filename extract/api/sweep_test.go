package api

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal/chatapi"
)

const overlap = 10 * time.Minute

var sweepSeeds = flag.Uint64("sweep-seeds", 6, "how many moving accounts are swept")

// crossing carries an account over: the windows of a plan, then sweeps until none is due.
type crossing struct {
	t       testing.TB
	d       *desk
	o       SweepOptions
	sweeper *Sweeper
	source  *Source
	shards  []State
	records map[chatferry.Stream][]string
	sweeps  int
	// restart is asked before each sweep whether the process is started again.
	restart func(sweep int) bool
}

func cross(t testing.TB, d *desk, plan PlanOptions, o SweepOptions) *crossing {
	t.Helper()
	c := &crossing{t: t, d: d, o: o, records: map[chatferry.Stream][]string{}}
	c.start()
	p := planOf(t, d, plan)
	for _, s := range p.Shards {
		c.shards = append(c.shards, State{Shard: s})
	}
	c.carry()
	return c
}

func (c *crossing) start() {
	c.sweeper = NewSweeper(c.o)
	c.source = sourceOver(c.t, c.d, SourceOptions{Sweeper: c.sweeper, PageLimit: 100})
}

// carry reads what is not done.
func (c *crossing) carry() {
	c.t.Helper()
	for i := range c.shards {
		s := &c.shards[i]
		if s.Done {
			continue
		}
		got := read(c.t, c.source, &s.Shard, "").ok(c.t)
		c.records[s.Shard.Stream] = append(c.records[s.Shard.Stream], got.records...)
		s.Done = true
	}
}

// finish sweeps until the Sweeper says that it is done.
func (c *crossing) finish() Sweep {
	c.t.Helper()
	for {
		s := c.sweeper.Next(c.d.Now(), c.shards, chatferry.ShardID(len(c.shards)+1))
		switch {
		case s.Done:
			return s
		case len(s.Shards) == 0 && s.Wait <= 0:
			c.t.Fatal("nothing to read, nothing to wait for, and not done")
		case len(s.Shards) == 0:
			c.d.pass(s.Wait)
			continue
		}
		if c.sweeps++; c.sweeps > 60 {
			c.t.Fatal("60 sweeps: it does not end")
		}
		if c.restart != nil && c.restart(c.sweeps) {
			c.start()
			continue
		}
		for _, shard := range s.Shards {
			c.shards = append(c.shards, State{Shard: shard})
		}
		c.carry()
	}
}

// newest wants of every chat the newest version at or below the watermark, or a later one.
func (c *crossing) newest(s *chatapi.Server, mark time.Time) {
	c.t.Helper()
	have := map[[32]byte]bool{}
	for _, r := range c.records[chatferry.Chats] {
		have[sha256.Sum256([]byte(r))] = true
	}
	n, missing, changed := 0, 0, 0
	for e := range s.Ledger(chatferry.Chats) {
		if len(e.Versions) > 1 {
			changed++
		}
		due, found := false, false
		for _, v := range e.Versions {
			at := time.UnixMicro(v.Updated)
			if at.Before(mark) {
				due, found = true, have[v.SHA256]
			} else if due && !found || !due {
				found = found || have[v.SHA256]
			}
		}
		if !due {
			continue
		}
		n++
		if !found {
			if missing++; missing <= 3 {
				c.t.Errorf("%s: the newest version before %s is missing: %+v", e.Key, mark, e.Versions)
			}
		}
	}
	if missing > 0 || n == 0 || changed < 50 {
		c.t.Fatalf("%d of %d chats missing at their newest, %d of them changed", missing, n, changed)
	}
}

// TestSweepsReachTheNewest: chats that are touched, made and deleted while they are read, some of them visible minutes
// late, and a storm: at the end every chat is there in its newest version before the watermark.
func TestSweepsReachTheNewest(t *testing.T) {
	for seed := range *sweepSeeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			s, d := rehearse(t, 600, chatapi.Options{
				Quirks: chatapi.Quirks{DropStartID: seed%5 == 4},
				Change: chatapi.Changes{
					Seed: seed, Touches: 60, Inserts: 30, Deletes: 5, Late: 5 * time.Minute * time.Duration(seed%2), Neither: seed%4 == 3,
					Storms: []chatapi.Storm{{Chats: 90, After: 10 * time.Minute}, {Chats: 60, After: time.Hour + 90*time.Second}},
				},
			})
			d.step = 9 * time.Second
			d.pass(time.Hour)
			c := cross(t, d, PlanOptions{Streams: []chatferry.Stream{chatferry.Chats}, Overlap: overlap, Lanes: 2, Window: 200}, SweepOptions{Overlap: overlap})
			restarts := 0
			if seed%3 == 2 {
				c.restart = func(sweep int) bool { restarts++; return restarts == 2 }
			}
			end := c.finish()
			if end.Watermark.Before(noon.Add(time.Hour)) || !end.Watermark.Equal(end.Watermarks[chatferry.Chats]) {
				t.Fatalf("watermark %s", end.Watermark)
			}
			c.newest(s, end.Watermark)
			if c.sweeps < 2 || c.sweeps > 6 || len(end.Unsettled) > 0 {
				t.Errorf("%d sweeps", c.sweeps)
			}
			if d.refused[400] > 0 {
				t.Errorf("%d requests were refused", d.refused[400])
			}
			t.Logf("%d sweeps, %d requests, watermark %s", c.sweeps, d.requests(), end.Watermark.Sub(noon))
		})
	}
}

// TestSweepsOfAllStreams: every Stream that grows is swept, the others are not, and a quiet account takes two sweeps.
func TestSweepsOfAllStreams(t *testing.T) {
	s, d := rehearse(t, 800, chatapi.Options{})
	c := cross(t, d, PlanOptions{Streams: Streams(), Overlap: overlap, Lanes: 2}, SweepOptions{Overlap: overlap})
	windows := len(c.shards)
	end := c.finish()
	if len(end.Watermarks) != len(growing) || c.sweeps != 2 || len(c.shards) != windows+2*len(growing) {
		t.Fatalf("%d sweeps, %d shards, watermarks %v", c.sweeps, len(c.shards), end.Watermarks)
	}
	for _, stream := range growing {
		wants(t, s, stream, false, c.records[stream])
	}
	for i := range c.shards[windows:] {
		a, b := c.shards[windows+i].Shard.API, c.shards[windows].Shard.API
		if want := map[int]time.Time{1: noon.Add(-overlap), 2: b.Begun.Add(-overlap).Truncate(time.Second)}[a.Pass]; !a.Since.Equal(want) || !a.Until.IsZero() {
			t.Errorf("pass %d from %s to %s, not from %s", a.Pass, a.Since, a.Until, want)
		}
	}
	if !end.Watermark.Equal(c.shards[windows].Shard.API.Begun) {
		t.Errorf("watermark %s", end.Watermark)
	}
}

// TestSweepAfterLateNews: what comes to light late makes two more sweeps.
func TestSweepAfterLateNews(t *testing.T) {
	w := NewSweeper(SweepOptions{Overlap: overlap})
	way, _ := endpointOf(chatsExport)
	chat := func(id string, at time.Time) []byte {
		return fmt.Appendf(nil, `{"id":%q,"update_timestamp":%q}`, id, at.Format(time.RFC3339))
	}
	shards := []State{{Shard: chatferry.Shard{ID: 1, Stream: chatferry.Chats, API: &chatferry.Range{Endpoint: chatsExport, Until: noon.Add(-overlap), Begun: noon}}, Done: true}}
	now := noon
	// What each sweep brings, by its begin; every second is read by two sweeps.
	brings := []func(begun, before time.Time) [][]byte{
		func(begun, before time.Time) [][]byte { // what the windows left out
			return [][]byte{chat("a", before.Add(-overlap)), chat("b", begun)}
		},
		func(begun, before time.Time) [][]byte { // late, but not by much
			return [][]byte{chat("b", before), chat("c", before.Add(-overlap/2)), chat("e", begun.Add(-overlap))}
		},
		func(begun, before time.Time) [][]byte { // late
			return [][]byte{chat("e", before.Add(-overlap)), chat("d", before.Add(-overlap/2-time.Second)), chat("f", begun.Add(-overlap/2))}
		},
		func(begun, before time.Time) [][]byte { return [][]byte{chat("f", before.Add(-overlap/2))} },
		func(begun, before time.Time) [][]byte { return nil },
	}
	before, mark := noon, noon
	for i := 0; ; i++ {
		s := w.Next(now, shards, chatferry.ShardID(len(shards)+1))
		if s.Done {
			if i != len(brings) {
				t.Fatalf("done after %d sweeps, not %d", i, len(brings))
			}
			if !s.Watermark.Equal(mark) || len(s.Unsettled) > 0 {
				t.Fatalf("watermark %s, not %s; unsettled %v", s.Watermark, mark, s.Unsettled)
			}
			return
		}
		if len(s.Shards) == 0 {
			if s.Wait <= 0 || s.Wait > overlap {
				t.Fatalf("wait %s", s.Wait)
			}
			now = now.Add(s.Wait)
			i--
			continue
		}
		if i == len(brings) {
			t.Fatalf("another sweep after %d", i)
		}
		shard := s.Shards[0]
		if shard.API.Begun.Sub(before) < overlap {
			t.Fatalf("begun %s after the one before", shard.API.Begun.Sub(before))
		}
		w.began(&shard)
		w.note(&shard, way, brings[i](shard.API.Begun, before))
		mark, before = before, shard.API.Begun
		shards = append(shards, State{shard, true})
		now = now.Add(time.Minute)
	}
}

// TestSweepForgets: a sweep that another process read, or the beginning of which it read, proves nothing.
func TestSweepForgets(t *testing.T) {
	at := func(pass int, begun time.Time) State {
		r := &chatferry.Range{Endpoint: chatsExport, Pass: pass, Since: begun.Add(-2 * overlap), Begun: begun}
		if pass == 0 {
			r.Until = begun.Add(-overlap)
		}
		return State{chatferry.Shard{ID: chatferry.ShardID(pass + 1), Stream: chatferry.Chats, API: r}, true}
	}
	shards := []State{at(0, noon), at(1, noon.Add(time.Hour)), at(2, noon.Add(2*time.Hour))}
	w := NewSweeper(SweepOptions{Overlap: overlap})
	if s := w.Next(noon.Add(3*time.Hour), shards, 4); s.Done || len(s.Shards) != 1 || s.Shards[0].API.Pass != 3 || s.Shards[0].ID != 4 ||
		!s.Shards[0].API.Since.Equal(noon.Add(2*time.Hour-overlap)) {
		t.Fatalf("%+v", s)
	}
	// The second half of sweep 2, resumed here, is quiet; its first half is not known.
	way, _ := endpointOf(chatsExport)
	w.note(&shards[2].Shard, way, nil)
	if w.quiet(chatferry.Chats, 2) {
		t.Error("half a sweep counts as a quiet one")
	}
	w.began(&shards[1].Shard)
	w.began(&shards[2].Shard)
	if s := w.Next(noon.Add(3*time.Hour), shards, 4); !s.Done || !s.Watermark.Equal(noon.Add(time.Hour)) {
		t.Fatalf("%+v", s)
	}
}

// TestSweepsThatAreNotDue: what needs no sweep, or not yet.
func TestSweepsThatAreNotDue(t *testing.T) {
	bound := noon.Add(-overlap)
	window := func(done bool) []State {
		return []State{{chatferry.Shard{ID: 1, Stream: chatferry.Chats, API: &chatferry.Range{Endpoint: chatsExport, Until: bound, Begun: noon}}, done}}
	}
	with := func(s []State, pass int) []State {
		return append(s, State{chatferry.Shard{ID: 2, Stream: chatferry.Chats, API: &chatferry.Range{Endpoint: chatsExport, Pass: pass, Begun: noon}}, true})
	}
	for name, c := range map[string]struct {
		o      SweepOptions
		shards []State
		now    time.Time
		done   bool
		reads  int
		mark   time.Time
	}{
		"nothing planned":            {SweepOptions{Overlap: overlap}, nil, noon, true, 0, time.Time{}},
		"windows are open":           {SweepOptions{Overlap: overlap}, window(false), noon.Add(time.Hour), true, 0, time.Time{}},
		"too early":                  {SweepOptions{Overlap: overlap}, window(true), noon.Add(time.Minute), false, 0, time.Time{}},
		"due":                        {SweepOptions{Overlap: overlap}, window(true), noon.Add(overlap), false, 1, time.Time{}},
		"no overlap":                 {SweepOptions{}, window(true), noon, false, 1, time.Time{}},
		"no overlap, swept":          {SweepOptions{}, with(window(true), 1), noon, true, 0, noon},
		"a trial":                    {SweepOptions{Trial: true}, window(true), noon, true, 0, bound},
		"until in the past":          {SweepOptions{Overlap: overlap, Until: bound}, window(true), noon.Add(time.Hour), true, 0, bound},
		"until to come":              {SweepOptions{Overlap: overlap, Until: noon.Add(time.Hour)}, window(true), noon.Add(time.Hour), false, 1, time.Time{}},
		"another stream":             {SweepOptions{Overlap: overlap, Streams: []chatferry.Stream{chatferry.AgentEvents}}, window(true), noon.Add(time.Hour), true, 0, time.Time{}},
		"a stream that is not swept": {SweepOptions{Overlap: overlap}, []State{{chatferry.Shard{ID: 1, Stream: chatferry.Roles, API: &chatferry.Range{Endpoint: "roles", Begun: noon}}, true}}, noon.Add(time.Hour), true, 0, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSweeper(c.o).Next(c.now, c.shards, 7)
			if s.Done != c.done || len(s.Shards) != c.reads || !s.Watermark.Equal(c.mark) || s.Done == (len(s.Shards) > 0 || s.Wait > 0) {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// TestSweepsByOtherWays: chats that are read by list or search are swept too: what began meanwhile is found.
func TestSweepsByOtherWays(t *testing.T) {
	for _, way := range []string{chatsList, chatsSearch} {
		t.Run(way, func(t *testing.T) {
			s, d := rehearse(t, 600, chatapi.Options{Quirks: chatapi.Quirks{NoIncremental: true}, Change: chatapi.Changes{Seed: 3, Inserts: 60}})
			d.step = 3 * time.Second
			c := &crossing{t: t, d: d, o: SweepOptions{Overlap: overlap}, records: map[chatferry.Stream][]string{}}
			c.start()
			r := chatferry.Range{Endpoint: way, Begun: noon}
			if way == chatsSearch {
				r.Until = noon.Add(-overlap)
			}
			c.shards = []State{{Shard: *shardOf(chatferry.Chats, r)}}
			c.carry()
			end := c.finish()
			have := map[string]bool{}
			for _, r := range c.records[chatferry.Chats] {
				have[textOf(memberOf([]byte(r), "id"))] = true
			}
			n := 0
			for e := range s.Ledger(chatferry.Chats) {
				if at := time.UnixMicro(e.Updated); !e.Deleted && at.Before(end.Watermark) {
					n++
					if !have[e.Key] {
						t.Errorf("%s of %s is missing", e.Key, at.UTC())
					}
				}
			}
			if n < 600 || c.sweeps > 8 {
				t.Fatalf("%d chats, %d sweeps", n, c.sweeps)
			}
			t.Logf("%d chats, %d sweeps, %d requests", n, c.sweeps, d.requests())
		})
	}
}

// TestSweepsGiveUp: an account that keeps bringing late news is told as such, not swept for ever.
func TestSweepsGiveUp(t *testing.T) {
	w := NewSweeper(SweepOptions{Overlap: overlap})
	way, _ := endpointOf(chatsExport)
	shards := []State{{chatferry.Shard{ID: 1, Stream: chatferry.Chats, API: &chatferry.Range{Endpoint: chatsExport, Until: noon.Add(-overlap), Begun: noon}}, true}}
	now := noon
	for i := 0; i < 100; i++ {
		s := w.Next(now, shards, chatferry.ShardID(len(shards)+1))
		if s.Done {
			if i != sweepsMost || len(s.Unsettled) != 1 || s.Watermark.IsZero() {
				t.Fatalf("after %d sweeps: %+v", i, s)
			}
			return
		}
		now = now.Add(s.Wait)
		if len(s.Shards) == 0 {
			i--
			continue
		}
		shard := s.Shards[0]
		w.began(&shard)
		w.note(&shard, way, [][]byte{fmt.Appendf(nil, `{"id":"n%d","update_timestamp":%q}`, i, shard.API.Since.Format(time.RFC3339))})
		shards = append(shards, State{shard, true})
	}
	t.Fatal("it does not end")
}

// TestSweepBeginsWhereTheWindowsEnd: with a short overlap the windows end earlier than it says, and no gap is left.
func TestSweepBeginsWhereTheWindowsEnd(t *testing.T) {
	_, d := rehearse(t, 50, chatapi.Options{})
	p := planOf(t, d, PlanOptions{Streams: []chatferry.Stream{chatferry.Chats}, Overlap: time.Second})
	s := NewSweeper(SweepOptions{Overlap: time.Second}).Next(noon.Add(time.Hour), []State{{p.Shards[0], true}}, 2)
	if len(s.Shards) != 1 || !s.Shards[0].API.Since.Equal(p.Until) {
		t.Fatalf("%+v, windows end at %s", s, p.Until)
	}
}
