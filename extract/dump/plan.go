package dump

import (
	"context"
	"errors"
	"io"
	"slices"

	"chatferry"
)

const (
	maxShardFiles = 1 << 22 // so that a file's ordinal fits an Offset
	dumpShards    = 64      // a dump is cut into about so many Shards, unless they would be too small
)

// Plan cuts the files that no Shard covers yet into Shards numbered from next on, in Stream order and path order. A Shard
// is a run of whole files of about max(cuts.ShardBytes, a 64th of the dump) stored bytes, or a range of one plain NDJSON
// file that is larger. The result depends on the listing alone, and on the first bytes of large plain files.
//
// already are the Shards of the dataset's log. A file of theirs that was changed is an error of KindIncompatible that
// names it, and so is one that is gone before its Shard is done, unless Only has left its Stream out.
func (l *Listing) Plan(ctx context.Context, already []chatferry.Shard, done func(chatferry.ShardID) bool, cuts chatferry.Cuts, next chatferry.ShardID) ([]chatferry.Shard, error) {
	covered, err := l.covered(already, done)
	if err != nil {
		return nil, err
	}
	p := planner{next: next, target: max(cuts.ShardBytes, l.Bytes()/dumpShards, 1)}
	for _, f := range l.Files {
		if covered[fileKey{f.Stream, f.Path}] {
			continue
		}
		if p.open.Stream != f.Stream || p.open.Bytes >= p.target || len(p.open.Files) >= maxShardFiles || f.Size >= p.target {
			p.close()
		}
		if f.Size >= 2*p.target && !f.Stream.CSV() {
			plain, err := l.plainLines(ctx, f)
			if err != nil {
				return nil, err
			}
			if plain {
				p.ranges(f)
				continue
			}
		}
		p.open.Stream = f.Stream
		p.open.Files = append(p.open.Files, f.File)
		p.open.Bytes += f.Size
	}
	p.close()
	return p.shards, nil
}

type fileKey struct {
	stream chatferry.Stream
	path   string
}

// covered returns the listed files that Shards have already, after comparing them.
func (l *Listing) covered(already []chatferry.Shard, done func(chatferry.ShardID) bool) (map[fileKey]bool, error) {
	listed := make(map[fileKey]chatferry.File, len(l.Files))
	for _, f := range l.Files {
		listed[fileKey{f.Stream, f.Path}] = f.File
	}
	covered := map[fileKey]bool{}
	for i := range already {
		s := &already[i]
		if l.scope != nil && !slices.Contains(l.scope, s.Stream) {
			continue
		}
		for _, f := range s.Files {
			k := fileKey{s.Stream, f.Path}
			now, ok := listed[k]
			switch {
			case ok:
				if err := Compare(f, now); err != nil {
					return nil, err
				}
				covered[k] = true
			case !done(s.ID):
				return nil, Changed(f.Path, "it was planned for "+string(s.Stream)+" and is gone")
			}
		}
	}
	return covered, nil
}

// plainLines reports whether a file is plain NDJSON, which can be read in ranges.
func (l *Listing) plainLines(ctx context.Context, f Found) (bool, error) {
	o, err := l.stores[f.Stream].Open(ctx, f.File, 0)
	if err != nil {
		return false, err
	}
	defer o.Close()
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(o, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		if !isOurs(err) {
			err = environment("read", f.Path, err, "check the disk")
		}
		return false, err
	}
	head = head[:n]
	_, ext := compressed(f.Path)
	if compressionOf(head) != plain || ext != "" && !looksText(head) {
		return false, nil
	}
	return sniff(f.Stream, head) == formatLines, nil
}

type planner struct {
	next   chatferry.ShardID
	target int64
	open   chatferry.Shard
	shards []chatferry.Shard
}

func (p *planner) close() {
	if len(p.open.Files) > 0 {
		p.add(p.open)
	}
	p.open = chatferry.Shard{}
}

func (p *planner) add(s chatferry.Shard) {
	s.ID = p.next
	p.next++
	p.shards = append(p.shards, s)
}

// ranges cuts one file into ranges of equal size. A line belongs to the range in which it begins.
func (p *planner) ranges(f Found) {
	n := f.Size / p.target
	for i := range n {
		from, to := cutAt(f.Size, i, n), cutAt(f.Size, i+1, n)
		p.add(chatferry.Shard{Stream: f.Stream, Bytes: to - from, Files: []chatferry.File{f.File}, From: from, To: to})
	}
}

// cutAt is i n-ths of size, without overflow.
func cutAt(size, i, n int64) int64 { return size/n*i + size%n*i/n }
