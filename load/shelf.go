package load

import (
	"slices"
	"sync"

	"chatferry/load/chunk"
)

// idleBytes is what column writers hold at most that wait: about what those of the chats of two Lanes do.
const idleBytes = 64 << 20

// shelf is where column writers wait for the next file of their schema. Their buffers are worth keeping from one Part to
// the next: a sync.Pool gave half of them to the garbage collector in between. But a run writes many tables one after the
// other, so that those go first that have waited longest, once all hold more than most bytes.
type shelf struct {
	most int64

	mu      sync.Mutex
	held    int64
	waiting []waiting // the longest first
}

// waiting are column writers that nobody uses, one for each column of a schema.
type waiting struct {
	schema  *fileSchema
	columns []*chunk.Writer
	held    int64 // bytes of their buffers
}

// take returns column writers for a schema that wait, those that came last; nil: there are none.
func (s *shelf) take(schema *fileSchema) []*chunk.Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.waiting) - 1; i >= 0; i-- {
		if w := s.waiting[i]; w.schema == schema {
			s.held -= w.held
			s.waiting = slices.Delete(s.waiting, i, i+1)
			return w.columns
		}
	}
	return nil
}

// put lets column writers wait, if they do not hold too much.
func (s *shelf) put(schema *fileSchema, columns []*chunk.Writer) {
	w := waiting{schema: schema, columns: columns}
	for _, c := range columns {
		w.held += c.Held()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, w)
	s.held += w.held
	first := 0
	for ; s.held > s.most; first++ {
		s.held -= s.waiting[first].held
	}
	s.waiting = slices.Delete(s.waiting, 0, first)
}
