package chunk

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// asItIs stands for a compression, and its reverse, that changes nothing, so that every byte of a page counts.
func asItIs(dst, src []byte) []byte { return append(dst, src...) }

func asItWas(dst, src []byte) ([]byte, error) { return append(dst, src...), nil }

// A column chunk is read back as it was written. With one of its bytes changed it is refused or has another Print, unless
// the byte fills up the last group of levels or numbers of a page; and so it is if its footer says something else.
func TestReadBackSeesEveryByte(t *testing.T) {
	const seed, rows = 7, 600
	for _, f := range fieldsOf() {
		t.Run(f.Name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			c, err := ColumnOf(f)
			if err != nil {
				t.Fatal(err)
			}
			b := array.NewBuilder(memory.NewGoAllocator(), f.Type)
			defer b.Release()
			for range rows {
				valueOf(r, b, f.Nullable)
			}
			w := NewWriter(c, 900, asItIs, &Scratch{})
			if err := w.Append(b.NewArray()); err != nil {
				t.Fatal(err)
			}
			written, err := w.Finish()
			if err != nil {
				t.Fatal(err)
			}
			chunk := append(bytes.Clone(written.Dictionary), written.Data...)
			placed := Placed{Cells: written.Cells, Size: written.Size, Data: int64(len(written.Dictionary))}
			if st := written.Statistics; !c.List {
				placed.Stated = Stated{Nulls: &st.NullCount, Min: st.Min, Max: st.Max}
			}
			reader := NewReader(asItWas)
			readBack := func(chunk []byte, p Placed) bool {
				got, err := reader.ReadBack(c, chunk, p)
				return err == nil && got == written.Print
			}
			if !readBack(chunk, placed) {
				t.Fatalf("seed %d: it is not read back", seed)
			}
			overlooked := 0
			for at := 0; at < len(chunk); at += 1 + r.IntN(1+len(chunk)/1500) {
				chunk[at] ^= 1 << r.IntN(8)
				old := bytes.Clone(chunk)
				if readBack(chunk, placed) {
					overlooked++
				}
				if !bytes.Equal(chunk, old) {
					t.Fatal("reading changed the bytes")
				}
				chunk = append(bytes.Clone(written.Dictionary), written.Data...)
			}
			if pages := int(written.Numbered+written.Plain) + 1; overlooked > 8*pages {
				t.Errorf("seed %d: changes of %d of %d bytes of %d pages were overlooked", seed, overlooked, len(chunk), pages)
			}
			for n := range 40 {
				if readBack(chunk[:len(chunk)-1-n], placed) {
					t.Errorf("it was read back without its last %d bytes", n+1)
				}
			}
			for name, change := range map[string]func(p *Placed){
				"cells": func(p *Placed) { p.Cells++ },
				"size":  func(p *Placed) { p.Size-- },
				"data":  func(p *Placed) { p.Data++ },
				"nulls": func(p *Placed) { p.Stated.Nulls = new(int64); *p.Stated.Nulls = rows + 1 },
				"least": func(p *Placed) { p.Stated.Min = []byte("\x01another") },
			} {
				p := placed
				if change(&p); readBack(chunk, p) {
					t.Errorf("it was read back though the footer states other %s", name)
				}
			}
			if !readBack(chunk, placed) {
				t.Error("after damaged ones it is not read back")
			}
		})
	}
}
