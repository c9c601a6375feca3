// Command rig measures what `chatferry bench` cannot, since it takes more than one process: the built program as a whole, from
// outside, against DuckDB, on growing dumps, in its memory, and after a kill; and it holds the stages against what the
// repository records. The Makefile calls it from the module's root; README.md of bench says how to read its tables.
//
// It stays small itself: what the kernel says of a child's memory is at least what its parent had when it was started.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// rig is one measurement in progress.
type rig struct {
	program string // chatferry
	chats   int64
	rounds  int
	asJSON  bool
	dir     string // for everything that is made; removed at the end
}

// verb is one kind of measurement. Its flags are registered before the arguments are read.
type verb struct {
	name  string
	help  string
	chats int64 // unless told otherwise
	make  func(*flag.FlagSet) func(context.Context, *rig) (*table, error)
}

func verbs() []verb {
	return []verb{
		{"peers", "against DuckDB, on the same dump", 120_000, peers},
		{"scaling", "cost per record of growing dumps, and two processors against one", 1, scaling},
		{"memory", "peak memory against --memory-limit", 1, memory},
		{"resume", "what a kill costs", 120_000, resume},
		{"gate", "the stages against what is recorded", 20_000, gate},
		{"make", "make a dump of chats, for the others", 2000, makeDump},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "rig:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	all := verbs()
	i := -1
	if len(args) > 0 {
		i = slices.IndexFunc(all, func(v verb) bool { return v.name == args[0] })
	}
	if i < 0 {
		var names []string
		for _, v := range all {
			names = append(names, fmt.Sprintf("%s: %s", v.name, v.help))
		}
		return errors.New("name a verb: " + strings.Join(names, "; "))
	}
	r := &rig{}
	flags := flag.NewFlagSet(all[i].name, flag.ContinueOnError)
	flags.StringVar(&r.program, "program", "bin/chatferry", "chatferry")
	flags.Int64Var(&r.chats, "chats", all[i].chats, "chats of the dump")
	flags.IntVar(&r.rounds, "rounds", 5, "how often everything is measured")
	flags.BoolVar(&r.asJSON, "json", false, "print one JSON object")
	parent := flags.String("dir", "", "folder on whose disk everything is made; the default is the one for temporary files")
	measure := all[i].make(flags)
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if r.chats < 1 || r.rounds < 1 || flags.NArg() > 0 {
		return errors.New("-chats and -rounds are at least 1, and there are no arguments")
	}
	if r.program, err = filepath.Abs(r.program); err != nil {
		return err
	}
	if *parent != "" {
		if err := os.MkdirAll(*parent, 0o700); err != nil {
			return err
		}
	}
	if r.dir, err = os.MkdirTemp(*parent, "chatferry-rig-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	t, err := measure(ctx, r)
	if t != nil {
		err = errors.Join(err, r.print(all[i].name, t))
	}
	return err
}

func (r *rig) print(name string, t *table) error {
	t.Verb = name
	t.Machine = fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	if r.asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(t)
	}
	return t.print(os.Stdout)
}

// say tells a person what goes on.
func (r *rig) say(format string, args ...any) { fmt.Fprintf(os.Stderr, "rig: "+format+"\n", args...) }

// path is a name in the measurement's folder.
func (r *rig) path(name ...string) string { return filepath.Join(append([]string{r.dir}, name...)...) }
