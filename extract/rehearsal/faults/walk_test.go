package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatferry/extract/rehearsal/chatapi"
)

// careful is a client that does the right thing, and no more than that: it asks again whenever an answer cannot be what
// the server meant to say.
type careful struct {
	s        *rehearsed
	http     *http.Client
	requests int
}

var errNotMeant = errors.New("the answer cannot be meant")

// get asks until check likes the answer.
func (c *careful) get(path string, query url.Values, check func(e *envelope, raw []byte) error) error {
	var last error
	for range 60 {
		c.requests++
		r, err := http.NewRequest(http.MethodGet, "http://chat.test/api/v2/"+path+"?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer rehearsal")
		answer, err := c.http.Do(r)
		if err != nil {
			last = err
			continue
		}
		b, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		var e envelope
		switch {
		case err != nil:
			last = err
		case answer.StatusCode == http.StatusBadRequest && strings.Contains(string(b), "five minutes"):
			c.s.pass(6 * time.Minute)
			last = errors.New(string(b))
		case answer.StatusCode != http.StatusOK:
			last = fmt.Errorf("status %d", answer.StatusCode)
		default:
			// An array does not fit, but is JSON.
			if err := json.Unmarshal(b, &e); err != nil && !json.Valid(b) {
				last = err
			} else if err := json.Unmarshal(b, &e.all); err != nil && !json.Valid(b) {
				last = err
			} else if last = check(&e, b); last == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("%s?%s: %w", path, query.Encode(), last)
}

// found are records by id, of each id the newest.
type found map[string]string

func (f found) add(raws ...json.RawMessage) {
	for _, raw := range raws {
		var x struct{ ID any }
		if err := json.Unmarshal(raw, &x); err != nil {
			panic(err)
		}
		f[fmt.Sprint(x.ID)] = string(raw)
	}
}

// export reads incremental/chats by the pair of end_time and end_id.
func (c *careful) export() (found, error) {
	all := found{}
	query := url.Values{"fields": {"chats(id,type,update_timestamp,duration,unread,tags)"}, "limit": {"20"}, "start_time": {"0"}}
	for {
		start, id := query.Get("start_time"), query.Get("start_id")
		ended := false
		err := c.get("incremental/chats", query, func(e *envelope, _ []byte) error {
			if e.EndTime == nil || e.all["chats"] == nil {
				return errNotMeant
			}
			from, err := strconv.ParseInt(start, 10, 64)
			if err != nil {
				return err
			}
			endID := ""
			if e.EndID != nil {
				endID = *e.EndID
			}
			still := *e.EndTime == from && endID == id
			if *e.EndTime < from || still && len(e.Chats) > 0 {
				return errNotMeant // a page that was asked for before
			}
			all.add(e.Chats...)
			ended = still
			query.Set("start_time", strconv.FormatInt(*e.EndTime, 10))
			query.Set("start_id", endID)
			return nil
		})
		if err != nil || ended {
			return all, err
		}
	}
}

// list reads /chats by its cursor.
func (c *careful) list() (found, error) {
	all, query := found{}, url.Values{}
	for {
		next := ""
		err := c.get("chats", query, func(e *envelope, _ []byte) error {
			if e.all["chats"] == nil {
				return errNotMeant
			}
			next = ""
			if e.NextURL != nil && *e.NextURL != "" {
				u, err := url.Parse(*e.NextURL)
				if err != nil {
					return err
				}
				if next = u.Query().Get("cursor"); next == query.Get("cursor") {
					return errNotMeant
				}
			}
			fresh := slices.ContainsFunc(e.ids(), func(id string) bool { return all[id] == "" })
			if len(e.Chats) > 0 && !fresh {
				return errNotMeant
			}
			all.add(e.Chats...)
			return nil
		})
		if err != nil || next == "" {
			return all, err
		}
		query.Set("cursor", next)
	}
}

// search finds all chats by windows, and reads them by id.
func (c *careful) search() (found, error) {
	var ids []string
	for year := 2017; year < 2023; year += 2 {
		window := fmt.Sprintf("timestamp:[%d-01-01T00:00:00 TO %d-12-31T23:59:59]", year, year+1)
		// A search that is not complete is made again from its first page. Two that agree are right.
		var before []string
		for range 40 {
			got, err := c.searchWindow(window)
			if err != nil {
				return nil, err
			}
			if before != nil && slices.Equal(before, got) {
				break
			}
			before = got
		}
		ids = append(ids, before...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	all := found{}
	for part := range slices.Chunk(ids, 50) {
		for open := part; len(open) > 0; {
			err := c.get("chats", url.Values{"ids": {strings.Join(open, ",")}}, func(e *envelope, _ []byte) error {
				if e.all["docs"] == nil {
					return errNotMeant
				}
				all.add(slices.Collect(maps.Values(e.Docs))...)
				return nil
			})
			if err != nil {
				return nil, err
			}
			open = slices.DeleteFunc(slices.Clone(open), func(id string) bool { return all[id] != "" })
		}
	}
	return all, nil
}

func (c *careful) searchWindow(window string) ([]string, error) {
	var ids []string
	for page := 1; ; {
		query := url.Values{"q": {window}, "page": {strconv.Itoa(page)}}
		more := false
		err := c.get("chats/search", query, func(e *envelope, _ []byte) error {
			if e.all["results"] == nil || e.Count == nil {
				return errNotMeant
			}
			all := slices.Clone(ids)
			for _, id := range e.ids() {
				if !slices.Contains(all, id) {
					all = append(all, id)
				}
			}
			next := page + 1
			if e.NextURL != nil && *e.NextURL != "" {
				u, err := url.Parse(*e.NextURL)
				if err != nil {
					return err
				}
				if next, err = strconv.Atoi(u.Query().Get("page")); err != nil {
					return err
				}
			}
			more = *e.Count > len(all)
			if more && (len(all) == len(ids) || next <= page) {
				return errNotMeant
			}
			ids, page = all, next
			return nil
		})
		if err != nil || !more {
			return ids, err
		}
	}
}

// since reads agents by since_id, until no more come.
func (c *careful) since() (found, error) {
	all, from := found{}, int64(0)
	for {
		ended := false
		query := url.Values{"since_id": {strconv.FormatInt(from, 10)}, "limit": {"5"}}
		err := c.get("agents", query, func(_ *envelope, raw []byte) error {
			var list []json.RawMessage
			if err := json.Unmarshal(raw, &list); err != nil {
				return err
			}
			for _, x := range list {
				var agent struct{ ID int64 }
				if err := json.Unmarshal(x, &agent); err != nil {
					return err
				}
				if agent.ID < from {
					return errNotMeant
				}
			}
			for _, x := range list {
				var agent struct{ ID int64 }
				if err := json.Unmarshal(x, &agent); err != nil {
					return err
				}
				from = max(from, agent.ID+1)
			}
			all.add(list...)
			ended = len(list) == 0
			return nil
		})
		if err != nil || ended {
			return all, err
		}
	}
}

var walks = map[string]func(*careful) (found, error){
	"export": (*careful).export, "list": (*careful).list, "search": (*careful).search, "since_id": (*careful).since,
}

// walk reads an endpoint with rules in force.
func walk(t *testing.T, how string, seed uint64, rules ...Rule) (found, Stats, *careful, error) {
	t.Helper()
	s := rehearse(t, Options{Rules: rules, Seed: seed}, chatapi.Quirks{})
	client, _, stop := serve(t, s.h)
	defer stop()
	c := &careful{s: s, http: client}
	all, err := walks[how](c)
	return all, s.h.Stats(), c, err
}

// ends are those of which a client that does the right thing comes to the same records.
var ends = []End{Same, SameFields, Ahead}

// A client that does the right thing has everything in the end, whatever goes wrong, wherever and however often.
func TestARightClientReadsEverything(t *testing.T) {
	n := 0
	for _, how := range slices.Sorted(maps.Keys(walks)) {
		var good found
		synctest.Test(t, func(t *testing.T) {
			var err error
			if good, _, _, err = walk(t, how, 0); err != nil {
				t.Fatal(err)
			}
		})
		if least := map[bool]int{true: 10, false: chats * 8 / 10}[how == "since_id"]; len(good) < least {
			t.Fatalf("%s: only %d records", how, len(good))
		}
		for _, info := range Kinds() {
			if !applies(how, info.Kind) || !slices.Contains(ends, info.Ends) && !(how == "export" && info.Ends == Counted) {
				continue
			}
			for _, rule := range []Rule{{Page: FirstPage}, {Page: MiddlePage}, {Page: LastPage}, {Share: 0.5}} {
				rule.Kind = info.Kind
				where := strings.TrimPrefix(rule.String(), string(info.Kind)+"@")
				if n++; n%sampled != 0 {
					continue // the race detector makes it slow
				}
				t.Run(fmt.Sprintf("%s/%s/%s", how, info.Kind, where), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						const seed = 7
						all, stats, c, err := walk(t, how, seed, rule)
						if err != nil {
							t.Fatalf("seed %d: %v", seed, err)
						}
						for id, raw := range good {
							got, ok := all[id]
							if !ok {
								t.Errorf("seed %d: %s is missing", seed, id)
							}
							if got != raw && info.Ends == Same && info.Kind != RecordMoved {
								t.Errorf("seed %d: %s is another", seed, id)
							}
						}
						if len(all) != len(good) {
							t.Errorf("seed %d: %d records instead of %d", seed, len(all), len(good))
						}
						if n := stats.Injected[info.Kind]; rule.Page != AnyPage && n > 1 || rule.Share == 0.5 && n == 0 {
							t.Errorf("seed %d: it happened %d times in %d requests", seed, n, c.requests)
						}
					})
				})
			}
		}
	}
}

// applies reports whether a Kind can happen to what a walk asks for.
func applies(how string, k Kind) bool {
	switch k {
	case BulkMissing:
		return how == "search"
	case RecordMoved:
		return how == "export"
	case CountWrong:
		return how == "export" || how == "search"
	case PageEmpty:
		return how != "since_id"
	case PageLarger, NextUnchanged, NextNull, NextEmpty, NextAbsent:
		return how != "since_id"
	case PageSmaller:
		return how != "search"
	}
	return true
}

// Everything at once.
func TestARightClientReadsEverythingInAStorm(t *testing.T) {
	for how := range walks {
		for seed := range uint64(max(1, 3/sampled)) {
			t.Run(fmt.Sprintf("%s/seed=%d", how, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					good, _, _, err := walk(t, how, 0)
					if err != nil {
						t.Fatal(err)
					}
					var rules []Rule
					for _, info := range Kinds() {
						if info.Ends == Same && info.Kind != CountWrong {
							rules = append(rules, Rule{Kind: info.Kind, Share: 0.02})
						}
					}
					all, stats, _, err := walk(t, how, seed, rules...)
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(good))) {
						t.Errorf("%d records instead of %d", len(all), len(good))
					}
					if stats.Spoiled() == 0 {
						t.Error("nothing was spoiled")
					}
				})
			})
		}
	}
}
