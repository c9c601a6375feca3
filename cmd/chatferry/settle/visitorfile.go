package settle

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry/load"
	"chatferry/transform"
)

// How many visitors a file holds, and how many are written at a time. They fix the bytes of the files.
const (
	visitorsPerFile  = 1 << 20
	visitorsPerWrite = 8192
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
	rows int // of the file
	out  *array.RecordBuilder
	held int // rows in out
}

func (w *visitorWriter) add(v *visitor) error {
	if w.out == nil {
		w.out = array.NewRecordBuilder(memory.DefaultAllocator, visitorSchema())
	}
	w.out.Field(0).(*array.StringBuilder).Append(v.id)
	for i, t := range v.texts {
		appendText(w.out.Field(1+i), t)
	}
	appendText(w.out.Field(5), text{v.chat, true})
	for i, at := range []int64{v.at, v.first, v.last} {
		if b := w.out.Field(6 + i).(*array.TimestampBuilder); at == 0 {
			b.AppendNull()
		} else {
			b.Append(arrow.Timestamp(at))
		}
	}
	w.out.Field(9).(*array.Int64Builder).Append(v.chats)
	if w.held++; w.held == visitorsPerWrite {
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
	if w.file == nil {
		var err error
		if w.file, err = w.b.files.Rows(ChatVisitors, w.b.number(ChatVisitors), visitorSchema()); err != nil {
			return err
		}
	}
	if err := w.file.Write(rec); err != nil {
		return err
	}
	w.rows += w.held
	w.held = 0
	if w.rows >= visitorsPerFile {
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

// seal writes what is left.
func (w *visitorWriter) seal() error {
	if w.out != nil {
		defer w.out.Release()
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.end()
}

func (w *visitorWriter) abort() error {
	if w.file == nil {
		return nil
	}
	return w.file.Abort()
}
