package faults

import (
	"bytes"
	"net/url"
	"strings"
)

// memory keeps the last pages under what their links ask for, so that the page before a request can be found.
type memory struct {
	order []string
	pages map[string][]byte
}

// remembered is how many pages are kept: enough for some clients that read side by side.
const remembered = 32

func (m *memory) keep(key string, body []byte) {
	if m.pages == nil {
		m.pages = map[string][]byte{}
	}
	if _, ok := m.pages[key]; !ok {
		m.order = append(m.order, key)
	}
	m.pages[key] = body
	if len(m.order) > remembered {
		delete(m.pages, m.order[0])
		m.order = m.order[1:]
	}
}

// placeOf is where in an endpoint a query is, whoever put it together.
func placeOf(endpoint string, query url.Values) string {
	place := []string{endpoint}
	for _, name := range []string{"start_time", "start_id", cursorName, "page", "q", "fields"} {
		place = append(place, query.Get(name))
	}
	return strings.Join(place, "\x00")
}

// watch takes down what later requests have to be compared with.
func (h *Handler) watch(t *turn) {
	if !t.watched || t.page == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fullest[t.endpoint] = max(h.fullest[t.endpoint], t.page.len())
	here, next := placeOf(t.endpoint, t.query), ""
	switch u, err := url.Parse(t.page.link()); {
	case sinceID(t.endpoint):
		// Clients find the next id by themselves: whoever asks for one comes from the page before.
		here, next = t.endpoint, t.endpoint
		if !t.query.Has("since_id") {
			here = ""
		}
	case err == nil && t.page.link() != "":
		next = placeOf(t.endpoint, u.Query())
	}
	t.before = h.memory.pages[here]
	if next != "" {
		h.memory.keep(next, t.answer.body)
	}
}

// pageRepeated serves the page before once more.
func pageRepeated(t *turn) bool {
	if t.before == nil || bytes.Equal(t.before, t.answer.body) {
		return false
	}
	p, ok := cutPage(t.endpoint, t.before)
	if !ok {
		return false
	}
	p.changed = true
	t.page = p
	return true
}
