package progress

import (
	"slices"
	"sync"
	"time"

	"chatferry"
)

// Planned is a Shard as it stands when the run begins.
type Planned struct {
	Shard *chatferry.Shard
	// Stored is how many of its stored bytes earlier runs committed, Done whether they finished it.
	Stored int64
	Done   bool
}

// Before is what earlier runs committed of a Stream.
type Before struct {
	Records     int64
	Quarantined int64
}

// Tracker counts what the Lanes do. It implements chatferry.Observer.
type Tracker struct {
	mu      sync.Mutex
	now     func() time.Time
	started time.Time
	order   []chatferry.Stream
	streams map[chatferry.Stream]*streamCount
	shards  map[chatferry.ShardID]*shardCount
	state   string
	commit  time.Time // of the last Checkpoint of this run; zero: none yet
	window  []sample
}

var _ chatferry.Observer = (*Tracker)(nil)

type streamCount struct {
	total       int64 // stored bytes; of an account, which does not know them, 0
	expected    int64 // of an account: about how many records there are
	unknown     int   // Shards of which that is not known
	read        int64 // stored bytes, of earlier runs and this one, committed or not
	records     int64 // the same in records
	quarantined int64 // committed
	shards      int
	done        int
	open        int
}

type shardCount struct {
	stream *streamCount
	total  int64
	// Committed by earlier runs and this one, and read beyond that.
	stored, ahead, recordsAhead int64
	open, done                  bool
}

// bytesOfRecord is what a record of an account takes until some were read: about a chat.
const bytesOfRecord = 6 << 10

// size is how many stored bytes the Stream has. Those of an account are estimated from its records.
func (c *streamCount) size() int64 {
	switch {
	case c.expected == 0 || c.done == c.shards:
		return max(c.total, c.read)
	case c.records == 0:
		return c.total + c.expected*bytesOfRecord
	}
	return c.total + int64(float64(c.read)/float64(c.records)*float64(max(c.expected, c.records)))
}

// NewTracker returns a Tracker for a run that begins now.
func NewTracker(now func() time.Time) *Tracker {
	return &Tracker{
		now: now, started: now(),
		streams: map[chatferry.Stream]*streamCount{}, shards: map[chatferry.ShardID]*shardCount{},
	}
}

// Plan adds Shards to the work, and what earlier runs committed of their Streams. It is called before the Lanes start,
// and again if Shards are planned later; before is counted once for each Stream.
func (t *Tracker) Plan(planned []Planned, before map[chatferry.Stream]Before) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range planned {
		if t.shards[p.Shard.ID] != nil {
			continue
		}
		s := t.stream(p.Shard.Stream)
		stored := p.Stored
		if p.Done {
			stored = p.Shard.Bytes
			s.done++
		}
		s.total += p.Shard.Bytes
		if p.Shard.API != nil {
			s.expected += p.Shard.API.Records
			if p.Shard.API.Records == 0 {
				s.unknown++
			}
			stored = p.Stored
		}
		s.read += stored
		s.shards++
		t.shards[p.Shard.ID] = &shardCount{stream: s, total: p.Shard.Bytes, stored: stored, done: p.Done}
	}
	for stream, b := range before {
		s := t.stream(stream)
		s.records += b.Records
		s.quarantined += b.Quarantined
	}
	t.window = nil
}

// stream returns the count of a Stream, which is made in the order of chatferry.Streams.
func (t *Tracker) stream(name chatferry.Stream) *streamCount {
	s := t.streams[name]
	if s == nil {
		s = &streamCount{}
		t.streams[name] = s
		t.order = append(t.order, name)
		rank := chatferry.Streams()
		slices.SortStableFunc(t.order, func(a, b chatferry.Stream) int { return slices.Index(rank, a) - slices.Index(rank, b) })
	}
	return s
}

// SetState says what the run as a whole does: "checking the source", "stopping". The empty text means that it carries.
func (t *Tracker) SetState(state string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state = state
}

// ShardOpened implements chatferry.Observer. What was read of the Shard and not committed is read again.
func (t *Tracker) ShardOpened(s *chatferry.Shard, _ chatferry.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.shard(s)
	c.stream.read -= c.ahead
	c.stream.records -= c.recordsAhead
	c.ahead, c.recordsAhead = 0, 0
	if !c.open {
		c.open = true
		c.stream.open++
	}
}

// PageRead implements chatferry.Observer.
func (t *Tracker) PageRead(s *chatferry.Shard, records, _, storedBytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.shard(s)
	c.ahead += storedBytes
	c.recordsAhead += records
	c.stream.read += storedBytes
	c.stream.records += records
}

// Committed implements chatferry.Observer.
func (t *Tracker) Committed(s *chatferry.Shard, p *chatferry.Part) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.shard(s)
	c.stored += p.StoredBytes
	c.ahead = max(0, c.ahead-p.StoredBytes)
	c.recordsAhead = max(0, c.recordsAhead-p.Books.Read.N)
	c.stream.quarantined += p.Books.Quarantined.N
	t.commit = t.now()
}

// ShardDone implements chatferry.Observer.
func (t *Tracker) ShardDone(s *chatferry.Shard) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.shard(s)
	if c.open {
		c.open = false
		c.stream.open--
	}
	if !c.done {
		c.done = true
		c.stream.done++
		if s.API == nil {
			// A Shard that is done was read whole, whatever its Source said about single Pages.
			c.stream.read += c.total - c.stored - c.ahead
			c.stored, c.ahead = c.total, 0
		}
	}
}

// shard returns the count of a Shard. One that was not planned counts with what it covers.
func (t *Tracker) shard(s *chatferry.Shard) *shardCount {
	c := t.shards[s.ID]
	if c == nil {
		st := t.stream(s.Stream)
		st.total += s.Bytes
		st.shards++
		c = &shardCount{stream: st, total: s.Bytes}
		t.shards[s.ID] = c
	}
	return c
}
