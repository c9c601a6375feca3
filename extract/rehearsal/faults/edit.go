package faults

import (
	"bytes"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// timeNames are the members that the exports are ordered by, where it is not timestamp.
var timeNames = map[string]string{"incremental/chats": "update_timestamp", "incremental/agent_timeline": "start_time"}

// pageEmpty serves no record, and a cursor that leads on to them: to the second of the first one, or, in a list, to the
// page as it should have been. A search leads to the page behind; that its count is not reached tells.
func pageEmpty(t *turn) bool {
	switch {
	case t.page == nil || t.page.len() == 0:
		return false
	case exported(t.endpoint):
		if !t.leadToFirst() {
			return false
		}
	case t.endpoint == "chats":
		if !t.leadToRest("") {
			return false
		}
	case t.endpoint != "chats/search" || t.page.link() == "":
		return false
	}
	t.page.lists[0].items = nil
	t.page.recount(t.endpoint)
	return true
}

// leadToFirst makes the cursor of an export stand right before the first record, and reports false if it does by itself.
func (t *turn) leadToFirst() bool {
	name, ok := timeNames[t.endpoint]
	if !ok {
		name = "timestamp"
	}
	at, err := time.Parse(time.RFC3339Nano, textOf(t.page.lists[0].items[0].record, name))
	if err != nil {
		return false
	}
	first := at.Unix()
	if t.endpoint == "incremental/agent_timeline" {
		first = at.UnixMicro()
	}
	asked, err := strconv.ParseFloat(t.query.Get("start_time"), 64)
	if err != nil {
		asked = math.Inf(-1)
	}
	u, err := url.Parse(t.page.link())
	if err != nil || float64(first) <= asked {
		return false
	}
	end := strconv.FormatInt(first, 10)
	query := u.Query()
	query.Set("start_time", end)
	query.Del("start_id")
	if k := t.page.find("end_time"); k >= 0 && bytes.ContainsRune(t.page.members[k].value, '.') {
		end += ".0"
	}
	t.page.set("end_id", "null")
	return t.page.set("end_time", end) && t.page.lead(query)
}

// pageLarger serves the page and the one behind it as one. What the exports without ids serve again at the beginning of a
// page stands in it once.
func pageLarger(t *turn) bool {
	if t.page == nil || t.page.link() == "" {
		return false
	}
	u, err := url.Parse(t.page.link())
	if err != nil {
		return false
	}
	more, ok := t.again(u.Query())
	if !ok || len(more.lists) != len(t.page.lists) {
		return false
	}
	before := t.page.len()
	for k := range more.lists {
		items, fresh := t.page.lists[k].items, more.lists[k].items
		for len(fresh) > 0 && slices.ContainsFunc(items, func(x item) bool { return bytes.Equal(x.record, fresh[0].record) }) {
			fresh = fresh[1:]
		}
		more.lists[k].items = slices.Concat(items, fresh)
	}
	if more.len() == before {
		return false
	}
	t.page = more
	t.page.recount(t.endpoint)
	return true
}

// pageSmaller serves a part of the page, with a cursor that leads to the rest.
func pageSmaller(t *turn) bool {
	if t.page == nil || t.page.len() < 2 {
		return false
	}
	n := 1 + t.rng.IntN(t.page.len()-1)
	switch {
	case t.endpoint == "chats":
		items := t.page.lists[0].items
		if !t.leadToRest(textOf(items[n-1].record, "id")) {
			return false
		}
		t.page.lists[0].items = items[:n]
		return true
	case !limited(t.endpoint):
		return false
	}
	query := t.plain().URL.Query()
	query.Set("limit", strconv.Itoa(n))
	less, ok := t.again(query)
	if !ok || less.len() == 0 {
		return false
	}
	less.changed = true
	if u, err := url.Parse(less.link()); err == nil && less.link() != "" {
		next := u.Query()
		next.Set("limit", strconv.Itoa(t.limit()))
		less.lead(next)
	}
	t.page = less
	return true
}

// recordMoved leaves out a chat of an export and changes it, so that it comes again behind all others. It is never the
// last of a page, which the cursor names.
func recordMoved(t *turn) bool {
	if t.endpoint != "incremental/chats" || t.page == nil || t.page.len() < 2 {
		return false
	}
	items := t.page.lists[0].items
	for range 4 {
		k := t.rng.IntN(len(items) - 1)
		if id := textOf(items[k].record, "id"); id != "" && t.h.o.Touch(id) {
			t.page.lists[0].items = slices.Concat(items[:k], items[k+1:])
			t.page.recount(t.endpoint)
			return true
		}
	}
	return false
}

// recordTwice repeats the last record.
func recordTwice(t *turn) bool {
	if t.page == nil {
		return false
	}
	for k := range slices.Backward(t.page.lists) {
		if l := &t.page.lists[k]; !l.keyed && len(l.items) > 0 {
			l.items = append(l.items[:len(l.items):len(l.items)], l.items[len(l.items)-1])
			t.page.recount(t.endpoint)
			return true
		}
	}
	return false
}

// bulkMissing leaves out up to half of the chats that were asked for.
func bulkMissing(t *turn) bool {
	if t.endpoint != bulkEndpoint || t.page == nil || t.page.len() == 0 {
		return false
	}
	l := &t.page.lists[0]
	for range 1 + t.rng.IntN((len(l.items)+1)/2) {
		k := t.rng.IntN(len(l.items))
		l.items = slices.Concat(l.items[:k], l.items[k+1:])
	}
	t.page.changed = true
	return true
}

// countWrong says another count.
func countWrong(t *turn) bool {
	if t.page == nil {
		return false
	}
	k := t.page.find("count")
	if k < 0 {
		return false
	}
	n, err := strconv.ParseInt(string(t.page.members[k].value), 10, 64)
	if err != nil {
		return false
	}
	lies := slices.DeleteFunc([]int64{0, n - 1, n + 1, 10 * n}, func(x int64) bool { return x == n || x < 0 })
	return t.page.set("count", strconv.FormatInt(lies[t.rng.IntN(len(lies))], 10))
}

// nextIs says something else where a page leads on.
func nextIs(value string) func(*turn) bool {
	return func(t *turn) bool {
		return t.page != nil && t.page.link() != "" && t.page.set(t.page.linkName(), value)
	}
}

func nextAbsent(t *turn) bool {
	if t.page == nil || t.page.link() == "" {
		return false
	}
	k := t.page.find(t.page.linkName())
	t.page.members = slices.Concat(t.page.members[:k], t.page.members[k+1:])
	for i := range t.page.lists {
		if t.page.lists[i].member > k {
			t.page.lists[i].member--
		}
	}
	t.page.changed = true
	return true
}

// nextUnchanged lets the page lead to itself.
func nextUnchanged(t *turn) bool {
	return t.page != nil && t.page.link() != "" && t.page.lead(t.query)
}

// fieldUnknown adds a member to a record.
func fieldUnknown(t *turn) bool {
	return t.alter(func(members []member) []member {
		return append(members[:len(members):len(members)], member{[]byte(`"experiment_flags"`), []byte(`{"variant":"b","weight":0.5}`)})
	})
}

// fieldRetyped gives a member of a record another type. What makes a record that record, and when, stays as it is.
func fieldRetyped(t *turn) bool {
	return t.alter(func(members []member) []member {
		var may []int
		for k, m := range members {
			if !identifies(strings.Trim(string(m.name), `"`)) && retyped(m.value) != nil {
				may = append(may, k)
			}
		}
		if len(may) == 0 {
			return nil
		}
		members = slices.Clone(members)
		m := &members[may[t.rng.IntN(len(may))]]
		m.value = retyped(m.value)
		return members
	})
}

func identifies(name string) bool {
	return slices.Contains([]string{"id", "type", "name", "deleted", "created_at", "account_key", "visitor_id"}, name) ||
		strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_date") || strings.Contains(name, "time")
}

// retyped is a scalar as another type; nil for what is none.
func retyped(value []byte) []byte {
	switch c := value[0]; {
	case c == '"':
		return slices.Concat([]byte(`{"text":`), value, []byte(`}`))
	case c == 't':
		return []byte("1")
	case c == 'f':
		return []byte("0")
	case c == '-' || c >= '0' && c <= '9':
		return slices.Concat([]byte(`"`), value, []byte(`"`))
	case c == 'n':
		return []byte("[]")
	}
	return nil
}

// alter changes a record that is drawn; the only one, where an endpoint gives a single object. change returns nil for one
// that it cannot change.
func (t *turn) alter(change func([]member) []member) bool {
	if t.page == nil {
		return false
	}
	p := t.page
	if len(p.lists) == 0 {
		changed := change(p.members)
		if changed == nil {
			return false
		}
		p.members, p.changed = changed, true
		return true
	}
	n := p.len()
	if n == 0 {
		return false
	}
	k := t.rng.IntN(n)
	for i := range p.lists {
		l := &p.lists[i]
		if k >= len(l.items) {
			k -= len(l.items)
			continue
		}
		members, ok := cutObject(l.items[k].record)
		if !ok {
			return false
		}
		changed := change(members)
		if changed == nil {
			return false
		}
		l.items = slices.Clone(l.items)
		l.items[k].record = (&page{members: changed}).encode()
		p.changed = true
		return true
	}
	return false
}
