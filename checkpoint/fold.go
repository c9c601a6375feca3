package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"chatferry"
)

// ShardState is what the log of a Shard says.
type ShardState struct {
	Shard chatferry.Shard
	Added uint64 // the epoch that added it
	Done  bool
	N     uint64           // records in its log; 0: it was never opened
	Head  chatferry.SHA256 // of the last
	Epoch uint64           // of the last
	At    time.Time        // of the last
	Totals
	Commits []PartState // in the order of the log, reopened ones included; nil where only the log's end was read

	sums []chatferry.SHA256 // of all records
}

// PartState is a Part as its commit recorded it.
type PartState struct {
	chatferry.Part
	N         uint64 // its record
	Epoch     uint64
	At        time.Time
	Reopened  bool
	Published bool // known from the log; a Part that is not may be published all the same
}

// Dataset is the fold of all logs at one instant.
type Dataset struct {
	facts   *facts
	account *account
	Shards  []ShardState // in the order of their ids

	whole bool // the logs were read as a whole once: those of Shards that are done are not looked at again
	seen  int  // runs whose heads were checked
}

// loadTries bounds how often Load begins again because a live run changed which files there are.
const loadTries = 10

// Load reads and checks every record of every log, without changing anything. It may be used while a run works. An error
// of KindIncompatible names the record that is damaged; one that wraps ErrNoDataset means that there is no dataset.
func Load(ctx context.Context, logs LogStore) (*Dataset, error) {
	f, begin, err := readFormat(ctx, logs)
	if err != nil {
		return nil, err
	}
	return readInto(ctx, logs, &Dataset{facts: newFacts(f, begin)})
}

// readInto reads what is new into d. A Dataset that was read in part is given to nobody.
func readInto(ctx context.Context, logs LogStore, d *Dataset) (*Dataset, error) {
	if err := d.read(ctx, logs); err != nil {
		return nil, err
	}
	return d, nil
}

// Later returns the dataset as it is now: it reads only what is new in the logs since d was read, and nothing of Shards that
// were done by then. What it returns shares no memory with d that is written to.
func (d *Dataset) Later(ctx context.Context, logs LogStore) (*Dataset, error) {
	_, begin, err := readFormat(ctx, logs)
	if err != nil {
		return nil, err
	}
	if begin != d.facts.begin {
		return Load(ctx, logs) // it was discarded, and begun anew
	}
	return readInto(ctx, logs, d.clone(d.facts.clone()))
}

// clone returns a Dataset with other facts that shares no memory with d that is written to.
func (d *Dataset) clone(f *facts) *Dataset {
	c := &Dataset{facts: f, Shards: slices.Clone(d.Shards), whole: d.whole, seen: len(d.facts.runs)}
	if c.seen > 0 && d.facts.runs[c.seen-1].Done == nil {
		c.seen-- // it may still end
	}
	for i := range c.Shards {
		if s := &c.Shards[i]; !s.Done {
			s.Commits, s.sums = slices.Clone(s.Commits), slices.Clone(s.sums)
		}
	}
	return c
}

// read reads what is new in all logs, and checks it.
func (d *Dataset) read(ctx context.Context, logs LogStore) error {
	for try := range loadTries {
		last, err := lastNumber(ctx, logs, DatasetLog)
		if err != nil {
			return err
		}
		if last < d.facts.n {
			return damaged(recordName(DatasetLog, d.facts.n), errors.New("it was there, and is gone"))
		}
		if try > 0 && last == d.facts.n {
			break
		}
		if err := d.facts.read(ctx, logs, last); err != nil {
			return err
		}
		// The Shard logs are read after the dataset log, so that they reach at least as far as the heads in it. A
		// replace that ends meanwhile retires files that were read as living: then all of it is looked at again.
		if err := d.readShards(ctx, logs); err != nil {
			return err
		}
		d.whole = true
	}
	if err := d.checkHeads(); err != nil {
		return err
	}
	return d.settle()
}

// settle folds the replaces over the Shard logs.
func (d *Dataset) settle() error {
	d.account = newAccount(d.Shards)
	for i := range d.facts.replaces {
		if err := d.account.fold(&d.facts.replaces[i]); err != nil {
			return damaged(recordName(DatasetLog, d.facts.replaces[i].N), err)
		}
	}
	return nil
}

// readShards reads of every Shard's log what is new. Nothing may stand behind the record that says that a Shard is done;
// that nothing does is seen when the logs are read as a whole.
func (d *Dataset) readShards(ctx context.Context, logs LogStore) error {
	for i := len(d.Shards); i < len(d.facts.shards); i++ {
		d.Shards = append(d.Shards, ShardState{Shard: d.facts.shards[i], Added: d.facts.added[i], Head: d.facts.begin})
	}
	var unread []*ShardState
	for i := range d.Shards {
		if s := &d.Shards[i]; !d.whole || !s.Done {
			unread = append(unread, s)
		}
	}
	if _, far := logs.(*readAhead); !far {
		for _, s := range unread {
			if err := s.read(ctx, logs, d.facts.format.Dataset); err != nil {
				return err
			}
		}
		return nil
	}
	g, joint := errgroup.WithContext(ctx)
	g.SetLimit(farShards)
	for _, s := range unread {
		g.Go(func() error { return s.read(joint, logs, d.facts.format.Dataset) })
	}
	return g.Wait()
}

// farShards is how many Shard logs are read at once where every request takes its time.
const farShards = 8

func (s *ShardState) read(ctx context.Context, logs LogStore, dataset string) error {
	log := s.Shard.ID.String()
	last, err := lastNumber(ctx, logs, log)
	if err != nil {
		return err
	}
	if last < s.N {
		return damaged(recordName(log, s.N), errors.New("it was there, and is gone"))
	}
	return s.readTo(ctx, logs, dataset, last)
}

// readTo reads what is new up to a record that is there.
func (s *ShardState) readTo(ctx context.Context, logs LogStore, dataset string, last uint64) error {
	log := s.Shard.ID.String()
	for s.N < last {
		r, sum, err := readRecord(ctx, logs, dataset, log, s.N+1)
		if errors.Is(err, fs.ErrNotExist) {
			return damaged(recordName(log, s.N+1), errors.New("it was listed, but it is not there"))
		}
		if err != nil {
			return err
		}
		if err := s.fold(r, sum); err != nil {
			return damaged(recordName(log, r.N), err)
		}
	}
	return nil
}

// fold adds one record and checks that it follows from those before.
func (s *ShardState) fold(r *Record, sum chatferry.SHA256) error {
	switch {
	case r.N != s.N+1 || r.Prev != s.Head:
		return errChain
	case s.Done:
		return errors.New("it stands behind the record that says the shard is done")
	case r.Epoch < s.Epoch || (r.Epoch > s.Epoch && r.Kind != KindEpochOpen):
		return fmt.Errorf("epoch %d wrote it after epoch %d", r.Epoch, s.Epoch)
	}
	want := s.Totals
	switch r.Kind {
	case KindCommit:
		p := r.Commit
		if p.Seq != s.Seq+1 || p.From != s.Position || p.Stream != s.Shard.Stream {
			return fmt.Errorf("part %d of stream %s from position %q does not follow", p.Seq, p.Stream, p.From)
		}
		if err := p.Books.Close(); err != nil {
			return err
		}
		want = s.Totals.committed(r.N, p)
		s.Commits = append(s.Commits, PartState{Part: *p, N: r.N, Epoch: r.Epoch, At: r.Time})
	case KindReopen:
		before, err := s.takeBack(r.Reopen)
		if err != nil {
			return err
		}
		want = s.Totals.reopened(r.N, r.Reopen.Seq, before)
	case KindDone:
		want = s.Totals.finished()
		s.Done = true
	}
	// How far it had published is known to the writer alone; it never goes back but for what was reopened.
	if to := r.Totals.PublishedTo; r.Kind != KindDone && to >= min(s.PublishedTo, want.PublishedTo) && to <= want.Seq {
		want.PublishedTo = to
	}
	same, err := want.equal(*r.Totals)
	if err != nil {
		return err
	}
	if !same {
		return errors.New("its totals do not follow from the records before it")
	}
	s.N, s.Head, s.Epoch, s.At, s.Totals = r.N, sum, r.Epoch, r.Time, *r.Totals
	s.sums = append(s.sums, sum)
	for i := len(s.Commits) - 1; i >= 0 && !s.Commits[i].Published; i-- {
		s.Commits[i].Published = s.Commits[i].Seq <= s.PublishedTo
	}
	return nil
}

// takeBack marks the Parts that a reopen names, and returns the Totals in front of the first of them.
func (s *ShardState) takeBack(r *Reopen) (before Totals, err error) {
	var live []int
	for i, p := range s.Commits {
		if !p.Reopened && p.Seq >= r.Seq {
			live = append(live, i)
			s.Commits[i].Reopened = true
		}
	}
	if len(live) == 0 || len(live) != len(r.Parts) || s.Commits[live[0]].Seq != r.Seq {
		return before, fmt.Errorf("it takes back parts from %d on, which are not there", r.Seq)
	}
	for _, p := range s.Commits {
		if !p.Reopened {
			before = before.committed(p.N, &p.Part)
		}
	}
	return before, nil
}

// checkHeads holds every log against what the runs that ended say about it.
func (d *Dataset) checkHeads() error {
	for _, run := range d.facts.runs[d.seen:] {
		if run.Done == nil {
			continue
		}
		for log, head := range run.Done.Heads {
			i, ok := d.index(log)
			if !ok {
				continue
			}
			switch s := &d.Shards[i]; {
			case s.N < head.N:
				return damaged(recordName(log, head.N), fmt.Errorf("it is missing, but the run of epoch %d ended with it", run.Epoch))
			case head.N == 0 || s.sums[head.N-1] != head.SHA256:
				return damaged(recordName(log, head.N), fmt.Errorf("it is not the record with which the run of epoch %d ended", run.Epoch))
			}
		}
	}
	return nil
}

// index returns the index of the Shard whose log has that name.
func (d *Dataset) index(log string) (int, bool) {
	id, err := strconv.ParseUint(log, 10, 64)
	if err != nil {
		return 0, false
	}
	i, ok := d.facts.byID[chatferry.ShardID(id)]
	return i, ok
}
