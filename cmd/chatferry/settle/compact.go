package settle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// Files of about compactBytes are what reads well, and whoever asks for it gets units below half of that joined. A run does
// so by itself with those below smallBytes, which frequent runs leave, when a Stream has compactAfter of them. A Part of the
// usual size is above that: to write a whole account twice when it is carried for the first time would take longer than
// readers gain. These are constants since they fix the names of files.
const (
	compactBytes = 96 << 20
	smallBytes   = 6 << 20
	compactRows  = 1 << 20
	compactAfter = 64
)

// Compact joins the small files of every Stream that is read to its end into few, whatever their number. The rows stay as
// they are, with the columns that say where they come from.
func Compact(ctx context.Context, o Options) (Report, error) {
	s := newSettler(o)
	return s.end(ctx, s.join(ctx))
}

// join is Compact. What is settled stays so when files are joined.
func (s *settler) join(ctx context.Context) error {
	d, err := s.begin(ctx)
	if err != nil {
		return err
	}
	ready, _ := units(d)
	for stream, all := range ready {
		before := s.settledBefore(stream)
		if before != nil && !slices.ContainsFunc(holding(stream, all), func(f *checkpoint.InventoryFile) bool { return !before[f.SHA256] }) {
			s.whole[stream] = s.state.Streams[stream].Dropped
		}
	}
	return s.compact(ctx, 2, s.limits.compactBytes/2)
}

// compact joins the units below a size of Streams that have at least so many of them. What comes next depends on nothing but the
// dataset, and one replace takes a whole Stream one step on, so that kills do not show in the names.
func (s *settler) compact(ctx context.Context, least int, below int64) error {
	for _, stream := range chatferry.Streams() {
		for {
			d, err := s.dataset(ctx)
			if err != nil {
				return err
			}
			ready, _ := units(d)
			groups := s.groups(ready[stream], least, below)
			if len(groups) == 0 {
				break
			}
			if err := s.compactStream(ctx, d, stream, groups); err != nil {
				return fmt.Errorf("compact %s: %w", stream, err)
			}
		}
	}
	return nil
}

// groups returns which units are to become one each.
func (s *settler) groups(all []*unit, least int, below int64) [][]*unit {
	small := slices.DeleteFunc(slices.Clone(all), func(u *unit) bool { return !u.joins() || u.bytes() >= below })
	if len(small) < max(2, least) {
		return nil
	}
	var out [][]*unit
	var bytes, rows int64
	for i, u := range small {
		r := u.rows()
		if i == 0 || bytes+u.bytes() > s.limits.compactBytes || rows+r > compactRows {
			out = append(out, nil)
			bytes, rows = 0, 0
		}
		out[len(out)-1] = append(out[len(out)-1], u)
		bytes, rows = bytes+u.bytes(), rows+r
	}
	return slices.DeleteFunc(out, func(g []*unit) bool { return len(g) < 2 })
}

// joins reports whether the unit has files that can be joined with others. Those in quarantine, and what left it, stay as
// they are.
func (u *unit) joins() bool {
	return slices.ContainsFunc(u.files, func(f checkpoint.InventoryFile) bool {
		return f.Kind == chatferry.FileRows || f.Kind == chatferry.FileLedger
	})
}

// bytes is the size of a unit's files of rows.
func (u *unit) bytes() (n int64) {
	for i := range u.files {
		if u.files[i].Kind == chatferry.FileRows {
			n += u.files[i].Size
		}
	}
	return n
}

// rows is how many rows the unit has of its Stream's own table.
func (u *unit) rows() (n int64) {
	for _, f := range u.of(chatferry.FileRows, u.stream.Parent()) {
		n += f.Rows
	}
	return n
}

func (s *settler) compactStream(ctx context.Context, d *checkpoint.Dataset, stream chatferry.Stream, groups [][]*unit) error {
	b := s.newBatch(d, "compact")
	for i, g := range groups {
		s.o.Progress(Progress{Step: "compact", Stream: stream, Done: int64(i), Total: int64(len(groups))})
		b.begin()
		if err := b.join(ctx, d, stream, g); err != nil {
			return errors.Join(err, b.discard())
		}
	}
	if err := b.replace(ctx); err != nil {
		return errors.Join(err, b.discard())
	}
	s.report.Joined += len(groups)
	return nil
}

// join makes one unit of several.
func (b *batch) join(ctx context.Context, d *checkpoint.Dataset, stream chatferry.Stream, group []*unit) error {
	var parts []checkpoint.PartID
	for _, u := range group {
		parts = append(parts, u.parts...)
	}
	slices.SortFunc(parts, compareParts)
	spans := spansOf(parts, ranks(d))
	for _, table := range stream.Tables() {
		var files []*checkpoint.InventoryFile
		for _, u := range group {
			files = append(files, u.of(chatferry.FileRows, table)...)
		}
		if len(files) == 0 {
			continue
		}
		w, err := b.files.Rows(table, b.number(table), transform.Schema(table))
		if err != nil {
			return err
		}
		if err := b.concatenate(ctx, w, files, spans); err != nil {
			return err
		}
	}
	var ledgers []*checkpoint.InventoryFile
	for _, u := range group {
		ledgers = append(ledgers, u.of(chatferry.FileLedger, "")...)
	}
	if len(ledgers) < 2 {
		return nil
	}
	w, err := b.files.Ledger(b.number(""))
	if err != nil {
		return err
	}
	return b.concatenate(ctx, w, ledgers, spans)
}

// concatenate exchanges files for one that holds the rows of all, and proves it by their digests.
func (b *batch) concatenate(ctx context.Context, w *load.ReplacementFile, files []*checkpoint.InventoryFile, spans []checkpoint.PartSpan) error {
	var want chatferry.PartFile
	for _, f := range files {
		err := eachRecord(ctx, b.s.o.Store, f, nil, w.Write)
		if err != nil {
			return errors.Join(err, w.Abort())
		}
		want.Rows += f.Rows
		want.V.Merge(f.V)
		want.E.Merge(f.E)
		b.retire(f)
	}
	got, err := b.seal(ctx, w, spans)
	if err == nil && (got.Rows != want.Rows || got.V != want.V || got.E != want.E) {
		err = chatferry.Errorf(chatferry.KindDiffers, "check the disk and its memory; nothing was changed",
			"%s has %d rows (values %s), the files that it is made of have %d (values %s)", got.Name, got.Rows, got.V, want.Rows, want.V)
	}
	return err
}
