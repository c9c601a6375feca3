package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"chatferry/extract/rehearsal"
)

// once is one pass of a stage or floor over the dump; it adds what it did.
type once func(context.Context, *Figure) error

// step is a stage or a floor.
type step struct {
	name   string
	once   once
	floors []string // of a stage
}

// The names of what is measured. The stages' are those of the report.
const (
	structure, digest, compress = "structure", "SHA-256", "zstd"
	whole                       = "whole"
)

// steps are in the order in which they take turns: a floor stands beside its stage.
func (b *bench) steps() []step {
	unpack := map[rehearsal.Compression]string{rehearsal.Plain: "file", rehearsal.Gzip: "gunzip", rehearsal.Zstd: "unzstd"}[b.Compression]
	return []step{
		{name: unpack, once: b.unpack},
		{"read", b.read, []string{unpack}},
		{name: structure, once: b.structure},
		{name: digest, once: b.digest},
		{"decode", b.decode, []string{structure, digest}},
		{name: compress, once: b.compress},
		{"encode", b.encode, []string{compress}},
		{whole, b.whole, []string{unpack, structure, digest, compress}},
	}
}

// measure has the steps take turns for some rounds, and fills the report. Ratios are taken within a round, where whatever
// else the machine does disturbs both sides alike.
func (b *bench) measure(ctx context.Context, report *Report) error {
	steps := b.steps()
	figures := map[string]*Figure{}
	ofFloors, shares := map[string][]float64{}, map[string][]float64{}
	for range max(1, b.Rounds) {
		round := map[string]Figure{}
		for _, s := range steps {
			f, err := b.turn(ctx, s)
			if err != nil {
				return fmt.Errorf("measure %s: %w", s.name, err)
			}
			round[s.name] = f
			if figures[s.name] == nil {
				figures[s.name] = &Figure{Stage: s.name, Floors: s.floors}
			}
			figures[s.name].add(&f)
		}
		for _, s := range steps {
			if s.floors == nil {
				continue
			}
			floor := 0.0
			for _, name := range s.floors {
				floor += round[name].cpuPerByte()
			}
			ofFloors[s.name] = append(ofFloors[s.name], ratio(floor, round[s.name].cpuPerByte()))
			shares[s.name] = append(shares[s.name], ratio(round[s.name].cpuPerByte(), round[whole].cpuPerByte()))
		}
	}
	for _, s := range steps {
		f := figures[s.name]
		if s.floors == nil {
			report.Floors = append(report.Floors, *f)
			continue
		}
		f.OfFloors, f.Share = Median(ofFloors[s.name]), Median(shares[s.name])
		report.Figures = append(report.Figures, *f)
	}
	return nil
}

// turn repeats a step until it has run for Least, and adds up.
func (b *bench) turn(ctx context.Context, s step) (Figure, error) {
	f := Figure{Stage: s.name}
	for f.Elapsed < b.Least || f.Elapsed == 0 {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		cpu, begun := cpuTime(), time.Now()
		b.paused, b.pausedCPU = 0, 0
		if err := s.once(ctx, &f); err != nil {
			return f, err
		}
		f.Elapsed += time.Since(begun) - b.paused
		f.CPU += cpuTime() - cpu - b.pausedCPU
		runtime.ReadMemStats(&after)
		f.Allocs += after.Mallocs - before.Mallocs
		f.Alloced += after.TotalAlloc - before.TotalAlloc
	}
	return f, nil
}

func (f *Figure) add(g *Figure) {
	f.Bytes += g.Bytes
	f.Records += g.Records
	f.Rows += g.Rows
	f.Elapsed += g.Elapsed
	f.CPU += g.CPU
	f.Allocs += g.Allocs
	f.Alloced += g.Alloced
}

func (f Figure) cpuPerByte() float64 { return ratio(float64(f.CPU), float64(f.Bytes)) }

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// Median of at least one value.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
