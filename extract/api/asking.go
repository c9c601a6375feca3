package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"chatferry"
)

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

// warnEvery is how often the log says at most that the API throttles. The progress line says it each time.
const warnEvery = 10 * time.Minute

// tooMany lowers the rate after a 429.
func (a *asking) tooMany(t trip) {
	a.c.tooMany.Add(1)
	if !a.c.wire.pacer.lower(t.sent) {
		return
	}
	level := slog.LevelDebug
	if now, last := time.Now(), a.c.warned.Load(); last == nil || now.Sub(*last) >= warnEvery {
		level = slog.LevelWarn
		a.c.warned.Store(&now)
	}
	a.c.log.Log(context.Background(), level, "the API throttles this account: something else uses it too, or it is allowed less",
		"requests_per_minute", a.c.wire.pacer.rateInForce())
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
	left, tell := c.patience.failed()
	level := slog.LevelDebug
	if tell {
		level = slog.LevelWarn
	}
	c.log.Log(ctx, level, "the API gives no answer that can be used", "path", quote(a.name), "error", f.err)
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
	err := Sleep(ctx, d)
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
