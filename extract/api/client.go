package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"chatferry"
)

// Options say which account a Client reads, and how hard.
type Options struct {
	// Roots are the API's roots that the account may answer at, in the order in which they are tried. One without a path
	// stands for /api/v2/chat and /api/v2 of its host.
	Roots []string
	Token TokenSource

	PerMinute float64 // requests that the account is allowed; 0: 200
	Share     float64 // of them that this Client may use, the rest is the customer's; 0: 0.7
	// Patience is how long nothing may succeed before Get gives up; 0: 15 minutes.
	Patience time.Duration

	Transport http.RoundTripper // nil: one with all deadlines. Requests are given to it one by one, redirects included
	Log       *slog.Logger      // nil: none
	// State is told what the Client waits for, and "" when it goes on. It must not block.
	State func(string)
}

// Stats are what a Client has done so far.
type Stats struct {
	Requests     int64         // sent, failed ones and the token's included
	TooMany      int64         // 429s that came back
	Throttled    time.Duration // waited, over all callers
	Rotated      int64         // tokens replaced by newer ones
	RatePerMin   float64       // in force
	PermittedMin float64       // what the rate comes back to after a 429
}

// Client asks the API of one account. Its methods may be called by many Lanes at once.
type Client struct {
	root     *url.URL
	wire     *wire
	bearer   *bearer
	patience *patience
	log      *slog.Logger
	state    stateLine

	tooMany   atomic.Int64
	throttled atomic.Int64
}

var _ Getter = (*Client)(nil)

// newClient checks the Options. The Client has no root yet.
func newClient(o Options) (*Client, error) {
	bad := func(text string) error {
		return chatferry.Errorf(chatferry.KindUsage, "give a rate above 0 and a share between 0 and 1", "%s", text)
	}
	if o.PerMinute == 0 {
		o.PerMinute = 200
	}
	if o.Share == 0 {
		o.Share = 0.7
	}
	if o.Patience == 0 {
		o.Patience = 15 * time.Minute
	}
	switch {
	case !(o.PerMinute > 0 && o.PerMinute <= 1e6):
		return nil, bad("the rate is no number of requests a minute")
	case !(o.Share > 0 && o.Share <= 1):
		return nil, bad("the share of the rate is not between 0 and 1")
	case o.Patience < 0:
		return nil, bad("the patience is negative")
	case o.Token == nil:
		return nil, chatferry.Errorf(chatferry.KindUsage, "set CHATFERRY_TOKEN, CHATFERRY_TOKEN_FILE or CHATFERRY_TOKEN_COMMAND",
			"the API is only read with a token")
	}
	c := &Client{
		wire:     &wire{transport: o.Transport, pacer: newPacer(o.PerMinute * o.Share), clock: newServerClock()},
		bearer:   &bearer{source: o.Token},
		patience: &patience{limit: o.Patience},
		log:      o.Log,
		state:    stateLine{tell: o.State},
	}
	if c.wire.transport == nil {
		c.wire.transport = newTransport()
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Root is the API's root that the account answers at.
func (c *Client) Root() string { return c.root.String() }

// Now implements Getter.
func (c *Client) Now() time.Time { return c.wire.clock.now() }

// Stats returns what was done so far.
func (c *Client) Stats() Stats {
	return Stats{
		Requests: c.wire.requests.Load(), TooMany: c.tooMany.Load(), Throttled: time.Duration(c.throttled.Load()),
		Rotated: c.bearer.rotated.Load(), RatePerMin: c.wire.pacer.rateInForce(), PermittedMin: c.wire.pacer.permitted,
	}
}

// Close gives idle connections back. No Get may be under way.
func (c *Client) Close() {
	if t, ok := c.wire.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Get implements Getter.
func (c *Client) Get(ctx context.Context, path string, query url.Values, check func([]byte) error) (*Answer, error) {
	address, err := below(c.root, path, query)
	if err != nil {
		return nil, err
	}
	c.patience.enter()
	defer c.patience.leave()
	a := asking{c: c, name: path, hide: personal(query), answer: &Answer{}}
	defer func() { c.throttled.Add(int64(a.answer.Throttled)) }()
	for {
		r, f, err := a.try(ctx, address)
		if err != nil {
			return nil, err
		}
		if f == nil && check != nil {
			if err := check(r.body); err != nil {
				f = &failure{err: err, status: r.status, answer: r, cause: broken, sum: sha256.Sum256(r.body)}
			}
		}
		if f == nil {
			c.wire.pacer.raise()
			c.goesOn()
			a.answer.Body, a.answer.Header, a.answer.Date = r.body, r.header, r.date
			return a.answer, nil
		}
		if err := a.wait(ctx, f); err != nil {
			return nil, err
		}
	}
}

// goesOn ends a row of failures.
func (c *Client) goesOn() {
	if c.patience.succeeded() {
		c.log.Info("the API answers again")
	}
	c.state.set("")
}

// asking is one call of Get.
type asking struct {
	c        *Client
	name     string
	hide     []string // what errors must not quote
	answer   *Answer  // collects the costs
	failures int      // in a row
	broken   repeats
	renewed  int // tokens that this request had renewed
	probing  bool
}

// try sends the request with the newest token, follows redirects within the origin, and judges what came. The error is
// one that ends the request.
func (a *asking) try(ctx context.Context, address *url.URL) (*reply, *failure, error) {
	for hops := 0; ; hops++ {
		token, err := a.c.bearer.token(ctx)
		if err != nil {
			return nil, nil, err
		}
		r, t, err := a.send(ctx, address, token)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		f := judge(a.name, r, err, append(a.hide, token.Reveal())...)
		if f != nil && errors.Is(f.err, errWebPage) && hops > 0 {
			f.err = fmt.Errorf("%w, a redirect led to it", f.err)
		}
		switch {
		case f == nil, f.cause == permanent && !isRedirect(f.status):
			a.c.bearer.proves(token)
		case f.cause == unauthorized && !a.probing:
			return nil, f, a.renew(ctx, token, f)
		case f.cause == throttled:
			a.tooMany(t)
		}
		if f == nil || !isRedirect(f.status) {
			return r, f, nil
		}
		next, err := redirected(address, r.header)
		if err == nil && hops == mostRedirects {
			err = fmt.Errorf("%w: more than %d in a row", errRedirect, mostRedirects)
		}
		if err != nil {
			return r, &failure{err: err, status: f.status, answer: r, cause: broken, sum: sha256.Sum256([]byte(err.Error()))}, nil
		}
		address = next
	}
}

func (a *asking) send(ctx context.Context, address *url.URL, token Secret) (*reply, trip, error) {
	req, err := request(ctx, address.String(), token)
	if err != nil {
		return nil, trip{}, err
	}
	r, t, err := a.c.wire.exchange(ctx, req, 0)
	a.answer.Requests += t.requests
	a.answer.Throttled += t.waited
	return r, t, err
}

// tooMany lowers the rate after a 429.
func (a *asking) tooMany(t trip) {
	a.c.tooMany.Add(1)
	if a.c.wire.pacer.lower(t.sent) {
		a.c.log.Warn("the API throttles this account", "path", quote(a.name), "requests_per_minute", a.c.wire.pacer.rateInForce())
	}
}

// mostRenewals is how often one request may have the token renewed: one refusal is a token's end, and one more may be
// that another process renewed it meanwhile.
const mostRenewals = 2

// renew gets a newer token after a 401.
func (a *asking) renew(ctx context.Context, refused Secret, f *failure) error {
	if a.renewed++; a.renewed > mostRenewals {
		return a.c.bearer.refusal(f.err)
	}
	return a.c.bearer.renew(ctx, refused, f.err)
}

// wait waits until the request may be tried again. The error says that it is not to be.
func (a *asking) wait(ctx context.Context, f *failure) error {
	c := a.c
	switch f.cause {
	case unauthorized: // the token is a new one by now
		return nil
	case permanent:
		c.goesOn() // the API is there
		return f.err
	case broken:
		if a.broken.tooMany(f.sum) {
			return gaveUp(a.name, f, a.broken)
		}
	}
	left, first := c.patience.failed()
	if first {
		c.log.Warn("the API gives no answer that can be used", "path", quote(a.name), "error", f.err)
	} else {
		c.log.Debug("the API gives no answer that can be used", "path", quote(a.name), "error", f.err)
	}
	if left <= 0 {
		return c.patience.out(a.name, f.err)
	}
	if f.cause == throttled || f.status == http.StatusServiceUnavailable {
		if d, ok := retryAfter(f.answer.header, f.answer.date); ok {
			return a.pause(d, left, f)
		}
	}
	if f.cause == throttled {
		return a.pause(backoff(c.patience.strike()), 0, f)
	}
	d := min(backoff(a.failures), left)
	a.failures++
	c.state.set(fmt.Sprintf("the API does not answer, next try in %s", d.Round(time.Second)))
	begun := time.Now()
	err := sleep(ctx, d)
	a.answer.Throttled += time.Since(begun)
	return err
}

// pause keeps all callers back for as long as the API asks. The wait itself is the pacer's. left is the patience that
// there is for it, 0 for a wait of this Client's own choice.
func (a *asking) pause(d, left time.Duration, f *failure) error {
	if left > 0 && d > left {
		until := a.c.Now().Add(d).Truncate(time.Second)
		return &chatferry.Error{
			Kind: chatferry.KindTemporary, Op: "GET", Place: quote(a.name),
			Err:  fmt.Errorf("the API asks to wait until %s, which is longer than this run may: %w", until.Format(time.RFC3339), f.err),
			Hint: "resume after " + until.Format(time.RFC3339),
		}
	}
	a.c.wire.pacer.pause(d)
	a.c.state.set(fmt.Sprintf("throttled by the API for %s (%d)", max(time.Second, d.Round(time.Second)), f.status))
	return nil
}

// gaveUp is the error of a request that gets broken answers only.
func gaveUp(name string, f *failure, r repeats) error {
	e := &chatferry.Error{
		Kind: chatferry.KindTemporary, Op: "GET", Place: quote(name),
		Err:  fmt.Errorf("the API sent the same answer %d times in a row that cannot be used: %w", r.equal, f.err),
		Hint: "resume later; if it stays so, ask the API by hand whether it is well",
	}
	if r.equal < sameAnswers {
		e.Err = fmt.Errorf("%d answers of the API in a row cannot be used, the last one: %w", r.all, f.err)
	}
	switch {
	case errors.Is(f.err, errWebPage):
		e.Kind = chatferry.KindEnvironment
		e.Hint = "look whether the account's address is right, and whether a login or a proxy stands before it"
	case errors.Is(f.err, errRedirect):
		e.Kind = chatferry.KindEnvironment
		e.Hint = "the account may have moved: name its new address with --from"
	}
	return e
}

// personal are the values of a query that errors must not quote, whatever the server says about them.
func personal(query url.Values) (values []string) {
	for _, v := range query["q"] {
		values = append(values, v, url.QueryEscape(v))
	}
	return values
}

// stateLine tells what the Client waits for, when that changes.
type stateLine struct {
	tell func(string)
	mu   sync.Mutex
	last string
}

func (s *stateLine) set(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text != s.last && s.tell != nil {
		s.tell(text)
	}
	s.last = text
}
