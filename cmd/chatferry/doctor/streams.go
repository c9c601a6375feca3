package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"chatferry"
	"chatferry/extract/api"
	"chatferry/extract/dump"
)

// source gives records of a Stream, whether it is an account or a dump.
type source interface {
	// records returns those of a Stream, or of about the first page of each of a few places of it. A Doubt of the
	// source, or a record that it could not cut, is an error beside what was read.
	whole(ctx context.Context, stream chatferry.Stream) ([][]byte, error)
	// asked says how the Stream is read, for a person.
	asked(stream chatferry.Stream) string
}

// account reads Streams of an account.
type account struct {
	client *api.Client
	source *api.Source
}

func newAccount(client *api.Client, pageLimit int) *account {
	return &account{client: client, source: api.NewSource(client, api.SourceOptions{PageLimit: pageLimit})}
}

func (a *account) asked(stream chatferry.Stream) string { return "GET " + api.EndpointOf(stream) }

func (a *account) whole(ctx context.Context, stream chatferry.Stream) ([][]byte, error) {
	return drain(ctx, a.source, &chatferry.Shard{Stream: stream, API: &chatferry.Range{Endpoint: api.EndpointOf(stream)}}, 0)
}

// folder reads Streams of a dump.
type folder struct {
	listing *dump.Listing
	source  *dump.Source
}

// dumpCuts are small, since a look at the first records suffices of what is large.
func dumpCuts() chatferry.Cuts {
	c := chatferry.DefaultCuts()
	c.PageBytes = 1 << 20
	return c
}

func newFolder(l *dump.Listing) *folder {
	return &folder{listing: l, source: dump.NewSource(l, dumpCuts())}
}

func (d *folder) asked(stream chatferry.Stream) string { return string(stream) + " of the dump" }

func (d *folder) shards(ctx context.Context, stream chatferry.Stream) ([]chatferry.Shard, error) {
	only := d.listing.Only(stream)
	if len(only.Files) == 0 {
		return nil, errNotHeld
	}
	return only.Plan(ctx, nil, func(chatferry.ShardID) bool { return false }, dumpCuts(), 1)
}

var errNotHeld = errors.New("the dump holds none")

func (d *folder) whole(ctx context.Context, stream chatferry.Stream) (all [][]byte, err error) {
	shards, err := d.shards(ctx, stream)
	if err != nil {
		return nil, err
	}
	for i := range shards {
		records, rerr := drain(ctx, d.source, &shards[i], 0)
		all, err = append(all, records...), errors.Join(err, rerr)
	}
	return all, err
}

// drain reads a Shard, or its first Pages only; pages 0 is all. The records are the caller's.
func drain(ctx context.Context, from chatferry.Source, shard *chatferry.Shard, pages int) (all [][]byte, err error) {
	r, err := from.Open(ctx, shard, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	faults, doubts := 0, []string(nil)
	for n := 0; pages == 0 || n < pages; n++ {
		p, err := r.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return all, err
		}
		for i := range p.Records {
			if p.Records[i].Fault != nil {
				faults++
				continue
			}
			all = append(all, slices.Clone(p.Records[i].Raw))
		}
		for _, d := range p.Doubts {
			doubts = append(doubts, d.Reason)
		}
		p.Release()
	}
	switch {
	case len(doubts) > 0:
		return all, fmt.Errorf("%w: %s", errForm, doubts[0])
	case faults > 0:
		return all, fmt.Errorf("%w: %s that no record can be cut from", errForm, counted(int64(faults), "piece"))
	}
	return all, nil
}
