package dump

import (
	"context"
	"io"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"chatferry"
)

// CheckSource reads every compressed file of the listing once, to its end, and returns what is doubtful about them, in
// the order of the listing. Damage of a compressed file shows only behind all that could be read before it, so without
// this it comes to light after the file's first records are committed. progress, which may be nil, is told of the stored
// bytes of each file that is done; it is called by several goroutines.
//
// A file that was cut between two members or frames passes: see the package documentation.
func CheckSource(ctx context.Context, l *Listing, progress func(stored int64)) ([]chatferry.Doubt, error) {
	found := make([][]chatferry.Doubt, len(l.Files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	checkers := sync.Pool{New: func() any { return new(checker) }}
	for i, f := range l.Files {
		g.Go(func() error {
			c := checkers.Get().(*checker)
			defer func() {
				c.inflate.release()
				checkers.Put(c)
			}()
			doubts, err := c.check(ctx, l.stores[f.Stream], f.File)
			if err != nil {
				return err
			}
			found[i] = doubts
			if progress != nil {
				progress(f.Size)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var doubts []chatferry.Doubt
	for _, d := range found {
		doubts = append(doubts, d...)
	}
	return doubts, nil
}

// checker has the buffers to read a file and forget it.
type checker struct {
	inflate inflater
	sink    [readBytes]byte
}

func (c *checker) check(ctx context.Context, store Store, f chatferry.File) (doubts []chatferry.Doubt, err error) {
	obj, err := store.Open(ctx, f, 0)
	if err != nil {
		return nil, err
	}
	fl, kind, err := startFlow(obj, f, &c.inflate)
	if err != nil {
		obj.Close()
		return nil, err
	}
	defer fl.close()
	if kind == plain {
		return c.named(ctx, fl, f)
	}
	for {
		_, err := fl.read(ctx, c.sink[:])
		for _, t := range fl.news() {
			doubts = append(doubts, t.doubt)
		}
		if ended(err) {
			return doubts, fl.unchanged()
		}
		if err != nil {
			return nil, err
		}
	}
}

// named checks a file that is not compressed, but may be named as if it were.
func (c *checker) named(ctx context.Context, fl flow, f chatferry.File) ([]chatferry.Doubt, error) {
	_, ext := compressed(f.Path)
	if ext == "" {
		return nil, nil
	}
	n := 0
	for n < len(c.sink) {
		m, err := fl.read(ctx, c.sink[n:])
		n += m
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if reason := misnamed(ext, c.sink[:n]); reason != "" {
		return []chatferry.Doubt{{File: f.Path, Reason: reason}}, nil
	}
	return nil, nil
}
