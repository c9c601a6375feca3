package chatferry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The stubs below stand for the stages: a Source of numbered records, a Sink that remembers, a log in memory. Each can
// be told to fail at its n-th call.
type rig struct {
	mu        sync.Mutex
	perShard  int // records of each Shard
	perPage   int
	logs      map[ShardID]*memoryLog
	open      int // PartWriters begun and neither sealed nor aborted
	freed     int // Pages released
	read      int // Pages read
	failRead  int // at the n-th Page; 0 never
	failWrite int
	failLog   error // returned by the n-th Commit
	failAt    int
	commits   int
	onPage    func(n int)
}

func (r *rig) Open(_ context.Context, s *Shard, from Position) (Reader, error) {
	at := 0
	if from != "" {
		var err error
		if at, err = strconv.Atoi(string(from)); err != nil {
			return nil, err
		}
	}
	return &rigReader{r: r, s: s, at: at}, nil
}

type rigReader struct {
	r  *rig
	s  *Shard
	at int
}

func (d *rigReader) Next(context.Context) (*Page, error) {
	if d.at >= d.r.perShard {
		return nil, io.EOF
	}
	d.r.mu.Lock()
	d.r.read++
	n := d.r.read
	d.r.mu.Unlock()
	if d.r.onPage != nil {
		d.r.onPage(n)
	}
	if n == d.r.failRead {
		return nil, errors.New("the cable is cut")
	}
	p := &Page{Shard: d.s, From: rigPosition(d.at)}
	for range min(d.r.perPage, d.r.perShard-d.at) {
		p.Records = append(p.Records, Record{Raw: []byte("record"), Offset: Offset(d.at)})
		p.RawBytes += 6
		d.at++
	}
	p.After = rigPosition(d.at)
	p.Free = func() {
		d.r.mu.Lock()
		d.r.freed++
		d.r.mu.Unlock()
	}
	return p, nil
}

func rigPosition(at int) Position {
	if at == 0 {
		return ""
	}
	return Position(strconv.Itoa(at))
}

func (d *rigReader) Close() error { return nil }

func (r *rig) Transform(p *Page, seq uint64) (*Batch, error) {
	b := &Batch{Shard: p.Shard, Seq: seq, From: p.From, After: p.After, RawBytes: p.RawBytes}
	for _, rec := range p.Records {
		raw := [32]byte{byte(rec.Offset)}
		e := Entry(p.Shard.Stream, &raw)
		b.Books.Read.Count(6, &e)
		if rec.Offset%7 == 6 {
			b.Books.Quarantined.Count(6, &e)
		} else {
			b.Books.Loaded.Count(6, &e)
		}
	}
	return b, nil
}

func (r *rig) Begin(s *Shard, seq, epoch uint64) (PartWriter, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
	return &rigWriter{r: r, name: fmt.Sprintf("part-%s-%d", s.ID, seq)}, nil
}

type rigWriter struct {
	r      *rig
	name   string
	pages  int
	closed bool
}

func (w *rigWriter) Write(b *Batch) error {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.pages++
	if w.r.failWrite > 0 {
		if w.r.failWrite--; w.r.failWrite == 0 {
			return errors.New("no space")
		}
	}
	return nil
}

func (w *rigWriter) close() {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	if !w.closed {
		w.closed = true
		w.r.open--
	}
}

func (w *rigWriter) Seal(context.Context) (*Part, error) {
	w.close()
	return &Part{Files: []PartFile{{Name: w.name, Rows: int64(w.pages)}}}, nil
}

func (w *rigWriter) Abort() error { w.close(); return nil }

type memoryLog struct {
	r     *rig
	parts []Part
	done  bool
}

func (r *rig) OpenShard(_ context.Context, s *Shard) (ShardLog, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.logs[s.ID] == nil {
		r.logs[s.ID] = &memoryLog{r: r}
	}
	return r.logs[s.ID], nil
}

func (l *memoryLog) Epoch() uint64   { return 1 }
func (l *memoryLog) NextSeq() uint64 { return uint64(len(l.parts)) + 1 }

func (l *memoryLog) Position() Position {
	if len(l.parts) == 0 {
		return ""
	}
	return l.parts[len(l.parts)-1].To
}

func (l *memoryLog) Commit(ctx context.Context, p *Part) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	l.r.commits++
	if l.r.failLog != nil && l.r.commits == l.r.failAt {
		return l.r.failLog
	}
	l.parts = append(l.parts, *p)
	return nil
}

func (l *memoryLog) Done(ctx context.Context) error {
	l.done = ctx.Err() == nil
	return ctx.Err()
}

func newRig() *rig { return &rig{perShard: 100, perPage: 8, logs: map[ShardID]*memoryLog{}} }

func (r *rig) pipeline(lanes int) *Pipeline {
	return &Pipeline{
		Source: r, NewTransformer: func(Stream) Transformer { return r }, Sink: r, Log: r,
		Cuts: Cuts{PartBytes: 1 << 30, PartRecords: 20}, Lanes: lanes, Budget: 64,
		Bad: BadLimit{Count: -1, Percent: 100},
	}
}

func (r *rig) shards(n int) []*Shard {
	var s []*Shard
	for i := range n {
		s = append(s, &Shard{ID: ShardID(i + 1), Stream: Chats})
	}
	return s
}

// ranges prints what the log of a Shard holds, one Part a word.
func (r *rig) ranges(id ShardID) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, p := range r.logs[id].parts {
		out = append(out, fmt.Sprintf("%d:%s-%s(%s)", p.Seq, p.From, p.To, p.Files[0].Name))
	}
	return fmt.Sprint(out)
}

// settled fails the test if a Page or a PartWriter was left behind.
func (r *rig) settled(t *testing.T) {
	t.Helper()
	if r.open != 0 {
		t.Errorf("%d PartWriters were neither sealed nor aborted", r.open)
	}
	if read := r.read - boolInt(r.failRead > 0 && r.read >= r.failRead); r.freed != read {
		t.Errorf("%d pages were read but %d released", read, r.freed)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

const undisturbed = "[1:-24(part-000000000001-1) 2:24-48(part-000000000001-2) 3:48-72(part-000000000001-3) " +
	"4:72-96(part-000000000001-4) 5:96-100(part-000000000001-5)]"

func TestPipelineCarriesEveryShardToItsEnd(t *testing.T) {
	for _, lanes := range []int{1, 3} {
		r := newRig()
		if err := r.pipeline(lanes).Run(t.Context(), r.shards(5), nil); err != nil {
			t.Fatal(err)
		}
		r.settled(t)
		if got := r.ranges(1); got != undisturbed {
			t.Errorf("lanes=%d: got %s, want %s", lanes, got, undisturbed)
		}
		for id, l := range r.logs {
			if !l.done || len(l.parts) != 5 {
				t.Errorf("lanes=%d: shard %s has %d parts, done=%v", lanes, id, len(l.parts), l.done)
			}
		}
	}
}

// Whatever fails, at whichever Page: the run that follows ends with the very Parts of an undisturbed run, because cuts
// are counted from a Part's first record and a Position moves only with its Checkpoint.
func TestPipelineResumesWithTheSameParts(t *testing.T) {
	for n := 1; n <= 13; n++ {
		for _, what := range []string{"read", "write", "commit", "stop"} {
			r := newRig()
			stop := make(chan struct{})
			switch what {
			case "read":
				r.failRead = n
			case "write":
				r.failWrite = n
			case "commit":
				r.failLog, r.failAt = errors.New("the disk is gone"), min(n, 5)
			case "stop":
				r.onPage = func(at int) {
					if at == n {
						close(stop)
					}
				}
			}
			err := r.pipeline(1).Run(t.Context(), r.shards(1), stop)
			r.settled(t)
			if what != "stop" && err == nil {
				t.Fatalf("%s %d: the failure was not reported", what, n)
			}
			if what == "stop" && err != nil && KindOf(err) != KindStopped {
				t.Fatalf("stop at page %d: got %v", n, err)
			}
			if r.logs[1].done && err != nil {
				t.Fatalf("%s %d: the shard was marked done after %v", what, n, err)
			}
			r.failRead, r.failWrite, r.failLog, r.onPage = 0, 0, nil, nil
			if err := r.pipeline(1).Run(t.Context(), r.shards(1), nil); err != nil {
				t.Fatal(err)
			}
			if got := r.ranges(1); got != undisturbed {
				t.Errorf("%s %d: got %s, want %s", what, n, got, undisturbed)
			}
		}
	}
}

func TestPipelineSealsOnStopWhenAsked(t *testing.T) {
	r := newRig()
	stop := make(chan struct{})
	r.onPage = func(at int) {
		if at == 4 {
			close(stop)
		}
	}
	p := r.pipeline(1)
	p.SealOnStop = true
	if err := p.Run(t.Context(), r.shards(1), stop); KindOf(err) != KindStopped {
		t.Fatalf("got %v, want a stop", err)
	}
	parts := r.logs[1].parts
	if last := parts[len(parts)-1].To; last != "32" && last != "40" {
		t.Errorf("the open part was not sealed: the log ends at %s", last)
	}
}

// stuck is a Source that gives the same Page again and again.
type stuck struct{ *rig }

func (s stuck) Open(ctx context.Context, sh *Shard, from Position) (Reader, error) {
	r, err := s.rig.Open(ctx, sh, from)
	return stuckReader{r.(*rigReader)}, err
}

type stuckReader struct{ *rigReader }

func (s stuckReader) Next(ctx context.Context) (*Page, error) {
	s.at = 0
	return s.rigReader.Next(ctx)
}

func TestPipelineRefusesASourceThatRepeatsItsPosition(t *testing.T) {
	r := newRig()
	p := r.pipeline(1)
	p.Source = stuck{r}
	if err := p.Run(t.Context(), r.shards(1), nil); err == nil {
		t.Fatal("a source that repeats its position went unnoticed")
	}
	r.settled(t)
}

func TestPipelineStopsAtTooManyRejects(t *testing.T) {
	r := newRig()
	r.perShard = 3000
	p := r.pipeline(2)
	p.Bad = BadLimit{Count: -1, Percent: 1}
	err := p.Run(t.Context(), r.shards(4), nil)
	if KindOf(err) != KindTooManyBad {
		t.Fatalf("got %v", err)
	}
	r.settled(t)
}

// A fault of a stage must not take the other Lanes' work with it.
func TestPipelineReportsAPanic(t *testing.T) {
	r := newRig()
	r.onPage = func(n int) {
		if n == 5 {
			panic("index out of range")
		}
	}
	err := r.pipeline(2).Run(t.Context(), r.shards(4), nil)
	if err == nil || !strings.Contains(err.Error(), "index out of range") || KindOf(err) != KindUnexpected {
		t.Fatalf("got %v", err)
	}
	if r.open != 0 {
		t.Errorf("%d PartWriters were left open", r.open)
	}
}

func TestPipelineFencedLaneEndsTheRun(t *testing.T) {
	r := newRig()
	r.failLog, r.failAt = &Error{Kind: KindFenced, Op: "append"}, 3
	err := r.pipeline(2).Run(t.Context(), r.shards(4), nil)
	if KindOf(err) != KindFenced {
		t.Fatalf("got %v", err)
	}
	r.settled(t)
}

func TestWorseFollowsTheDocumentedOrder(t *testing.T) {
	order := []Kind{KindFenced, KindIncompatible, KindDiffers, KindEnvironment, KindTooManyBad, KindUnexpected, KindTemporary, KindStopped, KindUnavailable}
	for i, k := range order {
		for j, l := range order {
			a, b := error(&Error{Kind: k}), error(&Error{Kind: l})
			want := order[min(i, j)]
			if got := KindOf(Worse(a, b)); got != want {
				t.Errorf("Worse(%d, %d) = %d, want %d", k, l, got, want)
			}
		}
	}
	if !slices.Equal(order, severity) {
		t.Error("severity is not the documented order")
	}
}
