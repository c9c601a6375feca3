package load_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"chatferry/load"
	"chatferry/load/storetest"
)

// variedRecord has columns of all types that tables have, with and without nulls, of few values and of many. Every fourth
// record has nothing but nulls where it may, every fourth none.
func variedRecord(r *rand.Rand, number, rows int) arrow.Record {
	var fields []arrow.Field
	for _, t := range []arrow.DataType{
		arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean,
		arrow.FixedWidthTypes.Timestamp_us, arrow.BinaryTypes.String, &arrow.FixedSizeBinaryType{ByteWidth: 32},
	} {
		fields = append(fields,
			arrow.Field{Name: t.String(), Type: t}, arrow.Field{Name: t.String() + "?", Type: t, Nullable: true},
			arrow.Field{Name: "[" + t.String() + "]", Type: arrow.ListOf(t)},
			arrow.Field{Name: "[" + t.String() + "]?", Type: arrow.ListOf(t), Nullable: true})
	}
	fields = append(fields, arrow.Field{Name: "few", Type: arrow.BinaryTypes.String, Metadata: dictionary},
		arrow.Field{Name: "few?", Type: arrow.BinaryTypes.String, Metadata: dictionary, Nullable: true})
	b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema(fields, nil))
	defer b.Release()
	null := func() bool { return number%4 == 0 || number%4 != 1 && r.IntN(5) == 0 }
	for range rows {
		for i, f := range fields {
			few := f.Metadata.Len() > 0
			switch list, ok := b.Field(i).(*array.ListBuilder); {
			case f.Nullable && null():
				b.Field(i).AppendNull()
			case ok:
				list.Append(true)
				for range r.IntN(4) {
					if null() {
						list.ValueBuilder().AppendNull()
					} else {
						appendVaried(r, list.ValueBuilder(), few)
					}
				}
			default:
				appendVaried(r, b.Field(i), few)
			}
		}
	}
	return b.NewRecord()
}

func appendVaried(r *rand.Rand, to array.Builder, few bool) {
	switch to := to.(type) {
	case *array.Int64Builder:
		to.Append(r.Int64())
	case *array.Int32Builder:
		to.Append(r.Int32())
	case *array.Float64Builder:
		to.Append(r.NormFloat64())
	case *array.BooleanBuilder:
		to.Append(r.IntN(3) == 0)
	case *array.TimestampBuilder:
		to.Append(arrow.Timestamp(r.Int64()))
	case *array.FixedSizeBinaryBuilder:
		var sum [32]byte
		sum[r.IntN(32)] = byte(r.Uint32())
		to.Append(sum[:])
	case *array.StringBuilder:
		if few {
			to.Append(fmt.Sprint("value ", r.IntN(5)))
		} else {
			to.Append(fmt.Sprintf("%.*s", r.IntN(20), fmt.Sprint(r.Uint64())))
		}
	}
}

// variedFile builds a file of several row groups of small pages.
func variedFile(t *testing.T, r *rand.Rand) []byte {
	t.Helper()
	store := &storetest.Memory{}
	sink := load.NewSink(store)
	sink.SetLayout(1<<20, 250, 512)
	w, err := sink.BeginReplacement(1, 1).Rows("varied", 1, variedRecord(r, 0, 0).Schema())
	for number := range 9 {
		if err == nil {
			err = w.Write(variedRecord(r, number, 1+r.IntN(200)))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := w.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, _ := store.StagedBytes(f.Staging)
	return b
}

// A RowReader gives what arrow's own reader of records gives.
func TestRowsAreArrows(t *testing.T) {
	const seed = 12
	b := variedFile(t, rand.New(rand.NewPCG(seed, 0)))
	want, err := pqarrow.ReadTable(t.Context(), bytes.NewReader(b), nil, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := load.OpenRows(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if got := rows.Schema(); !got.Equal(want.Schema()) {
		t.Errorf("the schema is %v instead of %v", got, want.Schema())
	}
	var records []arrow.Record
	for {
		rec, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec)
	}
	got := array.NewTableFromRecords(rows.Schema(), records)
	if got.NumRows() != want.NumRows() || want.NumRows() < 500 {
		t.Fatalf("%d rows instead of %d", got.NumRows(), want.NumRows())
	}
	for i, f := range want.Schema().Fields() {
		if !array.ChunkedEqual(got.Column(i).Data(), want.Column(i).Data()) {
			t.Errorf("seed %d: column %s differs", seed, f.Name)
		}
		if got, want := got.Column(i).NullN(), want.Column(i).NullN(); got != want {
			t.Errorf("seed %d: column %s has %d nulls instead of %d", seed, f.Name, got, want)
		}
	}
}

// heldPages are pages that were read before.
type heldPages struct {
	pages []file.Page
	at    int
}

func (p *heldPages) Next() bool { p.at++; return p.at <= len(p.pages) }

func (p *heldPages) Page() file.Page { return p.pages[p.at-1] }

func (p *heldPages) Err() error { return nil }

func (p *heldPages) SetMaxPageHeaderSize(int) {}

func (p *heldPages) Reset(parquet.BufferedReader, int64, compress.Compression, *file.CryptoContext) {}

// hold copies the pages of a column chunk and lets change have each.
func hold(t *testing.T, in *file.Reader, group, column int, change func(data []byte, cells *int32)) *heldPages {
	t.Helper()
	pages, err := in.RowGroup(group).GetColumnPageReader(column)
	if err != nil {
		t.Fatal(err)
	}
	out := &heldPages{}
	for pages.Next() {
		data, cells := bytes.Clone(pages.Page().Data()), pages.Page().NumValues()
		change(data, &cells)
		buf := memory.NewBufferBytes(data)
		switch p := pages.Page().(type) {
		case *file.DictionaryPage:
			out.pages = append(out.pages, file.NewDictionaryPage(buf, cells, parquet.Encoding(p.Encoding())))
		case *file.DataPageV1:
			out.pages = append(out.pages, file.NewDataPageV1(buf, cells, parquet.Encoding(p.Encoding()),
				p.DefinitionLevelEncoding(), p.RepetitionLevelEncoding(), int32(len(data))))
		}
	}
	return out
}

// Whatever stands in a page, reading it comes to an end. Arrow's column readers alone would not.
func TestPagesOfAnyContent(t *testing.T) {
	const seed = 12
	r := rand.New(rand.NewPCG(seed, 0))
	b := variedFile(t, r)
	in, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	arrows, err := pqarrow.FromParquet(in.MetaData().Schema, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	refused, all := 0, 0
	for g := range in.NumRowGroups() {
		for i := range arrows.NumFields() {
			reread := func(change func([]byte, *int32)) error {
				return load.Reread(arrows.Field(i), in.MetaData().Schema.Column(i), hold(t, in, g, i, change), int(in.RowGroup(g).NumRows()), 37)
			}
			if err := reread(func([]byte, *int32) {}); err != nil {
				t.Fatalf("seed %d, group %d, column %s: %v", seed, g, arrows.Field(i).Name, err)
			}
			for range 40 {
				err := reread(func(data []byte, cells *int32) {
					switch n := len(data); {
					case n > 0 && r.IntN(3) > 0:
						for range 1 + r.IntN(3) {
							data[min(n-1, r.IntN(1+r.IntN(n)))] = byte(r.Uint32()) // the levels, rather than the values
						}
					case r.IntN(3) == 0:
						*cells += int32(r.IntN(20))
					}
				})
				if all++; err != nil {
					refused++
				}
			}
		}
	}
	if refused < all/4 {
		t.Errorf("seed %d: only %d of %d damaged column chunks were refused", seed, refused, all)
	}
}

// A column that lies in a file in another form than the tables' is refused, not read as something else.
func TestOtherForms(t *testing.T) {
	for _, f := range []arrow.Field{
		{Name: "uint", Type: arrow.PrimitiveTypes.Uint64},
		{Name: "short", Type: &arrow.FixedSizeBinaryType{ByteWidth: 16}},
		{Name: "struct", Type: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64})},
		{Name: "full", Type: arrow.ListOfNonNullable(arrow.PrimitiveTypes.Int64)},
		{Name: "deep", Type: arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int64))},
	} {
		t.Run(f.Name, func(t *testing.T) {
			b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{f}, nil))
			defer b.Release()
			b.Field(0).AppendEmptyValue()
			var out bytes.Buffer
			w, err := pqarrow.NewFileWriter(b.Schema(), &out, nil, pqarrow.DefaultWriterProps())
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Write(b.NewRecord()), w.Close()); err != nil {
				t.Fatal(err)
			}
			rows, err := load.OpenRows(bytes.NewReader(out.Bytes()), int64(out.Len()))
			if err == nil {
				_, err = rows.Next()
			}
			if err == nil || errors.Is(err, io.EOF) {
				t.Errorf("it was read: %v", err)
			}
		})
	}
}
