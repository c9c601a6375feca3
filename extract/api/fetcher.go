package api

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/time/rate"

	"chatferry"
)

// FetchOptions say how files that were sent in chats are fetched.
type FetchOptions struct {
	// Root is the API's root that answers. Files of its origin count as requests to the account; only where it is this
	// machine itself may files be fetched from this machine.
	Root string
	// Account waits until one more request to the account may be sent: Client.Wait. nil: it has no limit.
	Account func(context.Context) error
	// Most is how many bytes a file may have to be fetched; 0: 32 MiB.
	Most int64
	// PerSecond is how many requests a second are sent to others than the account; 0: 5.
	PerSecond float64
	Now       func() time.Time // nil: time.Now
}

const (
	fileBytes     = 32 << 20 // unless FetchOptions say otherwise,
	filePerSecond = 5        // and this
	fileConnect   = 10 * time.Second
	fileHeader    = 30 * time.Second
	fileSilence   = 30 * time.Second // that a body may keep
	fileWhole     = 10 * time.Minute // for a body
	fileRedirects = 3
)

// Fetcher fetches files from wherever the chats say they are. It sends no token, takes no cookies, uses no proxy and dials
// public addresses only: what an address names is looked at when the connection is made, for every redirect again.
type Fetcher struct {
	client *http.Client
	wire   *http.Transport
	origin string // of the API
	here   bool   // the API is this machine itself
	most   int64
	now    func() time.Time

	silence, whole time.Duration

	account func(context.Context) error
	others  *rate.Limiter
	pause   func(context.Context, time.Duration) error
}

// NewFetcher returns a Fetcher. Close gives its connections back.
func NewFetcher(o FetchOptions) (*Fetcher, error) {
	root, err := parseRoot(o.Root)
	if err != nil {
		return nil, err
	}
	if o.Most == 0 {
		o.Most = fileBytes
	}
	if o.PerSecond == 0 {
		o.PerSecond = filePerSecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Most < 0 || !(o.PerSecond > 0) {
		return nil, chatferry.Errorf(chatferry.KindUsage, "give numbers above 0", "files of %d bytes, %v a second, cannot be fetched", o.Most, o.PerSecond)
	}
	f := &Fetcher{
		origin: originOf(root), here: loopback(root.Hostname()), most: o.Most, now: o.Now, account: o.Account,
		others: rate.NewLimiter(rate.Limit(o.PerSecond), 1), pause: Sleep, silence: fileSilence, whole: fileWhole,
	}
	f.wire = f.transport(f.permit)
	f.client = &http.Client{Transport: f, CheckRedirect: f.follow}
	return f, nil
}

// Close gives idle connections back.
func (f *Fetcher) Close() { f.wire.CloseIdleConnections() }

// transport makes connections to the addresses that permit allows. A proxy would make them in its place.
func (f *Fetcher) transport(permit func(netip.AddrPort) error) *http.Transport {
	dialer := &net.Dialer{
		Timeout: fileConnect,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return &privateError{}
			}
			return permit(to)
		},
	}
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    fileConnect,
		ResponseHeaderTimeout:  fileHeader,
		MaxResponseHeaderBytes: 256 << 10,
		MaxIdleConns:           8,
		IdleConnTimeout:        fileSilence,
		DisableCompression:     true, // the bytes are wanted as they are kept
		Protocols:              &http1,
	}
}

// permit is asked with the very address of each connection before it is made.
func (f *Fetcher) permit(to netip.AddrPort) error {
	if public(to.Addr()) || f.here && to.Addr().Unmap().IsLoopback() {
		return nil
	}
	return &privateError{to.Addr()}
}

// Addresses that are not asked at all.
var (
	errNoURL      = errors.New("not a URL")
	errNotHTTPS   = errors.New("not an https address")
	errLogin      = errors.New("an address with a user name")
	errFarAway    = errors.New("too many redirects")
	errRedirectTo = errors.New("redirected to an address that is not asked")
)

// check says why an address is not asked, whatever it may lead to.
func (f *Fetcher) check(u *url.URL) error {
	switch {
	case u.Scheme == "http" && f.here && loopback(u.Hostname()):
	case u.Scheme != "https":
		return errNotHTTPS
	}
	switch {
	case u.Opaque != "" || u.Hostname() == "" || strings.ContainsFunc(u.Host, func(r rune) bool { return r == '\\' || r == '@' || unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errNoURL
	case u.User != nil:
		return errLogin
	}
	return nil
}

// follow decides on a redirect.
func (f *Fetcher) follow(next *http.Request, before []*http.Request) error {
	next.Header.Del("Referer") // the address before may hold what gives access to the file
	if len(before) > fileRedirects {
		return errFarAway
	}
	if err := f.check(next.URL); err != nil {
		return errRedirectTo
	}
	return nil
}

// RoundTrip implements http.RoundTripper: every request, redirected ones included, waits for the limit of whom it asks.
func (f *Fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := f.others.Wait
	if originOf(r.URL) == f.origin {
		wait = f.account
	}
	if wait != nil {
		if err := wait(r.Context()); err != nil {
			return nil, err
		}
	}
	return f.wire.RoundTrip(r)
}

// Wait waits until one more request to the account may be sent, for one that this Client does not send itself.
func (c *Client) Wait(ctx context.Context) error {
	s, err := c.wire.pacer.take(ctx)
	if err != nil {
		return err
	}
	c.wire.pacer.wrote(s)
	c.wire.requests.Add(1)
	return nil
}
