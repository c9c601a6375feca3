package settle

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
)

// state is what a settle leaves for the next one, which need not find it out again. It speaks of files by their contents,
// so that it is true of whatever becomes of the dataset.
type state struct {
	Streams  map[chatferry.Stream]*together `json:"streams"`
	Visitors *reflected                     `json:"visitors,omitempty"` // nil: not known
	// Identities is nil where the dataset has no maps.
	Identities *filled `json:"identities,omitempty"`
}

// together are files of a Stream that were settled together: no row of theirs is superseded by what they hold.
type together struct {
	Dropped bool               `json:"dropped,omitempty"` // no row is a deleted record's
	Files   []chatferry.SHA256 `json:"files"`             // sorted
}

// reflected says what a chat_visitors with so many rows and these values was derived from.
type reflected struct {
	Rows   int64              `json:"rows"`
	Values chatferry.Digest   `json:"values"`
	Chats  []chatferry.SHA256 `json:"chats"` // sorted
}

const (
	stateName  = "settled.state"
	stateMagic = "chatferry state1"
)

// loadState reads the state. One that is missing or damaged says nothing.
func (s *settler) loadState(ctx context.Context) error {
	s.state = state{}
	f, err := s.derived.Open(ctx, stateName)
	if err == nil {
		s.saved = make([]byte, f.Size())
		err = readFull(f, s.saved, 0)
		_ = f.Close() // only read
	}
	if err != nil {
		s.saved = nil
		if unusable(err) {
			return nil
		}
		return atomicfile.Explain("read", stateName, err)
	}
	text, ok := bytes.CutPrefix(s.saved, []byte(stateMagic))
	if n := len(text) - keysTail; ok && n >= 0 && binary.LittleEndian.Uint32(text[n:]) == crc32.Checksum(s.saved[:len(stateMagic)+n], castagnoli) {
		if json.Unmarshal(text[:n], &s.state) == nil {
			return nil
		}
	}
	s.state, s.saved = state{}, nil
	return nil
}

// saveState writes the state, if it changed and says anything.
func (s *settler) saveState(ctx context.Context) error {
	if s.saved == nil && len(s.state.Streams) == 0 && s.state.Visitors == nil {
		return nil
	}
	text, err := json.Marshal(s.state)
	if err != nil {
		return err
	}
	b := checked(append([]byte(stateMagic), text...))
	if bytes.Equal(b, s.saved) {
		return nil
	}
	return s.derived.write(ctx, stateName, b)
}

// settledBefore returns the files of a Stream that need not be held against each other.
func (s *settler) settledBefore(stream chatferry.Stream) map[chatferry.SHA256]bool {
	t := s.state.Streams[stream]
	if t == nil || s.o.DropDeleted && !t.Dropped {
		return nil
	}
	return setOf(t.Files)
}

func setOf(sums []chatferry.SHA256) map[chatferry.SHA256]bool {
	set := map[chatferry.SHA256]bool{}
	for _, sum := range sums {
		set[sum] = true
	}
	return set
}

// remember brings the state up to date with a dataset: the files of Streams that are settled as a whole are settled
// together, and others that were still are.
func (s *settler) remember(d *checkpoint.Dataset) {
	ready, _ := units(d)
	there := map[chatferry.SHA256]bool{}
	files := d.Inventory()
	for i := range files {
		there[files[i].SHA256] = true
	}
	now := map[chatferry.Stream]*together{}
	for _, stream := range chatferry.Streams() {
		t := together{}
		if was := s.state.Streams[stream]; was != nil {
			t = *was
		}
		if dropped, ok := s.whole[stream]; ok {
			t = together{Dropped: dropped, Files: sumsOf(holding(stream, ready[stream]))}
		}
		t.Files = slices.DeleteFunc(slices.Clone(t.Files), func(sum chatferry.SHA256) bool { return !there[sum] })
		if len(t.Files) > 0 {
			now[stream] = &t
		}
	}
	s.state.Streams = now
	if s.filled != nil {
		s.filled.Files = filledNow(ready)
		s.state.Identities = s.filled
	} else if was := s.state.Identities; was != nil {
		was.Files = slices.DeleteFunc(slices.Clone(was.Files), func(sum chatferry.SHA256) bool { return !there[sum] })
	}
}

// sumsOf names files by their contents, in order.
func sumsOf(files []*checkpoint.InventoryFile) []chatferry.SHA256 {
	sums := make([]chatferry.SHA256, 0, len(files))
	for _, f := range files {
		sums = append(sums, f.SHA256)
	}
	slices.SortFunc(sums, func(a, b chatferry.SHA256) int { return bytes.Compare(a[:], b[:]) })
	return sums
}

// wanted are the derived files that are of use: those of files that exist, and what chats said of their visitors that
// chat_visitors still reflects.
func (s *settler) wanted(d *checkpoint.Dataset) map[string]bool {
	wanted := map[string]bool{stateName: true}
	files := d.Inventory()
	for i := range files {
		wanted[keysKind.name(files[i].SHA256)] = files[i].Table != ChatVisitors
		if hasVisits(&files[i]) {
			wanted[visitsKind.name(files[i].SHA256)] = true
		}
	}
	if s.state.Visitors != nil {
		for _, sum := range s.state.Visitors.Chats {
			wanted[visitsKind.name(sum)] = true
		}
	}
	return wanted
}
