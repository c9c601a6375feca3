package faults

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options say what goes wrong, and how. The zero value of each field but Rules means its default.
type Options struct {
	Rules []Rule
	Seed  uint64
	// Touch changes the chat with an id at the server's now, and reports false if there is none, or none any more.
	// RecordMoved needs it.
	Touch func(id string) bool

	RetryAfter time.Duration // what a 429 asks for: 5 seconds
	Slow       time.Duration // how long a slow answer drips, before the rest of it comes at once: 10 seconds
	Stall      time.Duration // how long an answer that stalls waits for the client to give up: 10 minutes
}

// Handler passes requests on to another handler and spoils some of the answers. Its methods may be called by several
// goroutines at once.
type Handler struct {
	next http.Handler
	o    Options

	mu       sync.Mutex // guards what follows
	rules    []*rule
	requests int64
	extra    int64
	injected map[Kind]int64
	pages    map[string]map[uint64]*seen // by endpoint
	fullest  map[string]int              // by endpoint: the most records of a page
	revoked  map[string]bool             // by Authorization
	memory   memory
}

// rule is a Rule in force.
type rule struct {
	Rule
	spec  *spec
	fired int
}

// seen is a page that was asked for.
type seen struct {
	number   int // among those of its endpoint, from 1
	attempts int
}

// New makes a Handler that spoils the answers of next.
func New(next http.Handler, o Options) (*Handler, error) {
	o.RetryAfter = cmp.Or(o.RetryAfter, 5*time.Second)
	o.Slow = cmp.Or(o.Slow, 10*time.Second)
	o.Stall = cmp.Or(o.Stall, 10*time.Minute)
	h := &Handler{
		next: next, o: o, injected: map[Kind]int64{}, pages: map[string]map[uint64]*seen{}, fullest: map[string]int{},
		revoked: map[string]bool{},
	}
	return h, h.SetRules(o.Rules)
}

// SetRules replaces the rules. What they did counts no longer against how often they may; pages keep their numbers, and
// a token that was refused for good stays refused as long as there is a rule of Status401.
func (h *Handler) SetRules(rules []Rule) error {
	inForce := make([]*rule, 0, len(rules))
	for _, r := range rules {
		if err := r.validate(); err != nil {
			return err
		}
		if r.Kind == RecordMoved && h.o.Touch == nil {
			return usage("give Options.Touch", "fault %s: there is nothing that changes a record", r.Kind)
		}
		inForce = append(inForce, &rule{Rule: r, spec: specOf(r.Kind)})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rules = inForce
	if !slices.ContainsFunc(rules, func(r Rule) bool { return r.Kind == Status401 }) {
		clear(h.revoked)
	}
	return nil
}

// ServeHTTP answers one request, well or not.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := h.meet(r)
	if len(t.rules) == 0 && !t.watched && !t.revoked && !t.aliased() {
		h.next.ServeHTTP(w, r)
		return
	}
	t.run(w)
}

// meet counts a request and finds the rules that may hit it.
func (h *Handler) meet(r *http.Request) *turn {
	t := &turn{h: h, r: r, query: r.URL.Query(), id: pageOf(r)}
	var api bool
	t.endpoint, api = endpointOf(r)

	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests++
	pages := h.pages[t.endpoint]
	if pages == nil {
		pages = map[uint64]*seen{}
		h.pages[t.endpoint] = pages
	}
	s := pages[t.id]
	if s == nil {
		s = &seen{number: len(pages) + 1}
		pages[t.id] = s
	}
	s.attempts++
	t.number, t.attempt = s.number, s.attempts
	t.revoked = api && h.revoked[r.Header.Get("Authorization")]
	for k, u := range h.rules {
		if !within(t.endpoint, u.Path, api) {
			continue
		}
		t.watched = t.watched || u.Page < 0 || u.Kind == PageRepeated
		switch {
		case u.limit() > 0 && u.fired >= u.limit():
		case u.Page > 0 && int(u.Page) != t.number:
		case u.Page == MiddlePage && t.number == 1:
		case u.Share > 0 && t.draw(k).Float64() >= u.Share:
		default:
			t.rules = append(t.rules, chosen{u, k})
		}
	}
	return t
}

// take lets a rule hit, and reports false if it did as often as it may. What does not come about is given back.
func (h *Handler) take(u *rule) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if u.limit() > 0 && u.fired >= u.limit() {
		return false
	}
	u.fired++
	h.injected[u.Kind]++
	return true
}

func (h *Handler) giveBack(u *rule) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u.fired--
	h.injected[u.Kind]--
	if h.injected[u.Kind] == 0 {
		delete(h.injected, u.Kind)
	}
}

// count adds to what was spoiled without a rule of its own: what follows from an earlier one.
func (h *Handler) count(k Kind) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.injected[k]++
}
