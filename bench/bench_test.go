package bench

import (
	"strings"
	"testing"

	"chatferry/extract/rehearsal"
)

// Every stage must work on every record of the dump, the same number of times, or its figure means nothing.
func TestRunMeasuresEveryRecord(t *testing.T) {
	for _, compression := range []rehearsal.Compression{rehearsal.Plain, rehearsal.Gzip, rehearsal.Zstd} {
		r, err := Run(t.Context(), Config{Seed: 3, Chats: 700, Compression: compression, Lanes: 2, Folder: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range r.Figures {
			names = append(names, f.Stage)
			if f.Records != 700 || f.Bytes != r.Figures[0].Bytes || f.Elapsed <= 0 {
				t.Errorf("%s: %+v", compressionName(compression), f)
			}
			if f.Stage != "read" && f.Rows != r.Figures[1].Rows {
				t.Errorf("%s made %d rows, decode made %d", f.Stage, f.Rows, r.Figures[1].Rows)
			}
		}
		if got := strings.Join(names, " "); got != "read decode encode whole" {
			t.Errorf("stages %s", got)
		}
		if r.Files < 5 || r.Written == 0 || r.PeakRSS == 0 || r.StoredBytes == 0 {
			t.Errorf("%+v", r)
		}
	}
}

func BenchmarkStages(b *testing.B) {
	for _, stage := range []string{"read", "decode", "encode", "whole"} {
		b.Run("stage="+stage, func(b *testing.B) {
			m := &bench{Config: Config{Seed: 1, Chats: 4000, Lanes: 1}, cuts: cuts(), dir: b.TempDir()}
			var err error
			if m.stored, err = m.makeDump(b.Context(), "dump", rehearsal.Plain); err != nil {
				b.Fatal(err)
			}
			m.plain = m.stored
			once := map[string]once{"read": m.read, "decode": m.decode, "encode": m.encode, "whole": m.whole}[stage]
			b.ReportAllocs()
			var f Figure
			for b.Loop() {
				f = Figure{}
				if err := once(b.Context(), &f); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(f.Bytes)
			b.ReportMetric(float64(f.Rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
