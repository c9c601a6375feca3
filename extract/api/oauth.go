package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chatferry"
)

// tokenEndpoint is where the pairs of all accounts are renewed, unless the token file names another place.
const tokenEndpoint = "https://www.zopim.com/oauth2/token"

// grant is a token that the endpoint gave.
type grant struct {
	access  Secret
	refresh Secret        // empty: the old one goes on
	given   time.Time     // on the wall clock
	life    time.Duration // 0: unknown
}

// errVoid is wrapped when a pair renews nothing any more.
var errVoid = errors.New("the token cannot be renewed")

// endpoint is the address of the token endpoint. A server on this machine stands for all of the account's services.
func endpoint(p *pair, root *url.URL) (*url.URL, error) {
	switch {
	case p.tokenURL != "":
		u, err := parseRoot(p.tokenURL)
		if err != nil {
			return nil, fmt.Errorf("the member %s of the token file: %w", memberURL, err)
		}
		return u, nil
	case root != nil && loopback(root.Hostname()):
		return &url.URL{Scheme: root.Scheme, Host: root.Host, Path: "/oauth2/token"}, nil
	}
	return url.Parse(tokenEndpoint)
}

// form is what the endpoint is asked with.
func (p *pair) form() url.Values {
	v := url.Values{}
	if !p.refresh.Empty() {
		v.Set("grant_type", "refresh_token")
		v.Set("refresh_token", p.refresh.Reveal())
	} else {
		v.Set("grant_type", "client_credentials")
		if p.scope != "" {
			v.Set("scope", p.scope)
		}
	}
	if p.clientID != "" {
		v.Set("client_id", p.clientID)
	}
	if !p.clientSecret.Empty() {
		v.Set("client_secret", p.clientSecret.Reveal())
	}
	return v
}

// mostLost is how many times a refresh token is sent whose answers do not arrive. The first may have voided it, but need
// not have; a server that sees a void one twice may take it for stolen.
const mostLost = 2

// answerGrace is how long the endpoint's answer is waited for when the run is stopped meanwhile: the new pair is in it.
const answerGrace = 5 * time.Second

// askGrant asks the endpoint for a newer token. A patient caller has it ask again while the endpoint is out of reach. An
// error that wraps errVoid says that p renews nothing any more, or that nobody can tell.
func (c *Client) askGrant(ctx context.Context, p *pair, patient bool) (*grant, error) {
	at, err := endpoint(p, c.root)
	if err != nil {
		return nil, err
	}
	hide := []string{p.access.Reveal(), p.refresh.Reveal(), p.clientSecret.Reveal()}
	lost := 0
	for n := 0; ; n++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader(p.form().Encode()))
		if err != nil {
			return nil, fmt.Errorf("make a request: %w", err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept", "application/json")
		req.Header.Set("User-Agent", "chatferry")
		r, t, err := c.wire.exchange(ctx, req, answerGrace)
		if r == nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		wait := backoff(n)
		switch {
		case r == nil && !t.connected: // it was never sent
		case r == nil || r.status < 300 && err != nil:
			lost++
		case r.status < 300:
			g, gerr := readGrant(r)
			if gerr == nil {
				c.state.set("")
				return g, nil
			}
			lost, err = lost+1, gerr
		case r.status == http.StatusTooManyRequests:
			c.tooMany.Add(1)
			c.wire.pacer.lower(t.sent)
			if d, ok := retryAfter(r.header, r.date); ok {
				wait = d
			}
			c.wire.pacer.pause(min(wait, c.patience.limit))
			err = errors.New("the token endpoint answered 429")
		case r.status >= 500, r.status == http.StatusRequestTimeout, r.status == http.StatusTooEarly:
			err = fmt.Errorf("the token endpoint answered %d", r.status)
		case r.status < 400, r.status == http.StatusNotFound, r.status == http.StatusMethodNotAllowed:
			return nil, chatferry.Errorf(chatferry.KindEnvironment, "check the member token_url of the token file",
				"the token endpoint %s answered %d", at, r.status)
		default:
			code, message := explanation(r.body)
			return nil, fmt.Errorf("%w: the token endpoint answered %d %s", errVoid, r.status,
				quote(strings.TrimSpace(code+" "+message), hide...))
		}
		if lost == mostLost {
			return nil, fmt.Errorf("%w: the token endpoint took the refresh token, but its answers were lost: %w", errVoid, err)
		}
		left, _ := c.patience.failed()
		if lost == 0 && !patient || left <= 0 || wait > left {
			return nil, chatferry.Errorf(chatferry.KindTemporary, "resume when the token endpoint answers again; the token is as it was",
				"renew the token: %w", err)
		}
		c.state.set(fmt.Sprintf("the token endpoint does not answer, next try in %s", wait.Round(time.Second)))
		if err := Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// readGrant reads an answer of the endpoint with a status that says that all went well.
func readGrant(r *reply) (*grant, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.body, &members) != nil {
		return nil, errors.New("the token endpoint's answer is not JSON")
	}
	var access, refresh string
	if json.Unmarshal(members[memberAccess], &access) != nil {
		return nil, errors.New("the token endpoint's answer holds no access_token")
	}
	_ = json.Unmarshal(members[memberRefresh], &refresh)
	token, err := checkToken(access, "the token endpoint")
	if err != nil {
		return nil, err
	}
	g := &grant{access: token, given: time.Now()}
	if refresh != "" {
		if g.refresh, err = checkToken(refresh, "the token endpoint"); err != nil {
			return nil, err
		}
	}
	if seconds, ok := number(members[memberExpiresIn]); ok && seconds > 0 {
		g.life = time.Duration(min(seconds, farthest.Seconds()) * float64(time.Second))
	}
	return g, nil
}
