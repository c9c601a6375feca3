package api

import (
	"context"
	"crypto/sha256"
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
	// Probe is the path that is asked for to find the root; "": those that an account of the Chat API answers.
	Probe string

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
	warned    atomic.Pointer[time.Time] // of being throttled
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

// Dated reports whether Now rests on answers; else it is this machine's time.
func (c *Client) Dated() bool { return c.wire.clock.told() }

// Stats returns what was done so far.
func (c *Client) Stats() Stats {
	return Stats{
		Requests: c.wire.requests.Load(), TooMany: c.tooMany.Load(), Throttled: time.Duration(c.throttled.Load()),
		Rotated: c.bearer.rotated.Load(), RatePerMin: c.wire.pacer.rateInForce(), PermittedMin: c.wire.pacer.permitted,
	}
}

// Interval is how far apart requests go out at the soonest.
func (c *Client) Interval() time.Duration {
	return time.Duration(float64(window) * slack / c.wire.pacer.permitted)
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
	// Answers to what was sent before a pause come in while it lasts.
	if !c.wire.pacer.pausing() {
		c.state.set("")
	}
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
