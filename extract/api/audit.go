package api

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"chatferry"
)

// Audit asks an account about its chats to check a dataset: by search, which no export is made of, and by id. It is for one
// caller at a time.
type Audit struct {
	search *searchPager
	kinds  []int // of chatTypes, that are searched for one after the other
}

// NewAudit finds out which account answers, and how it is searched. An account that is not that of the Shards of a dataset is
// an error of KindIncompatible that names both; formerly are fingerprints that a person has said to be of the account.
func NewAudit(ctx context.Context, get Getter, of []chatferry.Shard, formerly []string, log *slog.Logger) (*Audit, error) {
	here, err := fingerprint(ctx, get)
	if err != nil {
		return nil, err
	}
	if here, err = checkAccount(ctx, get, here, of, formerly); err != nil {
		return nil, err
	}
	way, _ := endpointOf(chatsSearch)
	shard := &chatferry.Shard{Stream: chatferry.Chats, API: &chatferry.Range{Endpoint: chatsSearch, Account: here}}
	source := NewSource(get, SourceOptions{Account: here, Formerly: formerly, AnyNumber: true, Log: log})
	a := &Audit{
		search: &searchPager{reading: &reading{source: source, shard: shard, way: way, log: source.o.Log}, until: mostSearch - 1},
		kinds:  []int{anyType},
	}
	if err := a.search.begin(ctx); err != nil {
		return nil, err
	}
	if a.search.place.kind != anyType {
		a.kinds = []int{firstType, firstType + 1}
	}
	return a, nil
}

// Count returns how many chats the account finds whose timestamp lies in [from, to), in whole seconds. Chats that were
// deleted are not among them, those of Message are.
func (a *Audit) Count(ctx context.Context, from, to time.Time) (n int64, err error) {
	for _, kind := range a.kinds {
		f, err := a.search.search(ctx, kind, from.Unix(), to.Unix(), nil)
		if err != nil {
			return 0, refusal(chatferry.Chats, chatsSearch, err)
		}
		n += f.count
	}
	return n, nil
}

// IDs returns the chats that Count counts, sorted. whole is false if the search does not show all of them.
func (a *Audit) IDs(ctx context.Context, from, to time.Time) (ids []string, whole bool, err error) {
	p := a.search
	whole = true
	for at, until := from.Unix(), to.Unix(); at < until; {
		end := until
		for _, kind := range a.kinds {
			f, err := p.search(ctx, kind, at, end, nil)
			for err == nil && f.count > searchMost && end-at > 1 {
				end = at + (end-at)/2
				f, err = p.search(ctx, kind, at, end, nil)
			}
			if err != nil {
				return nil, false, refusal(chatferry.Chats, chatsSearch, err)
			}
			p.place = searchPlace{kind: kind, from: at}
			if err := p.collect(ctx, end, f); err != nil {
				return nil, false, err
			}
			ids = append(ids, p.ids...)
			whole = whole && len(p.doubt) == 0
		}
		at = end
	}
	slices.Sort(ids)
	return slices.Compact(ids), whole, nil
}

// Chats asks for chats by their ids, any number of them. Those that are not there are missing from the answer.
func (a *Audit) Chats(ctx context.Context, ids []string) (map[string][]byte, error) {
	chats := map[string][]byte{}
	for batch := range slices.Chunk(ids, bulkLimit) {
		var s sheet
		if err := a.search.fetch(ctx, batch, &s); err != nil {
			return nil, err
		}
		given := s.records
		for _, id := range batch {
			if !slices.Contains(s.absent, id) {
				chats[id], given = given[0], given[1:]
			}
		}
	}
	return chats, nil
}
