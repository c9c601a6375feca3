package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/progress"
	"chatferry/cmd/chatferry/verify"
)

func newVerifyCommand(a *app) *cobra.Command {
	var quick toggle
	var sample share
	var deep deepFlags
	var proof certificateProof
	var state string
	cmd := &cobra.Command{
		Use:   "verify [ROOT]",
		Short: "Prove from its files and logs alone, or against its source, that a dataset is whole",
		Long: "Prove from its files and logs alone that a dataset is whole. Every log is checked, every file is read, and all counts and " +
			"digests are computed again: that each record read is loaded, in quarantine, excluded or superseded, that no row is missing, " +
			"doubled or changed, that child rows have their chats, and that nothing else lies among the files. Neither the source nor the " +
			"network is needed, but for a bucket. Nothing is changed, and a run that works meanwhile is not disturbed.\n\n" +
			"The exit code is 0 if all is as it should be, 7 if something differs, and 8 if the logs themselves are damaged. All that is " +
			"found is named.\n\n" +
			"With --certificate, the dataset is held against a certificate that a run wrote and that was kept elsewhere, which shows what " +
			"the logs cannot: that their own end was cut off, or that they were written anew. With --key, its signature is checked, which " +
			"stands in a file of the same name that ends in .sig.\n\n" +
			"A verification that was stopped goes on where it was when it is called again: what was proven is kept outside of the dataset until " +
			"it is done. Files that have changed meanwhile are read.\n\n" +
			"With --quick, only the logs and the names and sizes of the files are looked at. With --sample, that share of the files is " +
			"read; those of records that belong together are taken together, and the same share is always the same files.\n\n" +
			deepHelp,
		Example: `  chatferry verify /data/acme
  chatferry verify s3://lake/acme --quick
  chatferry verify /data/acme --certificate acme-2026.json --key acme.pub
  chatferry verify /data/acme --sample 5% --json
  chatferry verify /data/acme --deep --from /dumps/acme
  chatferry verify /data/acme --deep --from zendesk://acme --refetch 1000`,
		Args: takes("[ROOT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := resolve(a.environment, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			if quick && sample > 0 {
				return usage("choose one of them", "--quick reads no file, --sample some")
			}
			if err := deep.check(cmd, bool(quick)); err != nil {
				return err
			}
			root, err := rootOf(cmd, s, args)
			if err != nil {
				return err
			}
			return a.verify(cmd.Context(), root, s, asked{
				quick: bool(quick), sample: float64(sample), proof: proof, state: state,
				look: a.deepLook(cmd, args, &deep, float64(sample)),
			})
		},
	}
	cmd.Flags().Var(&switchFlag{&quick}, "quick", "only the logs, and the names and sizes of the files")
	cmd.Flags().Lookup("quick").NoOptDefVal = "true"
	cmd.Flags().Var(&shareFlag{&sample}, "sample", "read that share of the files")
	deep.add(cmd.Flags())
	proof.addFlags(cmd.Flags())
	cmd.Flags().Var(&plainFlag{&state, "FILE"}, "state", "keep what is proven there until the verification is done; none keeps nothing (default below ~/.cache/chatferry)")
	addFlags(cmd.Flags(), []string{"memory-limit", "progress", "json"})
	addFlags(cmd.Flags(), placeFlags)
	return cmd
}

// switchFlag is a flag of one verb that stands without a value.
type switchFlag struct{ *toggle }

func (switchFlag) Type() string { return "" }

// shareFlag is a flag of one verb whose value is a share.
type shareFlag struct{ *share }

func (f *shareFlag) String() string { return "" }
func (f *shareFlag) Type() string   { return "P%" }

// asked is what one call of verify is to do.
type asked struct {
	quick  bool
	sample float64
	proof  certificateProof
	state  string   // where what is proven is kept
	look   deepLook // holds what is sound against its source; nil: it is not asked for
}

// verify verifies a dataset and tells what was found.
func (a *app) verify(ctx context.Context, root string, s *settings, q asked) error {
	ctx, request, finish := a.stoppableAtOnce(ctx)
	defer finish()
	given, err := q.proof.read(ctx, s)
	if err != nil {
		return err
	}
	t, err := a.openTarget(ctx, root, &s.Config)
	if err != nil {
		return err
	}
	t.logs = checkpoint.Unpacked(t.logs) // copies prove nothing
	s.holdMemory()
	debug.SetGCPercent(200) // rows are garbage as soon as they are summed up; the limit bounds what waits to be collected
	shown := a.newVerifyProgress(s, t.root)
	kept := a.remember(t, q.state)
	r, err := verify.Run(ctx, verify.Options{
		Load: t.load, Store: t.store, Contents: t.contents, Quick: q.quick, Sample: q.sample,
		MemoryLimit: int64(s.MemoryLimit), Progress: shown.draw, Memory: kept.open, Now: a.now,
	})
	if kerr := kept.end(err != nil); err == nil {
		err = kerr
	}
	if errors.Is(err, verify.ErrNoDataset) {
		_, err = t.mustLoad(ctx)
	}
	var against *deepened
	if err == nil && q.look != nil && r.Sound() {
		against, err = q.look(ctx, t, shown)
	}
	shown.end()
	if err != nil {
		return request.reason(err)
	}
	v := verification(t.root, r, q.quick, q.sample)
	if err := v.certified(ctx, t, given); err != nil {
		return request.reason(err)
	}
	v.against(against)
	err = v.verdict()
	v.OK, v.ExitCode, v.Error = err == nil, exitCode(err), resultErrorOf(err)
	if s.JSON {
		return errors.Join(err, a.printJSON(v))
	}
	return errors.Join(err, v.write(a.stdout))
}

// verdict is the error that decides the exit code.
func (v *verified) verdict() error {
	switch n := int64(len(v.Findings)) + v.More; {
	case v.report.Corrupt != nil:
		return v.report.Corrupt
	case n > 0:
		return &chatferry.Error{
			Kind: chatferry.KindDiffers, Op: "verify", Place: v.Root, Err: fmt.Errorf("%s not as the logs say", things(n)),
			Hint: "keep the dataset as it is, and restore what is named from a backup, or carry the source into another folder",
		}
	case v.Deep != nil:
		return v.Deep.verdict(v.Root)
	}
	return nil
}

func things(n int64) string {
	if n == 1 {
		return "1 thing is"
	}
	return progress.Count(n) + " things are"
}

// verifyProgress shows how far a verification is.
type verifyProgress struct {
	a     *app
	kind  string
	root  string
	begun time.Time
	last  time.Time
	step  string
	drawn bool // a line stands on the terminal, without its end
}

func (a *app) newVerifyProgress(s *settings, root string) *verifyProgress {
	return &verifyProgress{a: a, kind: a.progressKind(s), root: root, begun: a.now(), last: a.now()}
}

// The steps of a verification, for a person.
var verifySteps = map[string]string{
	"logs": "reading the logs", "list": "listing the files", "read": "reading the files", "keys": "comparing the keys",
	"source": "comparing with the source", "account": "comparing with the account",
}

// draw is called for every piece of a file that was read.
func (p *verifyProgress) draw(at verify.Progress) {
	now := p.a.now()
	every := 30 * time.Second
	if p.kind == "bar" {
		every = 200 * time.Millisecond
	}
	if p.kind == "none" || now.Sub(p.last) < every && (p.kind != "bar" || at.Step == p.step) {
		return
	}
	p.last, p.step = now, at.Step
	text := verifySteps[at.Step]
	if at.Step == "read" || at.Step == "source" {
		text += fmt.Sprintf(": %s, %s of %s", progress.Share(at.Done, at.Total), progress.Bytes(at.Done), progress.Bytes(at.Total))
		if took := now.Sub(p.begun); at.Step == "read" && at.Done > 0 && took >= 10*time.Second {
			left := time.Duration(float64(took) * float64(at.Total-at.Done) / float64(at.Done))
			text += ", about " + progress.Span(left) + " left"
		}
	}
	switch p.kind {
	case "bar":
		fmt.Fprintf(p.a.stderr, "\rverify %s: %s\x1b[K", printable(p.root), text)
		p.drawn = true
	case "json":
		line, err := json.Marshal(map[string]any{
			"event": "progress", "command": "verify", "time": now.UTC(), "root": p.root, "step": at.Step, "done": at.Done, "total": at.Total,
		})
		if err == nil {
			fmt.Fprintf(p.a.stderr, "%s\n", line)
		}
	default:
		fmt.Fprintf(p.a.stderr, "%s verify %s: %s\n", now.UTC().Format(time.RFC3339), printable(p.root), text)
	}
}

func (p *verifyProgress) end() {
	if p.drawn {
		fmt.Fprint(p.a.stderr, "\r\x1b[K")
	}
}
