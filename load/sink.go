package load

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"golang.org/x/sync/errgroup"

	"chatferry"
)

// Sink builds Parts in a Store.
type Sink struct {
	store  Store
	layout layout
	nonce  func() string

	mu      sync.Mutex
	schemas map[string]*fileSchema // by Label
	writers shelf
}

var (
	_ chatferry.Sink       = (*Sink)(nil)
	_ chatferry.PartWriter = (*partWriter)(nil)
)

// NewSink returns a Sink that builds Parts in a store.
func NewSink(store Store) *Sink {
	registerZstd()
	return &Sink{store: store, layout: defaultLayout(), nonce: newNonce, schemas: map[string]*fileSchema{}, writers: shelf{most: idleBytes}}
}

// schema returns what is needed to write files of an Arrow schema; of one Label it is mostly the same one.
func (s *Sink) schema(label string, a *arrow.Schema) (*fileSchema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.schemas[label]; known != nil && (known.arrow == a || known.arrow.Equal(a)) {
		return known, nil
	}
	made, err := newFileSchema(a)
	if err == nil {
		s.schemas[label] = made
	}
	return made, err
}

func newNonce() string {
	var b [8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// Begin implements chatferry.Sink.
func (s *Sink) Begin(shard *chatferry.Shard, seq, epoch uint64) (chatferry.PartWriter, error) {
	return &partWriter{
		sink: s, shard: shard, seq: seq, epoch: epoch, nonce: s.nonce(),
		order: shard.Stream.Tables(), rows: map[chatferry.Table]*rowsFile{},
	}, nil
}

// partWriter collects one Part.
type partWriter struct {
	sink       *Sink
	shard      *chatferry.Shard
	seq, epoch uint64
	nonce      string
	order      []chatferry.Table // of the Part's row files

	rows       map[chatferry.Table]*rowsFile
	ledger     *rowsFile
	quarantine *quarantineFile
	books      chatferry.Books // of the Batches, to compare with the files

	err error // why nothing but Abort may be called
}

var (
	errAborted = errors.New("the Part was aborted")
	errSealed  = errors.New("the Part is sealed")
)

// Write implements chatferry.PartWriter.
func (p *partWriter) Write(b *chatferry.Batch) error {
	if p.err != nil {
		return p.err
	}
	if err := p.write(b); err != nil {
		p.err = err
		return err
	}
	return nil
}

func (p *partWriter) write(b *chatferry.Batch) error {
	if b.Shard == nil || b.Shard.ID != p.shard.ID || b.Seq != p.seq {
		return fmt.Errorf("the Batch belongs to another Part, %d", b.Seq)
	}
	if err := p.writeRows(b.Rows); err != nil {
		return err
	}
	if err := p.writeLedger(b.Ledger); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := p.writeRejects(b.Rejects); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	p.books.Add(b.Books)
	return nil
}

// writeRows encodes the tables of a Batch side by side, so that one Lane can use several processors.
func (p *partWriter) writeRows(rows []chatferry.Rows) (err error) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	defer func() {
		if gerr := g.Wait(); err == nil {
			err = gerr
		}
	}()
	for _, r := range rows {
		if r.Record.NumRows() == 0 {
			continue
		}
		f, err := p.rowsFile(r)
		if err != nil {
			return err
		}
		if err := f.writeBeside(&g, r.Record); err != nil {
			return fmt.Errorf("table %s: %w", r.Table, err)
		}
	}
	return nil
}

func (p *partWriter) rowsFile(r chatferry.Rows) (*rowsFile, error) {
	if f := p.rows[r.Table]; f != nil {
		return f, nil
	}
	if !slices.Contains(p.order, r.Table) {
		return nil, fmt.Errorf("stream %s feeds no table %q", p.shard.Stream, r.Table)
	}
	var entries entryTerms
	if r.Table == p.shard.Stream.Parent() {
		entries = parentEntries(p.shard.Stream)
	}
	to := chatferry.PartFile{Kind: chatferry.FileRows, Table: r.Table, Name: RowsName(r.Table, p.shard.ID, p.seq)}
	f, err := p.sink.newRowsFile(string(r.Table), r.Record.Schema(), to, entries, p.create(string(r.Table), to.Name))
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", r.Table, err)
	}
	p.rows[r.Table] = f
	return f, nil
}

// create returns a function that begins a staging file, so that nothing is created for a schema that cannot be written.
func (p *partWriter) create(label, name string) func() (Staging, error) {
	return func() (Staging, error) {
		return p.sink.store.Create(context.Background(), Target{
			Shard: p.shard.ID, Epoch: p.epoch, Seq: p.seq, Label: label, Nonce: p.nonce, Name: name,
		})
	}
}

func (p *partWriter) writeLedger(entries []chatferry.LedgerEntry) error {
	if len(entries) == 0 {
		return nil
	}
	if p.ledger == nil {
		to := chatferry.PartFile{Kind: chatferry.FileLedger, Name: LedgerName(p.shard.ID, p.seq)}
		f, err := p.sink.newRowsFile(LabelLedger, ledgerSchema(), to, ledgerEntries, p.create(LabelLedger, to.Name))
		if err != nil {
			return err
		}
		p.ledger = f
	}
	rec := ledgerRecord(p.shard.ID, p.seq, entries)
	defer rec.Release()
	return p.ledger.write(rec)
}

func (p *partWriter) writeRejects(rejects []chatferry.Reject) error {
	if len(rejects) == 0 {
		return nil
	}
	if p.quarantine == nil {
		to := chatferry.PartFile{Kind: chatferry.FileQuarantine, Name: QuarantineName(p.shard.ID, p.seq)}
		f, err := newQuarantineFile(to, p.create(LabelQuarantine, to.Name))
		if err != nil {
			return err
		}
		p.quarantine = f
	}
	for i := range rejects {
		r := &rejects[i]
		if r.Shard != p.shard.ID || r.Seq != p.seq {
			return fmt.Errorf("the Reject at %s belongs to another Part", r.Place)
		}
		if err := p.quarantine.write(r); err != nil {
			return err
		}
	}
	return nil
}

// files returns the files begun so far in the order in which a Part lists them.
func (p *partWriter) files() []partFile {
	var out []partFile
	for _, t := range p.order {
		if f := p.rows[t]; f != nil {
			out = append(out, f)
		}
	}
	if p.ledger != nil {
		out = append(out, p.ledger)
	}
	if p.quarantine != nil {
		out = append(out, p.quarantine)
	}
	return out
}

// Seal implements chatferry.PartWriter. A Part that touched nothing has no files and is a Part all the same.
func (p *partWriter) Seal(ctx context.Context) (*chatferry.Part, error) {
	if p.err != nil {
		return nil, errors.Join(p.err, p.Abort())
	}
	part, err := p.seal(ctx)
	if err != nil {
		p.err = err
		return nil, errors.Join(err, p.Abort())
	}
	p.err = errSealed
	p.forget()
	return part, nil
}

func (p *partWriter) seal(ctx context.Context) (*chatferry.Part, error) {
	part := &chatferry.Part{Stream: p.shard.Stream, Seq: p.seq, Files: []chatferry.PartFile{}}
	files := p.files()
	opened, err := p.finish(ctx, files)
	if err != nil {
		return nil, err
	}
	part.Files = make([]chatferry.PartFile, len(files))
	g, joint := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range files {
		g.Go(func() (err error) {
			part.Files[i], err = readBack(joint, f, opened[i])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if part.Files[i].Staging, part.Files[i].StoreChecksum, err = f.file().Stage(ctx); err != nil {
			return nil, err
		}
	}
	if err := p.checkBooks(part.Files); err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return part, nil
	}
	return part, p.sink.store.SyncStaging(ctx)
}

// finish finishes the files one after the other, so that what is written has an order, and opens them to be read back.
func (p *partWriter) finish(ctx context.Context, files []partFile) (opened []ReadFile, err error) {
	defer func() {
		if err != nil {
			for _, r := range opened {
				err = errors.Join(err, r.Close())
			}
		}
	}()
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return opened, context.Cause(ctx)
		}
		if err := f.finish(); err != nil {
			return opened, err
		}
		r, err := f.file().Reopen(ctx)
		if err != nil {
			return opened, err
		}
		opened = append(opened, r)
	}
	return opened, nil
}

// checkBooks compares the records that the files hold with those that the Batches' books claim.
func (p *partWriter) checkBooks(files []chatferry.PartFile) error {
	var loaded, ledger, quarantined chatferry.Tally
	for _, f := range files {
		t := chatferry.Tally{N: f.Rows, D: f.E}
		switch {
		case f.Kind == chatferry.FileLedger:
			ledger.Add(t)
		case f.Kind == chatferry.FileQuarantine:
			quarantined.Add(t)
		case f.Table == p.shard.Stream.Parent():
			loaded.Add(t)
		}
	}
	set := p.books.ExcludedTotal()
	set.Add(p.books.Superseded)
	for _, c := range []struct {
		what        string
		files, book chatferry.Tally
	}{
		{"loaded", loaded, p.books.Loaded},
		{"excluded and superseded", ledger, set},
		{"quarantined", quarantined, p.books.Quarantined},
	} {
		if c.files.N != c.book.N || c.files.D != c.book.D {
			return chatferry.Errorf(chatferry.KindDiffers, "report this: it is a fault of chatferry",
				"the files hold %d %s records (digest %s), the books say %d (digest %s)",
				c.files.N, c.what, c.files.D, c.book.N, c.book.D)
		}
	}
	return nil
}

// Abort implements chatferry.PartWriter. After a successful Seal it does nothing: the files belong to the log then.
func (p *partWriter) Abort() error {
	if p.err == nil {
		p.err = errAborted
	}
	var errs []error
	for _, f := range p.files() {
		errs = append(errs, f.file().Discard())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.forget()
	return nil
}

// forget drops the files, which are the log's or gone from now on.
func (p *partWriter) forget() { p.rows, p.ledger, p.quarantine = nil, nil, nil }
