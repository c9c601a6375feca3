package chatapi

import (
	"crypto/sha256"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// Entry is one thing that is there: what a client that read everything should have of it.
type Entry struct {
	// Key is the record's id; of agent_timeline agent_id|start_time in microseconds; of shortcuts the name; of account and
	// routing_settings it is empty.
	Key string
	// Updated is the update time of the newest version, in microseconds; 0 where records have none.
	Updated int64
	// SHA256 is of the record's bytes as served when all fields are asked for.
	SHA256 [32]byte
	// Listed is of the bytes that lists, bulk answers and /chats/{id} serve. It differs for old chats, which carry their
	// update time in the export only.
	Listed  [32]byte
	Deleted bool // shown by the export only
	Open    bool // an interval that has not ended: its record is longer later
	// Code is why the record cannot become a row, where the server serves such records at all.
	Code chatferry.Code
	// Versions are all versions of a chat, in order, those included that are not visible yet.
	Versions []Version
}

// Version is a chat between two changes.
type Version struct {
	Updated int64 // microseconds
	Visible time.Time
	SHA256  [32]byte
	Deleted bool
}

// Ledger returns what is there at the server's now. Streams that the API does not serve have no entries.
func (s *Server) Ledger(stream chatferry.Stream) iter.Seq[Entry] {
	switch stream {
	case chatferry.Chats:
		return s.chatLedger()
	case chatferry.Visitors:
		return s.visitorLedger()
	case chatferry.Conversions:
		return s.conversionLedger()
	case chatferry.AgentTimeline, chatferry.AgentEvents, chatferry.DepartmentEvents:
		return s.momentLedger(stream)
	}
	return func(yield func(Entry) bool) {
		if s.setup.lists[stream] == nil {
			return
		}
		for _, x := range s.setup.list(stream) {
			e := Entry{Key: x.name, SHA256: sha256.Sum256(x.raw)}
			if x.id != 0 {
				e.Key = strconv.FormatInt(x.id, 10)
			}
			e.Listed = e.SHA256
			if !yield(e) {
				return
			}
		}
	}
}

// still is the world at an instant, without its order.
func (s *Server) still() *world {
	_, unlock := s.lock()
	defer unlock()
	w := *s.world
	w.shown, w.hidden, w.coming, w.ticks = nil, nil, nil, nil
	w.lives = maps.Clone(w.lives)
	for i, l := range w.lives {
		same := *l
		same.versions = slices.Clone(l.versions)
		w.lives[i] = &same
	}
	return &w
}

func (s *Server) chatLedger() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		w := s.still()
		r, done := s.reader()
		defer done()
		for i := range int64(len(w.facts)) {
			if e, ok := w.entry(r, i); ok && !yield(e) {
				return
			}
		}
	}
}

// entry makes the entry of chat i, if it was ever visible.
func (w *world) entry(r *rehearsal.Reader, i int64) (e Entry, ok bool) {
	versions, best := []version{w.first(i)}, 0
	if l := w.lives[i]; l != nil {
		versions, best = l.versions, l.best
	} else if w.facts[i].unserved || versions[0].visible > w.now {
		return e, false
	}
	if best < 0 {
		return e, false
	}
	for n, v := range versions {
		state := w.state(i, v, n)
		state.Stamped = true
		record := r.Chat(i, state)
		e.Versions = append(e.Versions, Version{
			Updated: v.second * 1_000_000, Visible: time.UnixMilli(v.visible).UTC(), SHA256: sha256.Sum256(record.Raw), Deleted: v.deleted,
		})
		e.Key, e.Code = string(record.ID), record.Outcome.Code
	}
	v := &e.Versions[best]
	e.Updated, e.SHA256, e.Deleted = v.Updated, v.SHA256, v.Deleted
	e.Listed = sha256.Sum256(r.Chat(i, w.state(i, versions[best], best)).Raw)
	return e, true
}

// visitorLedger returns the visitors of all chats, deleted ones included: each can be asked for by its id.
func (s *Server) visitorLedger() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		w := s.still()
		r, done := s.reader()
		defer done()
		for i := range int64(len(w.facts)) {
			if i < w.base && !s.account.IsVisitor(i) {
				continue
			}
			v := r.Visitor(i, w.madeAt(i))
			e := Entry{Key: string(v.ID), SHA256: sha256.Sum256(v.Raw)}
			e.Listed = e.SHA256
			if !yield(e) {
				return
			}
		}
	}
}

func (s *Server) conversionLedger() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		w := s.still()
		r, done := s.reader()
		defer done()
		for _, v := range w.conversions {
			if v.at > w.now {
				return
			}
			record := r.Conversion(v.chat, v.k)
			e := Entry{Key: string(record.ID), Updated: v.at / 1000 * 1_000_000, SHA256: sha256.Sum256(record.Raw)}
			e.Listed = e.SHA256
			if !yield(e) {
				return
			}
		}
	}
}

func (s *Server) momentLedger(stream chatferry.Stream) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		r, done := s.reader()
		defer done()
		for m := range s.moments(r, stream, 0, s.o.Now()) {
			var known struct {
				ID    string `json:"id"`
				Agent int64  `json:"agent_id"`
			}
			if err := json.Unmarshal(m.raw, &known); err != nil {
				panic("a record of " + string(stream) + " is not JSON: " + err.Error())
			}
			e := Entry{Key: known.ID, Updated: m.at, SHA256: sha256.Sum256(m.raw), Open: m.open}
			if stream == chatferry.AgentTimeline {
				e.Key = strconv.FormatInt(known.Agent, 10) + "|" + strconv.FormatInt(m.at, 10)
			}
			e.Listed = e.SHA256
			if !yield(e) {
				return
			}
		}
	}
}
