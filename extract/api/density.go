package api

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"chatferry"
)

// probe is what one page of an export tells about where its records lie: there are n in [first, end], none in
// [from, first), and none behind end if the page was not full. Times are microseconds.
type probe struct {
	from, first, end, n int64
	full                bool
}

// slope is the records of a microsecond.
func (p *probe) slope() float64 { return float64(p.n) / float64(max(p.end-p.first, 1_000_000)) }

// prober finds out how an export's records are spread over time, without reading them.
type prober[E epoch] struct {
	get    Getter
	way    *route
	limit  int
	probes []probe // by from
	until  int64
}

// look asks for the page that begins at a time, and adds a probe. It returns the page.
func (b *prober[E]) look(ctx context.Context, from int64) (*export[E], error) {
	at := epochOf[E](time.UnixMicro(from))
	key := string(b.way.stream)
	query := url.Values{
		"start_time": {strconv.FormatInt(int64(at), 10)},
		"limit":      {strconv.Itoa(b.limit)},
		"fields":     {key + "(id," + b.way.changed[0] + ")"},
	}
	var x *export[E]
	var next cursor[E]
	_, err := b.get.Get(ctx, b.way.name, query, func(body []byte) (err error) {
		if x, err = parseExportBody[E](body, key); err != nil || len(x.records) == 0 {
			return err
		}
		var ok bool
		if next, _, ok = x.next(cursor[E]{at: at}); !ok {
			return errNoEnd
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p := probe{from: from, first: b.until, end: b.until}
	if len(x.records) > 0 {
		p.n = int64(len(x.records))
		p.full = len(x.records) >= b.limit
		p.end = max(timeOf(next.at).UnixMicro(), from)
		p.first = from
		if t, ok := instantOf(x.records[0], b.way.changed); ok {
			p.first = min(max(t.UnixMicro(), from), p.end)
		}
	}
	b.probes = append(b.probes, p)
	slices.SortFunc(b.probes, func(p, q probe) int { return cmp.Compare(p.from, q.from) })
	return x, nil
}

// gap is a stretch of time between probes of which only its ends are known.
type gap struct {
	from, to int64
	mass     float64 // records in it, as the probes beside it let expect
	slope    float64 // of the probe before it
}

// gaps returns what lies between the probes.
func (b *prober[E]) gaps() []gap {
	var list []gap
	for i := range b.probes {
		p := &b.probes[i]
		g := gap{from: p.end, to: b.until, slope: p.slope()}
		slope := g.slope
		if i+1 < len(b.probes) {
			q := &b.probes[i+1]
			// Of the time before its first record a probe knows that it is empty, which its slope does not show.
			g.to, slope = q.from, (slope+q.slope()*float64(q.end-q.first+1)/float64(q.end-q.from+1))/2
		}
		if g.to <= g.from || !p.full {
			continue
		}
		g.mass = slope * float64(g.to-g.from)
		list = append(list, g)
	}
	return list
}

// refine spends up to budget requests where most is unknown. total is how many records there are, 0 if that is unknown.
func (b *prober[E]) refine(ctx context.Context, budget int, total int64) error {
	for range budget {
		list := b.gaps()
		if len(list) == 0 {
			return nil
		}
		widest := slices.MaxFunc(list, func(g, h gap) int { return cmp.Compare(g.mass, h.mass) })
		if widest.to-widest.from < 4_000_000 || total > 0 && widest.mass*200 < float64(total) {
			return nil
		}
		if _, err := b.look(ctx, b.within(widest, total)); err != nil {
			return err
		}
	}
	return nil
}

// within is where in a gap to look next: in its middle, or, where records come so thick that they would all be used up
// before, at the place where they should be. A bulk edit puts all records of years into an hour.
func (b *prober[E]) within(g gap, total int64) int64 {
	middle := g.from + (g.to-g.from)/2
	for i := range b.probes {
		total -= b.probes[i].n
	}
	if total <= 0 || g.slope <= 0 {
		return middle
	}
	if used := float64(total) / g.slope; used < float64(g.to-g.from)/2 {
		return g.from + max(int64(used), 2_000_000)
	}
	return middle
}

// stretch is a run of time with the records that are expected in it, evenly spread.
type stretch struct {
	from, to int64
	mass     float64
}

// stretches puts probes and gaps together. What total leaves unexplained is shared out to the gaps.
func (b *prober[E]) stretches(total int64) (list []stretch, sum float64) {
	known := 0.0
	for i := range b.probes {
		p := b.probes[i]
		end := p.end
		if i+1 < len(b.probes) {
			end = min(end, b.probes[i+1].from)
		}
		if p.first >= b.until || end < p.first {
			continue
		}
		mass := float64(p.n) * float64(end-p.first+1) / float64(p.end-p.first+1)
		list = append(list, stretch{p.first, end, mass})
		known += mass
	}
	gaps := b.gaps()
	unknown := 0.0
	for _, g := range gaps {
		unknown += g.mass
	}
	scale := 1.0
	if total > 0 && unknown > 0 {
		scale = max(float64(total)-known, 0) / unknown
	}
	for _, g := range gaps {
		list = append(list, stretch{g.from, g.to, g.mass * scale})
	}
	slices.SortFunc(list, func(s, t stretch) int { return cmp.Compare(s.from, t.from) })
	return list, known + unknown*scale
}

// edges cuts time into n windows that hold about as many records each, and returns the n-1 times between them, in whole
// seconds. There are fewer where windows would have no length.
func (b *prober[E]) edges(n int, total int64) []time.Time {
	list, sum := b.stretches(total)
	var edges []time.Time
	var last int64
	passed, k := 0.0, 1
	for _, s := range list {
		for ; k < n && passed+s.mass >= sum*float64(k)/float64(n) && s.mass > 0; k++ {
			at := s.from + int64(float64(s.to-s.from)*(sum*float64(k)/float64(n)-passed)/s.mass)
			at -= at % 1_000_000
			if at > last && at < b.until && at > b.probes[0].from {
				edges = append(edges, time.UnixMicro(at).UTC())
				last = at
			}
		}
		passed += s.mass
	}
	return edges
}

// spread cuts a Stream that grows into windows.
func spread[E epoch](ctx context.Context, b *prober[E], budget int, total int64, windows func(mass int64) int) ([]time.Time, error) {
	if err := b.refine(ctx, budget, total); err != nil {
		return nil, err
	}
	if total <= 0 {
		_, sum := b.stretches(0)
		total = int64(sum)
	}
	n := windows(total)
	if n <= 1 {
		return nil, nil
	}
	return b.edges(n, total), nil
}

// ofStream makes a prober of a Stream's export.
func ofStream[E epoch](get Getter, way *route, limit int, until time.Time) *prober[E] {
	return &prober[E]{get: get, way: way, limit: limit, until: until.UnixMicro()}
}

// exportOf returns the incremental export of a Stream.
func exportOf(s chatferry.Stream) (*route, bool) { return endpointOf("incremental/" + string(s)) }
