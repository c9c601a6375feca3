package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"chatferry"
)

// ShardLog is the log of one Shard, open for appending. It is used by one goroutine.
type ShardLog struct {
	run    *Run
	shard  chatferry.Shard
	w      writer
	opened uint64 // the number of this run's epoch-open
	totals Totals // after the last record, and what was published and removed since
	done   bool
	broken error // the Shard must be opened again
}

var _ chatferry.ShardLog = (*ShardLog)(nil)

// OpenShard implements chatferry.Checkpointer.
func (r *Run) OpenShard(ctx context.Context, shard *chatferry.Shard) (chatferry.ShardLog, error) {
	l, err := r.openShard(ctx, shard)
	if err != nil {
		r.fencedBy(err)
		return nil, err
	}
	return l, nil
}

func (r *Run) openShard(ctx context.Context, shard *chatferry.Shard) (*ShardLog, error) {
	l := &ShardLog{run: r, shard: *shard}
	for {
		if err := r.Overtaken(ctx); err != nil {
			return nil, err
		}
		if err := l.takeOver(ctx); err == nil {
			break
		} else if taken := (*takenError)(nil); !errors.As(err, &taken) {
			return nil, err
		}
		// Somebody appended in between: an older run, which then loses, or a newer one, which fences this.
	}
	if err := l.recover(ctx); err != nil {
		return nil, err
	}
	r.notePublished(l.shard.ID, l.totals.PublishedTo)
	return l, nil
}

// takeOver finds the log's end and appends epoch-open there. A *takenError means that the end has moved.
func (l *ShardLog) takeOver(ctx context.Context) error {
	r := l.run
	r.mu.Lock()
	dataset, begin, epoch, shapedSince := r.facts.format.Dataset, r.facts.begin, r.w.epoch, r.facts.shapedSince
	_, known := r.facts.byID[l.shard.ID]
	r.mu.Unlock()
	if !known {
		return &chatferry.Error{Op: "open", Place: "shard " + l.shard.ID.String(), Err: errors.New("it was never added to the dataset")}
	}
	l.w = writer{
		logs: r.cfg.Logs, now: r.cfg.Now, nonce: r.cfg.Nonce,
		dataset: dataset, log: l.shard.ID.String(), epoch: epoch, tag: epoch, head: begin,
	}
	l.totals = Totals{}
	last, head, err := readTail(ctx, r.cfg.Logs, dataset, begin, l.w.log)
	if err != nil {
		return err
	}
	if last != nil {
		l.w.n, l.w.head, l.totals = last.N, head, *last.Totals
		switch {
		case last.Epoch > epoch:
			return fenced(epoch, last)
		case last.Kind == KindDone:
			return &chatferry.Error{Op: "open", Place: "shard " + l.w.log, Err: errors.New("it is done, and never opened again")}
		}
		if err := l.checkShaping(ctx, shapedSince); err != nil {
			return err
		}
	}
	// Whoever appended before may have been killed between its link and its fsync. Its record must not be lost behind
	// ours, which would leave a hole.
	if err := r.cfg.Logs.Sync(ctx, l.w.folder()); err != nil {
		return explain("make durable", l.w.folder(), err)
	}
	totals := l.totals.clone()
	if err := l.w.append(ctx, &Record{Kind: KindEpochOpen, Totals: &totals}); err != nil {
		return err
	}
	l.opened = l.w.n
	return nil
}

// checkShaping refuses a Shard in which a run committed with other shaping settings, while this run, seeing nothing
// committed anywhere, changed them.
func (l *ShardLog) checkShaping(ctx context.Context, since uint64) error {
	if l.totals.LastCommit == 0 {
		return nil
	}
	commit, err := l.read(ctx, l.totals.LastCommit)
	if err != nil {
		return err
	}
	if commit.Epoch >= since {
		return nil
	}
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "open", Place: "shard " + l.w.log,
		Err:  fmt.Errorf("epoch %d committed to it with shaping settings that were changed in epoch %d", commit.Epoch, since),
		Hint: "discard the dataset and run again",
	}
}

// read reads a record of this log that must be there.
func (l *ShardLog) read(ctx context.Context, n uint64) (*Record, error) {
	r, _, err := readRecord(ctx, l.w.logs, l.w.dataset, l.w.log, n)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged(recordName(l.w.log, n), errors.New("it is missing, but a later record names it"))
	}
	return r, err
}

// readTail reads the last record of a Shard's log and checks that it follows the one before. It returns nil and the
// hash that the log begins with if there is no record.
func readTail(ctx context.Context, logs LogStore, dataset string, begin chatferry.SHA256, log string) (*Record, chatferry.SHA256, error) {
	n, err := lastNumber(ctx, logs, log)
	if err != nil || n == 0 {
		return nil, begin, err
	}
	last, head, err := readRecord(ctx, logs, dataset, log, n)
	if err != nil {
		return nil, head, err
	}
	prev := begin
	if n > 1 {
		name := recordName(log, n-1)
		data, err := logs.Read(ctx, name)
		if err != nil {
			return nil, head, explain("read", name, err)
		}
		prev = sumOf(data)
	}
	if last.Prev != prev {
		if n > 1 {
			// Name the record that was changed, if it shows which of the two it is.
			if _, _, err := readRecord(ctx, logs, dataset, log, n-1); err != nil {
				return nil, head, err
			}
		}
		return nil, head, damaged(recordName(log, n), errChain)
	}
	return last, head, nil
}

// Epoch implements chatferry.ShardLog.
func (l *ShardLog) Epoch() uint64 { return l.w.epoch }

// Position implements chatferry.ShardLog.
func (l *ShardLog) Position() chatferry.Position { return l.totals.Position }

// NextSeq implements chatferry.ShardLog.
func (l *ShardLog) NextSeq() uint64 { return l.totals.Seq + 1 }

// Totals returns the state of the Shard. The caller must not change it.
func (l *ShardLog) Totals() Totals { return l.totals }

// Commit implements chatferry.ShardLog.
func (l *ShardLog) Commit(ctx context.Context, p *chatferry.Part) error {
	if err := l.usable(); err != nil {
		return err
	}
	if err := l.check(p); err != nil {
		return &chatferry.Error{
			Kind: chatferry.KindOf(err), Op: "commit", Place: fmt.Sprintf("part %d of shard %s", p.Seq, l.w.log),
			Err: err, Hint: chatferry.HintOf(err),
		}
	}
	totals := l.totals.committed(l.w.n+1, p)
	if err := l.append(ctx, &Record{Kind: KindCommit, Commit: p, Totals: &totals}); err != nil {
		return err
	}
	l.totals = totals.clone()
	for _, f := range p.Files {
		if err := l.run.cfg.Publisher.Publish(ctx, f); err != nil {
			// Even bytes that are gone are left for the next opening, which has one way to deal with it. They may be gone
			// because a newer run has published them, replaced them, and removed them.
			l.broken = chatferry.Worse(explain("publish", f.Name, err), l.run.Overtaken(context.WithoutCancel(ctx)))
			return l.broken
		}
	}
	l.totals.PublishedTo = p.Seq
	l.run.notePublished(l.shard.ID, p.Seq)
	return nil
}

// check holds a Part against what the log expects next.
func (l *ShardLog) check(p *chatferry.Part) error {
	switch {
	case p.Stream != l.shard.Stream:
		return fmt.Errorf("it is of stream %s, the shard of %s", p.Stream, l.shard.Stream)
	case p.Seq != l.NextSeq():
		return fmt.Errorf("the next part is %d", l.NextSeq())
	case p.From != l.Position():
		return fmt.Errorf("it begins at position %q, but the shard stands at %q", p.From, l.Position())
	case p.To == p.From && p.Books.Read.N > 0:
		return fmt.Errorf("it holds %d records and does not move the position %q", p.Books.Read.N, p.From)
	}
	names := map[string]bool{}
	for _, f := range p.Files {
		if !fs.ValidPath(f.Name) || !fs.ValidPath(f.Staging) || names[f.Name] || names[f.Staging] {
			return fmt.Errorf("the name %q or its staging name %q is not usable", f.Name, f.Staging)
		}
		names[f.Name], names[f.Staging] = true, true
	}
	return p.Books.Close()
}

// Done implements chatferry.ShardLog.
func (l *ShardLog) Done(ctx context.Context) error {
	if err := l.usable(); err != nil {
		return err
	}
	// Every Part is published, and this Lane stages no more, so what is left was never committed.
	pub := l.run.cfg.Publisher
	left, err := sweepStaged(ctx, pub, l.shard.ID, l.w.epoch+1, l.uploads(), nil)
	if err != nil {
		return err
	}
	totals := l.totals.finished()
	if err := l.append(ctx, &Record{Kind: KindDone, Totals: &totals}); err != nil {
		return err
	}
	l.totals, l.done = totals, true
	if !left {
		return nil
	}
	// Uploads of this run, or of a frozen older one. No newer one has opened the Shard, and from now on nobody does.
	_, err = sweepStaged(ctx, pub, l.shard.ID, l.w.epoch+1, allUploads, nil)
	return err
}

func (l *ShardLog) usable() error {
	switch {
	case l.broken != nil:
		return l.broken
	case l.done:
		return &chatferry.Error{Op: "append to", Place: "log " + l.w.log, Err: errors.New("the shard is done")}
	}
	return l.run.isFenced()
}

func (l *ShardLog) append(ctx context.Context, rec *Record) error {
	err := l.w.appendOwned(ctx, rec)
	if err != nil {
		l.run.fencedBy(err)
	}
	return err
}
