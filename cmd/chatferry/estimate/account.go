package estimate

import (
	"context"
	"errors"
	"io"
	"math"
	"net/url"
	"slices"
	"time"

	"chatferry"
	"chatferry/extract/api"
)

// AccountOptions say what of an account is to be carried, and how fast.
type AccountOptions struct {
	Get      api.Getter
	Dialled  int64 // requests that finding the account took
	Streams  []chatferry.Stream
	Fetch    []chatferry.Stream
	Since    time.Time
	Until    time.Time
	Lanes    int
	Overlap  time.Duration
	Settled  time.Duration // how far behind now the API is read at first
	Interval time.Duration // between two requests
	Window   time.Duration // for the cut-over
	Tell     func(string)  // what is being looked at
}

const (
	mostConfigured = 200 // requests that a Stream of the configuration is read with
	mostLooks      = 12  // pages of an export that are counted, or else looked at
	tastes         = 4   // pages of an export that tell how large records are
	tasteRecords   = 100
	// An export is swept at least twice, or once if --overlap is 0: a page, and the proof that there is no other.
	sweeps        = 2
	sweepRequests = 2
	// A run asks before it reads and after it what kind the account is.
	kindRequests = 2

	// localSeconds is what a run does on this machine for each Shard of the configuration.
	localSeconds = 0.02
	// localRaw is how many bytes a second become rows, on one processor; bench/README.md has what was measured.
	localRaw = 30e6
)

// meter counts what asking costs, and how long answers take.
type meter struct {
	api.Getter
	requests int64
	took     []time.Duration
}

func (m *meter) Get(ctx context.Context, path string, query url.Values, check func([]byte) error) (*api.Answer, error) {
	begun := time.Now()
	a, err := m.Getter.Get(ctx, path, query, check)
	if err != nil {
		m.requests++
		return nil, err
	}
	m.requests += int64(a.Requests)
	if a.Requests == 1 {
		m.took = append(m.took, time.Since(begun)-a.Throttled)
	}
	return a, nil
}

// median is how long an answer took since the meter had n of them.
func (m *meter) median(n int) time.Duration {
	took := slices.Sorted(slices.Values(m.took[min(n, len(m.took)):]))
	if len(took) == 0 {
		return 0
	}
	return took[len(took)/2]
}

// survey is an estimate of an account in the making.
type survey struct {
	AccountOptions
	m *meter
	e *Estimate
}

// Account estimates what an account takes. The caller adds what concerns the target.
func Account(ctx context.Context, o AccountOptions) (*Estimate, error) {
	s := &survey{AccountOptions: o, m: &meter{Getter: o.Get}, e: &Estimate{Format: Format, Streams: map[chatferry.Stream]*Stream{}}}
	whole, grown := []chatferry.Stream{}, []chatferry.Stream{}
	for _, name := range o.Streams {
		if api.Whole(name) {
			whole = append(whole, name)
		} else {
			grown = append(grown, name)
		}
	}
	plan, err := s.plan(ctx, whole)
	if err != nil {
		return nil, err
	}
	s.e.Account = plan.Account
	cut := chain{requests: o.Dialled + int64(plan.Requests) + kindRequests}
	if err := s.configuration(ctx, plan); err != nil {
		return nil, err
	}
	cut.latency = s.m.median(0)
	took, requests := s.cutting(whole, cut)
	s.e.Cutover = Phase{Requests: requests, Seconds: took.Seconds(), Known: requests.Known}

	head := cut
	if len(grown) > 0 {
		if plan, err = s.plan(ctx, grown); err != nil {
			return nil, err
		}
		head.requests = o.Dialled + int64(plan.Requests) + kindRequests
		if err := s.history(ctx, plan); err != nil {
			return nil, err
		}
		s.fetched()
	}
	s.backfill(grown, head)
	s.e.fit(o.Window, whole, func(streams []chatferry.Stream) time.Duration {
		took, _ := s.cutting(streams, cut)
		return took
	})
	s.e.LatencyS = s.m.median(0).Seconds()
	s.e.Planning = o.Dialled + s.m.requests
	return s.e, nil
}

func (s *survey) plan(ctx context.Context, streams []chatferry.Stream) (*api.Plan, error) {
	s.Tell("finding out how the account is read")
	return api.NewPlan(ctx, s.m, api.PlanOptions{
		Streams: streams, Since: s.Since, Until: s.Until, Overlap: max(s.Overlap, s.Settled), Lanes: s.Lanes, Next: 1,
	})
}

// configuration reads the Streams of the configuration as a run does, and keeps nothing.
func (s *survey) configuration(ctx context.Context, plan *api.Plan) error {
	source := api.NewSource(s.m, api.SourceOptions{Account: plan.Account, Cuts: chatferry.DefaultCuts()})
	for i := range plan.Shards {
		shard := &plan.Shards[i]
		s.Tell("counting " + string(shard.Stream))
		out := &Stream{Endpoint: shard.API.Endpoint}
		s.e.Streams[shard.Stream] = out
		before, answers := s.m.requests, len(s.m.took)
		known, err := s.whole(ctx, source, shard, out)
		if absent := (*chatferry.UnavailableError)(nil); errors.As(err, &absent) {
			out.Absent = absent.Why
		} else if err != nil {
			return err
		}
		out.Records.Known, out.Bytes.Known, out.Raw.Known = known, known, known
		out.Requests = Figure{s.m.requests - before, known}
		out.latency = s.m.median(answers)
	}
	return nil
}

func (s *survey) whole(ctx context.Context, source *api.Source, shard *chatferry.Shard, out *Stream) (Certainty, error) {
	r, err := source.Open(ctx, shard, "")
	if err != nil {
		return Counted, err
	}
	defer r.Close()
	for before := s.m.requests; ; {
		page, err := r.Next(ctx)
		if err == io.EOF {
			return Counted, nil
		}
		if err != nil {
			return Counted, err
		}
		out.Records.N += int64(len(page.Records))
		out.Bytes.N += page.StoredBytes
		out.Raw.N += page.RawBytes
		page.Release()
		if s.m.requests-before >= mostConfigured {
			out.AtLeast = true
			return Sampled, nil
		}
	}
}

// cutting is how long these Streams take, read side by side after the head, and written.
func (s *survey) cutting(streams []chatferry.Stream, head chain) (time.Duration, Figure) {
	requests := Figure{head.requests, Counted}
	var chains []chain
	raw := 0.0
	for _, name := range streams {
		st := s.e.Streams[name]
		requests = requests.plus(st.Requests)
		raw += float64(st.Raw.N)
		chains = append(chains, chain{st.Requests.N, st.latency})
	}
	local := localSeconds*float64(len(streams)) + raw/localRaw
	return course(s.Interval, head, chains, s.Lanes) + time.Duration(local*float64(time.Second)), requests
}

// history finds out how many records there are of what happened in the account.
func (s *survey) history(ctx context.Context, plan *api.Plan) error {
	for _, how := range plan.Estimates {
		s.Tell("counting " + string(how.Stream))
		out := &Stream{Endpoint: how.Endpoint, Reason: how.Reason}
		s.e.Streams[how.Stream] = out
		pages := mostLooks
		if how.Stream == chatferry.Chats {
			pages = 1 // a search counts them
		}
		spread, err := api.LookAt(ctx, s.m, how.Stream, s.Since, plan.Until, pages)
		absent := (*chatferry.UnavailableError)(nil)
		switch {
		case errors.As(err, &absent) && how.Stream == chatferry.Chats:
			spread = &api.Spread{Page: 40, Records: how.Records} // by list or search
		case errors.As(err, &absent):
			out.Absent = absent.Why
			out.Records.Known, out.Bytes.Known, out.Raw.Known, out.Requests = Counted, Counted, Counted, Figure{1, Counted}
			continue
		case err != nil:
			return err
		}
		out.Records, out.Months, out.ByMonth = Figure{max(spread.Records, 0), Sampled}, spread.Months, Sampled
		if spread.Counted {
			out.Records.Known, out.ByMonth = Counted, Counted
		}
		if how.Stream == chatferry.Chats {
			months, ok, err := api.CountChats(ctx, s.m, s.Since, plan.Until)
			if err != nil {
				return err
			}
			if !ok && how.Records < 0 && spread.Records <= 0 {
				out.AtLeast, out.Records.Known = true, Assumed
				out.Reason += "; how many chats there are is not known beforehand"
			}
			if ok && !spread.Counted {
				// Of chats by their own time. Those that were deleted are in the export and not in the search.
				out.Records, out.ByMonth = Figure{0, Counted}, Counted
				for _, n := range months {
					out.Records.N += n
				}
				out.Months = months
			}
		}
		out.Requests = Figure{out.Records.N/int64(max(spread.Page, 1)) + int64(how.Windows), out.Records.Known}
		if how.Endpoint == "chats" || how.Endpoint == "chats/search" {
			out.Requests = Figure{max(how.Requests, 0), Sampled}
		}
		out.chain = int64(math.Ceil(float64(out.Requests.N) / float64(max(how.Windows, 1))))
		if err := s.taste(ctx, how.Stream, spread.Page, out); err != nil {
			return err
		}
	}
	return nil
}

// fileMark stands in a chat for every file that was sent in it.
const fileMark = `"type":"chat.file"`

// taste finds out how large records are.
func (s *survey) taste(ctx context.Context, name chatferry.Stream, page int, out *Stream) error {
	if out.Records.N == 0 {
		out.Bytes.Known, out.Raw.Known = out.Records.Known, out.Records.Known
		return nil
	}
	var months []string
	for m := range out.Months {
		months = append(months, m)
	}
	slices.Sort(months)
	var records, bytes, files int64
	answers, most := len(s.m.took), page // the first is as large as those of a run, to see how long they take
	for k := range tastes {
		at := s.Since
		if k > 0 {
			if len(months) == 0 || out.Endpoint != "incremental/"+string(name) {
				break
			}
			at, _ = time.Parse("2006-01", months[k*len(months)/tastes])
			most = min(page, tasteRecords)
		}
		n, b, f, err := api.Taste(ctx, s.m, name, out.Endpoint, at, most, fileMark)
		if err != nil {
			return err
		}
		if records, bytes, files = records+n, bytes+b, files+f; k == 0 {
			out.latency = s.m.median(answers)
			if records == out.Records.N {
				break // that was all of them
			}
		}
	}
	if records == 0 {
		out.Bytes.Known, out.Raw.Known = Assumed, Assumed
		return nil
	}
	known := Sampled
	if records == out.Records.N {
		known = out.Records.Known
	}
	out.Bytes = Figure{int64(float64(bytes) / float64(records) * float64(out.Records.N)), known}
	out.Raw = out.Bytes
	if name == chatferry.Chats {
		s.e.Streams[chatferry.Attachments] = &Stream{
			Records: Figure{files * out.Records.N / records, Sampled}, Bytes: Figure{0, Assumed}, Raw: Figure{0, Assumed},
			Requests: Figure{0, Counted}, Reason: "listed from the chats",
		}
	}
	return nil
}

// fetched adds what is asked for one by one.
func (s *survey) fetched() {
	chats := s.e.Streams[chatferry.Chats]
	if chats == nil {
		return
	}
	if slices.Contains(s.Fetch, chatferry.Visitors) {
		s.e.Streams[chatferry.Visitors] = &Stream{
			Reason:  "a request for each visitor; at most one a chat",
			Records: Figure{chats.Records.N, Assumed}, Requests: Figure{chats.Records.N, Assumed},
			Bytes: Figure{chats.Records.N * 250, Assumed}, Raw: Figure{chats.Records.N * 250, Assumed},
			chain: (chats.Records.N + int64(s.Lanes) - 1) / int64(max(1, s.Lanes)), latency: s.m.median(0),
		}
	}
	if a := s.e.Streams[chatferry.Attachments]; a != nil && slices.Contains(s.Fetch, chatferry.Attachments) {
		a.Reason = "a request for each file; how large they are is not known"
		a.Requests = Figure{a.Records.N, a.Records.Known}
	}
}

// backfill reckons the time of the backfill: the first pass, and the sweeps behind it.
func (s *survey) backfill(streams []chatferry.Stream, head chain) {
	if len(streams) == 0 {
		s.e.Backfill = Phase{Requests: Figure{0, Counted}, Known: Counted}
		return
	}
	requests, raw := Figure{head.requests, Counted}, 0.0
	var chains []chain
	given := int64(0)
	for _, name := range chatferry.Streams() {
		st := s.e.Streams[name]
		if st == nil || name.Configuration() {
			continue
		}
		requests = requests.plus(st.Requests)
		raw += float64(st.Raw.N)
		for left := st.Requests.N; left > 0; {
			n := min(left, max(st.chain, 1))
			chains = append(chains, chain{n, st.latency})
			left -= n
		}
		if st.Absent == "" && api.Grows(name) {
			given++
		}
	}
	took := max(course(s.Interval, head, chains, s.Lanes), time.Duration(raw/localRaw*float64(time.Second)))
	n := given * sweepRequests
	switch {
	case !s.Until.IsZero():
		n = 0
	case s.Overlap > 0:
		// A sweep begins Overlap after the pass before it did. Where records go on changing it ends up to five minutes later.
		n *= sweeps
		took = max(took, s.Overlap) + (sweeps-1)*s.Overlap
	}
	requests = requests.plus(Figure{n, Assumed})
	took += time.Duration(n) * s.Interval
	s.e.Backfill = Phase{Requests: requests, Seconds: took.Seconds(), Known: weaker(requests.Known, Sampled)}
}
