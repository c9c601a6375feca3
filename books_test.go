package chatferry

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

func TestDigestIsOrderFreeAndAddsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var sums [][32]byte
	for range 500 {
		var s [32]byte
		for i := range s {
			s[i] = byte(rng.Uint32())
		}
		sums = append(sums, s)
	}
	var forward, backward, left, right Digest
	for i := range sums {
		forward.Add(&sums[i])
		backward.Add(&sums[len(sums)-1-i])
		if i%3 == 0 {
			left.Add(&sums[i])
		} else {
			right.Add(&sums[i])
		}
	}
	if forward != backward {
		t.Error("the order of the terms changed the sum")
	}
	merged := left
	merged.Merge(right)
	if merged != forward {
		t.Error("two halves do not add up")
	}
	merged.Sub(right)
	if merged != left {
		t.Error("taking a half away does not leave the other")
	}
	var back Digest
	if err := back.UnmarshalText([]byte(forward.String())); err != nil || back != forward {
		t.Errorf("%s read back as %s: %v", forward, back, err)
	}
}

// The carry must run through all four words, and the sum must wrap at 2^256.
func TestDigestCarries(t *testing.T) {
	ones, one := [32]byte{}, [32]byte{31: 1}
	for i := range ones {
		ones[i] = 0xff
	}
	var d Digest
	d.Add(&ones)
	d.Add(&one)
	if !d.IsZero() {
		t.Errorf("2^256-1 + 1 = %s", d)
	}
}

func TestEntryIsTheDocumentedHash(t *testing.T) {
	raw := sha256.Sum256([]byte(`{"id":1}`))
	var b []byte
	for _, f := range []string{"chatferry/1", "chats", string(raw[:])} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(f)))
		b = append(b, f...)
	}
	if Entry(Chats, &raw) != sha256.Sum256(b) {
		t.Error("Entry differs from its definition")
	}
}

func TestBooksClose(t *testing.T) {
	term := func(i byte) *[32]byte { e := Entry(Chats, &[32]byte{i}); return &e }
	var b Books
	for i := range byte(9) {
		b.Read.Count(int64(i), term(i))
	}
	for i := range byte(5) {
		b.Loaded.Count(int64(i), term(i))
	}
	b.Quarantined.Count(5, term(5))
	b.Exclude("message:line", 6, term(6))
	b.Exclude("message:facebook", 7, term(7))
	if err := b.Close(); KindOf(err) != KindDiffers {
		t.Fatalf("a missing record closed the books: %v", err)
	}
	swapped := b.Clone()
	swapped.Superseded.Count(8, term(7))
	if err := swapped.Close(); KindOf(err) != KindDiffers {
		t.Errorf("one record twice and another never closed the books: %v", err)
	}
	b.Superseded.Count(8, term(8))
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var back Books
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, back, cmp.AllowUnexported(Digest{})); diff != "" {
		t.Error(diff)
	}
	var sum Books
	sum.Add(b)
	sum.Add(back)
	if err := sum.Close(); err != nil || sum.Read.N != 18 {
		t.Errorf("sum of closed books: %v, %d records", err, sum.Read.N)
	}
}

// Every value, every null and every boundary between values must reach the digest.
func TestValuesDigestSeesEveryValue(t *testing.T) {
	type row struct {
		S    *string
		N    *int64
		L    []string
		Null bool // of L
	}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "s2", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	build := func(rows ...row) Digest {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		defer b.Release()
		for _, r := range rows {
			for i := range 4 {
				switch f := b.Field(i).(type) {
				case *array.StringBuilder:
					if i == 3 || r.S == nil {
						f.AppendNull()
					} else {
						f.Append(*r.S)
					}
				case *array.Int64Builder:
					if r.N == nil {
						f.AppendNull()
					} else {
						f.Append(*r.N)
					}
				case *array.ListBuilder:
					f.Append(!r.Null)
					for _, v := range r.L {
						f.ValueBuilder().(*array.StringBuilder).Append(v)
					}
				}
			}
		}
		rec := b.NewRecord()
		defer rec.Release()
		d, err := ValuesDigest(rec)
		if err != nil {
			t.Fatal(err)
		}
		if rec.NumRows() > 1 { // a slice of the record has the digest of its rows
			head, tail := rec.NewSlice(0, 1), rec.NewSlice(1, rec.NumRows())
			defer head.Release()
			defer tail.Release()
			a, _ := ValuesDigest(head)
			b, _ := ValuesDigest(tail)
			a.Merge(b)
			if a != d {
				t.Errorf("digests of slices do not add up")
			}
		}
		return d
	}
	s := func(v string) *string { return &v }
	n := func(v int64) *int64 { return &v }
	seen := map[Digest]string{}
	for name, rows := range map[string][]row{
		"plain":          {{S: s("a"), N: n(1), L: []string{"x", "y"}}},
		"other string":   {{S: s("b"), N: n(1), L: []string{"x", "y"}}},
		"null string":    {{N: n(1), L: []string{"x", "y"}}},
		"empty string":   {{S: s(""), N: n(1), L: []string{"x", "y"}}},
		"null number":    {{S: s("a"), L: []string{"x", "y"}}},
		"zero":           {{S: s("a"), N: n(0), L: []string{"x", "y"}}},
		"list joined":    {{S: s("a"), N: n(1), L: []string{"xy"}}},
		"list swapped":   {{S: s("a"), N: n(1), L: []string{"y", "x"}}},
		"list empty":     {{S: s("a"), N: n(1)}},
		"list null":      {{S: s("a"), N: n(1), Null: true}},
		"twice":          {{S: s("a"), N: n(1), L: []string{"x", "y"}}, {S: s("a"), N: n(1), L: []string{"x", "y"}}},
		"values swapped": {{S: s("a"), N: n(2)}, {S: s("b"), N: n(1)}},
		"not swapped":    {{S: s("a"), N: n(1)}, {S: s("b"), N: n(2)}},
	} {
		d := build(rows...)
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %q have one digest", name, other)
		}
		seen[d] = name
	}
	if build(row{S: s("a")}, row{S: s("b")}) != build(row{S: s("b")}, row{S: s("a")}) {
		t.Error("the order of rows changed the digest")
	}
}
