package transform

import (
	"fmt"
	"testing"

	"chatferry"
)

func BenchmarkTransform(b *testing.B) {
	for _, s := range []chatferry.Stream{chatferry.Chats, chatferry.AgentTimeline} {
		b.Run("stream="+string(s), func(b *testing.B) {
			pages, bytes := pagesOf(s, benchRecords(s))
			tr := New(s, Options{})
			b.SetBytes(bytes)
			b.ReportAllocs()
			rows := int64(0)
			for b.Loop() {
				for _, p := range pages {
					batch, err := tr.Transform(p, 1)
					if err != nil {
						b.Fatal(err)
					}
					rows += batch.Books.Loaded.N
					batch.Release()
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func benchRecords(s chatferry.Stream) []string {
	if s == chatferry.Chats {
		return generated(1, 1000)
	}
	var out []string
	for i := range 20000 {
		out = append(out, fmt.Sprintf(
			`{"agent_id":4123471,"start_time":"2021-04-26T13:%02d:02.%06dZ","duration":459.213926,"status":"online","engagement_count":%d}`, i%60, i, i%5))
	}
	return out
}

// BenchmarkDecode measures the decoder alone, without hashes.
func BenchmarkDecode(b *testing.B) {
	records := generated(1, 200)
	tr := New(chatferry.Chats, Options{})
	total := 0
	raws := make([][]byte, len(records))
	for i, r := range records {
		raws[i] = []byte(r)
		total += len(r)
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	for b.Loop() {
		for _, raw := range raws {
			for i, tb := range tr.decoder.tables {
				tr.marks[i] = tb.n
			}
			if f := tr.decode(raw); f != nil {
				b.Fatal(f.Reason)
			}
			tr.finish(0, &[32]byte{}, "")
		}
		for _, tb := range tr.decoder.tables {
			if rec := tb.take(1, 1); rec != nil {
				rec.Release()
			}
		}
	}
}
