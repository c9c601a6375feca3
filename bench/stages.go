package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/load"
	"chatferry/load/local"
	"chatferry/transform"
)

// bench is one measurement in progress.
type bench struct {
	Config
	cuts   chatferry.Cuts
	stored made // as the Config compresses it
	plain  made // the same records, plain
	dir    string
	rounds int

	// What a stage needs and does not count: time spent on making its input.
	paused, pausedCPU time.Duration

	files, written int64

	// What floors find, kept so that no compiler leaves the work out.
	found int
	sum   [32]byte
}

// aside runs f without counting its time to the stage.
func (b *bench) aside(f func() error) error {
	begun, cpu := time.Now(), cpuTime()
	err := f()
	b.paused += time.Since(begun)
	b.pausedCPU += cpuTime() - cpu
	return err
}

// read decompresses the dump and cuts it into records.
func (b *bench) read(ctx context.Context, f *Figure) error {
	for i := range b.stored.shards {
		r, err := b.stored.source.Open(ctx, &b.stored.shards[i], "")
		if err != nil {
			return err
		}
		for {
			p, err := r.Next(ctx)
			if err == io.EOF {
				break
			}
			if err != nil {
				return errors.Join(err, r.Close())
			}
			f.Bytes += p.RawBytes
			f.Records += int64(len(p.Records))
			p.Release()
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// decode turns records into Arrow rows. Reading is not counted.
func (b *bench) decode(ctx context.Context, f *Figure) error {
	t := transform.New(chatferry.Chats, transform.Options{})
	return b.decoded(ctx, t, false, func(batch *chatferry.Batch) error {
		f.count(batch)
		return nil
	})
}

// encode turns Arrow rows into Parquet files that are read back and durable. Reading and decoding are not counted.
func (b *bench) encode(ctx context.Context, f *Figure) error {
	store, root, err := b.newStore()
	if err != nil {
		return err
	}
	sink := load.NewSink(store)
	t := transform.New(chatferry.Chats, transform.Options{})
	var w chatferry.PartWriter
	var bytes int64
	seal := func(ctx context.Context) error {
		if w == nil {
			return nil
		}
		_, err := w.Seal(ctx)
		w, bytes = nil, 0
		return err
	}
	var shard chatferry.ShardID
	err = b.decoded(ctx, t, true, func(batch *chatferry.Batch) error {
		if batch.Shard.ID != shard {
			if err := seal(ctx); err != nil {
				return err
			}
			shard = batch.Shard.ID
		}
		if w == nil {
			if w, err = sink.Begin(batch.Shard, 1, 1); err != nil {
				return err
			}
		}
		f.count(batch)
		if err := w.Write(batch); err != nil {
			return err
		}
		if bytes += batch.RawBytes; bytes >= b.cuts.PartBytes {
			return seal(ctx)
		}
		return nil
	})
	if err == nil {
		err = seal(ctx)
	} else if w != nil {
		err = errors.Join(err, w.Abort())
	}
	return errors.Join(err, os.RemoveAll(root))
}

// decoded calls f with the Batch of every Page. What is not to be measured is done aside.
func (b *bench) decoded(ctx context.Context, t *transform.Transformer, decodeAside bool, f func(*chatferry.Batch) error) error {
	return b.held(ctx, func(pages []*chatferry.Page) error {
		for _, p := range pages {
			var batch *chatferry.Batch
			do := func() (err error) { batch, err = t.Transform(p, 1); return err }
			var err error
			if decodeAside {
				err = b.aside(do)
			} else {
				err = do()
			}
			if err != nil {
				return err
			}
			err = f(batch)
			batch.Release()
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// held calls f with all Pages of the plain dump, some at a time. They are read aside.
func (b *bench) held(ctx context.Context, f func([]*chatferry.Page) error) error {
	for i := range b.plain.shards {
		r, err := b.plain.source.Open(ctx, &b.plain.shards[i], "")
		if err != nil {
			return err
		}
		for done := false; !done; {
			var pages []*chatferry.Page
			err := b.aside(func() error {
				for bytes := int64(0); bytes < heldBytes; {
					p, err := r.Next(ctx)
					if err == io.EOF {
						done = true
						return nil
					}
					if err != nil {
						return err
					}
					pages = append(pages, p)
					bytes += p.RawBytes
				}
				return nil
			})
			if err == nil {
				err = f(pages)
			}
			for _, p := range pages {
				p.Release()
			}
			if err != nil {
				return errors.Join(err, r.Close())
			}
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// heldBytes is how much is read ahead, so that reading does not run beside what is measured.
const heldBytes = 16 << 20

// count adds a Batch to what a stage did.
func (f *Figure) count(batch *chatferry.Batch) {
	f.Bytes += batch.RawBytes
	f.Records += batch.Books.Read.N
	for _, r := range batch.Rows {
		f.Rows += r.Record.NumRows()
	}
}

func (b *bench) newStore() (*local.Store, string, error) {
	b.rounds++
	root := filepath.Join(b.dir, fmt.Sprintf("out-%d", b.rounds))
	if err := atomicfile.CreateRoot(root); err != nil {
		return nil, "", err
	}
	fsys, err := atomicfile.OS(root)
	if err != nil {
		return nil, "", err
	}
	return local.New(fsys), root, nil
}

// whole is a run: read, decode, encode, read back, fsync, commit and publish, with the logs.
func (b *bench) whole(ctx context.Context, f *Figure) error {
	store, root, err := b.newStore()
	if err != nil {
		return err
	}
	fsys, err := atomicfile.OS(root)
	if err != nil {
		return err
	}
	logs := checkpoint.NewDiskLogs(fsys)
	run, err := checkpoint.Begin(ctx, checkpoint.Config{Logs: logs, Publisher: store}, checkpoint.RunOpen{RunID: "bench", Tool: "bench"})
	if err != nil {
		return err
	}
	if err := run.AddShards(ctx, b.stored.shards); err != nil {
		return err
	}
	work := make([]*chatferry.Shard, len(b.stored.shards))
	for i := range b.stored.shards {
		work[i] = &b.stored.shards[i]
	}
	p := &chatferry.Pipeline{
		Source:         b.stored.source,
		NewTransformer: func(s chatferry.Stream) chatferry.Transformer { return transform.New(s, transform.Options{}) },
		Sink:           load.NewSink(store), Log: run,
		Cuts: b.cuts, Lanes: b.Lanes, Budget: 64 << 20, Bad: chatferry.BadLimit{Count: -1, Percent: 100},
	}
	if err := p.Run(ctx, work, nil); err != nil {
		return err
	}
	done, err := run.Done(ctx, checkpoint.End{Verdict: "complete"})
	if err != nil {
		return err
	}
	b.files, b.written = 0, 0
	for _, t := range done.Tables {
		f.Rows += t.Rows
		b.files += t.Files
		b.written += t.Bytes
	}
	books := done.Books[chatferry.Chats]
	f.Bytes += books.Read.Bytes
	f.Records += books.Read.N
	return b.aside(func() error { return os.RemoveAll(root) })
}
