package load_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"chatferry"
	"chatferry/load"
	"chatferry/load/storetest"
)

// textFile writes values, 500 a Batch, as the text column of one file.
func textFile(t *testing.T, pageBytes int64, values []string) []byte {
	t.Helper()
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{}
	sink := load.NewSink(store)
	sink.SetLayout(32<<20, 1<<20, pageBytes)
	w, err := sink.Begin(a.shard, a.seq, 1)
	if err != nil {
		t.Fatal(err)
	}
	k := 0
	for chunk := range slices.Chunk(values, 500) {
		if err := w.Write(textBatch(a, k, nil, chunk...)); err != nil {
			t.Fatal(err)
		}
		k++
	}
	part, err := w.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, _ := store.StagedBytes(part.Files[0].Staging)
	return b
}

// Whether strings get a dictionary follows from the strings: few that repeat get one, various ones none, and what begins
// with few and goes on with various has pages of both kinds. Another implementation reads the same of all.
func TestDictionaryFollowsTheValues(t *testing.T) {
	few := func(i int) string { return fmt.Sprintf("one of a few texts: %d", i%3) }
	various := func(i int) string { return fmt.Sprintf("%d is a text of its own", i) }
	for name, tt := range map[string]struct {
		value func(i int) string
		want  []string
	}{
		"few":                    {few, []string{"PLAIN:DICTIONARY", "RLE_DICTIONARY:DATA"}},
		"various":                {various, []string{"PLAIN:DATA"}},
		"few, then various":      {func(i int) string { return []func(int) string{few, various}[min(i/2000, 1)](i) }, []string{"PLAIN:DICTIONARY", "PLAIN:DATA", "RLE_DICTIONARY:DATA"}},
		"one value":              {func(int) string { return "the only text that there is" }, []string{"PLAIN:DICTIONARY", "RLE_DICTIONARY:DATA"}},
		"empty strings":          {func(int) string { return "" }, []string{"PLAIN:DICTIONARY", "RLE_DICTIONARY:DATA"}},
		"long ones, few a page":  {func(i int) string { return strings.Repeat("long ", 900) + few(i) }, []string{"PLAIN:DATA"}},
		"long ones of all kinds": {func(i int) string { return strings.Repeat(various(i), 100) }, []string{"PLAIN:DATA"}},
	} {
		t.Run(name, func(t *testing.T) {
			values := make([]string, 4000)
			for i := range values {
				values[i] = tt.value(i)
			}
			b := textFile(t, 16<<10, values)
			for range 2 {
				if again := textFile(t, 16<<10, values); !bytes.Equal(again, b) {
					t.Fatal("the same values gave other bytes")
				}
			}
			f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			meta := f.Metadata().RowGroups[0].Columns[0].MetaData
			var got []string
			for _, s := range meta.EncodingStats {
				got = append(got, s.Encoding.String()+":"+strings.TrimSuffix(s.PageType.String(), "_PAGE"))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("pages %v, want %v", got, tt.want)
			}
			if lo, hi := slices.Min(values), slices.Max(values); len(hi) <= 256 &&
				(string(meta.Statistics.MinValue) != lo || string(meta.Statistics.MaxValue) != hi) {
				t.Errorf("between %q and %q instead of %q and %q", meta.Statistics.MinValue, meta.Statistics.MaxValue, lo, hi)
			}
			var read []string
			for _, g := range f.RowGroups() {
				rows := g.Rows()
				buf := make([]parquet.Row, 100)
				for {
					n, err := rows.ReadRows(buf)
					for _, row := range buf[:n] {
						read = append(read, row[0].String())
					}
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				rows.Close()
			}
			if !slices.Equal(read, values) {
				t.Error("another reader reads other values")
			}
		})
	}
}
