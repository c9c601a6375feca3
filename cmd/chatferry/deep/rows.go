package deep

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// A slice of rows is rebuilt at a time: so many records, with about so many rows of child tables.
const (
	sliceRecords = 512
	sliceRows    = 8192
)

// rebuilt is a record as the dataset gives it back.
type rebuilt struct {
	place
	raw   [32]byte // _raw_sha256
	value *value   // nil: it cannot be rebuilt, as err says
	err   error
	wrong paths // fields whose columns say something else than the record that was rebuilt
}

// rebuilder gives back the records of the rows of one Stream in a group of files.
type rebuilder struct {
	files    load.Opener
	stream   chatferry.Stream
	children map[chatferry.Table][]*cursor
	only     map[place]bool // nil: all
	visit    func(*rebuilt) error
}

// rebuild calls visit for every record of a Stream that is a row of these files.
func rebuild(ctx context.Context, opener load.Opener, stream chatferry.Stream, files []*checkpoint.InventoryFile, only map[place]bool, visit func(*rebuilt) error) (err error) {
	r := &rebuilder{files: opener, stream: stream, children: map[chatferry.Table][]*cursor{}, only: only, visit: visit}
	defer func() {
		for _, list := range r.children {
			for _, c := range list {
				err = errors.Join(err, c.close())
			}
		}
	}()
	tables := stream.Tables()
	for _, f := range files {
		if f.Kind == chatferry.FileRows && slices.Contains(tables[1:], f.Table) {
			c, err := openCursor(ctx, opener, f)
			if err != nil {
				return err
			}
			r.children[f.Table] = append(r.children[f.Table], c)
		}
	}
	for _, f := range files {
		if f.Kind == chatferry.FileRows && f.Table == tables[0] {
			if err := load.Scan(ctx, opener, f.Name, nil, r.parents); err != nil {
				return fmt.Errorf("read %s: %w", f.Name, err)
			}
		}
	}
	return nil
}

// parents rebuilds the records of rows of the Stream's own table, slice by slice.
func (r *rebuilder) parents(rec arrow.Record) error {
	lengths := map[chatferry.Table]*array.Int32{}
	for _, table := range r.stream.Tables()[1:] {
		c, err := column[*array.Int32](rec, lengthOf(table))
		if err != nil {
			return err
		}
		lengths[table] = c
	}
	n := int(rec.NumRows())
	for from := 0; from < n; {
		to, rows := from, 0
		for to < n && to-from < sliceRecords && (to == from || rows < sliceRows) {
			for _, c := range lengths {
				if c.IsValid(to) {
					rows += int(c.Value(to))
				}
			}
			to++
		}
		part := rec.NewSlice(int64(from), int64(to))
		err := r.slice(part)
		part.Release()
		if err != nil {
			return err
		}
		from = to
	}
	return nil
}

// slice rebuilds the records of some rows of the Stream's own table.
func (r *rebuilder) slice(rec arrow.Record) error {
	places, err := placesOf(rec)
	if err != nil {
		return err
	}
	sums, err := column[*array.FixedSizeBinary](rec, transform.ColumnRawSHA256)
	if err != nil {
		return err
	}
	tables := map[chatferry.Table]arrow.Record{r.stream.Parent(): rec}
	spans := make([]map[chatferry.Table]transform.Span, len(places))
	for i := range spans {
		spans[i] = map[chatferry.Table]transform.Span{}
	}
	for table, cursors := range r.children {
		var g gathering
		for i, p := range places {
			from := g.rows
			for _, c := range cursors {
				if _, err := c.take(p, &g); err != nil {
					g.release()
					return err
				}
			}
			spans[i][table] = transform.Span{From: from, To: g.rows}
		}
		child, err := g.record()
		if err != nil {
			return err
		}
		if child != nil {
			defer child.Release()
			tables[table] = child
		}
	}
	back, err := transform.NewRebuilder(r.stream, tables)
	if err != nil {
		return err
	}
	sheets := map[chatferry.Table]*sheet{}
	for table, rec := range tables {
		sheets[table] = newSheet(table, rec)
	}
	var text []byte
	for i, p := range places {
		if r.only != nil && !r.only[p] {
			continue
		}
		out := &rebuilt{place: p}
		copy(out.raw[:], sums.Value(i))
		if text, out.err = back.Append(text[:0], i, spans[i]); out.err == nil {
			out.value, out.err = parse(text)
		}
		if out.err == nil {
			check(&out.wrong, sheets, r.stream, i, spans[i], out.value)
		}
		if err := r.visit(out); err != nil {
			return err
		}
	}
	return nil
}

// check holds the typed columns of a record's rows against it.
func check(p *paths, sheets map[chatferry.Table]*sheet, stream chatferry.Stream, row int, spans map[chatferry.Table]transform.Span, v *value) {
	parent := sheets[stream.Parent()]
	if stream.CSV() {
		parent.checkReport(p, row, v)
		return
	}
	parent.check(p, row, v, "")
	for _, table := range stream.Tables()[1:] {
		name, span := arrayOf(table), spans[table]
		array := v.member(name)
		if array == nil || array.kind != '[' || len(array.items) != span.To-span.From {
			continue // the length's column was held against it
		}
		for i, item := range array.items {
			sheets[table].check(p, span.From+i, item, fmt.Sprintf("%s[%d]", name, i))
		}
	}
}
