package main

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/cmd/chatferry/estimate"
	"chatferry/cmd/chatferry/progress"
)

// defaultWindow is how long Chat stands still in most upgrades.
const defaultWindow = period(time.Hour)

func newPlanCommand(a *app) *cobra.Command {
	window := defaultWindow
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what carrying an account or a dump over takes, and whether the cut-over fits its hour",
		Long: "Look at an account or a dump and say what carrying it over takes: records by stream and month, requests, hours at " +
			"the rate that is allowed, bytes, disk and memory; and what of it fits into the time in which Chat stands still. " +
			"Each figure says how it was found: counted, sampled or assumed.\n\n" +
			"The account is only read, with the same token and within the same rate as a run. Nothing is written but the file of " +
			"--estimate, by which run --estimate is held afterwards.",
		Example: `  chatferry plan --from zendesk://acme --to /data/acme --window 1h --estimate acme.json
  chatferry plan --from /dumps/acme
  chatferry plan --from zendesk://acme --rate 200 --rate-share 100% --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := resolve(a.environment, cmd.Flags(), nil)
			switch {
			case err != nil:
				return err
			case len(s.From) == 0:
				return usage("for example: "+firstExample(cmd), "%s needs --from, the account or the place of the dump", cmd.CommandPath())
			case s.Phase.String() != phaseAll:
				return usage("leave it out; plan tells of both phases", "--phase %s is for run", s.Phase)
			case window <= 0:
				return usage("write for example --window 1h", "--window: the cut-over cannot take no time")
			}
			a.warnUnknownVariables()
			return a.plan(cmd.Context(), s, time.Duration(window))
		},
	}
	f := cmd.Flags()
	addFlags(f, []string{"from", "to"})
	f.Var(&periodFlag{&window}, "window", "how long the cut-over may take (default "+window.String()+")")
	addFlags(f, []string{
		"estimate", "streams", "since", "until", "fetch", "rate", "rate-share", "patience", "overlap", "memory-limit", "lanes",
		"s3-endpoint", "s3-region", "s3-profile", "s3-path-style", "s3-expected-owner", "token-file", "token-command", "progress", "json",
	})
	return cmd
}

// plan makes an estimate, prints it, and writes it where it is to be kept.
func (a *app) plan(ctx context.Context, s *settings, window time.Duration) error {
	account, err := s.From.account()
	if err != nil {
		return err
	}
	if account != "" {
		s.suitAccount()
	}
	c := &carriage{app: a, settings: s, command: "plan", begun: a.now(), tracker: progress.NewTracker(a.now), absent: chatferry.UnavailableStreams{}}
	c.view = a.newView(s)
	c.log = a.newLogger(s, c.view)
	ctx, request, finish := a.stoppable(ctx, 0)
	defer finish()
	ctx, done := request.ends(ctx)
	defer done()
	e, err := c.estimate(ctx, window)
	if err != nil {
		return request.reason(err)
	}
	if s.Estimate != "" {
		data, err := indented(e)
		if err != nil {
			return err
		}
		if err := os.WriteFile(string(s.Estimate), data, 0o600); err != nil {
			return &chatferry.Error{
				Kind: chatferry.KindEnvironment, Op: "write the estimate", Place: string(s.Estimate), Err: bare(err),
				Hint: "name a file that this user may write with --estimate",
			}
		}
	}
	if s.JSON {
		return a.printJSON(struct {
			Command string `json:"command"`
			OK      bool   `json:"ok"`
			*estimate.Estimate
		}{"plan", true, e})
	}
	return writePlan(a.stdout, e, string(s.Estimate))
}

// estimate looks at the source.
func (c *carriage) estimate(ctx context.Context, window time.Duration) (*estimate.Estimate, error) {
	from, err := openSupply(ctx, c)
	if err != nil {
		return nil, err
	}
	defer from.close()
	var e *estimate.Estimate
	switch from := from.(type) {
	case *accountSupply:
		e, err = estimate.Account(ctx, estimate.AccountOptions{
			Get: from.client, Dialled: from.client.Stats().Requests, Streams: from.streams(), Fetch: c.Fetch,
			Since: time.Time(c.Since), Until: time.Time(c.Until), Lanes: c.lanes(), Overlap: time.Duration(c.Overlap), Settled: settled,
			Interval: from.client.Interval(), Window: window, Tell: c.tracker.SetState,
		})
		if err == nil {
			e.PerMinute = float64(c.Rate) * float64(c.RateShare)
		}
	case *dumpSupply:
		e, err = estimate.Dump(ctx, estimate.DumpOptions{
			Listing: from.listing, Cuts: c.cuts(), Processors: min(c.lanes(), runtime.GOMAXPROCS(0)), Window: window, Tell: c.tracker.SetState,
		})
	default:
		err = errors.New("this source cannot be estimated")
	}
	if err != nil {
		return nil, err
	}
	e.Made, e.Tool, e.Source = c.now().UTC().Truncate(time.Second), programVersion().Version, c.sourceText()
	e.SetTarget(estimate.Target{PartSize: int64(c.PartSize), Memory: int64(c.MemoryLimit), Lanes: c.lanes()})
	if c.To != "" && !isS3(string(c.To)) {
		e.FreeDisk = freeBelow(string(c.To))
	}
	return e, nil
}

// sourceText names the source as the dataset's log does.
func (s *settings) sourceText() string {
	source := s.From
	if abs, err := s.From.absolute(); err == nil {
		source = abs
	}
	return source.String()
}

// freeBelow is what is free on the disk of a folder that may not be there yet; 0: it is not known.
func freeBelow(root string) int64 {
	abs, err := filepath.Abs(root)
	if err != nil {
		return 0
	}
	for {
		free, _, err := atomicfile.Free(abs)
		if err == nil {
			return free
		}
		up := filepath.Dir(abs)
		if up == abs || !errors.Is(err, fs.ErrNotExist) {
			return 0
		}
		abs = up
	}
}

// spanUp is a length of time for a person, never less than it is.
func spanUp(seconds float64) string {
	return progress.Span(time.Duration(math.Ceil(seconds)) * time.Second)
}
