package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// MB is how throughput is counted: 10^6 bytes of JSON, uncompressed, whatever the dump is compressed with.
const MB = 1e6

// PerSecond is the stage's throughput of JSON by the clock.
func (f Figure) PerSecond() float64 { return perSecond(f.Bytes, f.Elapsed.Seconds()) }

// PerCPUSecond is the stage's throughput of JSON for each second of one processor, which other load on the machine
// disturbs less.
func (f Figure) PerCPUSecond() float64 { return perSecond(f.Bytes, f.CPU.Seconds()) }

// CPUPerGB is the processor time, in seconds, that the stage takes for 10^9 bytes of JSON.
func (f Figure) CPUPerGB() float64 { return ratio(f.CPU.Seconds(), float64(f.Bytes)/1e9) }

func perSecond(n int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// Print writes the report as tables.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s\n%s\n\n", r.Config, r.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "stage\tMB/s\tMB/s per CPU\trows/s per CPU\tCPU s/GB\tallocs/record\tKB/record\tof floors\tof whole\t")
	alone := 0.0
	for _, f := range r.Figures {
		n := max(1, f.Records)
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t%.2f\t%.0f %%\t\n", f.Stage, f.PerSecond()/MB, f.PerCPUSecond()/MB,
			perSecond(f.Rows, f.CPU.Seconds()), f.CPUPerGB(),
			float64(f.Allocs)/float64(n), float64(f.Alloced)/float64(n)/1e3, f.OfFloors, 100*f.Share)
		if f.Stage != whole {
			alone += f.Share
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nAlone, the stages take %.0f %% of the whole's processor time; what is missing to 100 %% are logs and publication.\n\n", 100*alone)
	fmt.Fprintln(t, "floor\tMB/s\tMB/s per CPU\tCPU s/GB\tof stage\t")
	for _, f := range r.Floors {
		var of []string
		for _, s := range r.Figures {
			if s.Stage != whole && slices.Contains(s.Floors, f.Stage) {
				of = append(of, s.Stage)
			}
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.1f\t%s\t\n", f.Stage, f.PerSecond()/MB, f.PerCPUSecond()/MB, f.CPUPerGB(), strings.Join(of, ", "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%.1f MB stored became %d files of %.1f MB; peak memory %.0f MB\n",
		float64(r.StoredBytes)/MB, r.Files, float64(r.Written)/MB, float64(r.PeakRSS)/MB)
	return err
}
