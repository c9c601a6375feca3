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
	dataset *checkpoint.Dataset // as it was when the first Shard of a pass was opened, its chats complete
	fetcher *api.Fetcher
}

func (o *oneByOne) open(ctx context.Context, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dataset == nil || o.dataset.Shards[len(o.dataset.Shards)-1].Shard.ID < shard.ID {
		d, err := o.t.mustLoad(ctx)
		if err != nil {
			return nil, err
		}
		o.dataset = d
	}
	after := lastBefore(o.dataset.Shards, shard)
	switch shard.API.Endpoint {
	case api.VisitorsEndpoint:
		return api.NewVisitors(o.client, hydrate.NewVisitors(o.dataset, o.t.store, after), shard, from)
	case contentEndpoint:
		if o.fetcher == nil {
			f, err := api.NewFetcher(api.FetchOptions{Root: o.client.Root(), Account: o.client.Wait})
			if err != nil {
				return nil, err
			}
			o.fetcher = f
		}
		files := hydrate.NewAttachments(o.dataset, o.t.store, hydrate.AttachmentOptions{After: after, Fetched: true})
		return api.NewAttachments(o.client, files, o.fetcher, shard, from)
	}
	return api.NewAttachments(o.client, hydrate.NewAttachments(o.dataset, o.t.store, hydrate.AttachmentOptions{After: after}), nil, shard, from)
}

// lastBefore is the number of the last Shard of an endpoint before one of its Shards; 0: that is the first. The first asks
// for what all rows name, every later one for what rows name that came since the one before it was planned.
func lastBefore(states []checkpoint.ShardState, shard *chatferry.Shard) (last chatferry.ShardID) {
	for i := range states {
		if s := &states[i].Shard; s.ID < shard.ID && s.API != nil && s.API.Endpoint == shard.API.Endpoint {
			last = s.ID
		}
	}
	return last
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

// wanted returns the Shards of what is asked for one by one, once the chats are complete: a first one of each endpoint, and
// another one whenever rows have come since that name more.
func (a *accountSupply) wanted(states []checkpoint.ShardState, next chatferry.ShardID) []chatferry.Shard {
	pass := map[chatferry.Stream]int{}
	planned := map[string]chatferry.ShardID{} // the last Shard of an endpoint
	news := map[chatferry.Stream]chatferry.ShardID{}
	account := ""
	for i := range states {
		s := &states[i]
		switch {
		case isOneByOne(&s.Shard):
			pass[s.Shard.Stream] = s.Shard.API.Pass + 1
			planned[s.Shard.API.Endpoint] = s.Shard.ID
		case s.Shard.Stream == chatferry.Chats && !s.Done:
			return nil
		case s.Books.Loaded.N > 0:
			news[s.Shard.Stream] = s.Shard.ID
		}
		if s.Shard.Stream == chatferry.Chats && s.Shard.API != nil {
			account = s.Shard.API.Account
		}
	}
	if account == "" {
		return nil
	}
	var out []chatferry.Shard
	add := func(stream chatferry.Stream, endpoint string, named ...chatferry.Stream) {
		last, again := planned[endpoint]
		if again && !slices.ContainsFunc(named, func(s chatferry.Stream) bool { return news[s] > last }) {
			return
		}
		out = append(out, chatferry.Shard{ID: next, Stream: stream, API: &chatferry.Range{
			Endpoint: endpoint, Account: account, Pass: pass[stream], Begun: a.client.Now().UTC(),
		}})
		next++
	}
	if a.c.Fetch.has(chatferry.Visitors) || slices.Contains(a.c.Streams, chatferry.Visitors) {
		add(chatferry.Visitors, api.VisitorsEndpoint, chatferry.Chats, chatferry.Bans)
	}
	// What was fetched once goes on being fetched: a record that only lists a file must not follow one that has its content.
	if _, fetched := planned[contentEndpoint]; fetched || a.c.Fetch.has(chatferry.Attachments) {
		add(chatferry.Attachments, contentEndpoint, chatferry.Chats)
	} else {
		add(chatferry.Attachments, api.AttachmentsEndpoint, chatferry.Chats)
	}
	return out
}
