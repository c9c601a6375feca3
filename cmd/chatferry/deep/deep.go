package deep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/verify"
	"chatferry/load"
)

// Options say what is compared.
type Options struct {
	Dataset *checkpoint.Dataset
	Files   load.Opener
	// Source is the dump that the dataset was made of, with the cuts that it was made with.
	Source chatferry.Source
	// Open opens a file of it at a stored byte, to cut it in another way.
	Open func(ctx context.Context, stream chatferry.Stream, f chatferry.File, from int64) (io.ReadCloser, error)
	// Streams are those that the source gives; the Shards of others are not compared.
	Streams []chatferry.Stream
	// Uncarried are files of the source that no Shard has.
	Uncarried []chatferry.Shard

	Sample      float64                 // the share of the files that is compared, between 0 and 1; 0: all
	MemoryLimit int64                   // of the process; 0: 512 MiB
	Progress    func(done, total int64) // raw bytes of Parts; nil: none. It is called by one goroutine at a time
}

// workerMemory is what a group of a million records takes: what is known of each of them, and decoded rows and Pages.
const workerMemory = 200 << 20

// comparison is one comparison of a dataset with a dump.
type comparison struct {
	o      Options
	shards map[chatferry.ShardID]*checkpoint.ShardState
	parts  map[checkpoint.PartID]*checkpoint.PartState
	last   map[chatferry.ShardID]uint64 // the number of the last Part
	ruled  map[string]bool              // files of records that left the quarantine by a rule
	found  findings

	mu          sync.Mutex
	torn        map[chatferry.ShardID]tearing
	cut         map[chatferry.ShardID]chatferry.Tally // records of the source, as package dump cuts them now
	done, total int64
}

// Run compares a dataset with the dump that it was made of. An error says that it could not be done.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.MemoryLimit == 0 {
		o.MemoryLimit = 512 << 20
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	c := &comparison{
		o: o, shards: map[chatferry.ShardID]*checkpoint.ShardState{}, parts: map[checkpoint.PartID]*checkpoint.PartState{},
		last: map[chatferry.ShardID]uint64{}, ruled: map[string]bool{}, torn: map[chatferry.ShardID]tearing{}, cut: map[chatferry.ShardID]chatferry.Tally{},
	}
	c.found.report = Report{Streams: map[chatferry.Stream]Tally{}, Elsewhere: []chatferry.Stream{}, Differences: []Difference{}}
	c.know()
	chains := c.chains()
	work, joint := errgroup.WithContext(ctx)
	work.SetLimit(c.workers())
	for _, chain := range chains {
		work.Go(func() error { return c.compareChain(joint, chain) })
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	if !c.trial() && (o.Sample <= 0 || o.Sample >= 1) {
		if err := c.recount(ctx); err != nil {
			return nil, err
		}
	}
	c.uncarried()
	return c.found.sorted(), nil
}

func (c *comparison) workers() int {
	return max(1, min(runtime.GOMAXPROCS(0), int(c.o.MemoryLimit/workerMemory)))
}

// know takes in which Shards are of this source, and their Parts, and where records lie as they were before a rule.
func (c *comparison) know() {
	for _, r := range c.o.Dataset.Replaces() {
		if r.Rule == nil || !r.Done {
			continue
		}
		for i := range r.Add {
			if r.Add[i].Kind == chatferry.FileReplayed {
				c.ruled[r.Add[i].Name] = true
			}
		}
	}
	for i := range c.o.Dataset.Shards {
		s := &c.o.Dataset.Shards[i]
		if len(s.Shard.Files) == 0 || !slices.Contains(c.o.Streams, s.Shard.Stream) {
			if !slices.Contains(c.found.report.Elsewhere, s.Shard.Stream) {
				c.found.report.Elsewhere = append(c.found.report.Elsewhere, s.Shard.Stream)
			}
			continue
		}
		c.shards[s.Shard.ID] = s
		if !s.Done {
			c.found.report.Waiting++
		}
		for j := range s.Commits {
			if p := &s.Commits[j]; !p.Reopened {
				c.parts[checkpoint.PartID{Shard: s.Shard.ID, Seq: p.Seq}] = p
				c.last[s.Shard.ID] = max(c.last[s.Shard.ID], p.Seq)
			}
		}
	}
}

// chain is groups of files whose records come from the same Shards, in the order in which these are read, so that a
// compressed file is decompressed once.
type chain struct {
	groups []verify.Group
	empty  []*checkpoint.ShardState // Shards that ended without a record
}

// chains cuts the work into pieces that have nothing in common.
func (c *comparison) chains() []*chain {
	groups := verify.Groups(c.o.Dataset, c.o.Sample)
	leader := map[chatferry.ShardID]chatferry.ShardID{}
	var find func(id chatferry.ShardID) chatferry.ShardID
	find = func(id chatferry.ShardID) chatferry.ShardID {
		if up, ok := leader[id]; ok && up != id {
			leader[id] = find(up)
			return leader[id]
		}
		return id
	}
	kept := groups[:0]
	for _, g := range groups {
		var first chatferry.ShardID
		for _, id := range g.Parts {
			p := c.parts[id]
			if p == nil {
				continue // of another source
			}
			if first == 0 {
				first = id.Shard
			}
			leader[find(id.Shard)] = find(first)
			c.total += p.Books.Read.Bytes
		}
		if first != 0 {
			kept = append(kept, g)
		}
	}
	at := map[chatferry.ShardID]*chain{}
	var out []*chain
	of := func(id chatferry.ShardID) *chain {
		if at[find(id)] == nil {
			at[find(id)] = &chain{}
			out = append(out, at[find(id)])
		}
		return at[find(id)]
	}
	for _, g := range kept {
		i := slices.IndexFunc(g.Parts, func(id checkpoint.PartID) bool { return c.parts[id] != nil })
		ch := of(g.Parts[i].Shard)
		ch.groups = append(ch.groups, g)
	}
	for i := range c.o.Dataset.Shards {
		s := &c.o.Dataset.Shards[i]
		if c.shards[s.Shard.ID] != nil && s.Done && c.last[s.Shard.ID] == 0 {
			ch := of(s.Shard.ID)
			ch.empty = append(ch.empty, s)
		}
	}
	return out
}

func (c *comparison) compareChain(ctx context.Context, ch *chain) (err error) {
	w := &walker{source: c.o.Source}
	defer func() { err = errors.Join(err, w.close()) }()
	for _, g := range ch.groups {
		if err := c.compareGroup(ctx, w, g); err != nil {
			return err
		}
	}
	for _, s := range ch.empty {
		if err := c.nothingMore(ctx, w, s, 0); err != nil {
			return err
		}
	}
	return nil
}

// read adds records that a Shard was seen to hold.
func (c *comparison) read(id chatferry.ShardID, t chatferry.Tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.cut[id]
	sum.Add(t)
	c.cut[id] = sum
}

// advance tells that a Part was compared.
func (c *comparison) advance(p *checkpoint.PartState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found.report.Parts++
	c.done += p.Books.Read.Bytes
	c.o.Progress(c.done, c.total)
}

// uncarried enters the files of the source that no run has read. Where the last run did not end, the next one may.
func (c *comparison) uncarried() {
	runs := c.o.Dataset.Runs()
	if len(runs) == 0 || runs[len(runs)-1].Done == nil {
		c.found.report.Waiting += len(c.o.Uncarried)
		return
	}
	for i := range c.o.Uncarried {
		s := &c.o.Uncarried[i]
		for _, f := range s.Files {
			c.found.add(Difference{Kind: Missing, Stream: s.Stream, Place: f.Path, What: "no run has read this file; the next one does"})
		}
	}
}

// nothingMore holds against the source that a Shard ends behind its last Part, 0 if it has none.
func (c *comparison) nothingMore(ctx context.Context, w *walker, s *checkpoint.ShardState, last uint64) error {
	g := &group{comparison: c} // that holds nothing
	var t reading
	err := w.rest(ctx, &s.Shard, last, func(page *chatferry.Page) error {
		for i := range page.Records {
			g.record(&s.Shard, &page.Records[i], page.Header, &t)
		}
		return nil
	})
	if err == nil {
		c.found.count(s.Shard.Stream, t.Tally)
		c.read(s.Shard.ID, t.cut)
	}
	return err
}

// missing enters a record that the dataset does not have.
func (c *comparison) missing(s *chatferry.Shard, r *chatferry.Record, header []byte) {
	d := Difference{Kind: Missing, Stream: s.Stream, Place: s.Place(r.Offset), What: "it is neither a row, nor in the ledger, nor in quarantine"}
	if v, err := valueOf(s.Stream, r.Raw, header); err == nil && r.Fault == nil {
		d.ID = idOf(s.Stream, v)
	}
	c.found.add(d)
}

// walker reads Shards Part by Part.
type walker struct {
	source chatferry.Source
	reader chatferry.Reader // nil: none is open
	shard  chatferry.ShardID
	seq    uint64 // the last Part that was read; 0: none
	at     chatferry.Position
}

func (w *walker) close() error {
	if w.reader == nil {
		return nil
	}
	err := w.reader.Close()
	w.reader = nil
	return err
}

// to brings the walker to the beginning of a Part. Inside a Shard it reads on, since opening a compressed file anywhere
// costs all that stands before.
func (w *walker) to(ctx context.Context, s *chatferry.Shard, seq uint64, from chatferry.Position) error {
	if w.reader != nil && w.shard == s.ID && w.seq < seq {
		for w.at != from {
			page, err := w.reader.Next(ctx)
			if err != nil {
				return w.failed(s, from, err)
			}
			w.at = page.After
			page.Release()
		}
		return nil
	}
	if err := w.close(); err != nil {
		return err
	}
	reader, err := w.source.Open(ctx, s, from)
	if err != nil {
		return err
	}
	w.reader, w.shard, w.seq, w.at = reader, s.ID, seq-1, from
	return nil
}

// errShort is returned by part if the source ends before the Part does.
var errShort = errors.New("the source ends before the part does")

func (w *walker) failed(s *chatferry.Shard, at chatferry.Position, err error) error {
	if err == io.EOF {
		return fmt.Errorf("shard %s: position %q: %w", s.ID, at, errShort)
	}
	return err
}

// part calls visit for every Page of a Part.
func (w *walker) part(ctx context.Context, s *chatferry.Shard, p *chatferry.Part, visit func(*chatferry.Page) error) error {
	if err := w.to(ctx, s, p.Seq, p.From); err != nil {
		return err
	}
	for w.at != p.To {
		page, err := w.reader.Next(ctx)
		if err != nil {
			return w.failed(s, p.To, err)
		}
		w.at = page.After
		err = visit(page)
		page.Release()
		if err != nil {
			return err
		}
	}
	w.seq = p.Seq
	return nil
}

// rest calls visit for every Page behind the Part that was read last, which must be that number, and closes the reader. A
// Shard without Parts is read from its beginning.
func (w *walker) rest(ctx context.Context, s *chatferry.Shard, last uint64, visit func(*chatferry.Page) error) error {
	if last == 0 {
		if err := w.to(ctx, s, 1, ""); err != nil {
			return err
		}
	}
	for {
		page, err := w.reader.Next(ctx)
		if err == io.EOF {
			return w.close()
		}
		if err != nil {
			return err
		}
		err = visit(page)
		page.Release()
		if err != nil {
			return err
		}
	}
}
