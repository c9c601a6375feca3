package progress

import (
	"testing"
	"time"

	"chatferry"
)

// clock is a clock that a test moves.
type clock struct{ t time.Time }

func newClock() *clock {
	return &clock{time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func shard(id chatferry.ShardID, stream chatferry.Stream, bytes int64) *chatferry.Shard {
	return &chatferry.Shard{ID: id, Stream: stream, Bytes: bytes}
}

func part(stored, read, quarantined int64) *chatferry.Part {
	return &chatferry.Part{
		StoredBytes: stored,
		Books:       chatferry.Books{Read: chatferry.Tally{N: read}, Quarantined: chatferry.Tally{N: quarantined}},
	}
}

func TestTrackerCounts(t *testing.T) {
	c := newClock()
	tr := NewTracker(c.now)
	a, b := shard(1, chatferry.Chats, 1000), shard(2, chatferry.Chats, 500)
	g := shard(3, chatferry.Agents, 100)
	tr.Plan([]Planned{{Shard: a, Stored: 400}, {Shard: b, Done: true}, {Shard: g}},
		map[chatferry.Stream]Before{chatferry.Chats: {Records: 90, Quarantined: 2}})

	s := tr.Snapshot()
	if len(s.Streams) != 2 || s.Streams[0].Stream != chatferry.Agents || s.Streams[1].Stream != chatferry.Chats {
		t.Fatalf("streams: %+v", s.Streams)
	}
	chats := s.Streams[1]
	if chats.Done != 900 || chats.Total != 1500 || chats.Records != 90 || chats.Quarantined != 2 || chats.State != Reading {
		t.Errorf("after a resume: %+v", chats)
	}
	if s.Streams[0].State != Waiting || s.All.Done != 900 || s.All.Total != 1600 || s.SinceCommit != -1 {
		t.Errorf("after a resume: %+v", s)
	}

	tr.ShardOpened(a, "")
	tr.PageRead(a, 10, 0, 200)
	tr.PageRead(a, 10, 0, 200)
	tr.Committed(a, part(200, 10, 1))
	c.advance(3 * time.Second)
	s = tr.Snapshot()
	if p := s.Streams[1]; p.Done != 1300 || p.Records != 110 || p.Quarantined != 3 {
		t.Errorf("after a commit: %+v", p)
	}
	if s.SinceCommit != 3*time.Second {
		t.Errorf("age of the checkpoint: %s", s.SinceCommit)
	}

	// The Lane starts again from its Checkpoint: the Page that was not committed is read again.
	tr.ShardOpened(a, "")
	if p := tr.Snapshot().Streams[1]; p.Done != 1100 || p.Records != 100 || p.State != Reading {
		t.Errorf("after opening again: %+v", p)
	}
	tr.PageRead(a, 10, 0, 200)
	tr.PageRead(a, 20, 0, 190)
	tr.Committed(a, part(390, 30, 0))
	tr.ShardDone(a)
	if p := tr.Snapshot().Streams[1]; p.Done != 1500 || p.Records != 130 || p.State != Done {
		t.Errorf("after the end: %+v", p)
	}

	tr.ShardOpened(g, "")
	if p := tr.Snapshot().Streams[0]; p.State != Reading {
		t.Errorf("agents: %+v", p)
	}
	tr.ShardDone(g)
	if s := tr.Snapshot(); s.All.State != Done || s.All.Done != s.All.Total || s.All.ETA != -1 {
		t.Errorf("at the end: %+v", s.All)
	}
	tr.SetState("stopping")
	if s := tr.Snapshot(); s.All.State != "stopping" {
		t.Errorf("state %q", s.All.State)
	}
}

func TestTrackerTakesUnplannedShards(t *testing.T) {
	tr := NewTracker(newClock().now)
	x := shard(9, chatferry.Goals, 50)
	tr.ShardOpened(x, "")
	tr.PageRead(x, 1, 0, 10)
	if s := tr.Snapshot(); s.All.Total != 50 || s.All.Done != 10 {
		t.Errorf("%+v", s.All)
	}
}

// The rate is that of the last half minute, and work of earlier runs does not count in it.
func TestRateAndETA(t *testing.T) {
	c := newClock()
	tr := NewTracker(c.now)
	a := shard(1, chatferry.Chats, 1_000_000)
	tr.Plan([]Planned{{Shard: a, Stored: 500_000}}, map[chatferry.Stream]Before{chatferry.Chats: {Records: 7000}})
	tr.ShardOpened(a, "")
	step := func(seconds int, records, bytes int64) Snapshot {
		var s Snapshot
		for range seconds {
			tr.PageRead(a, records, 0, bytes)
			c.advance(time.Second)
			s = tr.Snapshot()
		}
		return s
	}

	if s := tr.Snapshot(); s.All.Rate != 0 || s.All.ETA != -1 {
		t.Errorf("before anything was read: %+v", s.All)
	}
	s := step(5, 100, 1000)
	if s.All.Rate != 100 || s.All.ByteRate != 1000 {
		t.Errorf("after 5 s: %+v", s.All)
	}
	if s.All.ETA != -1 {
		t.Errorf("an estimate after 5 s: %s", s.All.ETA)
	}
	s = step(15, 100, 1000)
	if want := 480 * time.Second; s.All.ETA != want || s.Streams[0].ETA != want {
		t.Errorf("after 20 s: %s, want %s", s.All.ETA, want)
	}
	// Five times slower: within half a minute the rate is the new one alone.
	s = step(30, 20, 200)
	if s.All.Rate != 20 || s.All.ByteRate != 200 {
		t.Errorf("30 s after the source slowed down: %+v", s.All)
	}
	if len(tr.window) > 32 {
		t.Errorf("%d samples are kept", len(tr.window))
	}
	// Nothing moves: no estimate, rather than a wrong one.
	s = step(31, 0, 0)
	if s.All.Rate != 0 || s.All.ETA != -1 {
		t.Errorf("while nothing moves: %+v", s.All)
	}
}

func TestRateWithOneSampleEveryHalfMinute(t *testing.T) {
	c := newClock()
	tr := NewTracker(c.now)
	a := shard(1, chatferry.Chats, 1_000_000)
	tr.Plan([]Planned{{Shard: a}}, nil)
	tr.Snapshot()
	for i := range 4 {
		tr.PageRead(a, 300, 0, 30_000)
		c.advance(linesEvery)
		if s := tr.Snapshot(); s.All.Rate != 10 || s.All.ByteRate != 1000 {
			t.Errorf("sample %d: %+v", i, s.All)
		}
	}
}

// Of an account only the records are known beforehand, and not of every Stream.
func TestTrackerOfAnAccount(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	tr := NewTracker(func() time.Time { return now })
	chats := &chatferry.Shard{ID: 1, Stream: chatferry.Chats, API: &chatferry.Range{Records: 100}}
	bans := &chatferry.Shard{ID: 2, Stream: chatferry.Bans, API: &chatferry.Range{}}
	tr.Plan([]Planned{{Shard: chats}, {Shard: bans}}, nil)
	tr.Snapshot()
	tr.ShardOpened(chats, "")
	tr.PageRead(chats, 25, 0, 25_000)
	now = now.Add(20 * time.Second)
	s := tr.Snapshot()
	if c := s.Streams[1]; c.Stream != chatferry.Chats || c.Open || c.Done != 25_000 || c.Total != 100_000 || c.ETA != time.Minute {
		t.Errorf("chats: %+v", c)
	}
	if b := s.Streams[0]; b.Stream != chatferry.Bans || !b.Open {
		t.Errorf("bans: %+v", b)
	}
	if got, want := Line(s), "- | 24.4 KiB | 25 records | 1.2/s | ETA not known yet | reading chats | quarantined 0"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
	tr.PageRead(chats, 70, 0, 65_000) // fewer than was thought, and smaller
	for _, shard := range []*chatferry.Shard{chats, bans} {
		tr.ShardDone(shard)
	}
	if s = tr.Snapshot(); s.All.Open || s.All.Done != 90_000 || s.All.Total != 90_000 || s.All.State != Done {
		t.Errorf("at the end: %+v", s.All)
	}
}
