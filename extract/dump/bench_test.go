package dump

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"chatferry"
)

// wordyChats are records of about 4.5 KB that compress like real ones do.
func wordyChats(bytes int) []string {
	rng := rand.New(rand.NewPCG(7, 7))
	words := strings.Fields("hello thank you for the order number account please wait agent visitor page price delivery refund yes no maybe tomorrow")
	var records []string
	for total := 0; total < bytes; {
		var b strings.Builder
		fmt.Fprintf(&b, `{"id":"2104.10414779.%d","type":"chat","timestamp":"2021-04-26T13:54:%02dZ","history":[`, len(records), len(records)%60)
		for i := range 20 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"name":"Visitor %d","timestamp":"2021-04-26T13:54:02.%06dZ","type":"chat.msg","msg_id":"%x","msg":"`, rng.IntN(1e8), rng.IntN(1e6), rng.Uint64())
			for range 12 {
				b.WriteString(words[rng.IntN(len(words))] + " ")
			}
			b.WriteString(`"}`)
		}
		b.WriteString(`],"rating":null,"tags":["a","b"],"comment":null}`)
		records = append(records, b.String())
		total += b.Len()
	}
	return records
}

// BenchmarkRead reads a dump as Pages. MB/s are of uncompressed bytes.
func BenchmarkRead(b *testing.B) {
	records := wordyChats(64 << 20)
	for _, lay := range []layout{layouts[0], layouts[4], layouts[6], layouts[13]} {
		for _, pk := range packings {
			if pk.name != "plain" && pk.name != "gzip" && pk.name != "zstd stream" || lay.stream.CSV() && pk.name != "plain" {
				continue
			}
			b.Run(fmt.Sprintf("format=%s/compression=%s", strings.ReplaceAll(lay.name, " ", "_"), strings.Fields(pk.name)[0]), func(b *testing.B) {
				parts := lay.write(records)
				size := 0
				for _, p := range parts {
					size += len(p)
				}
				l := list(b, string(lay.stream)+"="+folder(b, map[string]string{lay.file + pk.ext: pk.pack(parts...)}))
				cuts := chatferry.DefaultCuts()
				cuts.ShardBytes = 1 << 40
				shards := plan(b, l, cuts)
				source := NewSource(l, cuts)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					benchRead(b, source, &shards[0])
				}
			})
		}
	}
}

func benchRead(b *testing.B, s *Source, shard *chatferry.Shard) {
	ctx := context.Background()
	r, err := s.Open(ctx, shard, "")
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for {
		p, err := r.Next(ctx)
		if err == io.EOF {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		p.Release()
	}
}

// BenchmarkScan finds the ends of records by their brackets.
func BenchmarkScan(b *testing.B) {
	record := []byte(wordyChats(1)[0])
	b.SetBytes(int64(len(record)))
	for range b.N {
		if n, ok := whole(record); !ok || n != len(record) {
			b.Fatal(n)
		}
	}
}
