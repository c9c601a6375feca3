package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"chatferry/bench"
	"chatferry/extract/rehearsal"
)

var benchCompressions = map[string]rehearsal.Compression{"plain": rehearsal.Plain, "gzip": rehearsal.Gzip, "zstd": rehearsal.Zstd}

func newBenchCommand(a *app) *cobra.Command {
	c := bench.DefaultConfig()
	compression := "gzip"
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine reads, decodes, encodes, and all of it together",
		Long: "Measure how fast this machine carries a dump over: reading, decoding and encoding alone on one processor, " +
			"and the whole, each beside what cannot be left out of it. MB are those of JSON, uncompressed. The dump is made from a seed, so figures of two machines can be compared.",
		Example: `  chatferry bench
  chatferry bench --chats 100000 --compression zstd --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := resolve(a.environment, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			var known bool
			if c.Compression, known = benchCompressions[compression]; !known {
				return usage("", "--compression: %q is not one of %s", compression, strings.Join([]string{"plain", "gzip", "zstd"}, ", "))
			}
			if c.Chats < 1 {
				return usage("", "--chats: %d is too little", c.Chats)
			}
			if s.given("lanes") {
				c.Lanes = int(s.Lanes)
			}
			if !s.JSON {
				fmt.Fprintln(a.stderr, "chatferry: making a dump and measuring; this takes a minute")
			}
			r, err := bench.Run(cmd.Context(), c)
			if err != nil {
				return err
			}
			if s.JSON {
				return a.printJSON(struct {
					Command string `json:"command"`
					OK      bool   `json:"ok"`
					*bench.Report
				}{"bench", true, r})
			}
			return printError(r.Print(a.stdout))
		},
	}
	cmd.Flags().Int64Var(&c.Chats, "chats", c.Chats, "how many chats the dump holds")
	cmd.Flags().Uint64Var(&c.Seed, "seed", c.Seed, "what the dump is made from")
	cmd.Flags().StringVar(&compression, "compression", compression, "how the dump is compressed: plain, gzip or zstd")
	cmd.Flags().StringVar(&c.Folder, "dir", "", "where the dump and the datasets are made, and removed again; the default is the folder for temporary files")
	addFlag(cmd.Flags(), "lanes")
	addFlag(cmd.Flags(), "json")
	return cmd
}
