package rehearsal

import (
	"testing"

	"chatferry"
)

func BenchmarkRecords(b *testing.B) {
	for _, s := range []chatferry.Stream{chatferry.Chats, chatferry.Visitors, chatferry.AgentTimeline, chatferry.Conversions} {
		b.Run("stream="+string(s), func(b *testing.B) {
			a := New(Options{Seed: 1, Chats: 20_000})
			b.ReportAllocs()
			var bytes, n int64
			for b.Loop() {
				bytes, n = 0, 0
				for r := range a.Records(s) {
					bytes += int64(len(r.Raw))
					n++
				}
			}
			b.SetBytes(bytes)
			b.ReportMetric(float64(bytes)/float64(n), "B/record")
			b.ReportMetric(float64(n), "records")
		})
	}
}
