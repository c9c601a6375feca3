package load

import (
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry/load/chunk"
)

// Column writers that wait hold no more than they may, however many schemas there were; those that waited longest go
// first, and those that came last are taken first.
func TestShelf(t *testing.T) {
	schemas := []*fileSchema{{}, {}, {}}
	columns := func() []*chunk.Writer {
		w := chunk.NewWriter(chunk.Column{Kind: chunk.Int64}, 1<<20, nil, &chunk.Scratch{})
		b := array.NewInt64Builder(memory.DefaultAllocator)
		b.AppendValues(make([]int64, 200), nil)
		if err := w.Append(b.NewArray()); err != nil {
			t.Fatal(err)
		}
		return []*chunk.Writer{w}
	}
	each := columns()[0].Held()
	if each < 200*8 {
		t.Fatalf("a writer of 200 numbers holds %d bytes", each)
	}
	s := &shelf{most: 3*each + each/2}
	for i := range 10 {
		s.put(schemas[i%2], columns())
		if s.held > s.most || int64(len(s.waiting))*each != s.held {
			t.Fatalf("%d wait, and hold %d of %d bytes", len(s.waiting), s.held, s.most)
		}
	}
	last := columns()
	s.put(schemas[1], last)
	if got := s.take(schemas[1]); len(got) != 1 || got[0] != last[0] {
		t.Error("those that came last are not the first to be taken")
	}
	if s.take(schemas[2]) != nil {
		t.Error("writers of another schema were taken")
	}
	for _, left := range []bool{true, false} {
		if got := s.take(schemas[1]); (got != nil) != left {
			t.Errorf("taken once more: %v, want %v", got != nil, left)
		}
	}
	s.put(schemas[0], append(columns(), append(columns(), append(columns(), columns()...)...)...))
	if s.held != 0 || len(s.waiting) != 0 {
		t.Errorf("writers that hold more than all may are kept: %d, %d bytes", len(s.waiting), s.held)
	}
}
