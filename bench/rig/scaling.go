package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// scaling measures what a record costs in dumps of growing size, and what a second processor brings.
func scaling(flags *flag.FlagSet) func(context.Context, *rig) (*table, error) {
	sizes := flags.String("sizes", "10000,100000", "chats of the dumps, from the smallest on")
	compression := flags.String("compression", "zstd", "of the dumps: plain, gzip or zstd")
	return func(ctx context.Context, r *rig) (*table, error) {
		var chats []int64
		for _, text := range strings.Split(*sizes, ",") {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("-sizes: %q is no number of chats", text)
			}
			chats = append(chats, n)
		}
		taskset, err := exec.LookPath("taskset")
		if err != nil || runtime.NumCPU() < 2 {
			return nil, errors.New("this takes two processors, and taskset (Debian: apt install util-linux) to bind processes to them")
		}
		largest := chats[len(chats)-1]
		r.need(largest * 3 * packedBytes)
		t := &table{
			About:   fmt.Sprintf("%s, %d rounds in turns, medians; whole runs from outside", *compression, r.rounds),
			Columns: []string{"records", "dump MB", "1: wall s", "1: CPU s/M records", "2: wall s", "2: CPU s/M records", "2 against 1", "2: peak MB", "× first"},
		}
		first := 0.0
		for _, n := range chats {
			dir, m, err := r.dump(ctx, "dump", n, *compression)
			if err != nil {
				return nil, err
			}
			var one, two costs
			for range r.rounds {
				for _, cores := range []int{1, 2} {
					// GOMAXPROCS follows from the binding.
					bound := []string{taskset, "--cpu-list", [...]string{1: "0", 2: "0,1"}[cores]}
					_, c, err := r.carry(ctx, bound, nil, dir)
					if err != nil {
						return nil, err
					}
					if cores == 1 {
						one = append(one, c)
					} else {
						two = append(two, c)
					}
				}
			}
			if err := os.RemoveAll(dir); err != nil {
				return nil, err
			}
			millions := float64(m.Records) / 1e6
			cost := two.cpu() / millions
			if first == 0 {
				first = cost
			}
			t.add(m.Records, float64(m.Stored)/1e6, one.wall(), one.cpu()/millions, two.wall(), cost, one.against(two, wallOf), two.peak()/1e6, cost/first)
			r.say("%d chats are done", n)
		}
		t.note("2 against 1: how many times faster two processors are than one. × first: processor time for a record, as a multiple of the smallest dump's; 1 is as good as can be.")
		return t, nil
	}
}
