package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/deep"
	"chatferry/cmd/chatferry/progress"
	"chatferry/cmd/chatferry/verify"
)

const deepHelp = "With --deep, the dataset is then held against its source, --from, or else the place that it was made of. A dump is read once " +
	"more, decoded by other code, and every record is compared value by value with what its rows give back, and with the columns " +
	"that they stand in; it must be a row, in the ledger, or in quarantine. Of an account, chats are counted by month, and by day where " +
	"that differs, and --refetch of them, chosen by --seed, are asked for again and compared. What differs is named by its id and its " +
	"fields, without values: exit code 7."

// deepFlags are the flags of a comparison with the source.
type deepFlags struct {
	on      toggle
	refetch count
	seed    count
}

// refetched is how many chats of an account are asked for again unless it is told otherwise.
const refetched = 200

func (f *deepFlags) add(flags *pflag.FlagSet) {
	f.refetch = refetched
	flags.Var(&switchFlag{&f.on}, "deep", "hold it against its source as well, value by value")
	flags.Lookup("deep").NoOptDefVal = "true"
	addFlag(flags, "from")
	flags.Var(&numberFlag{&f.refetch}, "refetch", "with --deep, chats of an account that are asked for again (default "+strconv.Itoa(refetched)+")")
	flags.Var(&numberFlag{&f.seed}, "seed", "with --deep, chooses which; the default is another number each time, which is told")
	addFlags(flags, []string{"rate", "rate-share", "patience", "token-file", "token-command"})
}

// check refuses flags that go together with nothing.
func (f *deepFlags) check(cmd *cobra.Command, quick bool) error {
	if bool(f.on) && quick {
		return usage("choose one of them", "--quick reads no file, --deep all")
	}
	for _, name := range []string{"from", "refetch", "seed"} {
		if cmd.Flags().Changed(name) && !bool(f.on) {
			return usage("add --deep", "--%s is for a comparison with the source", name)
		}
	}
	return nil
}

// deepLook holds a dataset against its source.
type deepLook func(ctx context.Context, t *target, shown *verifyProgress) (*deepened, error)

// deepLook returns what compares, nil if that was not asked for.
func (a *app) deepLook(cmd *cobra.Command, args []string, f *deepFlags, sample float64) deepLook {
	if !f.on {
		return nil
	}
	return func(ctx context.Context, t *target, shown *verifyProgress) (*deepened, error) {
		// As the dataset was made: a dump is cut as it was.
		s, err := a.resumeSettings(cmd, args)
		if err != nil {
			return nil, err
		}
		d, err := t.mustLoad(ctx)
		if err != nil {
			return nil, err
		}
		c := &carriage{app: a, settings: s, command: "verify", t: t, tracker: progress.NewTracker(a.now), before: d}
		c.log = a.newLogger(s, a.stderr)
		if account, err := s.From.account(); err == nil && account == "" {
			s.Since, s.Until = instant{}, instant{} // what an account was asked for; a dump is compared whole
		}
		from, err := openSupply(ctx, c)
		if err != nil {
			return nil, err
		}
		defer from.close()
		begun := a.now()
		out := &deepened{From: s.From.String(), sampled: sample > 0 && sample < 1}
		switch from := from.(type) {
		case *dumpSupply:
			err = out.dump(ctx, c, from, sample, shown)
		case *accountSupply:
			err = out.account(ctx, c, from, f, shown)
		}
		out.ElapsedS = seconds(a.now().Sub(begun))
		return out, c.moved(ctx, err)
	}
}

// moved says why a file of the dataset is gone while it is compared: a run has replaced it.
func (c *carriage) moved(ctx context.Context, err error) error {
	if !errors.Is(err, fs.ErrNotExist) || chatferry.KindOf(err) != chatferry.KindUnexpected {
		return err
	}
	now, lerr := c.t.load(ctx)
	if lerr != nil || now == nil || now.Records() == c.before.Records() {
		return err
	}
	return &chatferry.Error{
		Kind: chatferry.KindTemporary, Op: "verify", Place: c.t.root, Err: errors.New("a run replaced files of the dataset while they were compared"),
		Hint: "run the same command again when no run works",
	}
}

// dump compares with a dump.
func (v *deepened) dump(ctx context.Context, c *carriage, from *dumpSupply, sample float64, shown *verifyProgress) error {
	var already []checkpoint.ShardState
	for _, s := range c.before.Shards {
		if len(s.Shard.Files) > 0 && c.inScope(s.Shard.Stream) {
			already = append(already, s)
		}
	}
	if len(already) == 0 {
		return usage("name the account with --from", "the dataset holds nothing that comes from a dump")
	}
	// This also refuses files that are not as they were.
	added, err := from.plan(ctx, already, 1, nil)
	if err != nil {
		return err
	}
	var streams []chatferry.Stream
	for _, s := range chatferry.Given() {
		if c.inScope(s) {
			streams = append(streams, s)
		}
	}
	r, err := deep.Run(ctx, deep.Options{
		Dataset: c.before, Files: c.t.store, Source: from, Open: from.listing.Open, Streams: streams, Uncarried: added, Sample: sample,
		MemoryLimit: int64(c.MemoryLimit),
		Progress:    func(done, total int64) { shown.draw(verify.Progress{Step: "source", Done: done, Total: total}) },
	})
	if err != nil {
		return err
	}
	v.Source = "dump"
	v.Report = *r
	v.Unproven = []string{
		"what the dump itself lacks, or holds in files that are not read" + ignoredCount(from.passedOver()),
		"that what the ledger calls superseded or excluded is rightly so",
	}
	if v.sampled {
		v.Unproven = append(v.Unproven, "anything about the records that the sample left out")
	}
	if len(r.Elsewhere) > 0 {
		v.Unproven = append(v.Unproven, "anything about records that come from elsewhere: "+streamSet(r.Elsewhere).String())
	}
	return nil
}

func ignoredCount(files []ignoredFile) string {
	if len(files) == 0 {
		return ""
	}
	return ": " + countOf(int64(len(files)), "file")
}

// deepened is the part of the answer of `verify` that is about the source.
type deepened struct {
	Source string `json:"source"` // dump or account
	From   string `json:"from"`
	deep.Report
	Account  *deep.AccountReport `json:"account,omitempty"`
	Unproven []string            `json:"not_proven"`
	ElapsedS float64             `json:"elapsed_s"`

	sampled bool
}

// against takes the comparison with the source in.
func (v *verified) against(d *deepened) {
	if d == nil {
		return
	}
	v.Deep = d
	v.ElapsedS += d.ElapsedS
	// What the source shows is no longer unproven.
	v.Unproven = append(slices.Clone(d.Unproven), unproven[2:]...)
}

func (d *deepened) differences() int64 { return int64(len(d.Differences)) + d.More }

// verdict is the error that decides the exit code.
func (d *deepened) verdict(root string) error {
	if d.differences() == 0 {
		return nil
	}
	hint := "look whether the source was changed or damaged since it was read; if it was not, keep both as they are and report this"
	if d.Account != nil {
		hint = "call run --incremental, and this again; what is named then too, report"
	}
	return &chatferry.Error{
		Kind: chatferry.KindDiffers, Op: "verify", Place: root, Err: fmt.Errorf("%s from the source", differ(d.differences())), Hint: hint,
	}
}

func differ(n int64) string {
	if n == 1 {
		return "1 thing differs"
	}
	return progress.Count(n) + " things differ"
}

// ruled counts the records that came out of quarantine by a rule.
func (d *deepened) ruled() (n int64) {
	for _, t := range d.Streams {
		n += t.ByRule
	}
	return n
}

// sentence is the outcome in words.
func (d *deepened) sentence(v *verified) string {
	switch {
	case d.differences() > 0:
		return differ(d.differences()) + " from the source"
	case d.Account != nil:
		return "whole, and what was asked of the account agrees with it"
	case d.ruled() > 0:
		return "whole, and every value of the source stands in it but those that a rule changed (" + countOf(d.ruled(), "record") + ")"
	case d.sampled:
		return "of the files that were read, every value of the source stands in the dataset"
	case !v.Complete || d.Waiting > 0:
		return "every value that was carried stands in the dataset; it is not complete yet"
	}
	return "whole, and every value of the source stands in it"
}

// took is how long the comparison with the source took.
func (d *deepened) took() time.Duration { return time.Duration(d.ElapsedS * float64(time.Second)) }
