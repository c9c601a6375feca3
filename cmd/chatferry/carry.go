package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/cmd/chatferry/estimate"
	"chatferry/cmd/chatferry/progress"
	"chatferry/cmd/chatferry/settle"
	"chatferry/transform"
)

// carriage is one run over one dataset, from the look at the dump to the summary.
type carriage struct {
	*app
	*settings
	command string
	runID   string
	t       *target
	log     *slog.Logger
	tracker *progress.Tracker
	view    progress.View
	from    supply
	before  *checkpoint.Dataset // as this run found it; nil: there was none
	signer  ed25519.PrivateKey  // of the certificate; nil: it is not signed
	watched *watched            // nil: nobody asked to watch it
	planned bool                // the dataset has its Shards: from here on `resume` goes on
	begun   time.Time
	aside   exceptions // what this run's end had to report
	absent  chatferry.UnavailableStreams
	replay  *replay // of records in quarantine; nil: that is not what the run is for
	who     settle.Identities
	found   *settle.Identified // nil: the dataset has no maps, or they were not looked at
	tickets *transform.Tickets
	export  string // SHA-256 of what --tickets names; "": nothing

	estimated *estimate.Estimate // that this run is held against; nil: none
}

// newRunID names a run: when it began, so that a list of runs reads well, and what tells it from another of that second.
func newRunID(now time.Time) string {
	var b [3]byte
	rand.Read(b[:]) // never fails
	return now.UTC().Format("20060102T150405Z-") + hex.EncodeToString(b[:])
}

// carry carries a source into a dataset, or goes on where an earlier run ended, and tells what became of it.
func (a *app) carry(ctx context.Context, command string, s *settings) error {
	return a.carryFrom(ctx, command, s, openSupply)
}

// carryFrom carries what the supply gives that open opens.
func (a *app) carryFrom(ctx context.Context, command string, s *settings, open func(context.Context, *carriage) (supply, error)) error {
	if s.Limit > 0 && s.origin["page-size"] == originDefault {
		s.PageSize = trialPage // a trial ends with a Page
	}
	if account, err := s.From.account(); err == nil && account != "" {
		s.suitAccount()
	}
	c := &carriage{
		app: a, settings: s, command: command, begun: a.now(), runID: newRunID(a.now()), absent: chatferry.UnavailableStreams{},
	}
	var err error
	if c.signer, err = s.signer(); err != nil {
		return err
	}
	if c.watched, err = a.openWatched(ctx, s); err != nil {
		return err
	}
	defer c.watched.close()
	if a.notice != nil {
		a.notice.source, a.notice.root, a.notice.runID = s.sourceText(), string(s.To), c.runID
	}
	c.view = a.newView(s)
	c.log = a.newLogger(s, c.view).With("run", c.runID)
	c.tracker = progress.NewTracker(a.now)
	ctx, request, finish := a.stoppable(ctx, time.Duration(s.Deadline))
	defer finish()

	if c.from, err = open(ctx, c); err != nil {
		return request.reason(err)
	}
	defer c.from.close()
	if err := c.askIdentities(ctx); err != nil {
		return request.reason(err)
	}
	if err := c.readTickets(); err != nil {
		return err
	}
	if err := c.loadEstimate(); err != nil {
		return err
	}
	c.warnOfDeadline()
	t, err := a.makeTarget(ctx, string(s.To), &s.Config)
	if err != nil {
		return err
	}
	c.t = t
	c.watched.serve(c, request)
	s.holdMemory()

	lock, err := t.lock(ctx, checkpoint.LockOptions{
		RunID: c.runID, TakeOver: bool(s.TakeOver),
		Waiting: func(holder string, still time.Duration) {
			c.log.Info("another run holds the dataset; watching whether it is alive", "holder", holder, "still", still.Round(time.Second))
		},
	})
	if err != nil {
		return err
	}
	if c.before, err = t.load(ctx); err != nil {
		return errors.Join(err, lock.Release())
	}
	runner := progress.Run(c.tracker, c.view, progress.Info{Command: command, RunID: c.runID, Root: t.root})
	doubts, err := c.run(ctx, request)
	err = request.reason(err)
	if err != nil && !lock.Held() {
		// Whatever it met, it met since another run took over while this one was frozen.
		err = errors.Join(err, &chatferry.Error{
			Kind: chatferry.KindFenced, Op: "hold the dataset", Place: t.root,
			Err: errors.New("another run took it over"), Hint: "let it work, nothing is lost",
		})
	}
	err = errors.Join(err, lock.Release())
	err = c.tell(runner, doubts, err)
	c.watched.ended(exitCode(err))
	return err
}

// run does the work of carry. It returns the Doubts that --check-source found.
func (c *carriage) run(ctx context.Context, request *stopRequest) ([]chatferry.Doubt, error) {
	before := c.before
	disk := c.t.local()
	watch := &diskWatch{root: disk, limit: c.MinFree, free: func() (int64, int64, error) { return atomicfile.Free(disk) }}
	if err := watch.check(); err != nil {
		return nil, err
	}
	if before != nil {
		if err := c.t.notCut(ctx, before); err != nil {
			return nil, err
		}
	}
	added, err := c.plan(ctx)
	if err != nil {
		return nil, err
	}
	if c.replay != nil {
		c.replay.Rules = c.rules()
		if err := c.replay.look(ctx, before, c.t); err != nil {
			return nil, err
		}
	}
	if len(added) == 0 && before != nil && c.complete(before) && !c.asked() && !before.Due(c.now()) {
		c.planned = true
		c.aside = c.ofLastDone(before)
		if c.replay != nil {
			c.aside = exceptions{quarantined: inQuarantine(before), replayed: true}
		}
		return nil, errors.Join(c.t.present(ctx, before), before.Sweep(ctx, c.t.logs, c.t.store), c.certify(ctx, before))
	}
	if c.CheckSource {
		c.tracker.SetState("checking the source")
		doubts, err := c.from.check(ctx)
		c.tracker.SetState("")
		if err != nil {
			return nil, err
		}
		if len(doubts) > 0 {
			return doubts, &partialError{fmt.Sprintf(
				"nothing was carried over: %d files of the dump are damaged; run without --check-source to carry what they hold", len(doubts))}
		}
	}
	if err := c.t.probe(ctx, c.runID); err != nil {
		return nil, err
	}
	var seen uint64
	if before != nil {
		seen = before.Records()
		// A run that was killed behind its run-done owes the certificate.
		if err := c.certify(ctx, before); err != nil {
			return nil, err
		}
	}
	cfg := checkpoint.Config{Logs: c.t.logs, Publisher: c.t.store, Seen: &seen, Known: before}
	run, err := checkpoint.Begin(ctx, cfg, c.runOpen())
	if err != nil {
		return nil, err
	}
	if err := c.own(ctx, run, added, watch, request); err != nil {
		// A run that was overtaken meets failures that are none: what it staged has been swept. Say what matters.
		return nil, errors.Join(err, run.Overtaken(context.WithoutCancel(ctx)))
	}
	return nil, nil
}

// own does what needs the dataset: it adds the Shards and carries them.
func (c *carriage) own(ctx context.Context, run *checkpoint.Run, added []chatferry.Shard, watch *diskWatch, request *stopRequest) error {
	if err := run.AddShards(ctx, added); err != nil {
		return err
	}
	c.planned = true

	var watching sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer watching.Wait()
	defer cancel()
	tick := time.NewTicker(pollDisk)
	defer tick.Stop()
	watching.Go(func() { watch.watch(ctx, tick.C, request) })
	return c.shards(ctx, run, request)
}

// plan returns the Shards that the dataset does not have yet.
func (c *carriage) plan(ctx context.Context) ([]chatferry.Shard, error) {
	before := c.before
	for _, i := range c.from.passedOver() {
		c.log.Info("a file of the dump is not read", "file", i.Path, "reason", i.Reason)
	}
	var already []checkpoint.ShardState
	next := chatferry.ShardID(1)
	var last *checkpoint.RunState
	if before != nil {
		last = c.lastAlike(before)
		for _, s := range before.Shards {
			next = s.Shard.ID + 1
			if c.inScope(s.Shard.Stream) {
				already = append(already, s)
			}
		}
	}
	added, err := c.from.plan(ctx, already, next, last)
	if c.Limit > 0 {
		added = firstOfEach(added, already)
	}
	return added, err
}

// inScope reports whether a Stream is asked for. The attachments go with their chats.
func (c *carriage) inScope(s chatferry.Stream) bool {
	if !c.carries(s) {
		return false
	}
	return len(c.Streams) == 0 || c.Streams.has(s) || c.Fetch.has(s) || s == chatferry.Attachments && c.Streams.has(chatferry.Chats)
}

// rests reports whether the run reads nothing.
func (c *carriage) rests() bool {
	_, ok := c.from.(*atRest)
	return ok
}

// compacts reports whether the run is there to join files.
func (c *carriage) compacts() bool { return c.rests() && c.replay == nil }

// replays reports whether the run takes records out of quarantine.
func (c *carriage) replays() bool { return c.replay != nil && c.replay.outlook.Loads() }

// asked reports whether the call is for something else than what is left to do, so that a complete dataset is no reason to
// do nothing.
func (c *carriage) asked() bool {
	return c.compacts() || c.replays() || c.catchesUp() || c.wantsIdentities() || c.from.standing().moved()
}

// catchesUp reports whether the run is one of many that each bring what is new, and each leave a run-done of their own.
func (c *carriage) catchesUp() bool { return bool(c.Incremental) && !c.rests() }

// complete reports whether nothing in scope is left to do, and the last run said so.
func (c *carriage) complete(d *checkpoint.Dataset) bool {
	for _, s := range d.Shards {
		if c.inScope(s.Shard.Stream) && !s.Done {
			return false
		}
	}
	if len(c.unswept(c.inScope)) > 0 {
		return false
	}
	last := c.lastAlike(d)
	switch {
	case last == nil || last.Done == nil:
		return false
	case bool(c.Settle) && c.Limit == 0 && last.Operation["settle"] != c.Settle.String():
		return false // there may be several versions of a key
	case last.Scope["until"] != c.Until.String():
		return false // an account is to be read further
	}
	// A changed shape is not refused here but where every run begins.
	return maps.Equal(last.Shaping, c.shape())
}

func (c *carriage) runOpen() checkpoint.RunOpen {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	within := c.fields(scope)
	c.from.standing().tell(within)
	how := c.fields(operation)
	if c.rests() && c.before != nil { // it carries nothing, and leaves the next run the phase of the last
		runs := c.before.Runs()
		if phase, ok := runs[len(runs)-1].Operation["phase"]; ok {
			how["phase"] = phase
		}
	}
	return checkpoint.RunOpen{
		RunID: c.runID, Tool: programVersion().Version, Source: c.sourceText(), Host: host, PID: os.Getpid(),
		Shaping: c.shape(), Scope: within, Operation: how,
	}
}
