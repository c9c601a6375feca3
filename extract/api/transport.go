package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	connectLimit = 10 * time.Second // to reach the server, and again for TLS
	headerLimit  = 60 * time.Second // from the request to the first of its answer
	answerLimit  = 90 * time.Second // all of these together, where a transport of the caller's keeps no limits
	pingAfter    = 15 * time.Second // of silence on an HTTP/2 connection

	// A body must bring leastBody bytes in every bodyLimit, or end. A limit on silence alone would wait days for a page
	// from a server that sends a byte a second.
	bodyLimit = 30 * time.Second
	leastBody = 4 << 10
)

// These are why a request was given up here.
var (
	errNoAnswer = errors.New("no answer within " + answerLimit.String())
	errSlowBody = errors.New("its answer stopped coming for " + bodyLimit.String())
)

// newTransport makes connections with all deadlines. The proxy is the environment's.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connectLimit, KeepAlive: pingAfter}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectLimit,
		ResponseHeaderTimeout:  headerLimit,
		MaxResponseHeaderBytes: 1 << 20,
		MaxIdleConns:           128,
		MaxIdleConnsPerHost:    64, // as many as there may be Lanes
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
	}
}

// reply is one answer with any status, read to its end.
type reply struct {
	status int
	header http.Header
	date   time.Time
	body   []byte
}

// wire sends single requests, each in a slot of the pacer.
type wire struct {
	transport http.RoundTripper
	pacer     *pacer
	clock     *serverClock
	requests  atomic.Int64
}

// trip is what one exchange cost and when it went out.
type trip struct {
	requests int
	waited   time.Duration // for the slot
	sent     time.Time
	// connected is false only if the request surely never left: no connection could be made.
	connected bool
}

// exchange waits for a slot, sends one request and reads its whole answer. It follows nothing and tries nothing again.
// What was sent goes on for the time of grace after ctx ends.
func (w *wire) exchange(ctx context.Context, req *http.Request, grace time.Duration) (*reply, trip, error) {
	var t trip
	begun := time.Now()
	s, err := w.pacer.take(ctx)
	t.waited = time.Since(begun)
	if err != nil {
		return nil, t, err
	}
	if grace > 0 {
		var end context.CancelFunc
		ctx, end = outlast(ctx, grace)
		defer end()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.sent = time.Now()
	t.requests = 1
	w.requests.Add(1)

	watch := time.AfterFunc(answerLimit, func() { cancel(errNoAnswer) })
	defer watch.Stop()
	var last atomic.Pointer[slot] // that the request goes out in
	last.Store(s)
	traced, connected := false, false
	trace := &httptrace.ClientTrace{
		GetConn: func(string) { traced = true },
		// net/http sends a request again by itself when a connection that was used before turns out dead. The server may
		// have counted the first one, so the second waits for a slot of its own.
		GotConn: func(httptrace.GotConnInfo) {
			if connected && ctx.Err() == nil {
				watch.Stop()
				if s, err := w.pacer.take(ctx); err == nil {
					w.pacer.wrote(last.Swap(s))
					t.requests++
					w.requests.Add(1)
				}
				watch.Reset(answerLimit)
			}
			connected = true
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { w.pacer.wrote(last.Load()) },
	}
	res, err := w.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if t.connected = connected || !traced; t.connected {
		w.pacer.wrote(last.Load())
	} else {
		w.pacer.unused(last.Load())
	}
	if err != nil {
		return nil, t, told(ctx, req, err)
	}
	defer res.Body.Close()
	r := &reply{status: res.StatusCode, header: res.Header, date: w.clock.saw(res.Header)}

	watch.Stop()
	slow := time.AfterFunc(bodyLimit, func() { cancel(errSlowBody) })
	defer slow.Stop()
	come := 0
	r.body, err = readWhole(res.Body, res.ContentLength, mostBody, func(n int) {
		if come += n; come >= leastBody {
			come = 0
			slow.Reset(bodyLimit)
		}
	})
	if err != nil {
		return r, t, told(ctx, req, err)
	}
	return r, t, nil
}

// outlast is a context that ends a while after ctx does.
func outlast(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		_ = Sleep(longer, grace)
		cancel(context.Cause(ctx))
	})
	return longer, func() { stop(); cancel(nil) }
}

// told gives an error of the transport a sentence that quotes neither the address, whose query may hold personal data,
// nor bytes of the answer. When ctx was cancelled it is ctx's own cause.
func told(ctx context.Context, req *http.Request, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var timeout net.Error
	text := ""
	switch {
	case errors.Is(err, errBroken):
		return err
	case errors.As(err, &dns) && dns.IsNotFound:
		text = "the host name " + dns.Name + " is not known"
	case errors.As(err, &dns):
		text = "the host name " + dns.Name + " cannot be looked up"
	case errors.As(err, &certificate) || errors.As(err, &authority):
		text = "the server's certificate is not trusted: " + quote(err.Error(), within(req)...)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		text = "the connection ended before the answer did"
	case errors.Is(err, syscall.ECONNREFUSED):
		text = "the connection was refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		text = "the connection was reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		text = "no answer in time"
	case strings.Contains(err.Error(), "malformed"), strings.Contains(err.Error(), "invalid header"):
		text = "the answer is not HTTP"
	default:
		text = quote(err.Error(), within(req)...)
	}
	return &networkError{text: text, err: err}
}

// within are the texts of a request that no error may quote.
func within(req *http.Request) []string {
	hide := []string{req.URL.RawQuery, strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")}
	if req.GetBody == nil {
		return hide
	}
	if body, err := req.GetBody(); err == nil {
		text, _ := io.ReadAll(body)
		form, _ := url.ParseQuery(string(text))
		for _, values := range form {
			hide = append(hide, values...)
		}
	}
	return hide
}

// networkError is an error of the transport under a sentence that may be shown.
type networkError struct {
	text string
	err  error
}

func (e *networkError) Error() string { return e.text }
func (e *networkError) Unwrap() error { return e.err }

// certain reports whether an error of the first request will stay: a name that does not exist, a certificate that is not
// trusted. Later in a run the same may be a network's bad hour.
func certain(err error) bool {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &dns) && dns.IsNotFound || errors.As(err, &certificate)
}

// request makes a request that carries a token.
func request(ctx context.Context, address string, token Secret) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "chatferry")
	return req, nil
}
