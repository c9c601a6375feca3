package api

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"chatferry"
)

const (
	// windowRecords is about how many records a window holds, windowMost how many windows a Stream is cut into at most.
	windowRecords = 16_000
	windowMost    = 64
	// leastOverlap keeps the bound of the windows behind what the API refuses to be asked for.
	leastOverlap = 6 * time.Minute
	// probeShare of the requests that a Stream takes are spent on finding out how it is spread over time.
	probeShare = 0.04
	probeMost  = 48
)

// PlanOptions say what is to be read.
type PlanOptions struct {
	Streams []chatferry.Stream
	Since   time.Time // zero: from the beginning
	Until   time.Time // zero: no bound of the user's
	Already []chatferry.Shard
	// Formerly are fingerprints that a person has said to be of the account that answers. Shards with them are its own.
	Formerly []string
	Next     chatferry.ShardID // the number of the first new Shard
	// Overlap is how far behind the server's now the windows end; what is newer is for the sweeps. 0: nothing is left out.
	Overlap time.Duration
	Lanes   int
	Limit   int64 // a trial of so many records: one window each, nothing probed; 0: none

	PerMinute float64 // requests that may be made, to reckon hours; 0: not reckoned
	PageLimit int     // as in SourceOptions
	Window    int64   // records of a window; 0: about 16,000
}

// Plan is what is to be read of an account.
type Plan struct {
	Account   string // its fingerprint
	Shards    []chatferry.Shard
	Until     time.Time // where the windows end
	Estimates []Estimate
	Requests  int // that planning took
}

// Estimate says beforehand how a Stream is read and what that costs.
type Estimate struct {
	Stream   chatferry.Stream
	Endpoint string
	Reason   string // why it is read in this way, where there is another one
	Records  int64  // -1: not known
	Requests int64  // -1: not known
	Took     time.Duration
	Windows  int
}

// NewPlan finds out which account answers and cuts the Streams that no Shard covers yet into Shards. An account that is not
// that of the Shards planned before is an error of KindIncompatible that names both.
//
// Streams that grow are cut into windows of update time, half-open and without gaps: the first begins at Since, the last
// ends at Overlap before the server's now. Chats are read by the incremental export; where the account has none, by the
// list or by search, whichever takes fewer requests.
func NewPlan(ctx context.Context, get Getter, o PlanOptions) (*Plan, error) {
	c := &counter{Getter: get}
	p := &planner{PlanOptions: o, get: c}
	if p.Window <= 0 {
		p.Window = windowRecords
	}
	for _, s := range o.Streams {
		if _, ok := usualEndpoint(s); !ok {
			return nil, chatferry.Errorf(chatferry.KindUsage, "leave it out of --streams, or read it from a dump", "the API does not give %s", s)
		}
	}
	here, err := fingerprint(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.plan.Account, err = checkAccount(ctx, c, here, o.Already, o.Formerly); err != nil {
		return nil, err
	}
	p.now = get.Now()
	overlap := o.Overlap
	if overlap > 0 {
		overlap = max(overlap, leastOverlap)
	}
	p.plan.Until = p.now.Add(-overlap).Truncate(time.Second).UTC()
	if !o.Until.IsZero() && o.Until.Before(p.plan.Until) {
		p.plan.Until = o.Until
	}
	for _, s := range chatferry.Streams() {
		planned := slices.ContainsFunc(o.Already, func(a chatferry.Shard) bool { return a.Stream == s })
		if !slices.Contains(o.Streams, s) || planned {
			continue
		}
		if err := p.stream(ctx, s); err != nil {
			return nil, err
		}
	}
	p.plan.Requests = c.requests
	return &p.plan, nil
}

// counter counts what planning costs.
type counter struct {
	Getter
	requests int
}

func (c *counter) Get(ctx context.Context, path string, query url.Values, check func([]byte) error) (*Answer, error) {
	a, err := c.Getter.Get(ctx, path, query, check)
	if err != nil {
		c.requests++
		return nil, err
	}
	c.requests += a.Requests
	return a, nil
}

type planner struct {
	PlanOptions
	get  Getter
	now  time.Time
	plan Plan
	// spare is how many requests may be spent on the windows of each Stream but chats. They are few beside chats, so that
	// only large accounts have any.
	spare int
}

func (p *planner) stream(ctx context.Context, s chatferry.Stream) error {
	way, _ := usualEndpoint(s)
	switch {
	case s == chatferry.Chats:
		return p.chats(ctx)
	case !way.grows:
		p.add(way, &chatferry.Range{})
		p.estimate(Estimate{Stream: s, Endpoint: way.name, Records: -1, Requests: -1, Windows: 1})
		return nil
	}
	var edges []time.Time
	if p.spare > 1 {
		var err error
		if strings.HasSuffix(way.name, string(chatferry.AgentTimeline)) {
			edges, err = plainEdges[EpochMicro](ctx, p, way)
		} else {
			edges, err = plainEdges[EpochSec](ctx, p, way)
		}
		if _, absent := unavailable(err); err != nil && !absent {
			return refusal(s, way.name, err)
		}
	}
	p.windows(way, edges)
	p.estimate(Estimate{Stream: s, Endpoint: way.name, Records: -1, Requests: -1, Windows: len(edges) + 1})
	return nil
}

// plainEdges finds the windows of a Stream of which it is not known how many records it has.
func plainEdges[E epoch](ctx context.Context, p *planner, way *route) ([]time.Time, error) {
	b := ofStream[E](p.get, way, p.pageLimit(), p.plan.Until)
	if _, err := b.look(ctx, p.since()); err != nil {
		return nil, err
	}
	return spread(ctx, b, p.spare-1, 0, func(mass int64) int { return min(p.count(mass), max(p.Lanes, 1)) })
}

func (p *planner) pageLimit() int {
	if p.PageLimit > 0 {
		return min(p.PageLimit, exportLimit)
	}
	return exportLimit
}

// since is where the first window begins, in microseconds.
func (p *planner) since() int64 { return int64(epochOf[EpochMicro](p.Since)) }

// count is how many windows so many records make.
func (p *planner) count(records int64) int {
	if p.Limit > 0 {
		return 1
	}
	n := int((records + p.Window/2) / p.Window)
	if n > 1 {
		n = max(n, min(p.Lanes, int(records/int64(exportLimit))))
	}
	return min(max(n, 1), windowMost)
}

// windows adds a Shard for each stretch between edges.
func (p *planner) windows(way *route, edges []time.Time) {
	since := p.Since
	for _, until := range append(slices.Clone(edges), p.plan.Until) {
		p.add(way, &chatferry.Range{Since: since, Until: until})
		since = until
	}
}

func (p *planner) add(way *route, r *chatferry.Range) {
	r.Endpoint, r.Account, r.Begun = way.name, p.plan.Account, p.now
	p.plan.Shards = append(p.plan.Shards, chatferry.Shard{ID: p.Next, Stream: way.stream, API: r})
	p.Next++
}

func (p *planner) estimate(e Estimate) {
	if p.PerMinute > 0 && e.Requests > 0 {
		e.Took = time.Duration(float64(e.Requests) / p.PerMinute * float64(time.Minute)).Round(time.Second)
	}
	p.plan.Estimates = append(p.plan.Estimates, e)
}
