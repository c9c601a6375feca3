package faults

import "maps"

// Stats say what was spoiled.
type Stats struct {
	Requests int64 // that came
	Extra    int64 // that were sent to the handler behind on the Handler's own account
	Injected map[Kind]int64
	Pages    map[string]int64 // different pages that were asked for, by endpoint
}

// Spoiled sums Injected.
func (s *Stats) Spoiled() int64 {
	var n int64
	for _, k := range s.Injected {
		n += k
	}
	return n
}

// Stats returns what was spoiled so far.
func (h *Handler) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Stats{Requests: h.requests, Extra: h.extra, Injected: maps.Clone(h.injected), Pages: map[string]int64{}}
	for endpoint, pages := range h.pages {
		s.Pages[endpoint] = int64(len(pages))
	}
	return s
}
