package sums

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
)

// check holds the sums of messages of some lengths against those of crypto/sha256, both ways in.
func check(t *testing.T, r *rand.Rand, lengths []int) {
	t.Helper()
	var sheet []byte
	messages := make([][]byte, len(lengths))
	for i, n := range lengths {
		messages[i] = make([]byte, n)
		for j := range messages[i] {
			messages[i][j] = byte(r.Uint32())
		}
		room := make([]byte, Room(n))
		for j := range room {
			room[j] = byte(r.Uint32())
		}
		copy(room, messages[i])
		sheet = append(sheet, room...)
	}
	each, sheets := make([][Size]byte, len(lengths)), make([][Size]byte, len(lengths))
	Each(each, messages)
	Sheet(sheets, sheet, lengths)
	for i, m := range messages {
		if want := sha256.Sum256(m); each[i] != want || sheets[i] != want {
			t.Fatalf("lengths %v: message %d of %d bytes has %x, and %x in a sheet, instead of %x", lengths, i, len(m), each[i], sheets[i], want)
		}
	}
}

// ways runs a test with and without wide registers, where there are any.
func ways(t *testing.T, f func(t *testing.T)) {
	have := wide
	defer func() { wide = have }()
	for _, wide = range []bool{false, true} {
		if wide && !have {
			t.Log("this processor has no AVX-512")
			continue
		}
		t.Run(fmt.Sprintf("wide=%v", wide), f)
	}
}

// Every length up to several blocks, in company of the same and of its neighbours.
func TestEveryLength(t *testing.T) {
	ways(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 0))
		for n := range 300 {
			same, near := make([]int, 40), make([]int, 40)
			for i := range same {
				same[i], near[i] = n, n+i
			}
			check(t, r, same)
			check(t, r, near)
		}
	})
}

func TestAnyLengths(t *testing.T) {
	ways(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 0))
		for range 400 {
			lengths := make([]int, r.IntN(70))
			for i := range lengths {
				lengths[i] = r.IntN(1 << r.IntN(14))
			}
			check(t, r, lengths)
		}
	})
}

// One that is much longer than all others, none at all, and only empty ones.
func TestOddCompany(t *testing.T) {
	ways(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 0))
		check(t, r, nil)
		check(t, r, []int{0})
		check(t, r, make([]int, 33))
		for at := range 33 {
			lengths := make([]int, 33)
			lengths[at] = 100_000
			check(t, r, lengths)
		}
	})
}

// Nothing is kept between calls, nor is memory made for each.
func TestSumsAllocateNothing(t *testing.T) {
	ways(t, func(t *testing.T) {
		messages := make([][]byte, 100)
		for i := range messages {
			messages[i] = make([]byte, 50*i)
		}
		sums := make([][Size]byte, len(messages))
		if n := testing.AllocsPerRun(50, func() { Each(sums, messages) }); n >= 1 {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkSums(b *testing.B) {
	for _, n := range []int{200, 400, 1200, 6000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(4, 0))
			messages, total := make([][]byte, 200), 0
			lengths := make([]int, len(messages))
			var sheet []byte
			for i := range messages {
				m := make([]byte, n/2+r.IntN(n))
				messages[i], lengths[i] = m, len(m)
				total += len(m)
				sheet = append(sheet, make([]byte, Room(len(m)))...)
			}
			sums := make([][Size]byte, len(messages))
			b.Run("alone", func(b *testing.B) {
				b.SetBytes(int64(total))
				for b.Loop() {
					for i, m := range messages {
						sums[i] = sha256.Sum256(m)
					}
				}
			})
			b.Run("each", func(b *testing.B) {
				b.SetBytes(int64(total))
				for b.Loop() {
					Each(sums, messages)
				}
			})
			b.Run("sheet", func(b *testing.B) {
				b.SetBytes(int64(total))
				for b.Loop() {
					Sheet(sums, sheet, lengths)
				}
			})
		})
	}
}
