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

// visitorWriter writes the files of chat_visitors, some of them side by side, each in a goroutine of its own.
type visitorWriter struct {
	ctx   context.Context
	stop  context.CancelFunc // of ctx
	b     *batch
	begun []*visitorFile // that are not in the batch yet
	file  *visitorFile   // the last of them, if it is not full
	rows  int64          // that the file was given
	// held are rows that no file was given yet, fewer than visitorsPerWrite between calls, and seen is what they say.
	held []arrow.Record
	seen []sighting
}

// visitorFile is a file of chat_visitors while it is built.
type visitorFile struct {
	*load.ReplacementFile
	seen    sightings         // of its rows
	records chan arrow.Record // that are to be written; closed once they are all
	done    chan struct{}     // closed once made or err is known
	made    chatferry.PartFile
	err     error
}

// fill writes what comes, and seals the file when that is all.
func (f *visitorFile) fill(ctx context.Context) {
	defer close(f.done)
	for rec := range f.records {
		if f.err == nil {
			f.err = f.Write(rec)
		}
		rec.Release()
	}
	if f.err == nil {
		f.made, f.err = f.Seal(ctx)
	}
}

// write writes rows, and releases the page's record. Files end, and are written, after the same rows whatever the pages.
func (w *visitorWriter) write(p *visitorPage) error {
	w.held, w.seen = append(w.held, p.rec), append(w.seen, p.seen...)
	for len(w.seen) > 0 && int64(len(w.seen)) >= w.room() {
		if err := w.flush(w.room()); err != nil {
			return err
		}
	}
	return nil
}

// room is how many rows the open file is given next.
func (w *visitorWriter) room() int64 {
	return min(visitorsPerWrite, w.b.s.limits.visitorsPerFile-w.rows)
}

// flush gives the first n of the rows that are held to a file, and ends one that is full.
func (w *visitorWriter) flush(n int64) error {
	if w.file == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	rec, err := w.first(n)
	if err != nil {
		return err
	}
	for _, one := range w.seen[:n] {
		one.row = uint32(w.rows)
		w.file.seen.all = append(w.file.seen.all, one)
		w.rows++
	}
	w.seen = slices.Delete(w.seen, 0, int(n))
	if w.file.records <- rec; w.rows >= w.b.s.limits.visitorsPerFile {
		w.close()
	}
	return nil
}

// first takes the first n of the rows that are held into one record.
func (w *visitorWriter) first(n int64) (arrow.Record, error) {
	var some []arrow.Record
	for left := n; left > 0; {
		rec := w.held[0]
		rows := rec.NumRows()
		some, w.held = append(some, rec), w.held[1:]
		if rows > left {
			some[len(some)-1] = rec.NewSlice(0, left)
			w.held = slices.Insert(w.held, 0, rec.NewSlice(left, rows))
			rec.Release()
		}
		left -= min(left, rows)
	}
	if len(some) == 1 {
		return some[0], nil
	}
	defer release(some)
	columns := make([]arrow.Array, some[0].NumCols())
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i := range columns {
		var pieces []arrow.Array
		for _, rec := range some {
			pieces = append(pieces, rec.Column(i))
		}
		var err error
		if columns[i], err = array.Concatenate(pieces, memory.DefaultAllocator); err != nil {
			return nil, err
		}
	}
	return array.NewRecord(visitorSchema(), columns, n), nil
}

func release(all []arrow.Record) {
	for _, rec := range all {
		rec.Release()
	}
}

// begin starts a file, once there are not too many.
func (w *visitorWriter) begin() error {
	if err := w.await(w.b.s.atOnce - 1); err != nil {
		return err
	}
	file, err := w.b.files.Rows(ChatVisitors, w.b.number(ChatVisitors), visitorSchema())
	if err != nil {
		return err
	}
	w.file = &visitorFile{ReplacementFile: file, records: make(chan arrow.Record), done: make(chan struct{})}
	w.file.seen = sightings{hash: w.b.s.hash, apart: true}
	w.begun, w.rows = append(w.begun, w.file), 0
	go w.file.fill(w.ctx)
	return nil
}

// end writes what is held, and lets the open file be sealed.
func (w *visitorWriter) end() error {
	for len(w.seen) > 0 {
		if err := w.flush(min(int64(len(w.seen)), w.room())); err != nil {
			return err
		}
	}
	w.close()
	return nil
}

// close lets the open file be sealed.
func (w *visitorWriter) close() {
	if w.file != nil {
		close(w.file.records)
		w.file, w.rows = nil, 0
	}
}

// await waits until at most so many files are not in the batch, in the order in which they were begun. The visitors of
// each are known, and its visits are made of them.
func (w *visitorWriter) await(most int) error {
	for len(w.begun) > most {
		f := w.begun[0]
		if <-f.done; f.err != nil {
			return f.err
		}
		w.begun = w.begun[1:]
		w.b.keep(f.ReplacementFile, f.made, nil)
		if err := w.b.s.derived.write(w.ctx, visitsKind.name(f.made.SHA256), f.seen.file()...); err != nil {
			return err
		}
	}
	return nil
}

// seal writes what is left, and exchanges the files of which rows are gone. A small one adds its rows to those that were
// written; a large one has a successor of its own, so that visitors who come often are not kept with those who do not.
func (w *visitorWriter) seal(old []*checkpoint.InventoryFile, gone map[string]bitmap) error {
	if len(w.begun) == 0 && len(w.seen) == 0 && len(w.b.body.Add) == 0 && len(gone) == 0 {
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
		err := w.copy(f, gone[f.Name])
		if err == nil {
			err = w.end()
		}
		if err != nil {
			return err
		}
	}
	return w.await(0)
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
		seen := sightings{hash: w.b.s.hash}
		if err := seen.readTable(some); err != nil {
			some.Release()
			return err
		}
		return w.write(&visitorPage{some, seen.all})
	})
}

// abort removes the files that are not in the batch.
func (w *visitorWriter) abort() error {
	w.stop()
	w.close()
	release(w.held)
	var errs []error
	for _, f := range w.begun {
		<-f.done
		errs = append(errs, f.Abort())
	}
	return errors.Join(errs...)
}

// visitorWords are the columns of chat_visitors in the order of words.
var visitorWords = [...]int{0, 5, 1, 2, 3, 4}

// visitorRows shows the rows of a file of chat_visitors.
type visitorRows struct {
	words  wordColumns
	times  [3]*array.Timestamp // snapshot_at, first_seen, last_seen
	counts *array.Int64
}

func visitorRowsOf(rec arrow.Record) (out visitorRows, err error) {
	if err := sameNames(visitorSchema(), rec.Schema()); err != nil {
		return out, damaged(err)
	}
	var ok [10]bool
	for k, column := range visitorWords {
		out.words[k], ok[column] = rec.Column(column).(*array.String)
	}
	for i := range out.times {
		out.times[i], ok[6+i] = rec.Column(6 + i).(*array.Timestamp)
	}
	out.counts, ok[9] = rec.Column(9).(*array.Int64)
	if slices.Contains(ok[:], false) {
		return out, damaged(errors.New("its columns are of wrong types"))
	}
	return out, nil
}
