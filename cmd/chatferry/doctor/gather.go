package doctor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"chatferry"
	"chatferry/extract/api"
)

// setup are the Streams that describe an account, in the order in which they are asked for.
var setup = []chatferry.Stream{
	chatferry.Account, chatferry.Agents, chatferry.Roles, chatferry.Departments, chatferry.OAuthClients, chatferry.Skills,
	chatferry.Shortcuts, chatferry.Triggers, chatferry.Goals, chatferry.Bans, chatferry.RoutingSettings,
}

// growing are the Streams that are exported by time.
func growing() []chatferry.Stream {
	return slices.DeleteFunc(api.Streams(), func(s chatferry.Stream) bool { return !api.Grows(s) })
}

// snapshots are those of them that are kept as they are now, to be compared after the upgrade. OAuth clients are not: a
// digest of their secrets is no business of this package.
func snapshots() []chatferry.Stream {
	return slices.DeleteFunc(slices.Clone(setup), func(s chatferry.Stream) bool { return s == chatferry.OAuthClients })
}

// setUp gathers the configuration.
func (f *Facts) setUp(ctx context.Context, from source) error {
	f.Setup = map[chatferry.Stream]Fact[Snapshot]{}
	for _, stream := range setup {
		records, err := from.whole(ctx, stream)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		asked := from.asked(stream)
		f.Setup[stream] = fact(asked, snapshot(stream, records), records, err)
		switch stream {
		case chatferry.Account:
			f.Account = theOne(listed[Account](asked, records, err))
		case chatferry.Agents:
			f.Agents = newest(listed[Agent](asked, records, err), func(a *Agent) string { return idText(a.ID) })
		case chatferry.Roles:
			f.Roles = newest(listed[Role](asked, records, err), func(r *Role) string { return idText(r.ID) })
		case chatferry.Departments:
			f.Departments = newest(listed[Department](asked, records, err), func(d *Department) string { return idText(d.ID) })
		case chatferry.OAuthClients:
			f.Clients = newest(listed[Client](asked, records, err), func(c *Client) string { return idText(c.ID) })
		}
	}
	return nil
}

func idText(id number) string { return strconv.FormatInt(int64(id), 10) }

// fact is what reading records came to. What was read before an error is kept as a part.
func fact[T any](asked string, v T, records [][]byte, err error) Fact[T] {
	switch {
	case errors.Is(err, errNotHeld):
		return unseen[T](asked, NotHeld, errNotHeld.Error())
	case err != nil:
		f := refused[T](asked, err)
		f.Value, f.Known = v, len(records) > 0
		return f
	}
	return seen(v)
}

func listed[T any](asked string, records [][]byte, err error) Fact[[]T] {
	list, odd := decode[T](records)
	if err == nil && odd > 0 {
		err = fmt.Errorf("%w: %s of %d cannot be read", errForm, counted(int64(odd), "record"), len(records))
	}
	return fact(asked, list, records[:len(list)], err)
}

// newest keeps of records with one id the last, since a dump may hold those of several nights.
func newest[T any](f Fact[[]T], id func(*T) string) Fact[[]T] {
	at := map[string]int{}
	var kept []T
	for i := range f.Value {
		key := id(&f.Value[i])
		if k, ok := at[key]; ok && key != "0" {
			kept[k] = f.Value[i]
			continue
		}
		at[key] = len(kept)
		kept = append(kept, f.Value[i])
	}
	f.Value = kept
	return f
}

// theOne is the last of records of which there is one.
func theOne[T any](f Fact[[]T]) Fact[T] {
	if n := len(f.Value); n > 0 {
		return Fact[T]{Value: f.Value[n-1], Known: true, Gap: f.Gap}
	}
	if f.Gap == nil {
		return unseen[T]("the account's record", Unreadable, "the answer holds no record")
	}
	return Fact[T]{Gap: f.Gap}
}

// snapshot counts and digests records.
func snapshot(stream chatferry.Stream, records [][]byte) Snapshot {
	var t chatferry.Tally
	for _, raw := range records {
		sum := sha256.Sum256(raw)
		e := chatferry.Entry(stream, &sum)
		t.Count(int64(len(raw)), &e)
	}
	return Snapshot{Records: t.N, Digest: t.D.String()}
}

// whoami finds out whose token it is.
func (f *Facts) whoami(ctx context.Context, client *api.Client) error {
	const path = "agents/me"
	me, err := get[Agent](ctx, client, path, nil)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.Me = me; err != nil {
		f.Me = refused[Agent]("GET "+path, err)
	}
	return nil
}

// exports finds out which of the exports the account gives. That of chats is found out by the sample.
func (f *Facts) exports(ctx context.Context, from *account) error {
	f.Exports = map[chatferry.Stream]Fact[bool]{}
	for _, stream := range growing() {
		endpoint := api.EndpointOf(stream)
		_, err := drain(ctx, from.source, &chatferry.Shard{Stream: stream, API: &chatferry.Range{Endpoint: endpoint}}, 1)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f.Exports[stream] = seen(true)
		if err != nil {
			f.Exports[stream] = refused[bool](from.asked(stream), err)
		}
	}
	return nil
}

// sorted orders what is named.
func sorted(list []Named) {
	slices.SortStableFunc(list, func(a, b Named) int { return cmp.Compare(a.Name, b.Name) })
}
