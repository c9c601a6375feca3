package verify

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/transform"
)

// groupTally is what the files of a group hold, by Part and by record.
type groupTally struct {
	v       *verifier
	streams map[checkpoint.PartID]chatferry.Stream
	books   map[checkpoint.PartID]*chatferry.Books // as recomputed
	records map[source]parentID                    // that are rows or in the ledger
	met     met                                    // with the row before
	flaws   map[string]int64                       // of each file and kind, so that one flaw of many rows is one finding
}

// met is a Part that booksOf was asked for and found; the rows of one stand together.
type met struct {
	part   checkpoint.PartID
	stream chatferry.Stream
	books  *chatferry.Books
}

// source names a record inside a dataset.
type source struct {
	shard  chatferry.ShardID
	offset chatferry.Offset
}

// parentID is the beginning of the SHA-256 of a chat's id; zero for what has no child rows.
type parentID [16]byte

func idOf(text string) (id parentID) {
	sum := sha256.Sum256([]byte(text))
	copy(id[:], sum[:])
	return id
}

// readGroup reads the files of a group and holds them against each other and against the books of its Parts.
func (v *verifier) readGroup(ctx context.Context, g *group) error {
	t := &groupTally{
		v: v, streams: map[checkpoint.PartID]chatferry.Stream{}, books: map[checkpoint.PartID]*chatferry.Books{},
		records: make(map[source]parentID, g.records()), flaws: map[string]int64{},
	}
	for _, id := range g.parts {
		t.books[id] = &chatferry.Books{}
		t.streams[id] = v.streams[id.Shard]
	}
	whole := true
	for _, f := range g.ordered() {
		if (isChild(f.Table) || f.Kind == chatferry.FileReplayed) && !whole {
			// Whether its parents, or what it became, are there cannot be told without theirs; its bytes can.
			ok, err := v.readFile(ctx, f, alone{})
			if err != nil {
				return err
			}
			whole = whole && ok
			continue
		}
		clear(t.flaws)
		ok, err := v.readFile(ctx, f, t)
		if err != nil {
			return err
		}
		whole = whole && ok
	}
	if whole {
		t.close(g)
	}
	return nil
}

// alone is the visitor of files that are looked at by themselves.
type alone struct{}

func (alone) rows(*checkpoint.InventoryFile, arrow.Record, []entry) error { return nil }
func (alone) reject(*checkpoint.InventoryFile, *chatferry.Reject) error   { return nil }

// flaw enters a flaw of a row, once for each file and kind.
func (t *groupTally) flaw(f *checkpoint.InventoryFile, kind Kind, what string) {
	key := f.Name + "\x00" + string(kind)
	if t.flaws[key]++; t.flaws[key] == 1 {
		t.v.found.add(Finding{Kind: kind, Place: f.Name, What: what})
	}
}

// booksOf returns the books of the Part that a row is from, nil if the file holds nothing of it, or not of that Stream.
func (t *groupTally) booksOf(f *checkpoint.InventoryFile, part checkpoint.PartID, stream chatferry.Stream) *chatferry.Books {
	if m := &t.met; m.books != nil && m.part == part && m.stream == stream {
		return m.books
	}
	b := t.books[part]
	if b == nil || t.streams[part] != stream {
		t.flaw(f, Origin, fmt.Sprintf("it holds a record of %s from part %d of shard %s, whose records are elsewhere", stream, part.Seq, part.Shard))
		return nil
	}
	t.met = met{part, t.streams[part], b}
	return b
}

func (t *groupTally) rows(f *checkpoint.InventoryFile, rec arrow.Record, entries []entry) (err error) {
	if isChild(f.Table) {
		return t.children(f, rec)
	}
	var ids *array.String
	if f.Table == chatferry.Chats.Parent() {
		if ids, err = column[*array.String](rec, "id"); err != nil {
			return err
		}
	}
	for i := range entries {
		e := &entries[i]
		if b := t.booksOf(f, e.part, e.stream); b != nil {
			post(b, e)
		}
		s := source{e.part.Shard, e.offset}
		if _, twice := t.records[s]; twice {
			t.flaw(f, Twice, fmt.Sprintf("the record at offset %d of shard %s stands twice", e.offset, e.part.Shard))
		}
		var id parentID
		if ids != nil {
			id = idOf(ids.Value(i))
		}
		t.records[s] = id
	}
	return nil
}

// post counts a record in the books. That of an unknown disposition is in no column, so that they do not close.
func post(b *chatferry.Books, e *entry) {
	switch e.disposition {
	case "":
		b.Loaded.Count(0, &e.term)
	case chatferry.Superseded:
		b.Superseded.Count(e.rawLen, &e.term)
	case chatferry.Excluded:
		b.Exclude(e.reason, e.rawLen, &e.term)
	}
}

// children holds the rows of a child table against the chats that were read before them.
func (t *groupTally) children(f *checkpoint.InventoryFile, rec arrow.Record) error {
	from, err := origins(rec)
	if err != nil {
		return err
	}
	ids, err := column[*array.String](rec, transform.ColumnChatID)
	if err != nil {
		return err
	}
	for i, o := range from {
		// The rows of one record stand together: most need no hash.
		if i > 0 && o == from[i-1] && ids.Value(i) == ids.Value(i-1) {
			continue
		}
		if t.booksOf(f, o.part, chatferry.Chats) == nil {
			continue
		}
		if id, ok := t.records[source{o.part.Shard, o.offset}]; !ok || id != idOf(ids.Value(i)) {
			t.flaw(f, Orphan, fmt.Sprintf("a row from offset %d of shard %s belongs to no chat", o.offset, o.part.Shard))
		}
	}
	return nil
}

func (t *groupTally) reject(f *checkpoint.InventoryFile, r *chatferry.Reject) error {
	b := t.booksOf(f, checkpoint.PartID{Shard: r.Shard, Seq: r.Seq}, r.Stream)
	switch {
	case b == nil:
	case f.Kind == chatferry.FileReplayed:
		if _, ok := t.records[source{r.Shard, r.Offset}]; !ok {
			t.flaw(f, Lost, fmt.Sprintf("the record at offset %d of shard %s left the quarantine, and is neither a row nor in the ledger", r.Offset, r.Shard))
		}
	default:
		e := chatferry.Entry(r.Stream, (*[32]byte)(&r.RawSHA256))
		b.Quarantined.Count(r.RawLen, &e)
	}
	return nil
}

// partPlace names a Part among the places of findings.
func partPlace(id checkpoint.PartID, stream chatferry.Stream) string {
	return fmt.Sprintf("part %d of shard %s (%s)", id.Seq, id.Shard, stream)
}

// close holds the recomputed books against those of the log.
func (t *groupTally) close(g *group) {
	for _, id := range g.parts {
		want, _ := t.v.d.PartBooks(id)
		got := t.books[id]
		got.Read, got.Loaded.Bytes = want.Read, want.Loaded.Bytes
		place := partPlace(id, t.streams[id])
		differs := func(what string, a, b chatferry.Tally) bool {
			if a == b {
				return false
			}
			t.v.found.add(Finding{
				Kind: Books, Place: place, What: "its " + what + " records are not those of its books",
				Expected: fmt.Sprintf("%d of %d bytes with digest %s", a.N, a.Bytes, a.D), Found: fmt.Sprintf("%d of %d bytes with digest %s", b.N, b.Bytes, b.D),
			})
			return true
		}
		bad := differs("loaded", want.Loaded, got.Loaded)
		bad = differs("quarantined", want.Quarantined, got.Quarantined) || bad
		bad = differs("superseded", want.Superseded, got.Superseded) || bad
		for _, reason := range reasons(want, *got) {
			bad = differs("excluded ("+reason+")", want.Excluded[reason], got.Excluded[reason]) || bad
		}
		if err := got.Close(); err != nil && !bad {
			bad = true
			t.v.found.add(Finding{Kind: Books, Place: place, What: err.Error()})
		}
		if !bad {
			t.v.prove(t.streams[id], got)
		}
	}
}

// prove adds the books of a Part to those that are proven.
func (v *verifier) prove(stream chatferry.Stream, b *chatferry.Books) {
	v.mu.Lock()
	defer v.mu.Unlock()
	sum := v.report.Books[stream]
	sum.Add(*b)
	v.report.Books[stream] = sum
	v.report.ProvenParts++
}

// reasons returns all reasons for which either books exclude records.
func reasons(a, b chatferry.Books) []string {
	all := maps.Clone(a.Excluded)
	if all == nil {
		all = map[string]chatferry.Tally{}
	}
	maps.Copy(all, b.Excluded)
	return slices.Sorted(maps.Keys(all))
}
