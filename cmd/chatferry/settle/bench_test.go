package settle

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"chatferry"
	"chatferry/extract/rehearsal"
)

var benchChats = flag.Int64("settle-chats", 10_000, "chats of the account that BenchmarkSettle settles")

// BenchmarkSettle settles a made-up account of real size and shape: nothing to do, 1 % of the chats changed, and all chats
// twice. It tells how long Run took, by chat and by megabyte of replaced files, and the most memory that it had.
func BenchmarkSettle(b *testing.B) {
	for _, share := range []float64{0, 0.01, 1} {
		b.Run(fmt.Sprintf("chats=%d/again=%v", *benchChats, share), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w := newWorld(b, bigFeed(share))
				w.options.limits = nil
				debug.SetMemoryLimit(defaultMemory * 9 / 10)
				run := func(context.Context, Options) (Report, error) { return Report{}, nil }
				if share == 0 {
					run = Run // it was settled before
				}
				if _, err := w.run(b.Context(), run); err != nil {
					b.Fatal(err)
				}
				debug.FreeOSMemory()
				peak := watchMemory()
				b.StartTimer()
				report, err := w.carry(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if share > 0 && report.Superseded[chatferry.Chats] == 0 || share == 0 && report.Replaces > 0 {
					b.Fatalf("%+v", report)
				}
				b.ReportMetric(float64(report.Elapsed.Microseconds())/float64(*benchChats), "µs/chat")
				b.ReportMetric(float64(report.BytesRetired)/(1<<20), "MiB-retired")
				b.ReportMetric(float64(report.Superseded[chatferry.Chats]), "superseded")
				b.ReportMetric(float64(peak())/(1<<20), "MiB-peak")
				b.StartTimer()
			}
		})
	}
}

func bigFeed(share float64) *feed {
	account := rehearsal.New(rehearsal.Options{Seed: 5, Chats: *benchChats})
	f := newFeed()
	f.page, f.part, f.bytes = 400, 1<<20, 16<<20
	var all, again []string
	rng := rand.New(rand.NewPCG(1, 1))
	for r := range account.Records(chatferry.Chats) {
		all = append(all, string(r.Raw))
		if rng.Float64() < share {
			again = append(again, string(r.Raw))
		}
	}
	f.add(chatferry.Chats, all...)
	f.add(chatferry.Chats, again...)
	return f
}
