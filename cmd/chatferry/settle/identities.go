package settle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/identity"
)

// Identities says that the maps of agents and departments are to be made.
type Identities struct {
	// Asked makes them of a dataset that has none and of which it is not seen that it is due: it holds one side alone.
	Asked    bool
	Upgraded *identity.Upgraded // nil: of what the dataset holds
}

// Identified says what became of them.
type Identified struct {
	Counts map[chatferry.Stream]map[identity.Status]int64
	// Unresolved are ids that rows name and that no map resolves, sorted, the first of them.
	Unresolved map[chatferry.Stream][]int64
	Filled     int // files
}

// identities brings the maps up to date, and fills the columns beside ids as they say, of Streams that are read to their end.
// It leaves a dataset alone that has no maps and is not asked to have any.
func (s *settler) identities(ctx context.Context) error {
	d, err := s.dataset(ctx)
	if err != nil {
		return err
	}
	ready, _ := units(d)
	known, err := identity.Read(ctx, d, s.o.Store)
	if err != nil {
		return err
	}
	if !known.Maps && !known.Both && !s.o.Identities.Asked {
		return nil
	}
	maps := known.Match(s.o.Identities.Upgraded)
	digest, err := s.keepMaps(ctx, d, maps)
	if err != nil {
		return err
	}
	if d, err = s.dataset(ctx); err != nil {
		return err
	}
	f := &filling{s: s, maps: maps, before: map[chatferry.SHA256]bool{}, unresolved: map[chatferry.Stream]map[int64]bool{}}
	if was := s.state.Identities; was != nil && was.Maps == digest {
		f.before = setOf(was.Files)
		f.recall(was)
	}
	if err := f.fill(ctx, d, ready); err != nil {
		return fmt.Errorf("fill the ids of the upgraded account: %w", err)
	}
	s.filled = &filled{Maps: digest}
	f.remember(s.filled)
	s.report.Identities = &Identified{Counts: map[chatferry.Stream]map[identity.Status]int64{}, Unresolved: s.filled.unresolved(), Filled: f.files}
	for of, m := range maps {
		s.report.Identities.Counts[of] = m.Counts()
	}
	return nil
}

// keepMaps exchanges the tables of the maps in one replace, if they say something else than those that are there. It
// returns the digest of what they say.
func (s *settler) keepMaps(ctx context.Context, d *checkpoint.Dataset, maps map[chatferry.Stream]*identity.Map) (sum chatferry.Digest, err error) {
	b := s.newBatch(d, "identities")
	b.begin()
	for _, of := range identity.Of() {
		v, err := b.keepMap(ctx, maps[of])
		if err != nil {
			return sum, errors.Join(err, b.discard())
		}
		sum.Merge(v)
	}
	if len(b.body.Add) == 0 && len(b.body.Retire) == 0 {
		return sum, b.discard()
	}
	if err := b.replace(ctx); err != nil {
		return sum, errors.Join(err, b.discard())
	}
	return sum, nil
}

// keepMap exchanges the files of one map, and returns the digest of its values.
func (b *batch) keepMap(ctx context.Context, m *identity.Map) (v chatferry.Digest, err error) {
	table := identity.Table(m.Of)
	var old []*checkpoint.InventoryFile
	files := b.d.Inventory()
	for i := range files {
		if files[i].Kind == chatferry.FileRows && files[i].Table == table {
			old = append(old, &files[i])
		}
	}
	rec := m.Record()
	defer rec.Release()
	if v, err = chatferry.ValuesDigest(rec); err != nil || v == valuesIn(old) && rec.NumRows() == rowsIn(old) {
		return v, err
	}
	for _, f := range old {
		b.retire(f)
	}
	if rec.NumRows() == 0 {
		return v, nil
	}
	w, err := b.files.Rows(table, b.number(table), identity.Schema(m.Of))
	if err != nil {
		return v, err
	}
	if err := w.Write(rec); err != nil {
		return v, errors.Join(err, w.Abort())
	}
	_, err = b.seal(ctx, w, nil)
	return v, err
}

// filled says what the columns beside ids were filled with, so that the next settle looks at files that are new alone.
type filled struct {
	Maps        chatferry.Digest   `json:"maps"`  // the values of the maps
	Files       []chatferry.SHA256 `json:"files"` // sorted
	Agents      []int64            `json:"agents,omitempty"`
	Departments []int64            `json:"departments,omitempty"`
}

// unresolved are the ids that files name and that no map resolves.
func (f *filled) unresolved() map[chatferry.Stream][]int64 {
	return map[chatferry.Stream][]int64{chatferry.Agents: f.Agents, chatferry.Departments: f.Departments}
}

// filledNow names the files of a dataset with columns that are filled, in order.
func filledNow(ready map[chatferry.Stream][]*unit) []chatferry.SHA256 {
	var files []*checkpoint.InventoryFile
	for stream, all := range ready {
		for _, u := range all {
			files = append(files, twinned(stream, u)...)
		}
	}
	sums := sumsOf(files)
	return slices.CompactFunc(sums, func(a, b chatferry.SHA256) bool { return bytes.Equal(a[:], b[:]) })
}
