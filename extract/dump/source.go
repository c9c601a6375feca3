package dump

import (
	"context"
	"fmt"
	"sync"

	"chatferry"
)

// pageRecords is how many records a Page has at most. It fixes where Pages end, so it is part of the format.
const pageRecords = 8192

// Source opens the Shards of a dump.
type Source struct {
	stores map[chatferry.Stream]Store
	cuts   chatferry.Cuts

	memories  sync.Pool // of *memory
	inflaters sync.Pool // of *inflater
}

var (
	_ chatferry.Source = (*Source)(nil)
	_ chatferry.Reader = (*reader)(nil)
)

// NewSource returns a Source that reads from where l was listed.
func NewSource(l *Listing, cuts chatferry.Cuts) *Source {
	return &Source{stores: l.stores, cuts: cuts}
}

// Open implements chatferry.Source. It costs time when a compressed file, an array or an API page is opened anywhere but
// at its beginning, since all before has to be read again.
func (s *Source) Open(ctx context.Context, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	store, ok := s.stores[shard.Stream]
	if !ok {
		return nil, noFiles(shard.Stream)
	}
	start, err := parsePosition(from, len(shard.Files))
	if err != nil {
		return nil, err
	}
	if shard.From > 0 && from == "" {
		start.at = shard.From
	}
	r := &reader{source: s, store: store, shard: shard, from: from, start: start, here: start, inflate: s.inflater()}
	r.in.mem = s.memory()
	if r.here.file < len(shard.Files) {
		if err := r.open(ctx); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

func noFiles(stream chatferry.Stream) error {
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "open shard",
		Err:  fmt.Errorf("the dump holds no files of %s", stream),
		Hint: "name the place of the dump that the dataset was begun with",
	}
}

// memory is the memory of one Page: the bytes of its records, side by side, and the records.
type memory struct {
	buf     []byte
	most    int // as much as buf can need: a Page's records, the last of them as long as a record may be
	pieces  []piece
	records []chatferry.Record
	free    func()
}

func (s *Source) memoryBytes() int { return int(min(s.cuts.PageBytes, 64<<20)) + 2*readBytes }

func (s *Source) memory() *memory {
	if m, ok := s.memories.Get().(*memory); ok {
		return m
	}
	m := &memory{buf: make([]byte, s.memoryBytes())}
	m.most = len(m.buf) + int(min(s.cuts.RecordBytes, maxFileBytes))
	m.free = func() {
		if len(m.buf) > 2*s.memoryBytes() {
			return // a giant record made it grow; it is not kept
		}
		clear(m.records)
		m.pieces, m.records = m.pieces[:0], m.records[:0]
		s.memories.Put(m)
	}
	return m
}

// inflater returns one that decompresses one file after another.
func (s *Source) inflater() *inflater {
	if f, ok := s.inflaters.Get().(*inflater); ok {
		return f
	}
	return new(inflater)
}
