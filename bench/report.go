package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// MB is how throughput is counted: 10^6 bytes of JSON, uncompressed, whatever the dump is compressed with.
const MB = 1e6

// PerSecond is the stage's throughput of JSON by the clock.
func (f Figure) PerSecond() float64 { return perSecond(f.Bytes, f.Elapsed.Seconds()) }

// PerCPUSecond is the stage's throughput of JSON for each second of one processor, which other load on the machine
// disturbs less.
func (f Figure) PerCPUSecond() float64 { return perSecond(f.Bytes, f.CPU.Seconds()) }

func perSecond(n int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// Print writes the report as a table.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s\n%s\n\n", r.Config, r.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "stage\tMB/s\tMB/s per CPU\trecords/s\trows/s\tallocs/record\tKB/record\t")
	for _, f := range r.Figures {
		n := max(1, f.Records)
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t\n", f.Stage, f.PerSecond()/MB, f.PerCPUSecond()/MB,
			perSecond(f.Records, f.Elapsed.Seconds()), perSecond(f.Rows, f.Elapsed.Seconds()),
			float64(f.Allocs)/float64(n), float64(f.Alloced)/float64(n)/1e3)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%.1f MB stored became %d files of %.1f MB; peak memory %.0f MB\n",
		float64(r.StoredBytes)/MB, r.Files, float64(r.Written)/MB, float64(r.PeakRSS)/MB)
	return err
}
