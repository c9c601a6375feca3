package faults

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// page is the body of an answer, cut into records. What is not changed keeps its bytes.
type page struct {
	members []member // of the envelope; nil where the list stands by itself
	lists   []list
	changed bool
}

// list is the records of a page, or some of them.
type list struct {
	member int // of the envelope; -1: the body is the list
	keyed  bool
	items  []item
}

// item is a record, of a map with its name.
type item struct{ name, record []byte }

// listNames are the members in which the endpoints hold their records, where it is not the last word of the path.
var listNames = map[string][]string{
	"chats": {"chats"}, bulkEndpoint: {"docs"}, "chats/search": {"results"}, "bans": {"visitor", "ip_address"},
	"routing_settings/agents": {"data"},
}

// cutPage cuts the body of an answer into records. It reports false for what holds none: single objects among others.
func cutPage(endpoint string, body []byte) (*page, bool) {
	p := &page{}
	if elements, ok := cutArray(body); ok {
		p.lists = []list{{member: -1, items: itemsOf(elements)}}
		return p, true
	}
	members, ok := cutObject(body)
	if !ok {
		return nil, false
	}
	p.members = members
	names := listNames[endpoint]
	if exported(endpoint) {
		names = []string{strings.TrimPrefix(endpoint, "incremental/")}
	}
	for _, name := range names {
		k := p.find(name)
		if k < 0 {
			return nil, false
		}
		l := list{member: k}
		if elements, ok := cutArray(members[k].value); ok {
			l.items = itemsOf(elements)
		} else if docs, ok := cutObject(members[k].value); ok {
			l.keyed = true
			for _, d := range docs {
				l.items = append(l.items, item{d.name, d.value})
			}
		} else {
			return nil, false
		}
		p.lists = append(p.lists, l)
	}
	return p, true
}

func itemsOf(elements [][]byte) []item {
	items := make([]item, len(elements))
	for k, e := range elements {
		items[k].record = e
	}
	return items
}

// len is the number of records.
func (p *page) len() int {
	n := 0
	for _, l := range p.lists {
		n += len(l.items)
	}
	return n
}

// find returns which member of the envelope has a name; -1: none.
func (p *page) find(name string) int {
	for k := range p.members {
		if string(p.members[k].name) == `"`+name+`"` {
			return k
		}
	}
	return -1
}

// set gives a member of the envelope another value, if it is there.
func (p *page) set(name, value string) bool {
	k := p.find(name)
	if k < 0 {
		return false
	}
	p.members[k].value = []byte(value)
	p.changed = true
	return true
}

// linkName is the name of the member that leads to the next page; "" where there is none.
func (p *page) linkName() string {
	for _, name := range []string{"next_page", "next_url"} {
		if p.find(name) >= 0 {
			return name
		}
	}
	return ""
}

// link is the URL of the next page; "" where there is none.
func (p *page) link() string {
	k := p.find(p.linkName())
	if k < 0 {
		return ""
	}
	var link string
	if json.Unmarshal(p.members[k].value, &link) != nil {
		return ""
	}
	return link
}

// lead makes the page lead to a query of the endpoint that it leads to now.
func (p *page) lead(query url.Values) bool {
	u, err := url.Parse(p.link())
	if err != nil {
		return false
	}
	u.RawQuery = query.Encode()
	return p.set(p.linkName(), quote(u.String()))
}

// recount makes count agree with the records, if count is about them.
func (p *page) recount(endpoint string) {
	p.changed = true
	if exported(endpoint) {
		p.set("count", strconv.Itoa(p.len()))
	}
}

// encode puts the page together again.
func (p *page) encode() []byte {
	if p.members == nil {
		return p.lists[0].encode()
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for k, m := range p.members {
		if k > 0 {
			b.WriteByte(',')
		}
		b.Write(m.name)
		b.WriteByte(':')
		value := m.value
		for i := range p.lists {
			if p.lists[i].member == k {
				value = p.lists[i].encode()
			}
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

func (l *list) encode() []byte {
	var b bytes.Buffer
	b.WriteByte(map[bool]byte{false: '[', true: '{'}[l.keyed])
	for k, x := range l.items {
		if k > 0 {
			b.WriteByte(',')
		}
		if l.keyed {
			b.Write(x.name)
			b.WriteByte(':')
		}
		b.Write(x.record)
	}
	b.WriteByte(map[bool]byte{false: ']', true: '}'}[l.keyed])
	return b.Bytes()
}

// textOf returns a member of a record that is a string; "" where there is none.
func textOf(record []byte, name string) string {
	members, _ := cutObject(record)
	for _, m := range members {
		var text string
		if string(m.name) == `"`+name+`"` && json.Unmarshal(m.value, &text) == nil {
			return text
		}
	}
	return ""
}

// quote writes a string as JSON, with the ampersands of URLs as they are.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // strings can be encoded
	}
	return strings.TrimRight(b.String(), "\n")
}
