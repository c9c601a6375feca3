package s3

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"chatferry/checkpoint/objectstore"
)

// However the bytes come, they are cut alike; the cuts lie one after the other, and each has the sum of its bytes.
func TestCutter(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	for _, size := range []int{0, 1, 99, 100, 101, 1000, 100*partsOfOneCut - 1, 100 * partsOfOneCut, 100*partsOfOneCut + 1, 450_000} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		var want string
		for _, step := range []int{size, 1, 7, 100, 4096} {
			c := newCutter(100)
			for rest := data; len(rest) > 0; {
				n := min(step, len(rest))
				if took, err := c.Write(rest[:n]); took != n || err != nil {
					t.Fatalf("took %d of %d: %v", took, n, err)
				}
				rest = rest[n:]
			}
			cuts, err := c.finish()
			if err != nil {
				t.Fatal(err)
			}
			at := int64(0)
			for i, cut := range cuts {
				if cut.from != at || cut.sum != sha256.Sum256(data[at:at+cut.size]) {
					t.Fatalf("%d bytes by %d: part %d begins at %d instead of %d, or has another sum", size, step, i+1, cut.from, at)
				}
				full := int64(100) << (i / partsOfOneCut)
				if cut.size > full || cut.size < full && i < len(cuts)-1 {
					t.Fatalf("%d bytes: part %d of %d has %d bytes", size, i+1, len(cuts), cut.size)
				}
				at += cut.size
			}
			if at != int64(size) || len(cuts) == 0 || len(cuts) > 1 && cuts[len(cuts)-1].size == 0 {
				t.Fatalf("%d bytes were cut into %d of %d bytes", size, len(cuts), at)
			}
			if got := checksum(cuts); step == size {
				want = got
			} else if got != want {
				t.Errorf("%d bytes by %d: checksum %s, at once %s", size, step, got, want)
			}
		}
	}
}

// The cuts keep within what a store allows: 10,000 parts, of 5 MiB and 5 GiB, which are more than the 5 TiB of an object.
func TestCutsWithinLimits(t *testing.T) {
	total, parts := int64(0), 0
	for ; total < 5<<40; parts++ {
		size := int64(partBytes) << (parts / partsOfOneCut)
		if size < objectstore.MinPart || size > objectstore.MaxPart {
			t.Fatalf("part %d has %d bytes", parts+1, size)
		}
		total += size
	}
	if parts > objectstore.MaxParts {
		t.Errorf("5 TiB take %d parts", parts)
	}
	c := newCutter(1)
	c.cuts = make([]cut, objectstore.MaxParts)
	if _, err := c.Write(bytes.Repeat([]byte("x"), 3)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.finish(); err == nil {
		t.Errorf("more than %d parts are no error", objectstore.MaxParts)
	}
}
