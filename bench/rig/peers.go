package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The contenders of one dump. chatferry stands there twice: what the two differ by is what the machine's noise can do.
const (
	ferry, control = "chatferry", "chatferry again"
	nested, flat   = "DuckDB, one nested file", "DuckDB, five flat tables"
)

var contenders = []string{ferry, nested, control, flat}

// peers measures whole runs of chatferry against DuckDB on the same dump, in turns.
func peers(flags *flag.FlagSet) func(context.Context, *rig) (*table, error) {
	forms := flags.String("compressions", "gzip,zstd,plain", "of the dump")
	install := flags.String("duckdb", "bin/duckdb", "folder into which DuckDB is installed")
	return func(ctx context.Context, r *rig) (*table, error) {
		d, err := r.installDuckDB(ctx, *install)
		if err != nil {
			return nil, err
		}
		r.need(r.chats * (chatBytes + 2*packedBytes + 2*packedBytes))
		t := &table{
			About: fmt.Sprintf("%d chats, %d rounds in turns, medians; whole processes from outside", r.chats, r.rounds),
			Columns: []string{
				"dump", "program", "wall s", "CPU s", "peak MB", "MB/s", "MB/s per CPU", "written MB", "× wall", "× CPU", "× peak",
			},
		}
		for _, form := range strings.Split(*forms, ",") {
			dir, m, err := r.dump(ctx, form, r.chats, form)
			if err != nil {
				return nil, err
			}
			p := &peering{rig: r, duckdb: d, dump: dir, costs: map[string]costs{}, written: map[string]int64{}}
			if err := p.measure(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", form, err)
			}
			p.report(t, form, float64(m.JSON)/1e6)
			if err := os.RemoveAll(dir); err != nil {
				return nil, err
			}
		}
		t.note("×: what the program took as a multiple of what chatferry took in the same round; above 1 chatferry is better. chatferry again is " +
			"the control: what it differs from 1 by is noise. Every round, DuckDB's files had the rows of chatferry's tables.")
		return t, nil
	}
}

// peering measures one dump.
type peering struct {
	*rig
	*duckdb
	dump    string
	costs   map[string]costs
	written map[string]int64
}

func (p *peering) measure(ctx context.Context) error {
	// The first run is not counted: it brings the dump and the programs into the page cache, and says what rows there are.
	want, _, err := p.carry(ctx, nil, nil, p.dump)
	if err != nil {
		return err
	}
	if err := p.schema(ctx, p.dump); err != nil {
		return err
	}
	_, p.written[ferry] = want.written()
	p.written[control] = p.written[ferry]
	for round := range p.rounds {
		order := slices.Clone(contenders)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, who := range order {
			c, err := p.once(ctx, who, want)
			if err != nil {
				return err
			}
			p.costs[who] = append(p.costs[who], c)
		}
		p.say("%s: round %d of %d", filepath.Base(p.dump), round+1, p.rounds)
	}
	return nil
}

func (p *peering) once(ctx context.Context, who string, want *carried) (cost, error) {
	if who == ferry || who == control {
		_, c, err := p.carry(ctx, nil, nil, p.dump)
		return c, err
	}
	form := "nested"
	if who == flat {
		form = "flat"
	}
	out := p.path("duckdb")
	c, err := p.call(ctx, form, p.dump, out)
	if err == nil {
		err = p.holds(ctx, out, want)
	}
	if err == nil {
		_, p.written[who], err = sizeOf(out)
	}
	return c, errors.Join(err, os.RemoveAll(out))
}

func (p *peering) report(t *table, form string, mb float64) {
	base := p.costs[ferry]
	for _, who := range []string{ferry, control, nested, flat} {
		c := p.costs[who]
		t.add(form, who, c.wall(), c.cpu(), c.peak()/1e6, mb/c.wall(), mb/c.cpu(), float64(p.written[who])/1e6,
			c.against(base, wallOf), c.against(base, cpuOf), c.against(base, peakOf))
	}
	byWall, byCPU := nested, nested
	if p.costs[flat].wall() < p.costs[nested].wall() {
		byWall = flat
	}
	if p.costs[flat].cpu() < p.costs[nested].cpu() {
		byCPU = flat
	}
	t.note("%s: chatferry has %.2f of the throughput of DuckDB's faster form by the clock (%s), %.2f by processor time (%s).", form,
		p.costs[byWall].against(base, wallOf), byWall, p.costs[byCPU].against(base, cpuOf), byCPU)
}
