package deep

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/transform"
)

// A record that package dump passes over when it cuts a file shows nowhere in a dataset. So the files are cut once more here,
// by encoding/json and encoding/csv, and the records of each Shard counted and summed up: they must be those that package dump
// cuts. Where files are damaged, what is a record is a matter of rules that no library has; such Shards are
// told and left out.

// recount cuts the files of all Shards that are read to their end.
func (c *comparison) recount(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(c.workers())
	for _, s := range c.shards {
		if !s.Done {
			continue
		}
		if c.torn[s.Shard.ID] == tornAll || slices.ContainsFunc(s.Commits, func(p checkpoint.PartState) bool { return len(p.Doubts) > 0 }) {
			c.uncounted()
			continue
		}
		work.Go(func() error { return c.recountShard(ctx, s) })
	}
	return work.Wait()
}

// tearing says how far the records of a Shard are told apart from what is around them by rules of package dump alone.
type tearing int

const (
	tornDocuments tearing = iota + 1 // where they do not stand in lines
	tornAll
)

// tear takes in why a record is in quarantine.
func (c *comparison) tear(id chatferry.ShardID, code chatferry.Code) {
	how := tearing(0)
	switch code {
	case chatferry.CodeTruncated, chatferry.CodeTooLong, chatferry.CodeStructure, chatferry.CodeCSVRow, chatferry.CodeCSVHeader:
		how = tornAll
	case chatferry.CodeSyntax, chatferry.CodeNotObject:
		how = tornDocuments
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.torn[id] = max(c.torn[id], how)
}

func (c *comparison) uncounted() {
	c.found.mu.Lock()
	defer c.found.mu.Unlock()
	c.found.report.Uncounted++
}

// errTorn is returned for files whose records cannot be told apart in another way.
var errTorn = errors.New("what is a record is a matter of rules")

func (c *comparison) recountShard(ctx context.Context, s *checkpoint.ShardState) error {
	var got chatferry.Tally
	for _, f := range s.Shard.Files {
		err := c.recountFile(ctx, &s.Shard, f, func(raw []byte) {
			if s.Shard.Stream.Secret() {
				raw = transform.WithoutSecrets(raw)
			}
			sum := sha256.Sum256(raw)
			e := chatferry.Entry(s.Shard.Stream, &sum)
			got.Count(int64(len(raw)), &e)
		})
		if errors.Is(err, errTorn) {
			c.uncounted()
			return nil
		}
		if err != nil && chatferry.KindOf(err) == chatferry.KindUnexpected && ctx.Err() == nil {
			c.found.add(Difference{
				Kind: Count, Stream: s.Shard.Stream, Place: f.Path, What: "it is cut into records without a fault, but not in another way: " + err.Error(),
			})
			return nil
		}
		if err != nil {
			return err
		}
	}
	if want := c.cut[s.Shard.ID]; got.N != want.N || got.D != want.D {
		place := s.Shard.Files[0].Path
		if n := len(s.Shard.Files); n > 1 {
			place += " to " + s.Shard.Files[n-1].Path
		}
		c.found.add(Difference{
			Kind: Count, Stream: s.Shard.Stream, Place: place,
			What: fmt.Sprintf("it is cut into %d records, in another way into %d, or others", want.N, got.N),
		})
		return nil
	}
	c.found.mu.Lock()
	defer c.found.mu.Unlock()
	c.found.report.Recounted += got.N
	return nil
}

// recountFile calls visit for every record of a file, or of the Shard's range of it.
func (c *comparison) recountFile(ctx context.Context, s *chatferry.Shard, f chatferry.File, visit func(raw []byte)) (err error) {
	from := max(s.From-1, 0)
	stored, err := c.o.Open(ctx, s.Stream, f, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stored.Close()) }()
	in := bufio.NewReaderSize(&patient{ctx, stored}, 256<<10)
	if s.From > 0 || s.To > 0 {
		return lines(in, from, s.From, s.To, visit)
	}
	text, end, err := plain(in)
	if err != nil {
		return err
	}
	defer end()
	if mark, err := text.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = text.Discard(3) // they are there
	}
	switch {
	case s.Stream.CSV():
		return reportRows(text, visit)
	case isLines(s.Stream, text):
		return lines(text, 0, 0, 0, visit)
	case c.torn[s.ID] == tornDocuments:
		return errTorn
	}
	return newDocuments(s.Stream, text, visit).all()
}

// patient ends a read when its context does.
type patient struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	if p.ctx.Err() != nil {
		return 0, context.Cause(p.ctx)
	}
	return p.Reader.Read(b)
}

// plain uncompresses, if need be.
func plain(in *bufio.Reader) (text *bufio.Reader, end func(), err error) {
	head, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(z, 256<<10), func() {}, nil
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}) || len(head) == 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte{0x2a, 0x4d, 0x18}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(z, 256<<10), z.Close, nil
	}
	return in, func() {}, nil
}

const white = " \t\r\n"

// lines calls visit for every line that begins in [from, to); to 0 is the end. at is the byte that in stands at.
func lines(in *bufio.Reader, at, from, to int64, visit func([]byte)) error {
	for {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return err
		}
		begins := at
		at += int64(len(line))
		if to > 0 && begins >= to {
			return nil
		}
		// What stands before the range belongs to a line that begins before it.
		if raw := bytes.Trim(line, white); begins >= from && len(raw) > 0 {
			visit(raw)
		}
		if err == io.EOF {
			return nil
		}
	}
}
