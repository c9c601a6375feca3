package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"chatferry"
)

// inquiry is a request that finds a root.
type inquiry struct {
	path  string
	query url.Values
}

// probes are cheap requests that an account answers with 200 where its API is. The first decides for most; some
// accounts and tokens are not given it.
var probes = []inquiry{
	{"agents", url.Values{"limit": {"1"}}},
	{"departments", nil},
	{"account", nil},
	{"incremental/chats", url.Values{"limit": {"1"}, "start_time": {"0"}}},
	{"chats", nil},
}

// mostUnclear is how many times all roots are tried when one refuses the token and another does not answer.
const mostUnclear = 3

// Dial finds the root that the account answers at. It sends the token to all origins of o.Roots, as long as none has
// answered 200; afterwards the Client sends it to that one only.
func Dial(ctx context.Context, o Options) (*Client, error) {
	roots, err := expand(o.Roots)
	if err != nil {
		return nil, err
	}
	c, err := newClient(o)
	if err != nil {
		return nil, err
	}
	c.root = roots[0]
	if s, ok := o.Token.(interface{ bind(*Client) }); ok {
		s.bind(c)
	}
	c.patience.enter()
	defer c.patience.leave()
	asked := probes
	if o.Probe != "" {
		asked = []inquiry{{path: o.Probe}}
	}
	if c.root, err = c.findRoot(ctx, roots, asked); err != nil {
		c.Close()
		return nil, err
	}
	c.goesOn()
	c.log.Debug("the API answers", "root", c.Root())
	return c, nil
}

// expand parses the roots. One without a path stands for both that are known.
func expand(texts []string) (roots []*url.URL, err error) {
	for _, text := range texts {
		u, err := parseRoot(text)
		if err != nil {
			return nil, err
		}
		if u.Path != "" {
			roots = append(roots, u)
			continue
		}
		for _, p := range []string{"/api/v2/chat", "/api/v2"} {
			v := *u
			v.Path = p
			roots = append(roots, &v)
		}
	}
	if len(roots) == 0 {
		return nil, chatferry.Errorf(chatferry.KindUsage, "name the account with --from", "no address of an API was given")
	}
	return roots, nil
}

func (c *Client) findRoot(ctx context.Context, roots []*url.URL, probes []inquiry) (*url.URL, error) {
	a := asking{c: c, name: probes[0].path, answer: &Answer{}, probing: true}
	for round := 1; ; round++ {
		token, err := c.bearer.token(ctx)
		if err != nil {
			return nil, err
		}
		found := make([]*failure, len(roots))
		for i, root := range roots {
			f, err := a.probe(ctx, root, probes)
			if err != nil {
				return nil, err
			}
			if f == nil {
				return root, nil
			}
			found[i] = f
			c.log.Debug("the account does not answer here", "root", root.String(), "error", f.err)
		}
		refused := slices.IndexFunc(found, func(f *failure) bool { return f.cause == unauthorized })
		later := slices.IndexFunc(found, (*failure).passes)
		switch {
		case refused >= 0 && (later < 0 || round >= mostUnclear):
			if err := c.bearer.renew(ctx, token, found[refused].err); err != nil {
				return nil, err
			}
		case later >= 0:
			if err := a.wait(ctx, found[later]); err != nil {
				return nil, fmt.Errorf("find the API: %w", err)
			}
		default:
			return nil, nowhere(roots, found)
		}
	}
}

// probe asks one root once. nil means that the account answers there.
func (a *asking) probe(ctx context.Context, root *url.URL, probes []inquiry) (first *failure, err error) {
	for _, p := range probes {
		address, err := below(root, p.path, p.query)
		if err != nil {
			return nil, err
		}
		_, f, err := a.try(ctx, address)
		if err != nil || f == nil {
			return nil, err
		}
		// That an endpoint is forbidden tells more than that another is not there.
		if first == nil || first.cause == permanent && answered(first) == 404 {
			first = f
		}
		if f.cause != permanent {
			return f, nil
		}
	}
	return first, nil
}

// passes reports whether the failure of a root may be over in a while.
func (f *failure) passes() bool {
	switch f.cause {
	case unreachable:
		return !certain(f.err)
	case throttled:
		return true
	case broken:
		return !errors.Is(f.err, errRedirect)
	}
	return false
}

// answered is the status that a failure came with, 0 for none that lasts.
func answered(f *failure) int {
	var status *StatusError
	if errors.As(f.err, &status) {
		return status.Status
	}
	return 0
}

// nowhere is the error when no root will do. It tells of the one that came nearest.
func nowhere(roots []*url.URL, found []*failure) error {
	nearness := func(f *failure) int { return slices.Index([]int{404, 0, 403}, answered(f)) }
	best := 0
	for i := range found {
		if nearness(found[i]) > nearness(found[best]) {
			best = i
		}
	}
	e := &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: "find the API at", Place: roots[best].String(), Err: found[best].err,
		Hint: "check the account's address, and that this machine reaches it",
	}
	switch answered(found[best]) {
	case 403:
		e.Err = unauthorised{e.Err}
		e.Hint = "the token may not read this account: make one with the scope read, as an administrator"
	case 404:
		e.Hint = "check the subdomain; a stand-alone account is named zopim:"
	}
	return e
}
