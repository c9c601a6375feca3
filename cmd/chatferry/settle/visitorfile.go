package settle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// A file of chat_visitors ends at about visitorsPerFile rows. It is exchanged as a whole when one of its rows changes, so it
// is not large. One with less than half of that is small: it becomes part of another one when it changes, and when there
// are visitorsJoin of them. These are constants since they fix the bytes of the files.
const (
	visitorsPerFile  = 1 << 15
	visitorsPerWrite = 8192
	visitorsJoin     = 16
)

// visitorSchema returns the columns of chat_visitors. A visitor's name, email, phone and notes are those of the newest of
// its chats, chat_id, and were known at snapshot_at; first_seen and last_seen are the times of its first and last chat.
func visitorSchema() *arrow.Schema {
	freeText := arrow.NewMetadata([]string{transform.HintStatistics}, []string{"0"})
	return arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "email", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "phone", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "notes", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: freeText},
		{Name: "chat_id", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "snapshot_at", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		{Name: "first_seen", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		{Name: "last_seen", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		{Name: "chats", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
}

// visitorWriter writes the files of chat_visitors.
type visitorWriter struct {
	ctx  context.Context
	b    *batch
	file *load.ReplacementFile
	rows int64 // of the file
	out  *array.RecordBuilder
	held int // rows in out
}

func (w *visitorWriter) add(v *visitor) error {
	if w.out == nil {
		w.out = array.NewRecordBuilder(memory.DefaultAllocator, visitorSchema())
	}
	w.out.Field(0).(*array.StringBuilder).Append(v.name)
	for i, t := range v.texts {
		appendText(w.out.Field(1+i), t)
	}
	appendText(w.out.Field(5), text{v.chat, true})
	for i, at := range []int64{v.newest.version, v.first, v.last} {
		if b := w.out.Field(6 + i).(*array.TimestampBuilder); at == 0 {
			b.AppendNull()
		} else {
			b.Append(arrow.Timestamp(at))
		}
	}
	w.out.Field(9).(*array.Int64Builder).Append(v.chats)
	if w.held++; w.held == min(visitorsPerWrite, int(w.b.s.limits.visitorsPerFile)) {
		return w.flush()
	}
	return nil
}

func appendText(b array.Builder, t text) {
	if !t.ok {
		b.AppendNull()
		return
	}
	b.(*array.StringBuilder).Append(t.s)
}

// flush writes the rows that are held, and ends a file that is full.
func (w *visitorWriter) flush() error {
	if w.held == 0 {
		return nil
	}
	rec := w.out.NewRecord()
	defer rec.Release()
	w.held = 0
	return w.write(rec)
}

// write writes rows, and ends a file that is full.
func (w *visitorWriter) write(rec arrow.Record) error {
	if w.file == nil {
		var err error
		if w.file, err = w.b.files.Rows(ChatVisitors, w.b.number(ChatVisitors), visitorSchema()); err != nil {
			return err
		}
	}
	if err := w.file.Write(rec); err != nil {
		return err
	}
	if w.rows += rec.NumRows(); w.rows >= w.b.s.limits.visitorsPerFile {
		return w.end()
	}
	return nil
}

func (w *visitorWriter) end() error {
	if w.file == nil {
		return nil
	}
	file := w.file
	w.file, w.rows = nil, 0
	_, err := w.b.seal(w.ctx, file, nil)
	return err
}

// seal writes what is left, and exchanges the files of which rows are gone. A small one adds its rows to those that were
// written; a large one has a successor of its own, so that visitors who come often are not kept with those who do not.
func (w *visitorWriter) seal(old []*checkpoint.InventoryFile, gone map[string]bitmap) error {
	if w.out != nil {
		defer w.out.Release()
	}
	if err := w.flush(); err != nil {
		return err
	}
	if w.file == nil && len(w.b.body.Add) == 0 && len(gone) == 0 {
		return nil
	}
	var large []*checkpoint.InventoryFile
	small, still := []*checkpoint.InventoryFile(nil), 0
	for _, f := range old {
		went := gone[f.Name]
		switch isSmall := f.Rows-went.count() < w.b.s.limits.visitorsPerFile/2; {
		case isSmall:
			small = append(small, f)
			if went == nil {
				still++
			}
		case went != nil:
			large = append(large, f)
		}
	}
	for _, f := range small {
		if gone[f.Name] == nil && still < w.b.s.limits.visitorsJoin {
			continue
		}
		if err := w.copy(f, gone[f.Name]); err != nil {
			return err
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	for _, f := range large {
		if err := w.copy(f, gone[f.Name]); err != nil {
			return err
		}
		if err := w.end(); err != nil {
			return err
		}
	}
	return nil
}

// copy retires a file and writes the rows of it that are not gone. That it is what the log says is proven by its digest.
func (w *visitorWriter) copy(f *checkpoint.InventoryFile, gone bitmap) error {
	w.b.retire(f)
	if gone.count() == f.Rows {
		return nil
	}
	var sum chatferry.Digest
	row := uint64(0)
	return eachRecord(w.ctx, w.b.s.o.Store, f, nil, func(rec arrow.Record) error {
		values, err := chatferry.ValuesDigest(rec)
		if err != nil {
			return err
		}
		sum.Merge(values)
		var kept []int
		for i := range int(rec.NumRows()) {
			if gone == nil || !gone.has(row) {
				kept = append(kept, i)
			}
			row++
		}
		if row == uint64(f.Rows) && sum != f.V {
			return damaged(fmt.Errorf("its values are %s, its record says %s", sum, f.V))
		}
		if len(kept) == 0 {
			return nil
		}
		some, err := gather(rec, kept)
		if err != nil {
			return err
		}
		defer some.Release()
		return w.write(some)
	})
}

func (w *visitorWriter) abort() error {
	if w.file == nil {
		return nil
	}
	return w.file.Abort()
}

// visitorRows shows the rows of a file of chat_visitors.
type visitorRows struct {
	ids, chats *array.String
	texts      [4]*array.String
	times      [3]*array.Timestamp // snapshot_at, first_seen, last_seen
	counts     *array.Int64
	buffer     []byte
}

func visitorRowsOf(rec arrow.Record) (out visitorRows, err error) {
	if err := sameNames(visitorSchema(), rec.Schema()); err != nil {
		return out, damaged(err)
	}
	var ok [10]bool
	out.ids, ok[0] = rec.Column(0).(*array.String)
	for i := range out.texts {
		out.texts[i], ok[1+i] = rec.Column(1 + i).(*array.String)
	}
	out.chats, ok[5] = rec.Column(5).(*array.String)
	for i := range out.times {
		out.times[i], ok[6+i] = rec.Column(6 + i).(*array.Timestamp)
	}
	out.counts, ok[9] = rec.Column(9).(*array.Int64)
	if slices.Contains(ok[:], false) {
		return out, damaged(errors.New("its columns are of wrong types"))
	}
	return out, nil
}

// equal reports whether a row is that of a visitor.
func (r *visitorRows) equal(i int, v *visitor) bool {
	if r.ids.Value(i) != v.name || r.chats.Value(i) != v.chat || r.counts.Value(i) != v.chats {
		return false
	}
	for t, at := range []int64{v.newest.version, v.first, v.last} {
		if c := r.times[t]; at != 0 && !c.IsValid(i) || c.IsValid(i) && int64(c.Value(i)) != at {
			return false
		}
	}
	return textsAt(&r.texts, i) == v.texts
}
