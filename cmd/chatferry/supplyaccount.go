package main

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/progress"
	"chatferry/extract/api"
)

// accountSupply is an account of the Chat API.
type accountSupply struct {
	source  *api.Source
	looking *api.Source // of which the sweeper learns nothing
	single  *oneByOne
	c       *carriage
	log     *slog.Logger
	client  *api.Client
	tokens  api.TokenSource
	roots   []string // at which the account may answer
	sweeper *api.Sweeper

	waiting   atomic.Int64 // Lanes that wait for the last minutes
	mark      time.Time
	unsettled []chatferry.Stream // changes kept coming to light late
	here      standing
}

// openAccount finds where the account answers, with the token that was given.
func (c *carriage) openAccount(ctx context.Context, uri string) (supply, error) {
	if c.CheckSource {
		return nil, usage("leave it out", "--check-source looks for damaged files, and an account has none")
	}
	roots, err := accountRoots(uri)
	if err != nil {
		return nil, usage("", "--from: %w", err)
	}
	tokens, err := c.tokens()
	if err != nil {
		return nil, err
	}
	client, err := c.dial(ctx, roots, tokens)
	if err != nil {
		return nil, err
	}
	c.log.Info("the account answers", "root", client.Root())
	return &accountSupply{c: c, log: c.log, client: client, tokens: tokens, roots: roots}, nil
}

// dial finds at which of some roots an account answers.
func (c *carriage) dial(ctx context.Context, roots []string, tokens api.TokenSource) (*api.Client, error) {
	return api.Dial(ctx, api.Options{
		Roots: roots, Token: tokens, PerMinute: float64(c.Rate), Share: float64(c.RateShare), Patience: time.Duration(c.Patience),
		Transport: c.transport, Log: c.log, State: c.tracker.SetState,
	})
}

// The defaults for an account. An answer takes seconds, so that several must be under way to use all requests that are
// permitted; what several Lanes hold at a time must fit into the memory limit.
const (
	accountLanes = 8
	accountPart  = 24 << 20
)

// suitAccount sets what nobody has set to what suits an account.
func (s *settings) suitAccount() {
	if s.origin["lanes"] == originDefault {
		s.Lanes = accountLanes
	}
	if s.origin["part-size"] == originDefault {
		s.PartSize = max(accountPart, s.PageSize)
	}
}

// tokens is where the token comes from.
func (s *settings) tokens() (api.TokenSource, error) {
	switch {
	case s.TokenFile != "":
		return api.FileToken(string(s.TokenFile)), nil
	case s.TokenCommand != "":
		return api.CommandToken(string(s.TokenCommand)), nil
	case s.Token != "":
		return api.StaticToken(api.NewSecret(string(s.Token)))
	}
	return nil, usage("set CHATFERRY_TOKEN, or name a file or a command that has the token: --token-file, --token-command",
		"an account is read with a token, and none was given")
}

// plan implements supply.
func (a *accountSupply) plan(ctx context.Context, already []checkpoint.ShardState, next chatferry.ShardID, last *checkpoint.RunState) ([]chatferry.Shard, error) {
	var shards []chatferry.Shard // of a dump that the dataset was begun with nothing is known to the account
	for i := range already {
		if already[i].Shard.API != nil {
			shards = append(shards, already[i].Shard)
		}
	}
	if err := a.comeBack(ctx); err != nil {
		return nil, err
	}
	formerly := a.c.formerly(already)
	o := api.PlanOptions{
		Formerly: formerly, Streams: a.streams(), Since: time.Time(a.c.Since), Until: time.Time(a.c.Until), Already: shards, Next: next,
		Overlap: max(time.Duration(a.c.Overlap), settled), Lanes: a.c.lanes(), Limit: int64(a.c.Limit),
		PerMinute: float64(a.c.Rate) * float64(a.c.RateShare),
	}
	p, err := api.NewPlan(ctx, a.client, o)
	if err != nil {
		return nil, err
	}
	kind, err := api.KindOf(ctx, a.client)
	if err != nil {
		return nil, err
	}
	if a.here, err = a.c.admit(standing{account: p.Account, kind: kind, root: plainRoot(a.client.Root())}); err != nil {
		return nil, err
	}
	moved := last != nil && last.Scope["until"] != a.c.Until.String()
	if err := a.planAround(ctx, o, p, moved); err != nil {
		return nil, err
	}
	for _, e := range p.Estimates {
		for i := range p.Shards {
			if s := &p.Shards[i]; s.Stream == e.Stream && e.Records > 0 {
				s.API.Records = e.Records / int64(max(e.Windows, 1)) // windows are cut to hold about as many
			}
		}
		if e.Stream == chatferry.Chats {
			level := slog.LevelInfo
			if e.Reason != "" {
				level = slog.LevelWarn
			}
			a.log.Log(ctx, level, "how chats are read", "endpoint", e.Endpoint, "because", e.Reason, "records", e.Records,
				"requests", e.Requests, "takes", progress.Span(e.Took), "windows", e.Windows)
		}
	}
	a.sweeper = api.NewSweeper(api.SweepOptions{
		Overlap: time.Duration(a.c.Overlap), Streams: a.streams(), Until: time.Time(a.c.Until),
		Trial: a.c.Limit > 0 || a.c.Overlap == 0,
	})
	how := api.SourceOptions{
		Cuts: a.c.cuts(), Account: p.Account, Formerly: formerly, AnyNumber: a.here.anyNumber, Origin: originOf(a.client.Root()), PageLimit: a.pageLimit(), Wait: a.wait, Log: a.log,
	}
	a.looking = api.NewSource(a.client, how)
	how.Sweeper = a.sweeper
	a.source = api.NewSource(a.client, how)
	a.single = &oneByOne{t: a.c.t, client: a.client}
	sides := a.readAgain(already, next+chatferry.ShardID(len(p.Shards)))
	p.Shards = append(p.Shards, sides...)
	if bool(a.c.Incremental) && a.c.cutsOver() && len(sides) == 0 {
		// A cut-over that is made anew holds what the account has now, however far the one before it came.
		again, err := a.lookFor(ctx, already, "", next+chatferry.ShardID(len(p.Shards)))
		return append(p.Shards, again...), err
	}
	if len(p.Shards) > 0 || last == nil || last.Done == nil {
		return p.Shards, nil
	}
	// All else was done before.
	added := a.wanted(already, next)
	if a.c.Incremental {
		again, err := a.lookFor(ctx, already, last.Done.Watermark, next+chatferry.ShardID(len(added)))
		if err != nil {
			return nil, err
		}
		added = append(added, again...)
	}
	return added, nil
}

// planAround adds what lies between --since and where the Streams that were planned before begin, and, if --until was
// moved, between where they end and there.
func (a *accountSupply) planAround(ctx context.Context, o api.PlanOptions, p *api.Plan, moved bool) error {
	type stretch struct{ from, to time.Time }
	planned := map[chatferry.Stream]stretch{}
	for i := range o.Already {
		s := &o.Already[i]
		if !api.Grows(s.Stream) || isOneByOne(s) {
			continue
		}
		at, ok := planned[s.Stream]
		if !ok || s.API.Since.Before(at.from) {
			at.from = s.API.Since
		}
		if s.API.Until.IsZero() {
			at.to = p.Until // a sweep goes on from there by itself
		} else if s.API.Until.After(at.to) {
			at.to = s.API.Until
		}
		planned[s.Stream] = at
	}
	add := func(stream chatferry.Stream, since, until time.Time) error {
		more := o
		more.Streams, more.Since, more.Until, more.Already = []chatferry.Stream{stream}, since, until, nil
		more.Next = o.Next + chatferry.ShardID(len(p.Shards))
		b, err := api.NewPlan(ctx, a.client, more)
		if err != nil {
			return err
		}
		p.Shards = append(p.Shards, b.Shards...)
		p.Estimates = append(p.Estimates, b.Estimates...)
		return nil
	}
	for _, stream := range o.Streams {
		at, ok := planned[stream]
		if ok && o.Since.Before(at.from) {
			if err := add(stream, o.Since, at.from); err != nil {
				return err
			}
		}
		if ok && moved && at.to.Before(p.Until) {
			if err := add(stream, at.to, o.Until); err != nil {
				return err
			}
		}
	}
	return nil
}

// Open implements chatferry.Source.
func (a *accountSupply) Open(ctx context.Context, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	if isOneByOne(shard) {
		return a.single.open(ctx, shard, from)
	}
	return a.source.Open(ctx, shard, from)
}

// originOf is the scheme and host of a root.
func originOf(root string) string {
	u, err := url.Parse(root)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// wait waits for what the API does not give yet, and says so.
func (a *accountSupply) wait(ctx context.Context, d time.Duration) error {
	if a.waiting.Add(1) == 1 {
		a.log.Info("waiting until the API may be asked for the last minutes", "for", progress.Span(d))
	}
	a.c.tracker.SetState("waiting until " + a.c.now().Add(d).UTC().Format(time.TimeOnly) + " for the last minutes, which the API does not give yet")
	defer func() {
		if a.waiting.Add(-1) == 0 {
			a.c.tracker.SetState("")
		}
	}()
	return api.Sleep(ctx, d)
}

// streams are those that are asked for and that the API lists.
func (a *accountSupply) streams() []chatferry.Stream {
	list := slices.Clone([]chatferry.Stream(a.c.Streams))
	if len(list) == 0 {
		list = api.Streams()
	}
	return slices.DeleteFunc(list, func(s chatferry.Stream) bool {
		return s == chatferry.Visitors || s == chatferry.Attachments || !a.c.carries(s)
	})
}

// settled is how old a change is that the API gives for certain: it refuses to be asked for the last five minutes.
const settled = 6 * time.Minute

// pageLimit is how many records are asked for at once: no more than a trial is about.
func (a *accountSupply) pageLimit() int { return int(min(a.c.Limit, 1000)) }

// more implements supply.
func (a *accountSupply) more(ctx context.Context, states []checkpoint.ShardState, next chatferry.ShardID) ([]chatferry.Shard, time.Duration, error) {
	if err := a.stillIs(ctx); err != nil {
		return nil, 0, err
	}
	s := a.sweeper.Next(a.client.Now(), sweepStates(states), next)
	if s.Done {
		if a.c.Overlap > 0 || !time.Time(a.c.Until).IsZero() {
			a.mark = s.Watermark // without sweeps, what moved while it was read may be missing
		}
		a.unsettled = s.Unsettled
		return a.wanted(states, next), 0, nil
	}
	if len(s.Shards) > 0 {
		a.log.Info("sweeping what changed meanwhile", "shards", len(s.Shards))
	}
	return s.Shards, s.Wait, nil
}

func sweepStates(states []checkpoint.ShardState) []api.State {
	out := make([]api.State, len(states))
	for i := range states {
		out[i] = api.State{Shard: states[i].Shard, Done: states[i].Done}
	}
	return out
}

// standing implements supply.
func (a *accountSupply) standing() standing { return a.here }

// watermark implements supply.
func (a *accountSupply) watermark() string {
	if a.mark.IsZero() {
		return ""
	}
	return a.mark.UTC().Format(time.RFC3339)
}

// unproven implements supply.
func (a *accountSupply) unproven() string {
	if len(a.unsettled) == 0 {
		return ""
	}
	return "changes of " + streamSet(a.unsettled).String() + " show later than --overlap allows for, so that some may be missing; raise it"
}

func (a *accountSupply) check(context.Context) ([]chatferry.Doubt, error) { return nil, nil }
func (a *accountSupply) passedOver() []ignoredFile                        { return nil }

func (a *accountSupply) close() {
	if a.single != nil {
		a.single.close()
	}
	a.client.Close()
}
