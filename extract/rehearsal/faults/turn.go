package faults

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// turn is one request and what becomes of it.
type turn struct {
	h        *Handler
	r        *http.Request
	query    url.Values // as it came
	endpoint string
	id       uint64 // of the page
	number   int    // of the page among those of its endpoint
	attempt  int
	rules    []chosen
	watched  bool // the Handler wants to see the answer, whether it spoils it or not
	revoked  bool // the token is refused for good

	rng    *rand.Rand // of the rule that is taking effect
	answer *answer
	page   *page  // of the answer, once it was cut
	before []byte // the page that led here, if it is remembered
	// send sends the answer in the way in which it breaks off; nil: as it is.
	send func(http.ResponseWriter)
}

// chosen is a rule that may hit, and which it is.
type chosen struct {
	*rule
	index int
}

// draw returns what chance says of a rule on this request. It follows from the seed, the rule, the page and how often
// that was asked for, so that it is the same in whatever order requests come.
func (t *turn) draw(rule int) *rand.Rand {
	return rand.New(rand.NewPCG(t.h.o.Seed, t.id^uint64(rule)*0x9e3779b97f4a7c15^uint64(t.attempt)*0xd6e8feb86659fd93))
}

// run asks the handler behind, spoils its answer and sends it.
func (t *turn) run(w http.ResponseWriter) {
	if t.r.Method != http.MethodGet && t.refuses() {
		// What would change something behind is not done when it is refused.
		t.answer = &answer{status: http.StatusOK, header: http.Header{}}
	} else {
		t.answer = t.ask(t.plain())
	}
	t.cut()
	switch {
	case t.revoked:
		t.page = nil
		t.answer.become(http.StatusUnauthorized, "application/json", unauthorisedJSON)
		t.h.count(Status401)
	case t.answer.status == http.StatusOK:
		t.h.watch(t)
		t.spoil()
	}
	t.settle()
	if t.send != nil {
		t.send(w)
		return
	}
	t.answer.send(w, t.r)
}

// refuses reports whether a rule is going to answer instead of the handler behind.
func (t *turn) refuses() bool {
	for _, u := range t.rules {
		if u.spec.stage == stageStatus && u.Page >= 0 {
			return true
		}
	}
	return t.revoked
}

// spoil lets the rules take effect, stage by stage.
func (t *turn) spoil() {
	last := t.last()
	for stage := stageClock; stage <= stageSending; stage++ {
		if stage == stageSending {
			t.settle()
		}
		for _, u := range t.rules {
			if u.spec.stage != stage || u.Page == LastPage && !last || u.Page == MiddlePage && last || !t.hit(u) {
				continue
			}
			if stage == stageStatus {
				t.page = nil
				return
			}
			if stage == stageWhole || stage == stageSending {
				break
			}
		}
	}
}

// hit lets a rule take effect, and reports whether it did.
func (t *turn) hit(u chosen) bool {
	if !t.h.take(u.rule) {
		return false
	}
	t.rng = t.draw(u.index)
	t.rng.Uint64() // said whether to
	if u.spec.spoil(t) {
		return true
	}
	t.h.giveBack(u.rule)
	return false
}

// settle turns a changed page into the body of the answer.
func (t *turn) settle() {
	if t.page != nil && t.page.changed {
		t.answer.body = t.page.encode()
		t.page = nil
	}
}

// ask sends a request to the handler behind and records its answer.
func (t *turn) ask(r *http.Request) *answer {
	a := &answer{header: http.Header{}}
	t.h.next.ServeHTTP(a, r)
	if a.status == 0 {
		a.status = http.StatusOK
	}
	a.header.Del("Content-Length")
	return a
}

// again asks the handler behind for another page of the same endpoint.
func (t *turn) again(query url.Values) (*page, bool) {
	r := t.plain()
	u := *r.URL
	u.RawQuery = query.Encode()
	r.URL, r.RequestURI = &u, u.RequestURI()
	t.h.mu.Lock()
	t.h.extra++
	t.h.mu.Unlock()
	a := t.ask(r)
	if a.status != http.StatusOK {
		return nil, false
	}
	return cutPage(t.endpoint, a.body)
}

// plain is the request as the handler behind is asked: for what it can answer, uncompressed.
func (t *turn) plain() *http.Request {
	r := t.r.Clone(t.r.Context())
	r.Header.Del("Accept-Encoding")
	if cursor, _, ok := t.alias(); ok {
		query := r.URL.Query()
		if cursor == "" {
			query.Del(cursorName)
		} else {
			query.Set(cursorName, cursor)
		}
		r.URL.RawQuery = query.Encode()
		r.RequestURI = r.URL.RequestURI()
	}
	return r
}

// cut cuts the answer into records.
func (t *turn) cut() {
	if t.answer.status != http.StatusOK || !t.answer.json() {
		return
	}
	p, ok := cutPage(t.endpoint, t.answer.body)
	if !ok {
		return
	}
	t.page = p
	if _, after, ok := t.alias(); ok {
		p.dropThrough(after)
	}
}

// last reports whether the page is the last: it has no next, or fewer records than it could.
func (t *turn) last() bool {
	if t.page == nil {
		return !strings.HasSuffix(t.endpoint, "/{}")
	}
	switch {
	case linked(t.endpoint):
		return t.page.link() == ""
	case t.endpoint == bulkEndpoint:
		return false
	case !limited(t.endpoint):
		return !strings.HasSuffix(t.endpoint, "/{}")
	}
	t.h.mu.Lock()
	defer t.h.mu.Unlock()
	n := t.page.len()
	return n == 0 || n < t.limit() && (t.number == 1 || n < t.h.fullest[t.endpoint])
}

// limit is how many records the client asked for at most.
func (t *turn) limit() int {
	n, err := strconv.Atoi(t.query.Get("limit"))
	if err != nil {
		return mostOf(t.endpoint)
	}
	return n
}
