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
	ctx    context.Context
	stop   context.CancelFunc // of ctx
	b      *batch
	begun  []*visitorFile // that are not in the batch yet
	file   *visitorFile   // the last of them, if it is not full
	rows   int64          // of the file
	out    *array.RecordBuilder
	hashes []uint64 // of the rows in out
}

// visitorFile is a file of chat_visitors while it is built.
type visitorFile struct {
	*load.ReplacementFile
	hashes  []uint64          // of its visitors
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

func (w *visitorWriter) add(c *crowd, v *visitor) error {
	if w.out == nil {
		w.out = array.NewRecordBuilder(memory.DefaultAllocator, visitorSchema())
	}
	for k, column := range visitorWords {
		b := w.out.Field(column).(*array.StringBuilder)
		if s, ok := c.word(&v.words, k); ok {
			b.BinaryBuilder.Append(s)
		} else {
			b.AppendNull()
		}
	}
	for i, at := range []int64{v.newest.version, v.first, v.last} {
		if b := w.out.Field(6 + i).(*array.TimestampBuilder); at == 0 {
			b.AppendNull()
		} else {
			b.Append(arrow.Timestamp(at))
		}
	}
	w.out.Field(9).(*array.Int64Builder).Append(v.chats)
	if w.hashes = append(w.hashes, v.hash); len(w.hashes) == min(visitorsPerWrite, int(w.b.s.limits.visitorsPerFile)) {
		return w.flush()
	}
	return nil
}

// flush writes the rows that are held, and ends a file that is full.
func (w *visitorWriter) flush() error {
	if len(w.hashes) == 0 {
		return nil
	}
	rec := w.out.NewRecord()
	defer rec.Release()
	hashes := w.hashes
	w.hashes = w.hashes[:0]
	return w.write(rec, hashes)
}

// write writes rows, and ends a file that is full. It copies the hashes of their visitors.
func (w *visitorWriter) write(rec arrow.Record, hashes []uint64) error {
	if w.file == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	w.file.hashes = append(w.file.hashes, hashes...)
	rec.Retain()
	w.file.records <- rec
	if w.rows += rec.NumRows(); w.rows >= w.b.s.limits.visitorsPerFile {
		w.end()
	}
	return nil
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
	w.begun, w.rows = append(w.begun, w.file), 0
	go w.file.fill(w.ctx)
	return nil
}

// end lets the open file be sealed.
func (w *visitorWriter) end() {
	if w.file != nil {
		close(w.file.records)
		w.file = nil
	}
}

// await waits until at most so many files are not in the batch, in the order in which they were begun. The visitors of
// each are known, and its key file is made of them.
func (w *visitorWriter) await(most int) error {
	for len(w.begun) > most {
		f := w.begun[0]
		if <-f.done; f.err != nil {
			return f.err
		}
		w.begun = w.begun[1:]
		w.b.keep(f.ReplacementFile, f.made, nil)
		slices.Sort(f.hashes)
		if err := w.b.s.derived.write(w.ctx, keysKind.name(f.made.SHA256), hashesOf(&keysKind, 0, f.hashes)); err != nil {
			return err
		}
	}
	return nil
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
	if len(w.begun) == 0 && len(w.b.body.Add) == 0 && len(gone) == 0 {
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
	w.end()
	for _, f := range large {
		if err := w.copy(f, gone[f.Name]); err != nil {
			return err
		}
		w.end()
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
	var text []byte
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
		ids, ok := some.Column(0).(*array.String)
		if !ok {
			return damaged(errors.New("column id is of a wrong type"))
		}
		hashes := make([]uint64, len(kept))
		for i := range hashes {
			var of id
			text, of = idOf(text, string(ChatVisitors), ids.Value(i))
			hashes[i] = w.b.s.hash(of)
		}
		return w.write(some, hashes)
	})
}

// abort removes the files that are not in the batch.
func (w *visitorWriter) abort() error {
	w.stop()
	w.end()
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
	buffer []byte
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
