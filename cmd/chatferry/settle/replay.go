package settle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// A Replay says which records in quarantine are converted anew, and from what.
type Replay struct {
	Meant func(*chatferry.Reject) bool
	// Repair returns the bytes that are converted in place of a record's own, and the header of its CSV file. An error ends
	// the replay before it has changed anything. Nil: records are converted as they were cut.
	Repair func(*chatferry.Reject) (raw, header []byte, err error)
	Rule   *checkpoint.Rule // what Repair goes by; nil with it
	// Rules are those by which the dataset's records are converted.
	Rules transform.Options
}

// Outlook says what a Replay makes of the records that are meant.
type Outlook struct {
	Meant, Loaded, Excluded int64
	Staying                 []Staying // the first of those that stay
	Stay                    int64     // all of them
	Waiting                 int64     // in quarantine of Streams that are not read to their end, and not looked at
}

// Staying is a record that stays in quarantine.
type Staying struct {
	Stream chatferry.Stream `json:"stream"`
	Place  string           `json:"place"`
	Code   chatferry.Code   `json:"code"` // now; that of the quarantine where it cannot be converted again
	Reason string           `json:"reason"`
}

// Loads reports whether a record leaves the quarantine.
func (o *Outlook) Loads() bool { return o.Loaded+o.Excluded > 0 }

// maxStaying is how many records that stay are named.
const maxStaying = 1000

// Look finds out what a replay would do, and changes nothing.
func (r Replay) Look(ctx context.Context, d *checkpoint.Dataset, store load.Store) (*Outlook, error) {
	p := newReplayer(d, store, r)
	for _, stream := range chatferry.Streams() {
		for _, u := range p.ready[stream] {
			if err := p.eachPage(ctx, u, p.count); err != nil {
				return nil, err
			}
		}
	}
	inventory := d.Inventory()
	for i := range inventory {
		if f := &inventory[i]; f.Kind == chatferry.FileQuarantine && slices.Contains(p.waiting, f.Stream) {
			p.outlook.Waiting += f.Rows
		}
	}
	return &p.outlook, nil
}

// Run converts the records that are meant anew and moves those of which rows or entries of the ledger come out of the
// quarantine, all in one replace. What they were stays, in files of its own. The dataset has to be settled then.
func (r Replay) Run(ctx context.Context, o Options) (Report, error) {
	s := newSettler(o)
	err := s.replay(ctx, r)
	if err != nil {
		err = chatferry.Worse(err, s.o.Run.Overtaken(context.WithoutCancel(ctx)))
	}
	s.report.Elapsed = s.o.Now().Sub(s.started)
	return s.report, err
}

func (s *settler) replay(ctx context.Context, r Replay) error {
	d, err := s.dataset(ctx)
	if err != nil {
		return err
	}
	p := newReplayer(d, s.o.Store, r)
	b := s.newBatch(d, ReasonReplay)
	for _, stream := range chatferry.Streams() {
		for i, u := range p.ready[stream] {
			s.o.Progress(Progress{Step: "replay", Stream: stream, Done: int64(i), Total: int64(len(p.ready[stream]))})
			p.outlook = Outlook{}
			err := p.eachPage(ctx, u, p.count)
			if err == nil && p.outlook.Loads() {
				err = b.replay(ctx, p, u)
			}
			if err != nil {
				return errors.Join(fmt.Errorf("replay %s: %w", stream, err), b.discard())
			}
		}
	}
	if err := b.replace(ctx); err != nil {
		return errors.Join(err, b.discard())
	}
	return nil
}

// ReasonReplay is the reason of a replace that takes records out of quarantine.
const ReasonReplay = "replay"

// replayer converts the records in quarantine of units.
type replayer struct {
	Replay
	store        load.Store
	ready        map[chatferry.Stream][]*unit
	waiting      []chatferry.Stream
	shards       map[chatferry.ShardID]*chatferry.Shard
	transformers map[chatferry.Stream]*transform.Transformer
	outlook      Outlook
}

func newReplayer(d *checkpoint.Dataset, store load.Store, r Replay) *replayer {
	p := &replayer{
		Replay: r, store: store,
		shards: map[chatferry.ShardID]*chatferry.Shard{}, transformers: map[chatferry.Stream]*transform.Transformer{},
	}
	p.ready, p.waiting = units(d)
	for i := range d.Shards {
		p.shards[d.Shards[i].Shard.ID] = &d.Shards[i].Shard
	}
	return p
}

// candidate is a record in quarantine, on its way through a page.
type candidate struct {
	chatferry.Reject
	meant       bool
	raw, header []byte           // that are converted
	stays       *chatferry.Fault // why it stays; nil: it leaves
}

// What is held and converted at a time. It fixes where row groups may end, and so the bytes of files.
const (
	replayRecords = 1000
	replayBytes   = 4 << 20
)

// eachPage converts the records in quarantine of a unit, page by page in their order, and gives each page with what became
// of it; those that are not meant are in it too, and stay. The batch is nil where none is.
func (p *replayer) eachPage(ctx context.Context, u *unit, visit func(*unit, []candidate, *chatferry.Batch) error) error {
	var page []candidate
	bytes := 0
	flush := func() error {
		if len(page) == 0 {
			return nil
		}
		batch, err := p.convert(u.stream, page)
		if err != nil {
			return err
		}
		if batch != nil {
			defer batch.Release()
		}
		err = visit(u, page, batch)
		page, bytes = page[:0], 0
		return err
	}
	for _, f := range u.of(chatferry.FileQuarantine, "") {
		err := eachReject(ctx, p.store, f, func(r *chatferry.Reject) error {
			c, err := p.candidate(r)
			if err != nil {
				return err
			}
			size := max(len(c.raw), len(c.Raw))
			if n := len(page); n > 0 && (n == replayRecords || bytes+size > replayBytes || !c.follows(&page[n-1])) {
				if err := flush(); err != nil {
					return err
				}
			}
			page = append(page, c)
			bytes += size
			return nil
		})
		if err != nil {
			return err
		}
	}
	return flush()
}

// follows reports whether a record can be in one page with the one before it: of one Part, under one header, and each
// known by its place.
func (c *candidate) follows(o *candidate) bool {
	return c.Shard == o.Shard && c.Seq == o.Seq && c.Offset != o.Offset && string(c.header) == string(o.header)
}

// candidate decides what is converted of a record in quarantine.
func (p *replayer) candidate(r *chatferry.Reject) (candidate, error) {
	c := candidate{Reject: *r}
	if !p.Meant(r) {
		c.stays = &chatferry.Fault{}
		return c, nil
	}
	c.meant = true
	keep := func(reason string) {
		c.stays = &chatferry.Fault{Code: r.Code, Reason: reason}
	}
	switch {
	case len(r.Raw) == 0 && r.RawLen > 0:
		keep("its bytes are not kept, since records of this stream hold secrets")
		return c, nil
	case int64(len(r.Raw)) < r.RawLen:
		keep(fmt.Sprintf("only the first %d of its %d bytes are kept", len(r.Raw), r.RawLen))
		return c, nil
	}
	c.raw = r.Raw
	if p.Repair != nil {
		var err error
		if c.raw, c.header, err = p.Repair(r); err != nil {
			return c, err
		}
	}
	switch {
	case r.Stream.CSV() && c.header == nil:
		keep("the header of its CSV file is not kept with it; a rule has to name it (csv_header)")
	case p.Repair != nil:
	case r.Code == chatferry.CodeStructure:
		keep("what stands behind a break is not known to be one record; a rule has to make one of it")
	case r.Stream.CSV() && r.Code == chatferry.CodeTruncated:
		keep("a row that is cut off looks like one that is whole")
	}
	return c, nil
}

// convert converts the records of a page that can be, and says of each of the others why it stays.
func (p *replayer) convert(stream chatferry.Stream, page []candidate) (*chatferry.Batch, error) {
	shard := p.shards[page[0].Shard]
	if shard == nil || shard.Stream != stream {
		return nil, damaged(fmt.Errorf("it holds a record of shard %s, which is not of stream %s", page[0].Shard, stream))
	}
	in := chatferry.Page{Shard: shard, Header: page[0].header}
	for i := range page {
		if c := &page[i]; c.stays == nil {
			in.Records = append(in.Records, chatferry.Record{
				Raw: c.raw, Offset: c.Offset, Original: &chatferry.Original{Len: c.RawLen, SHA256: c.RawSHA256},
			})
		}
	}
	if len(in.Records) == 0 {
		return nil, nil
	}
	t := p.transformers[stream]
	if t == nil {
		t = transform.New(stream, p.Rules)
		p.transformers[stream] = t
	}
	batch, err := t.Transform(&in, page[0].Seq)
	if err != nil {
		return nil, err
	}
	again := batch.Rejects
	for i := range page {
		if c := &page[i]; c.stays == nil && len(again) > 0 && again[0].Offset == c.Offset {
			c.stays = &chatferry.Fault{Code: again[0].Code, Reason: again[0].Reason}
			again = again[1:]
		}
	}
	if len(again) > 0 {
		batch.Release()
		return nil, fmt.Errorf("convert the record at %s: it went astray", again[0].Place)
	}
	return batch, nil
}

// count enters a page in the outlook.
func (p *replayer) count(_ *unit, page []candidate, batch *chatferry.Batch) error {
	o := &p.outlook
	for i := range page {
		c := &page[i]
		if !c.meant {
			continue
		}
		o.Meant++
		if c.stays == nil {
			continue
		}
		if o.Stay++; len(o.Staying) < maxStaying {
			o.Staying = append(o.Staying, Staying{Stream: c.Stream, Place: c.Place, Code: c.stays.Code, Reason: c.stays.Reason})
		}
	}
	if batch != nil {
		o.Loaded += batch.Books.Loaded.N
		o.Excluded += batch.Books.ExcludedTotal().N
	}
	return nil
}

// eachReject gives the Rejects of a file.
func eachReject(ctx context.Context, store load.Store, f *checkpoint.InventoryFile, visit func(*chatferry.Reject) error) (err error) {
	in, err := store.Open(ctx, f.Name)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for r, err := range load.ReadQuarantine(in) {
		if err == nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Name, damaged(err))
		}
		if err := visit(&r); err != nil {
			return err
		}
	}
	return nil
}
