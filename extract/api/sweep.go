package api

import (
	"slices"
	"sync"
	"time"

	"chatferry"
)

// SweepOptions say when a Stream is complete.
type SweepOptions struct {
	// Overlap is how far before the begin of the pass before it a sweep begins, and how long after that it may begin at
	// the earliest. 0: one sweep, at once.
	Overlap time.Duration
	Streams []chatferry.Stream // nil: all
	Until   time.Time          // what lies behind is not asked for; zero: there is no such bound
	Trial   bool               // a run that ends after a number of records: no sweeps
}

// Sweeper decides on sweeps. While a Stream is read, its records change and new ones come; a sweep reads from a while
// before the pass before it was begun to the Stream's proven end.
//
//	windows    [ … … … … … … … … … T)            begun at b0, T = b0 - Overlap
//	sweep 1                        [T … b0 … end  begun at b1
//	sweep 2              [b1 - Overlap … b1 … end begun at b2, at least Overlap after b1
//
// A change may come to light some time after the time that it bears, so a sweep proves nothing about what was changed
// shortly before it was begun; the next one, begun at least Overlap later, does. The Stream is complete when two sweeps in
// a row brought nothing that had taken more than half of Overlap to come to light: nothing that bears a time so long before
// the begin of the pass before, and that this pass had not brought. Everything that was changed before the last sweep but
// one was begun has then been read, for the last one read all of it again that could have come late. That is the watermark.
//
// An account of which changes keep coming later than that is given up after a number of sweeps: the Stream is then told as
// Unsettled.
//
// What a pass brought is remembered by this process alone, and only of the time that the next one reads again. After a
// restart the sweeps before it prove nothing, so that two or three more are made.
//
// Of chats that are read by list or search a sweep finds those that began or ended since, not those that were edited.
type Sweeper struct {
	o SweepOptions

	mu     sync.Mutex
	passes map[pass]*brought
	made   map[chatferry.Stream]int       // sweeps that this process read from their beginning
	still  map[chatferry.Stream]time.Time // Streams of which a look found nothing new, and up to when
}

type pass struct {
	stream chatferry.Stream
	number int
}

// brought is what a sweep brought, of which this process saw all.
type brought struct {
	begun  time.Time
	shard  chatferry.ShardID
	late   int64           // records that came to light late, as far as two sweeps can tell
	hashes map[uint64]bool // identities of what the next sweep reads again
}

// sweepsMost is how many sweeps of a Stream one process makes to find two in a row that bring nothing late.
const sweepsMost = 12

// broughtMost bounds the memory of one pass. Beyond it records count as not brought, which costs a sweep, not a record.
const broughtMost = 1 << 20

// NewSweeper returns a Sweeper. The Source must be told of it.
func NewSweeper(o SweepOptions) *Sweeper {
	return &Sweeper{o: o, passes: map[pass]*brought{}, made: map[chatferry.Stream]int{}, still: map[chatferry.Stream]time.Time{}}
}

// Still notes that a Stream was read, from where its next sweep would begin up to a time which lies at least Overlap in the
// past and is included, and that all of it is held already. It is complete up to that time, and needs no sweep.
func (w *Sweeper) Still(stream chatferry.Stream, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.still[stream] = until
}

// began notes that a Shard is read from its beginning.
func (w *Sweeper) began(shard *chatferry.Shard) {
	if !isSweep(shard) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passes[pass{shard.Stream, shard.API.Pass}] = &brought{begun: shard.API.Begun, shard: shard.ID, hashes: map[uint64]bool{}}
	delete(w.passes, pass{shard.Stream, shard.API.Pass - 3})
	w.made[shard.Stream]++
}

func isSweep(shard *chatferry.Shard) bool { return shard.API.Pass > 0 && shard.API.Until.IsZero() }

// note remembers what was read of a sweep.
func (w *Sweeper) note(shard *chatferry.Shard, way *route, records [][]byte) {
	if !isSweep(shard) || len(records) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.passes[pass{shard.Stream, shard.API.Pass}]
	if now == nil || now.shard != shard.ID {
		return
	}
	// Since is in whole seconds, so the begin that it was reckoned from may be a little later.
	begun := shard.API.Since.Add(w.o.Overlap + time.Second)
	before := w.passes[pass{shard.Stream, shard.API.Pass - 1}]
	if before != nil {
		begun = before.begun
	}
	late := begun.Add(-w.o.Overlap / 2)
	for _, raw := range records {
		at, known := instantOf(raw, way.changed)
		id := identityOf(raw, way.identity)
		if (!known || at.Before(late)) && (before == nil || !before.hashes[id]) {
			now.late++
		}
		if (!known || !at.Before(now.begun.Add(-w.o.Overlap-time.Second))) && len(now.hashes) < broughtMost {
			now.hashes[id] = true
		}
	}
}

// quiet reports whether a sweep is known to have brought nothing late.
func (w *Sweeper) quiet(s chatferry.Stream, number int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.passes[pass{s, number}]
	return number > 0 && b != nil && b.late == 0
}

// State is a planned Shard and whether it is done.
type State struct {
	Shard chatferry.Shard
	Done  bool
}

// Sweep is what is to be done next.
type Sweep struct {
	Shards []chatferry.Shard // to read now
	Wait   time.Duration     // until Next should be asked again, when there are no Shards to read yet
	// Watermarks are the Streams that are complete, with the time before which every change was read, and Watermark the
	// earliest of them. A Stream with Shards that are not done has none.
	Watermarks map[chatferry.Stream]time.Time
	Watermark  time.Time
	// Unsettled are the Streams among them of which changes kept coming to light late, so that some may be missing. A
	// longer Overlap helps.
	Unsettled []chatferry.Stream
	Done      bool // there is nothing more to read or to wait for
}

// Next says what is to be done after the Shards of a dataset, of which nothing is being read. now is the server's time;
// new Shards are numbered from next on.
func (w *Sweeper) Next(now time.Time, shards []State, next chatferry.ShardID) Sweep {
	var s Sweep
	for _, stream := range Streams() {
		if !Grows(stream) || w.o.Streams != nil && !slices.Contains(w.o.Streams, stream) {
			continue
		}
		h := historyOf(stream, shards)
		if len(h.last) == 0 || h.open {
			continue
		}
		if mark, settled, ok := w.complete(stream, h); ok {
			if !settled {
				s.Unsettled = append(s.Unsettled, stream)
			}
			if s.Watermarks == nil {
				s.Watermarks = map[chatferry.Stream]time.Time{}
			}
			s.Watermarks[stream] = mark
			if s.Watermark.IsZero() || mark.Before(s.Watermark) {
				s.Watermark = mark
			}
			continue
		}
		if due := h.begun.Add(w.o.Overlap); now.Before(due) {
			s.Wait = max(s.Wait, due.Sub(now))
			continue
		}
		s.Shards = append(s.Shards, chatferry.Shard{ID: next, Stream: stream, API: w.following(h, now)})
		next++
	}
	if len(s.Shards) > 0 {
		s.Wait = 0
	}
	s.Done = len(s.Shards) == 0 && s.Wait == 0
	return s
}

// Looks returns a Shard for each Stream that was read to its end once and is to be read on: what its next sweep would
// read, up to where every change shows by now. The Shards have no ids and are not for the log; if the dataset holds all
// that they give, Still may be called with the last second before their Until. Where that is not behind Since there is nothing to read. With
// Overlap 0 they have no Until: an account at rest is read to its proven end.
func (w *Sweeper) Looks(now time.Time, shards []State) []chatferry.Shard {
	var out []chatferry.Shard
	for _, stream := range Streams() {
		if !Grows(stream) || w.o.Streams != nil && !slices.Contains(w.o.Streams, stream) {
			continue
		}
		h := historyOf(stream, shards)
		if len(h.last) == 0 || h.open {
			continue
		}
		if _, _, ok := w.complete(stream, h); ok {
			continue
		}
		look := w.following(h, now)
		if w.o.Overlap > 0 {
			look.Until = now.Add(-max(w.o.Overlap, leastOverlap)).Truncate(time.Second).UTC()
		}
		out = append(out, chatferry.Shard{Stream: stream, API: look})
	}
	return out
}

// following is what the sweep reads that comes after a history.
func (w *Sweeper) following(h history, now time.Time) *chatferry.Range {
	since := h.begun.Add(-w.o.Overlap)
	if h.pass == 0 && !h.until.IsZero() && h.until.Before(since) {
		since = h.until
	}
	return &chatferry.Range{
		Endpoint: h.last[0].API.Endpoint, Account: h.last[0].API.Account, Pass: h.pass + 1,
		Since: since.Truncate(time.Second), Begun: now,
	}
}

// complete reports whether a Stream whose Shards are all done needs no other sweep, and its watermark.
func (w *Sweeper) complete(stream chatferry.Stream, h history) (mark time.Time, settled, ok bool) {
	w.mu.Lock()
	until, still := w.still[stream]
	w.mu.Unlock()
	bounded := !w.o.Until.IsZero() && !h.until.IsZero() && !h.until.Before(w.o.Until)
	switch {
	case still:
		return until, true, true
	case w.o.Trial, bounded:
		return h.until, true, true
	case w.o.Overlap <= 0:
		return h.begun, true, h.pass > 0
	case w.quiet(stream, h.pass) && w.quiet(stream, h.pass-1):
		return h.before, true, true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return h.before, false, w.made[stream] >= sweepsMost
}

// history is what was read of a Stream so far.
type history struct {
	pass   int                // the last
	last   []*chatferry.Shard // its Shards
	open   bool               // a Shard is not done
	begun  time.Time          // when the last pass was begun: the earliest of its Shards
	before time.Time          // when the one before it was begun
	until  time.Time          // where the windows of the first pass end
}

func historyOf(stream chatferry.Stream, shards []State) history {
	var h history
	for i := range shards {
		s := &shards[i].Shard
		if s.Stream != stream || s.API == nil {
			continue
		}
		h.open = h.open || !shards[i].Done
		if s.API.Pass == 0 && s.API.Until.After(h.until) {
			h.until = s.API.Until
		}
		if s.API.Pass > h.pass || len(h.last) == 0 {
			h.pass, h.last = s.API.Pass, nil
			h.before, h.begun = h.begun, s.API.Begun
		}
		if s.API.Pass == h.pass {
			h.last = append(h.last, s)
			if s.API.Begun.Before(h.begun) {
				h.begun = s.API.Begun
			}
		}
	}
	return h
}
