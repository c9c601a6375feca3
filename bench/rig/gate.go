package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"chatferry/bench"
)

// gate measures the stages against their floors and holds them against what the repository records.
func gate(flags *flag.FlagSet) func(context.Context, *rig) (*table, error) {
	file := flags.String("file", "bench/gate.json", "where the ratios are recorded")
	update := flags.Bool("update", false, "record what is measured")
	return func(ctx context.Context, r *rig) (*table, error) {
		measured, err := r.measure(ctx)
		if err != nil {
			return nil, err
		}
		if *update {
			text, err := json.MarshalIndent(measured, "", "  ")
			if err != nil {
				return nil, err
			}
			if err := os.WriteFile(*file, append(text, '\n'), 0o644); err != nil {
				return nil, err
			}
		}
		text, err := os.ReadFile(*file)
		if err != nil {
			return nil, fmt.Errorf("%w; record it with make bench-gate UPDATE=1", err)
		}
		var recorded bench.Gate
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&recorded); err != nil {
			return nil, fmt.Errorf("%s: %w", *file, err)
		}
		if short := recorded.Judge(measured); len(short) > 0 {
			// What is slower is slower twice; what was disturbed is not.
			r.say("%s; measuring again", strings.Join(short, "; "))
			again, err := r.measure(ctx)
			if err != nil {
				return nil, err
			}
			for stage, of := range again.Of {
				measured.Of[stage] = max(measured.Of[stage], of)
			}
		}
		t := &table{About: fmt.Sprintf("%s, %d rounds, against %s of %s", measured.Config, r.rounds, *file, recorded.Machine)}
		t.Columns = []string{"stage", "of floors", "recorded", "share %"}
		for _, stage := range slices.Sorted(maps.Keys(measured.Of)) {
			t.add(stage, measured.Of[stage], recorded.Of[stage], 100*measured.Of[stage]/recorded.Of[stage])
		}
		if short := recorded.Judge(measured); len(short) > 0 {
			return t, errors.New("slower than recorded: " + strings.Join(short, "; "))
		}
		t.note("No stage fell below %.0f %% of what is recorded.", 100*bench.GateLeast)
		return t, nil
	}
}

// measure has the stages and their floors take turns, and records each stage's median.
func (r *rig) measure(ctx context.Context) (*bench.Gate, error) {
	c := bench.DefaultConfig()
	c.Chats, c.Rounds, c.Folder = r.chats, r.rounds, r.dir
	report, err := bench.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	return bench.GateOf(report), nil
}
