package deep

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/verify"
	"chatferry/load"
	"chatferry/transform"
)

// entry is what a dataset holds of a record. There is one for each record of a group at a time, so it is small.
type entry struct {
	raw  [16]byte    // the beginning of the SHA-256 of its bytes
	sum  fingerprint // of a row: its value
	code code        // of a Reject
	what what
	flaw bool // of a row: it cannot be rebuilt, or stands in wrong columns; that was entered
}

// what says where a record stands.
type what uint8

const (
	row what = iota
	quarantined
	excluded
	superseded
)

// group compares the records of one group of files.
type group struct {
	*comparison
	verify.Group
	entries map[place]entry
	ruled   map[place]bool   // records that a rule changed before they were converted
	doubts  map[place]*doubt // records of the source whose rows differ
	held    int              // bytes of doubts
}

// doubt is a record of the source whose row differs, kept to tell in what.
type doubt struct {
	shard *chatferry.Shard
	value *value // nil: there was no room for it
}

// roomForDoubts is how many bytes of records that differ are kept in a group to tell in what; the others are only counted
// and named.
const roomForDoubts = 2 << 20

// compareGroup reads what a group of files holds, and then the source of the same Parts.
func (c *comparison) compareGroup(ctx context.Context, w *walker, of verify.Group) error {
	g := &group{comparison: c, Group: of, entries: map[place]entry{}, ruled: map[place]bool{}, doubts: map[place]*doubt{}}
	for _, stream := range g.streams() {
		if err := rebuild(ctx, c.o.Files, stream, g.Files, nil, g.row); err != nil {
			return err
		}
	}
	for _, f := range g.Files {
		if err := g.aside(ctx, f); err != nil {
			return fmt.Errorf("read %s: %w", f.Name, err)
		}
	}
	parts := slices.Clone(g.Parts)
	slices.SortFunc(parts, func(a, b checkpoint.PartID) int {
		if a.Shard != b.Shard {
			return int(int64(a.Shard) - int64(b.Shard))
		}
		return int(int64(a.Seq) - int64(b.Seq))
	})
	for _, id := range parts {
		if c.parts[id] == nil {
			continue
		}
		if err := g.part(ctx, w, id); err != nil {
			return err
		}
	}
	return g.tell(ctx)
}

// streams returns the Streams of the group's Parts that are compared.
func (g *group) streams() (out []chatferry.Stream) {
	for _, id := range g.Parts {
		if s := g.shards[id.Shard]; s != nil && !slices.Contains(out, s.Shard.Stream) {
			out = append(out, s.Shard.Stream)
		}
	}
	return out
}

// put enters a record, unless it is of another source. Two of one place are found by verify.
func (g *group) put(p place, e entry) {
	if g.shards[p.shard] != nil {
		g.entries[p] = e
	}
}

// row enters a record that was rebuilt, and what is wrong with it alone.
func (g *group) row(r *rebuilt) error {
	s := g.shards[r.shard]
	if s == nil {
		return nil
	}
	e := entry{what: row}
	copy(e.raw[:], r.raw[:])
	d := Difference{Stream: s.Shard.Stream, Place: s.Shard.Place(r.offset)}
	switch {
	case r.err != nil:
		e.flaw = true
		d.Kind, d.What = Changed, "it cannot be rebuilt from its rows: "+r.err.Error()
	case len(r.wrong) > 0:
		e.flaw, e.sum = true, r.value.fingerprint()
		d.Kind, d.ID, d.Fields, d.What = Column, idOf(s.Shard.Stream, r.value), r.wrong, "what it gives back does not stand in the columns that are named after it"
	default:
		e.sum = r.value.fingerprint()
	}
	if e.flaw {
		g.found.add(d)
	}
	g.put(r.place, e)
	return nil
}

// aside enters the records of a ledger or a quarantine.
func (g *group) aside(ctx context.Context, f *checkpoint.InventoryFile) error {
	switch f.Kind {
	case chatferry.FileLedger:
		return load.Scan(ctx, g.o.Files, f.Name, nil, g.ledger)
	case chatferry.FileQuarantine:
		return eachReject(ctx, g.o.Files, f.Name, func(r *chatferry.Reject) {
			g.tear(r.Shard, r.Code)
			e := entry{what: quarantined, code: codeOf(r.Code)}
			copy(e.raw[:], r.RawSHA256[:])
			g.put(place{r.Shard, r.Offset}, e)
		})
	case chatferry.FileReplayed:
		return eachReject(ctx, g.o.Files, f.Name, func(r *chatferry.Reject) {
			g.tear(r.Shard, r.Code)
			g.ruled[place{r.Shard, r.Offset}] = g.ruled[place{r.Shard, r.Offset}] || g.comparison.ruled[f.Name]
		})
	}
	return nil
}

// eachReject calls visit for every record of a quarantine file.
func eachReject(ctx context.Context, files load.Opener, name string, visit func(*chatferry.Reject)) (err error) {
	file, err := files.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for r, err := range load.ReadQuarantine(io.NewSectionReader(file, 0, file.Size())) {
		if err != nil {
			return err
		}
		visit(&r)
	}
	return nil
}

func (g *group) ledger(rec arrow.Record) error {
	places, err := placesOf(rec)
	if err != nil {
		return err
	}
	sums, err := column[*array.FixedSizeBinary](rec, load.LedgerRawSHA256)
	if err != nil {
		return err
	}
	dispositions, err := column[*array.String](rec, load.LedgerDisposition)
	if err != nil {
		return err
	}
	for i, p := range places {
		e := entry{what: excluded}
		if chatferry.Disposition(dispositions.Value(i)) == chatferry.Superseded {
			e.what = superseded
		}
		copy(e.raw[:], sums.Value(i))
		g.put(p, e)
	}
	return nil
}

// part holds the source of one Part against what the dataset has of it.
func (g *group) part(ctx context.Context, w *walker, id checkpoint.PartID) error {
	s, p := g.shards[id.Shard], g.parts[id]
	var t reading
	err := w.part(ctx, &s.Shard, &p.Part, func(page *chatferry.Page) error {
		for i := range page.Records {
			g.record(&s.Shard, &page.Records[i], page.Header, &t)
		}
		return nil
	})
	switch {
	case errors.Is(err, errShort):
		g.found.add(Difference{Kind: Extra, Stream: s.Shard.Stream, Place: s.Shard.Files[len(s.Shard.Files)-1].Path, What: err.Error()})
		err = w.close()
	case err == nil && s.Done && id.Seq == g.last[id.Shard] && !g.trial():
		err = g.nothingMore(ctx, w, s, id.Seq)
	}
	if err != nil {
		return err
	}
	g.found.count(s.Shard.Stream, t.Tally)
	g.read(s.Shard.ID, t.cut)
	g.advance(p)
	return nil
}

// reading is what a range of the source gives.
type reading struct {
	Tally
	cut chatferry.Tally // its records, as package dump cuts them
}

// trial reports whether the dataset was cut short on purpose.
func (c *comparison) trial() bool {
	runs := c.o.Dataset.Runs()
	return len(runs) > 0 && runs[len(runs)-1].Shaping["limit"] != "0" && runs[len(runs)-1].Shaping["limit"] != ""
}

// record holds one record of the source against its entry, and takes that out.
func (g *group) record(s *chatferry.Shard, r *chatferry.Record, header []byte, t *reading) {
	t.Source++
	raw := r.Raw
	if s.Stream.Secret() {
		raw = transform.WithoutSecrets(raw)
	}
	sum := sha256.Sum256(raw)
	size := int64(len(r.Raw))
	if r.Fault != nil && r.Fault.RawSHA256 != nil {
		sum, size = *r.Fault.RawSHA256, r.Fault.RawLen
	}
	t.Bytes += size
	term := chatferry.Entry(s.Stream, &sum)
	t.cut.Count(size, &term)
	p := place{s.ID, r.Offset}
	e, ok := g.entries[p]
	if !ok {
		t.Missing++
		g.missing(s, r, header)
		return
	}
	delete(g.entries, p)
	d := Difference{Kind: Changed, Stream: s.Stream, Place: s.Place(r.Offset)}
	same := bytes.Equal(e.raw[:], sum[:len(e.raw)])
	if e.what == row && same && g.ruled[p] && !e.flaw {
		t.ByRule++ // its values are those of the rule; that it is in the log, verify shows
		return
	}
	if e.what == row && r.Fault == nil {
		v, err := valueOf(s.Stream, raw, header)
		switch {
		case err != nil:
			d.What = "it is a row, but the source is no record there: " + err.Error()
		case e.flaw && e.sum == (fingerprint{}):
			t.Changed++ // it cannot be rebuilt
			return
		case v.fingerprint() != e.sum:
			t.Changed++
			g.doubt(p, s, v, len(raw))
			return
		case !same:
			d.ID, d.What = idOf(s.Stream, v), "its values are those of the source, but its SHA-256 is of other bytes"
		case e.flaw:
			t.Changed++
			return
		default:
			t.Equal++
			return
		}
	} else if why := g.account(s, r, raw, e, same, t); why != "" {
		d.What = why
		if same {
			d.Kind = Reject
		}
	} else {
		return
	}
	t.Changed++
	g.found.add(d)
}

// account counts a record that is no row; it returns what is wrong about that.
func (g *group) account(s *chatferry.Shard, r *chatferry.Record, raw []byte, e entry, same bool, t *reading) string {
	switch {
	case e.what == row:
		return "it is a row, but the source is broken there: " + r.Fault.Reason
	case !same && e.what == quarantined:
		return "the bytes in quarantine are not those of the source"
	case !same:
		return "the ledger names another record than the source has there"
	case e.what == excluded:
		t.Excluded++
	case e.what == superseded:
		t.Superseded++
	default:
		if r.Fault == nil {
			if why := undeserved(e.code, s.Stream, raw); why != "" {
				return why
			}
		}
		t.Quarantined++
	}
	return ""
}

// doubt keeps a record whose row differs, if there is room.
func (g *group) doubt(p place, s *chatferry.Shard, v *value, size int) {
	d := &doubt{shard: s}
	if g.held+size <= roomForDoubts && !g.found.full() {
		d.value = v
		g.held += size
	}
	g.doubts[p] = d
}

// tell names the records that differ, with their fields, and those that the source has not. Their rows are read once more.
func (g *group) tell(ctx context.Context) error {
	rows := map[place]bool{}
	for p, d := range g.doubts {
		if d.value != nil {
			rows[p] = true
			continue
		}
		g.found.add(Difference{Kind: Changed, Stream: d.shard.Stream, Place: d.shard.Place(p.offset), What: differs})
	}
	extra := map[chatferry.Stream]int64{}
	for p, e := range g.entries {
		s := &g.shards[p.shard].Shard
		extra[s.Stream]++
		if e.what == row {
			rows[p] = true
			continue
		}
		g.found.add(Difference{Kind: Extra, Stream: s.Stream, Place: s.Place(p.offset), What: "the source has no record there that could be in the ledger or in quarantine"})
	}
	for stream, n := range extra {
		g.found.count(stream, Tally{Extra: n})
	}
	if len(rows) == 0 {
		return nil
	}
	for _, stream := range g.streams() {
		err := rebuild(ctx, g.o.Files, stream, g.Files, rows, func(r *rebuilt) error {
			s := &g.shards[r.shard].Shard
			d := Difference{Kind: Extra, Stream: stream, Place: s.Place(r.offset), What: "it is a row, but the source has no record there"}
			if r.err == nil {
				d.ID = idOf(stream, r.value)
			}
			if of := g.doubts[r.place]; of != nil {
				var p paths
				p.compare(of.value, r.value, "")
				d.Kind, d.ID, d.Fields, d.What = Changed, idOf(stream, of.value), p, differs
			}
			g.found.add(d)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const differs = "its values are not those of the source"
