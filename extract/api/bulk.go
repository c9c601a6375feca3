package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// bulk asks for the next chats of the open window, and closes the window behind the last. It returns nil if there was
// nothing to tell.
func (p *searchPager) bulk(ctx context.Context) (*sheet, error) {
	batch := p.ids[:min(len(p.ids), p.limit(bulkLimit))]
	s := &sheet{n: p.place.n}
	if len(batch) > 0 {
		if err := p.fetch(ctx, batch, s); err != nil {
			return nil, err
		}
		p.place.id = batch[len(batch)-1]
	}
	p.ids = p.ids[len(batch):]
	p.place.n += int64(len(s.records))
	if len(p.ids) == 0 {
		s.doubts = p.doubt
		p.place.from, p.place.to, p.place.id = p.place.to, 0, ""
		p.open, p.ids, p.doubt = false, nil, nil
	}
	if len(s.records) == 0 && len(s.absent) == 0 && len(s.doubts) == 0 {
		return nil, nil
	}
	s.after = p.place.position()
	return s, nil
}

// fetch asks for chats by their ids. What the answer lacks is asked for by itself, and is absent if it is not there.
func (p *searchPager) fetch(ctx context.Context, ids []string, s *sheet) error {
	var docs map[string][]byte
	_, err := p.demand(ctx, chatsList, url.Values{"ids": {strings.Join(ids, ",")}}, func(body []byte) (err error) {
		docs, err = readDocs(body)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		raw := docs[id]
		if raw == nil {
			if raw, err = p.one(ctx, id); err != nil {
				return err
			}
		}
		if raw == nil {
			s.absent = append(s.absent, id)
			continue
		}
		if at, ok := instantOf(raw, p.way.changed); ok && p.shard.API.Pass > 0 && at.Before(p.shard.API.Since) {
			continue // a sweep is about what changed since then
		}
		s.records = append(s.records, raw)
	}
	return nil
}

// one asks for one chat; nil if there is none.
func (p *searchPager) one(ctx context.Context, id string) (raw []byte, err error) {
	path := chatsList + "/" + id
	_, err = p.ask(ctx, path, nil, func(body []byte) error {
		i := skipWhite(body, 0)
		end, err := valueEnd(body, i)
		if err != nil {
			return err
		}
		raw = body[i:end:end]
		if string(raw) == "null" {
			raw = nil
			return nil
		}
		if raw[0] != '{' {
			return fmt.Errorf("%w: it is no chat", errStructure)
		}
		return checkEnd(body, end)
	})
	switch statusOf(err) {
	case http.StatusNotFound, http.StatusGone:
		return nil, nil
	case 0:
		return raw, err
	}
	return nil, refusal(p.shard.Stream, path, err)
}

// readDocs reads a bulk answer: chats by their ids. null stands for one that is not there.
func readDocs(body []byte) (map[string][]byte, error) {
	members, err := cutObject(body)
	if err != nil {
		return nil, err
	}
	value := find(members, "docs")
	if value == nil {
		return nil, fmt.Errorf("%w %q", errNoRecords, "docs")
	}
	docs := map[string][]byte{}
	if isNull(value) {
		return docs, nil
	}
	list, err := cutObject(value)
	if err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	for _, m := range list {
		if !isNull(m.value) {
			docs[m.name] = m.value
		}
	}
	return docs, nil
}
