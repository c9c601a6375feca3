package checkpoint

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"

	"chatferry"
)

// PartID names a Part of the dataset.
type PartID struct {
	Shard chatferry.ShardID
	Seq   uint64
}

// account is the fold of the Shard logs and the replaces: which files exist, and where the records of each Part are
// counted. It holds every replace against what it changes, so that none can lose a record in the books or in the files.
type account struct {
	files map[string]*InventoryFile      // that exist, by name
	given map[string]bool                // names that files have had, which no other may get
	parts map[PartID]*partAccount        // that count
	order map[chatferry.ShardID][]PartID // the same, rising
}

type partAccount struct {
	stream    chatferry.Stream
	books     chatferry.Books // after the moves
	published bool            // is known to be
}

// newAccount returns what the Shard logs alone say.
func newAccount(shards []ShardState) *account {
	a := &account{
		files: map[string]*InventoryFile{}, given: map[string]bool{},
		parts: map[PartID]*partAccount{}, order: map[chatferry.ShardID][]PartID{},
	}
	for i := range shards {
		shard := shards[i].Shard.ID
		for _, p := range shards[i].Commits {
			for _, f := range p.Files {
				a.given[f.Name] = true
				if p.Reopened {
					continue
				}
				a.files[f.Name] = &InventoryFile{
					PartFile: f, Stream: p.Stream, Shard: shard, Seq: p.Seq, Parts: []PartSpan{{shard, p.Seq, p.Seq}},
					Epoch: p.Epoch, At: p.At, Published: p.Published,
				}
			}
			if !p.Reopened {
				id := PartID{shard, p.Seq}
				a.parts[id] = &partAccount{stream: p.Stream, books: p.Books, published: p.Published}
				a.order[shard] = append(a.order[shard], id)
			}
		}
	}
	return a
}

// each calls f for every Part of a span, in order.
func (a *account) each(span PartSpan, f func(PartID)) {
	ids := a.order[span.Shard]
	for i := sort.Search(len(ids), func(i int) bool { return ids[i].Seq >= span.From }); i < len(ids) && ids[i].Seq <= span.To; i++ {
		f(ids[i])
	}
}

// fold checks a replace against all that went before and, if it is done, carries it out. One that was undone has changed
// nothing, so the Parts that it was about may have been reopened since; only its names are used up.
func (a *account) fold(r *ReplaceState) error {
	books := map[PartID]chatferry.Books{}
	if !r.Undone {
		var err error
		if books, err = a.check(&r.Replace); err != nil {
			return fmt.Errorf("replace %d: %w", r.Generation, err)
		}
	}
	for _, f := range r.Add {
		a.given[f.Name] = true
	}
	if !r.Done {
		return nil
	}
	for _, f := range r.Retire {
		delete(a.files, f.Name)
	}
	for _, f := range r.Add {
		a.files[f.Name] = &InventoryFile{
			PartFile: f.PartFile, Stream: a.streamOf(f.Parts), Generation: r.Generation, Parts: f.Parts,
			Epoch: r.Epoch, At: r.At, Published: true,
		}
	}
	for id, b := range books {
		a.parts[id].books = b
	}
	return nil
}

// streamOf returns the Stream of the Parts, if it is one.
func (a *account) streamOf(spans []PartSpan) (stream chatferry.Stream) {
	for _, span := range spans {
		mixed := false
		a.each(span, func(id PartID) {
			s := a.parts[id].stream
			mixed = mixed || stream != "" && s != stream
			stream = s
		})
		if mixed {
			return ""
		}
	}
	return stream
}

// keepAtMost bounds KeepS, so that the time until which files are kept can be counted.
const keepAtMost = 10 * 366 * 24 * 3600

// check holds a replace against what exists, and returns the books of the Parts that it moves records of as they will
// be. The balance is the heart of it: what the files gain and lose is what moves in the books.
func (a *account) check(r *Replace) (map[PartID]chatferry.Books, error) {
	if r.KeepS < 0 || r.KeepS > keepAtMost {
		return nil, fmt.Errorf("retired files cannot be kept for %d seconds", r.KeepS)
	}
	sum := newBalance()
	retired := map[string]bool{}
	for _, f := range r.Retire {
		there := a.files[f.Name]
		if there == nil || retired[f.Name] {
			return nil, fmt.Errorf("it retires %s, which is not in the inventory", f.Name)
		}
		if there.Retire() != f {
			return nil, fmt.Errorf("it retires %s as a file of %d bytes and %d rows, which has %d bytes and %d rows",
				f.Name, f.Size, f.Rows, there.Size, there.Rows)
		}
		retired[f.Name] = true
		sum.file(&there.PartFile, -1)
	}
	names := map[string]bool{}
	for i := range r.Add {
		f := &r.Add[i]
		if err := checkAdded(f, r.Generation); err != nil {
			return nil, err
		}
		if a.given[f.Name] || names[f.Name] || names[f.Staging] {
			return nil, fmt.Errorf("it adds %s, a name that was given before", f.Name)
		}
		names[f.Name], names[f.Staging] = true, true
		for _, span := range f.Parts {
			if err := a.checkSpan(span); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		sum.file(&f.PartFile, 1)
	}
	if err := checkRule(r); err != nil {
		return nil, err
	}
	books := map[PartID]chatferry.Books{}
	for i := range r.Moves {
		m := &r.Moves[i]
		id := PartID{m.Shard, m.Seq}
		part := a.parts[id]
		if part == nil {
			return nil, fmt.Errorf("it moves records of part %d of shard %s, which is not there", m.Seq, m.Shard)
		}
		b, ok := books[id]
		if !ok {
			b = part.books.Clone()
		}
		if err := post(&b, m); err != nil {
			return nil, fmt.Errorf("part %d of shard %s: %w", m.Seq, m.Shard, err)
		}
		books[id] = b
		sum.move(part.stream, m)
	}
	return books, sum.check()
}

func (a *account) checkSpan(span PartSpan) error {
	if span.From > span.To || a.parts[PartID{span.Shard, span.From}] == nil || a.parts[PartID{span.Shard, span.To}] == nil {
		return fmt.Errorf("it holds records of parts %d to %d of shard %s, which are not there", span.From, span.To, span.Shard)
	}
	return nil
}

// The names of files that replaces add: rows of a table, ledger, quarantine, what left the quarantine.
var addedForms = map[chatferry.FileKind]*regexp.Regexp{
	chatferry.FileRows:       regexp.MustCompile(`^tables/([a-z0-9_]+)/part-r(\d{12})-(\d{12})\.parquet$`),
	chatferry.FileLedger:     regexp.MustCompile(`^_chatferry/ledger()/r(\d{12})-(\d{12})\.parquet$`),
	chatferry.FileQuarantine: regexp.MustCompile(`^_chatferry/quarantine()/r(\d{12})-(\d{12})\.ndjson\.zst$`),
	chatferry.FileReplayed:   regexp.MustCompile(`^_chatferry/replayed()/r(\d{12})-(\d{12})\.ndjson\.zst$`),
}

// checkAdded checks what a file that a replace adds says about itself.
func checkAdded(f *AddedFile, generation uint64) error {
	form := addedForms[f.Kind]
	if form == nil {
		return fmt.Errorf("it adds %s, a file of the unknown kind %q", f.Name, f.Kind)
	}
	m := form.FindStringSubmatch(f.Name)
	if m == nil || m[1] != string(f.Table) {
		return fmt.Errorf("it adds %s, which is no name for a file of table %q in a replace", f.Name, f.Table)
	}
	if g, err := strconv.ParseUint(m[2], 10, 64); err != nil || g != generation {
		return fmt.Errorf("it adds %s, which has another generation in its name", f.Name)
	}
	switch {
	case f.Staging == "":
		return fmt.Errorf("it adds %s, which is not staged", f.Name)
	case f.Rows < 0 || f.Size <= 0:
		return fmt.Errorf("it adds %s with %d rows in %d bytes", f.Name, f.Rows, f.Size)
	}
	return nil
}

// checkRule sees that a rule is the one that its SHA-256 names, and that there are records which it can have changed: those
// that leave the quarantine, of which the bytes as they were cut stay in a file.
func checkRule(r *Replace) error {
	switch {
	case r.Rule == nil:
		return nil
	case sumOf([]byte(r.Rule.Text)) != r.Rule.SHA256:
		return errors.New("its rule is not the one that its SHA-256 names")
	}
	for i := range r.Moves {
		if r.Moves[i].From != Quarantined {
			return fmt.Errorf("its rule is for records in quarantine, but it moves records from %q", r.Moves[i].From)
		}
	}
	if len(r.Moves) == 0 {
		return errors.New("it has a rule and moves no record")
	}
	return nil
}

var errUnbalanced = errors.New("its files and its moves do not balance")
