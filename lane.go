package chatferry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// lane carries one Shard: a reading, a transforming and a writing goroutine, joined in order by channels that hold a
// handful. It reports success only after all three have returned.
type lane struct {
	p      *Pipeline
	shard  *Shard
	log    ShardLog
	budget *semaphore.Weighted
	limit  int64           // of the budget
	stop   <-chan struct{} // closed: read no further
	judge  func(Books) error
}

// sheet is a Page on its way through the Lane, with what the reading goroutine decided about it.
type sheet struct {
	page  *Page // nil: nothing more to read, seal what is open
	seq   uint64
	seal  bool
	start time.Time // when the Part's first Page was asked for
}

// leaf is a Batch on its way to the writing goroutine.
type leaf struct {
	batch *Batch // nil: seal what is open
	seq   uint64
	start time.Time
}

// run carries the Shard from its Checkpoint to its end. A stopped Lane returns errStopped.
func (l *lane) run(ctx context.Context) error {
	pages := make(chan sheet, 1)
	batches := make(chan leaf, 1)
	var ended error // how the reading ended, where that does not end the other two goroutines

	g, joint := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		defer close(pages)
		defer caught(&err)
		ended, err = l.read(joint, pages)
		return err
	})
	g.Go(func() (err error) {
		defer close(batches)
		defer caught(&err)
		return l.transform(joint, pages, batches)
	})
	g.Go(func() (err error) {
		defer caught(&err)
		return l.write(joint, batches)
	})
	err := g.Wait()
	// A goroutine that failed leaves what its neighbours had sent: give that memory back.
	for s := range pages {
		l.releasePage(s.page)
	}
	for b := range batches {
		if b.batch != nil {
			b.batch.Release()
		}
	}
	switch {
	case err != nil:
		return err
	case ended != nil:
		return ended
	}
	if err := l.log.Done(ctx); err != nil {
		return fmt.Errorf("mark shard %s done: %w", l.shard.ID, err)
	}
	return nil
}

// caught makes an error of a panic, so that a fault of the program ends the run as any failure does: the other Lanes
// stop in good order, and what was committed stays.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = &Error{
			Op: "carry", Err: fmt.Errorf("a fault of the program: %v\n%s", p, debug.Stack()),
			Hint: "report it; what is committed is safe",
		}
	}
}

// errStopped is a Lane's end on request, before the Shard's end.
var errStopped = errors.New("stopped")

// read sends the Shard's Pages and decides where Parts end: at the end of the Page with which PartBytes or PartRecords
// are reached, counted from the Part's first record, so that cuts do not depend on kills. With SealEvery a Part also ends
// when it has been open so long, even while the source keeps the Lane waiting.
//
// ended is errStopped, or, where an open Part may be sealed at any Page, the source's error: what was read before it is
// committed all the same.
func (l *lane) read(ctx context.Context, out chan<- sheet) (ended, err error) {
	at := l.log.Position()
	r, err := l.p.Source.Open(ctx, l.shard, at)
	if err != nil {
		return nil, err
	}
	w := wait{reader: r}
	defer func() {
		w.end()
		if cerr := r.Close(); err == nil && cerr != nil {
			err = cerr
		}
	}()

	seq := l.log.NextSeq()
	var bytes, records int64
	var begun time.Time // when the open Part's first Page was asked for
	open := false
	for {
		if !open {
			begun = time.Now()
		}
		page, err := l.next(ctx, &w, open, begun)
		switch {
		case err == nil:
		case errors.Is(err, errSeal):
			if err := send(ctx, out, sheet{seq: seq, start: begun}); err != nil {
				return nil, err
			}
			open, seq, bytes, records = false, seq+1, 0, 0
			continue
		case err == io.EOF:
			if open {
				return nil, send(ctx, out, sheet{seq: seq, start: begun})
			}
			return nil, nil
		case ctx.Err() != nil:
			return nil, err
		case l.p.SealOnStop:
			if open {
				return err, send(ctx, out, sheet{seq: seq, start: begun})
			}
			return err, nil
		case errors.Is(err, errStopped):
			return err, nil
		default:
			return nil, err
		}
		if page.From != at || (page.After == at && len(page.Records) > 0) {
			page.Release()
			return nil, &Error{
				Op: "read", Place: fmt.Sprintf("shard %s of %s", l.shard.ID, l.shard.Stream),
				Err:  fmt.Errorf("the source went from position %q to %q although it stood at %q", page.From, page.After, at),
				Hint: "run the same command again; if it repeats, report it",
			}
		}
		at = page.After
		bytes += page.RawBytes
		records += int64(len(page.Records))
		open = true
		s := sheet{page: page, seq: seq, start: begun}
		if bytes >= l.p.Cuts.PartBytes || records >= l.p.Cuts.PartRecords {
			s.seal, open = true, false
			seq, bytes, records = seq+1, 0, 0
		}
		if l.p.Observer != nil {
			l.p.Observer.PageRead(l.shard, int64(len(page.Records)), page.RawBytes, page.StoredBytes)
		}
		if err := l.budget.Acquire(ctx, l.weight(page)); err != nil {
			page.Release()
			return nil, err
		}
		if err := send(ctx, out, s); err != nil {
			l.releasePage(page)
			return nil, err
		}
	}
}

// transform turns Pages into Batches, in order.
func (l *lane) transform(ctx context.Context, in <-chan sheet, out chan<- leaf) error {
	t := l.p.NewTransformer(l.shard.Stream)
	for s := range in {
		if s.page == nil {
			if err := send(ctx, out, leaf{seq: s.seq, start: s.start}); err != nil {
				return err
			}
			continue
		}
		weight := l.weight(s.page)
		b, err := t.Transform(s.page, s.seq)
		if err != nil {
			l.releasePage(s.page)
			return fmt.Errorf("transform a page of shard %s: %w", l.shard.ID, err)
		}
		b.Seal = s.seal
		// The budget is held until the rows are written: the Batch is about as large as the Page it came from.
		s.page.Release()
		b.OnRelease(func() { l.budget.Release(weight) })
		if err := send(ctx, out, leaf{batch: b, seq: s.seq, start: s.start}); err != nil {
			b.Release()
			return err
		}
	}
	return nil
}

// write collects Batches into Parts and commits each Part. A Part that is open when the input ends was not sealed by
// the reader: it is dropped, and its range is read again.
func (l *lane) write(ctx context.Context, in <-chan leaf) (err error) {
	w := partInProgress{lane: l}
	defer func() {
		if aerr := w.abort(); err == nil {
			err = aerr
		}
	}()
	for b := range in {
		if err := w.take(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// partInProgress is the Part that a Lane is writing.
type partInProgress struct {
	lane *lane
	w    PartWriter
	part Part
}

func (w *partInProgress) take(ctx context.Context, f leaf) error {
	l := w.lane
	seal := f.batch == nil
	if f.batch != nil {
		defer f.batch.Release()
		if w.w == nil {
			pw, err := l.p.Sink.Begin(l.shard, f.seq, l.log.Epoch())
			if err != nil {
				return err
			}
			w.w = pw
			w.part = Part{Stream: l.shard.Stream, Seq: f.seq, From: f.batch.From}
		}
		if err := w.w.Write(f.batch); err != nil {
			return fmt.Errorf("write part %d of shard %s: %w", f.seq, l.shard.ID, err)
		}
		b := f.batch
		w.part.To = b.After
		w.part.Books.Add(b.Books)
		w.part.Doubts = append(w.part.Doubts, b.Doubts...)
		w.part.Absent = append(w.part.Absent, b.Absent...)
		w.part.StoredBytes += b.StoredBytes
		w.part.Requests += b.Requests
		w.part.ThrottledMS += b.ThrottledMS
		seal = b.Seal
	}
	if !seal || w.w == nil {
		return nil
	}
	return w.commit(ctx, f.start)
}

func (w *partInProgress) commit(ctx context.Context, begun time.Time) error {
	l := w.lane
	if err := w.part.Books.Close(); err != nil {
		return fmt.Errorf("part %d of shard %s: %w", w.part.Seq, l.shard.ID, err)
	}
	pw := w.w
	w.w = nil
	sealed, err := pw.Seal(ctx)
	if err != nil {
		return fmt.Errorf("seal part %d of shard %s: %w", w.part.Seq, l.shard.ID, err)
	}
	w.part.Files = sealed.Files
	w.part.WallMS = time.Since(begun).Milliseconds()
	part := w.part
	if err := l.log.Commit(ctx, &part); err != nil {
		return fmt.Errorf("commit part %d of shard %s: %w", part.Seq, l.shard.ID, err)
	}
	if l.p.Observer != nil {
		l.p.Observer.Committed(l.shard, &part)
	}
	return l.judge(part.Books)
}

func (w *partInProgress) abort() error {
	if w.w == nil {
		return nil
	}
	pw := w.w
	w.w = nil
	if err := pw.Abort(); err != nil {
		return fmt.Errorf("drop the open part %d of shard %s: %w", w.part.Seq, w.lane.shard.ID, err)
	}
	return nil
}

// weight is what a Page takes from the budget. One that is larger than the whole budget takes all of it.
func (l *lane) weight(p *Page) int64 { return min(max(p.RawBytes, 1), l.limit) }

// releasePage gives a Page and its share of the budget back.
func (l *lane) releasePage(p *Page) {
	if p == nil {
		return
	}
	l.budget.Release(l.weight(p))
	p.Release()
}

func send[T any](ctx context.Context, ch chan<- T, v T) error {
	select {
	case ch <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
