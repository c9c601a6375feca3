package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"chatferry/extract/api"
)

// get asks for one object.
func get[T any](ctx context.Context, client *api.Client, path string, query url.Values) (Fact[T], error) {
	var v T
	_, err := client.Get(ctx, path, query, func(body []byte) error {
		v = *new(T)
		if err := json.Unmarshal(body, &v); err != nil {
			return fmt.Errorf("%w: %w", errForm, err)
		}
		return nil
	})
	if err != nil {
		return Fact[T]{}, err
	}
	return seen(v), nil
}

const searchPath = "chats/search"

// count returns how many chats a search finds.
func count(ctx context.Context, client *api.Client, terms ...string) (int64, error) {
	found, err := get[struct {
		Count *number `json:"count"`
	}](ctx, client, searchPath, url.Values{"q": {strings.Join(terms, " AND ")}})
	switch {
	case err != nil:
		return 0, err
	case found.Value.Count == nil:
		return 0, fmt.Errorf("%w: the answer does not say how many were found", errForm)
	}
	return int64(*found.Value.Count), nil
}

// counters are what is counted, with where it goes.
var counters = []struct {
	term string
	in   func(*Counts) *int64
}{
	{"type:chat", func(c *Counts) *int64 { return &c.Chats }},
	{"type:offline_msg", func(c *Counts) *int64 { return &c.Offline }},
	{"rating:good", func(c *Counts) *int64 { return &c.Good }},
	{"rating:bad", func(c *Counts) *int64 { return &c.Bad }},
}

func countAll(ctx context.Context, client *api.Client, terms ...string) (c Counts, err error) {
	for _, what := range counters {
		if *what.in(&c), err = count(ctx, client, append([]string{what.term}, terms...)...); err != nil {
			return c, err
		}
	}
	return c, nil
}

// counts gathers how many chats there are.
func (f *Facts) counts(ctx context.Context, client *api.Client) error {
	c, err := countAll(ctx, client)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.Counts = seen(c); err != nil {
		f.Counts = refused[Counts]("GET "+searchPath, err)
	}
	return nil
}

// searchTime is how a search spells times: without a zone.
const searchTime = "2006-01-02T15:04:05"

// months counts the chats of each month, from the oldest chat that was seen on: the requests of counters for each.
func (f *Facts) months(ctx context.Context, client *api.Client) error {
	const asked = "GET " + searchPath + " for each month"
	if f.Sample.Gap != nil {
		f.Months = unseen[[]Month](asked, Barred, "when the account began is not known, since chats could not be looked at")
		return nil
	}
	if f.Sample.Value.Chats == 0 {
		f.Months = seen([]Month{})
		return nil
	}
	begun, err := time.Parse(time.RFC3339, f.Sample.Value.Oldest)
	if err != nil {
		f.Months = refused[[]Month](asked, fmt.Errorf("%w: the time of the oldest chat", errForm))
		return nil
	}
	var list []Month
	for m := time.Date(begun.Year(), begun.Month(), 1, 0, 0, 0, 0, time.UTC); !m.After(client.Now()); m = m.AddDate(0, 1, 0) {
		last := m.AddDate(0, 1, 0).Add(-time.Second)
		c, err := countAll(ctx, client, "timestamp:["+m.Format(searchTime)+" TO "+last.Format(searchTime)+"]")
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			f.Months = refused[[]Month](asked, err)
			return nil
		}
		list = append(list, Month{Month: m.Format("2006-01"), Chats: c.Chats, Offline: c.Offline, Good: c.Good, Bad: c.Bad})
	}
	f.Months = seen(list)
	return nil
}
