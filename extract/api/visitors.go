package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"chatferry"
)

// VisitorsEndpoint is the Range.Endpoint of a Shard that asks for visitors one by one.
const VisitorsEndpoint = "visitors"

// IDs names the visitors of an account, which the API cannot list.
type IDs interface {
	// Next returns at most n ids that are greater than after in byte order, the smallest ones, each once and in order;
	// none if there are no more. No id is empty or longer than LongestVisitor; the empty one stands before all.
	Next(ctx context.Context, after string, n int) ([]string, error)
}

const (
	visitorsPage    = 20               // ids of a Page,
	visitorsTime    = 10 * time.Second // or as many as were answered in that time: a kill repeats no more than a Part of them
	visitorsAhead   = 1000             // ids asked of IDs at once
	visitorsAbreast = 8                // requests under way at once, at most
)

// LongestVisitor is how many bytes the id of a visitor has at most. Chats can name anything; what is longer is no id.
const LongestVisitor = 256

// visitorPlace is the place among visitors: the last id that was asked for, and how many records stand before.
type visitorPlace struct {
	id string
	n  int64
}

func (p visitorPlace) position() chatferry.Position { return join("v1", plainText(p.id), numeral(p.n)) }

func parseVisitor(pos chatferry.Position) (p visitorPlace, ok bool) {
	f, ok := parts(pos, "v1", 2)
	if !ok {
		return p, false
	}
	var ok1, ok2 bool
	p.id, ok1 = readText(f[0])
	p.n, ok2 = readNumber(f[1])
	return p, ok1 && ok2 && p.id != ""
}

// visitors reads visitors one by one. Requests stay under way from one Page to the next, so that no time in which one may
// be sent is lost between them.
type visitors struct {
	get   Getter
	ids   IDs
	shard *chatferry.Shard

	from  chatferry.Position
	place visitorPlace
	ahead []string // ids behind place that were not given yet
	ended bool     // there are no more behind ahead
	err   error

	under   []*visit      // of the first ids of ahead, in order; finished ones too
	busy    int           // of them that are not finished
	failed  bool          // one of them did
	results chan *visit   // that finished and were not looked at yet
	abreast int           // how many may be busy; more only while the API's answers, not its limit, are what is waited for
	judged  int           // visits that finished since abreast was set,
	took    time.Duration // what they took,
	limited time.Duration // and what they waited for the limit

	stop context.CancelFunc // of what is under way
	ctx  context.Context

	requests, stored int64 // since the Page before, and so throttled
	throttled        time.Duration
}

var _ chatferry.Reader = (*visitors)(nil)

// NewVisitors returns the Reader of a Shard that asks for every visitor of ids. A visitor that is not there is Absent; one
// that may not be read counts as such where others may.
//
// A Position is v1:<id>:<n>, the last id that was asked for and the number of records before it.
func NewVisitors(get Getter, ids IDs, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	v := &visitors{get: get, ids: ids, shard: shard, from: from, abreast: 1, results: make(chan *visit, visitorsAbreast)}
	if from != "" {
		var ok bool
		if v.place, ok = parseVisitor(from); !ok {
			return nil, badPosition(from, VisitorsEndpoint)
		}
	}
	v.ctx, v.stop = context.WithCancel(context.Background())
	return v, nil
}

// Close implements chatferry.Reader.
func (v *visitors) Close() error {
	v.stop()
	for ; v.busy > 0; v.busy-- {
		<-v.results
	}
	if v.err == nil {
		v.err = errClosed
	}
	return nil
}

// Next implements chatferry.Reader. The end of ctx leaves the Reader usable; what was answered before is given.
func (v *visitors) Next(ctx context.Context) (*chatferry.Page, error) {
	if v.err != nil {
		return nil, v.err
	}
	err := v.gather(ctx)
	n := 0
	if err == nil {
		n, err = v.settled(ctx)
	}
	if err != nil && ctx.Err() == nil {
		v.err = err
	}
	if n == 0 {
		return nil, err
	}
	return v.page(n), nil
}

// visit is what became of one id.
type visit struct {
	id        string
	done      bool
	asked     bool   // false: it cannot be asked for
	raw       []byte // nil: there is no such visitor
	forbidden error
	err       error

	requests, stored int64
	throttled, took  time.Duration
}

// gather waits until there is enough for a Page, or ctx ends.
func (v *visitors) gather(ctx context.Context) error {
	begun := time.Now()
	timer := time.NewTimer(visitorsTime)
	defer timer.Stop()
	for ctx.Err() == nil {
		if err := v.send(ctx); err != nil {
			return err
		}
		if v.enough(time.Since(begun) >= visitorsTime) {
			return nil
		}
		select {
		case a := <-v.results:
			v.finish(a)
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// enough reports whether the visits that finished make a Page: all that there may be, or those in front of one that
// failed, or any when it is late. As long as all were forbidden, the next one tells whether the token may read any.
func (v *visitors) enough(late bool) bool {
	allowed := false
	for n, a := range v.under {
		if n == visitorsPage {
			return true
		}
		if !a.done {
			return late && n > 0 && allowed
		}
		if a.err != nil {
			return true
		}
		allowed = allowed || a.forbidden == nil
	}
	return len(v.under) == visitorsPage || len(v.under) == len(v.ahead) && v.ended
}

// send sends as many requests as may be under way.
func (v *visitors) send(ctx context.Context) error {
	for v.busy < v.abreast && len(v.under) < visitorsPage+visitorsAbreast && !v.failed {
		if len(v.under) == len(v.ahead) {
			if err := v.look(ctx); err != nil || len(v.under) == len(v.ahead) {
				return err
			}
		}
		a := &visit{id: v.ahead[len(v.under)]}
		v.under = append(v.under, a)
		v.busy++
		go func() {
			v.one(a)
			v.results <- a
		}()
	}
	return nil
}

// look puts the next ids behind those ahead.
func (v *visitors) look(ctx context.Context) error {
	if v.ended {
		return nil
	}
	after := v.place.id
	if n := len(v.ahead); n > 0 {
		after = v.ahead[n-1]
	}
	ids, err := v.ids.Next(ctx, after, visitorsAhead)
	if err != nil {
		return fmt.Errorf("list visitors: %w", err)
	}
	for _, id := range ids {
		if id <= after || len(id) > LongestVisitor {
			return fmt.Errorf("list visitors: %q was named behind %q", quote(id), quote(after))
		}
		after = id
	}
	v.ahead, v.ended = append(v.ahead, ids...), len(ids) == 0
	return nil
}

// finish takes note of a visit. It lets one more request be under way when the API's answers were what was waited for,
// one less when its limit was.
func (v *visitors) finish(a *visit) {
	a.done = true
	v.busy--
	v.failed = v.failed || a.err != nil
	v.requests += a.requests
	v.stored += a.stored
	v.throttled += a.throttled / time.Duration(v.abreast)
	v.took += a.took
	v.limited += a.throttled
	if v.judged++; v.judged < 2*v.abreast {
		return
	}
	switch {
	case v.limited*5 < v.took:
		v.abreast = min(v.abreast+1, visitorsAbreast)
	case v.limited*5 > v.took*4:
		v.abreast = max(v.abreast-1, 1)
	}
	v.judged, v.took, v.limited = 0, 0, 0
}

// settled returns how many of the visits stand, and why no more: what comes behind an error is not given, and neither are
// the last ones if they were forbidden, since only what follows can tell whether that concerns them alone.
func (v *visitors) settled(ctx context.Context) (n int, err error) {
	allowed := 0
	var forbidden error
	for n < min(len(v.under), visitorsPage) && v.under[n].done {
		a := v.under[n]
		if a.err != nil {
			err = a.err
			break
		}
		switch {
		case a.forbidden != nil:
			forbidden = a.forbidden
		case a.asked || allowed == n:
			allowed = n + 1
		}
		n++
	}
	switch {
	case n == 0 && err == nil && len(v.under) == 0 && ctx.Err() == nil:
		return 0, io.EOF
	case n == 0 && err == nil:
		return 0, context.Cause(ctx)
	case allowed > 0 || err != nil:
		return allowed, err
	case n < visitorsPage && n < len(v.ahead):
		return 0, context.Cause(ctx)
	case n < visitorsPage && v.place.n > 0:
		return n, nil // a few at the very end are an exception; all there are, or a whole Page of them, are the rule
	}
	return 0, &chatferry.UnavailableError{Stream: chatferry.Visitors, Why: chatferry.Forbidden, Err: forbidden}
}

// page makes a Page of the first n visits.
func (v *visitors) page(n int) *chatferry.Page {
	p := &chatferry.Page{
		Shard: v.shard, From: v.from, Requests: v.requests, StoredBytes: v.stored, ThrottledMS: v.throttled.Milliseconds(),
	}
	v.requests, v.stored, v.throttled = 0, 0, 0
	for _, a := range v.under[:n] {
		if a.raw == nil {
			p.Absent = append(p.Absent, a.id)
			continue
		}
		p.Records = append(p.Records, chatferry.Record{Raw: a.raw, Offset: chatferry.Offset(v.place.n)})
		p.RawBytes += int64(len(a.raw))
		v.place.n++
	}
	v.place.id = v.ahead[n-1]
	v.under, v.ahead = v.under[n:], v.ahead[n:]
	if v.ended && len(v.ahead) == 0 && v.place.n == 0 {
		p.Doubts = append(p.Doubts, chatferry.Doubt{
			File: VisitorsEndpoint, Reason: "the API has none of the visitors that the chats name",
		})
	}
	p.After = v.place.position()
	v.from = p.After
	return p
}

// one asks for one visitor.
func (v *visitors) one(a *visit) {
	if !askable(a.id) {
		return
	}
	a.asked = true
	begun := time.Now()
	answer, err := v.get.Get(v.ctx, VisitorsEndpoint+"/"+a.id, nil, func(body []byte) (err error) {
		a.raw, err = bareObject(body)
		return err
	})
	a.took = time.Since(begun)
	if err == nil {
		a.requests, a.stored, a.throttled = int64(answer.Requests), int64(len(answer.Body)), answer.Throttled
		return
	}
	a.raw = nil
	switch status := statusOf(err); status {
	case 0:
		a.err = err
	case http.StatusNotFound, http.StatusGone:
		a.requests = 1
	case http.StatusForbidden:
		a.requests, a.forbidden = 1, err
	default:
		a.requests = 1
		if usual(a.id) || status != http.StatusBadRequest && status != http.StatusUnprocessableEntity && status != http.StatusRequestURITooLong {
			a.err = refusal(v.shard.Stream, VisitorsEndpoint, err)
		}
	}
}

// bareObject returns the one object that a body is; nil for null.
func bareObject(body []byte) ([]byte, error) {
	i := skipWhite(body, 0)
	end, err := valueEnd(body, i)
	if err != nil {
		return nil, err
	}
	raw := body[i:end:end]
	if string(raw) == "null" {
		return nil, checkEnd(body, end)
	}
	if raw[0] != '{' {
		return nil, fmt.Errorf("%w: it is no object", errStructure)
	}
	return raw, checkEnd(body, end)
}

// askable reports whether an id can stand in a path. Chats may name anything as the id of their visitor; what is no
// single step of a path would ask for something else.
func askable(id string) bool {
	return len(id) <= LongestVisitor && id != "" && id != "." && id != ".." && utf8.ValidString(id) &&
		!strings.ContainsFunc(id, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) })
}

// usual reports whether an id looks like those that the API gives.
func usual(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != '-' && r != '_'
	})
}
