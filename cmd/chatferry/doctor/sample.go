package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chatferry"
	"chatferry/extract/api"
	"chatferry/transform"
)

// The sample is the first sampleChats chats from each of samplePlaces instants of the account's life on, by the time of
// their last change; of a dump, the first ones of so many of its files.
const (
	samplePlaces = 5
	sampleChats  = 200
)

// Sample is what was seen in some chats.
type Sample struct {
	Chats    int
	Bytes    int64
	Tickets  int            // chats that name a ticket
	Accounts map[string]int // account numbers in the chats' ids
	Agents   map[number]int // chats that name the agent
	Oldest   string         // timestamp
	Endpoint string

	Loaded, Rejected, Suspect int
	Excluded                  map[string]int // by reason
}

// sampled makes a Sample of records.
func sampled(endpoint string, records [][]byte) (Sample, error) {
	s := Sample{Chats: len(records), Endpoint: endpoint, Accounts: map[string]int{}, Agents: map[number]int{}, Excluded: map[string]int{}}
	page := &chatferry.Page{Shard: &chatferry.Shard{Stream: chatferry.Chats, API: &chatferry.Range{Endpoint: endpoint}}}
	for i, raw := range records {
		s.Bytes += int64(len(raw))
		page.Records = append(page.Records, chatferry.Record{Raw: raw, Offset: chatferry.Offset(i)})
		page.RawBytes += int64(len(raw))
	}
	chats, _ := decode[chat](records) // what cannot be read is counted by the Transformer
	for i := range chats {
		c := &chats[i]
		if f := strings.Split(string(c.ID), "."); len(f) == 3 {
			s.Accounts[f[1]]++
		}
		if c.Ticket != 0 {
			s.Tickets++
		}
		for _, id := range c.Agents {
			s.Agents[id]++
		}
		if at := string(c.Timestamp); at != "" && (s.Oldest == "" || at < s.Oldest) {
			s.Oldest = at
		}
	}
	return s, s.classify(page)
}

// classify has the chats converted as a run does, and counts which would be left out as conversations of Message.
func (s *Sample) classify(page *chatferry.Page) error {
	batch, err := transform.New(chatferry.Chats, transform.Options{}).Transform(page, 1)
	if err != nil {
		return fmt.Errorf("convert the sample: %w", err)
	}
	defer batch.Release()
	s.Rejected = len(batch.Rejects)
	s.Loaded = int(batch.Books.Loaded.N)
	for reason, t := range batch.Books.Excluded {
		s.Excluded[reason] += int(t.N)
	}
	for _, rows := range batch.Rows {
		if rows.Table != chatferry.Chats.Parent() {
			continue
		}
		at := rows.Record.Schema().FieldIndices("message_suspect")
		if len(at) != 1 {
			return errors.New("convert the sample: the chats have no column message_suspect")
		}
		s.Suspect += int(rows.Record.NumRows()) - rows.Record.Column(at[0]).NullN()
	}
	return nil
}

// sample looks at some chats of an account.
func (f *Facts) sample(ctx context.Context, from *account) error {
	endpoint := api.EndpointOf(chatferry.Chats)
	records, err := f.fromPlaces(ctx, from, endpoint)
	if why := whyOf(err); why == Missing || why == Forbidden {
		f.Exports[chatferry.Chats] = refused[bool]("GET "+endpoint, err)
		endpoint = "chats"
		records, err = drain(ctx, from.source, &chatferry.Shard{Stream: chatferry.Chats, API: &chatferry.Range{Endpoint: endpoint}}, 1)
	}
	return f.setSample(ctx, "GET "+endpoint, endpoint, records, err)
}

func (f *Facts) setSample(ctx context.Context, asked, endpoint string, records [][]byte, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s, serr := sampled(endpoint, records)
	if serr != nil {
		return serr
	}
	f.Sample = fact(asked, s, records, err)
	return nil
}

// fromPlaces reads the first chats, and from then on some more at equal distances.
func (f *Facts) fromPlaces(ctx context.Context, from *account, endpoint string) (all [][]byte, err error) {
	read := func(since time.Time) ([][]byte, error) {
		return drain(ctx, from.source, &chatferry.Shard{Stream: chatferry.Chats, API: &chatferry.Range{Endpoint: endpoint, Since: since}}, 1)
	}
	if all, err = read(time.Time{}); err != nil || len(all) < sampleChats {
		return all, err // there are no more
	}
	chats, _ := decode[chat](all)
	if len(chats) == 0 {
		return all, nil
	}
	first, err := time.Parse(time.RFC3339, string(chats[0].Updated))
	if err != nil {
		return all, nil //nolint:nilerr // a chat without a time: the first ones have to do
	}
	step := from.client.Now().Sub(first) / samplePlaces
	seen := map[string]bool{}
	for i := range chats {
		seen[string(chats[i].ID)] = true
	}
	for k := 1; k < samplePlaces && step > time.Hour; k++ {
		records, err := read(first.Add(time.Duration(k) * step).Truncate(time.Second))
		if err != nil {
			return all, err
		}
		for _, raw := range records {
			one, _ := decode[chat]([][]byte{raw})
			if len(one) == 1 && !seen[string(one[0].ID)] {
				seen[string(one[0].ID)] = true
				all = append(all, raw)
			}
		}
	}
	return all, nil
}

// sampleDump looks at some chats of a dump.
func (f *Facts) sampleDump(ctx context.Context, from *folder) error {
	asked := from.asked(chatferry.Chats)
	shards, err := from.shards(ctx, chatferry.Chats)
	var all [][]byte
	for k := range min(samplePlaces, len(shards)) {
		records, rerr := drain(ctx, from.source, &shards[k*len(shards)/min(samplePlaces, len(shards))], 1)
		all = append(all, records[:min(len(records), sampleChats)]...)
		if errors.Is(rerr, errForm) {
			continue // what a run puts into quarantine
		}
		err = errors.Join(err, rerr)
	}
	return f.setSample(ctx, asked, string(chatferry.Chats), all, err)
}
