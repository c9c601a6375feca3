package main

import (
	"context"
	"slices"
	"sync"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/hydrate"
	"chatferry/extract/api"
)

// contentEndpoint is the Range.Endpoint of a Shard that fetches attachments. One that only lists them has the API's own.
const contentEndpoint = api.AttachmentsEndpoint + "/content"

// oneByOne opens the Shards whose records are asked for one by one, by lists that the dataset itself gives: visitors and
// attachments, which no endpoint lists.
type oneByOne struct {
	t      *target
	client *api.Client

	mu      sync.Mutex
	dataset *checkpoint.Dataset // as it was when the first of them was opened, its chats complete
	fetcher *api.Fetcher
}

func (o *oneByOne) open(ctx context.Context, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dataset == nil {
		d, err := o.t.mustLoad(ctx)
		if err != nil {
			return nil, err
		}
		o.dataset = d
	}
	switch shard.API.Endpoint {
	case api.VisitorsEndpoint:
		return api.NewVisitors(o.client, hydrate.NewVisitors(o.dataset, o.t.store), shard, from)
	case contentEndpoint:
		if o.fetcher == nil {
			f, err := api.NewFetcher(api.FetchOptions{Root: o.client.Root(), Account: o.client.Wait})
			if err != nil {
				return nil, err
			}
			o.fetcher = f
		}
		return api.NewAttachments(o.client, hydrate.NewAttachments(o.dataset, o.t.store), o.fetcher, shard, from)
	}
	return api.NewAttachments(o.client, hydrate.NewAttachments(o.dataset, o.t.store), nil, shard, from)
}

func (o *oneByOne) close() {
	if o.fetcher != nil {
		o.fetcher.Close()
	}
}

// isOneByOne reports whether a Shard is read by oneByOne.
func isOneByOne(s *chatferry.Shard) bool {
	return s.API != nil && (s.API.Endpoint == api.VisitorsEndpoint || s.API.Endpoint == api.AttachmentsEndpoint || s.API.Endpoint == contentEndpoint)
}

// wanted returns the Shards of what is asked for one by one and was not planned before, once the chats are complete.
func (a *accountSupply) wanted(states []checkpoint.ShardState, next chatferry.ShardID) []chatferry.Shard {
	pass := map[chatferry.Stream]int{}
	planned := map[string]bool{}
	var chats *chatferry.Shard
	for i := range states {
		s := &states[i]
		switch {
		case isOneByOne(&s.Shard):
			pass[s.Shard.Stream] = s.Shard.API.Pass + 1
			planned[s.Shard.API.Endpoint] = true
		case s.Shard.Stream == chatferry.Chats && !s.Done:
			return nil
		case s.Shard.Stream == chatferry.Chats && s.Shard.API != nil:
			chats = &s.Shard
		}
	}
	if chats == nil {
		return nil
	}
	var out []chatferry.Shard
	add := func(stream chatferry.Stream, endpoint string) {
		if planned[endpoint] {
			return
		}
		out = append(out, chatferry.Shard{ID: next, Stream: stream, API: &chatferry.Range{
			Endpoint: endpoint, Account: chats.API.Account, Pass: pass[stream], Begun: a.client.Now().UTC(),
		}})
		next++
	}
	if a.c.Fetch.has(chatferry.Visitors) || slices.Contains(a.c.Streams, chatferry.Visitors) {
		add(chatferry.Visitors, api.VisitorsEndpoint)
	}
	switch {
	case a.c.Fetch.has(chatferry.Attachments):
		add(chatferry.Attachments, contentEndpoint)
	case !planned[contentEndpoint]:
		add(chatferry.Attachments, api.AttachmentsEndpoint)
	}
	return out
}
