package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	tries        = 5
	tryWithin    = 10 * time.Second
	firstPause   = time.Second // doubled each time
	longestPause = 15 * time.Second
	mostHops     = 3
	mostAnswer   = 4 << 10
)

// ParseURL checks the address of a webhook. It may be a secret itself, so that errors quote nothing of it.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("it is not a URL; write https://HOST/PATH")
	case u.User != nil:
		return nil, errors.New("it holds credentials; sign with CHATFERRY_NOTIFY_SECRET instead")
	case u.Fragment != "":
		return nil, errors.New("a webhook has no fragment")
	case u.Scheme == "https":
	case u.Scheme != "http":
		return nil, errors.New("it begins neither with https:// nor with http://")
	case u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback():
		return nil, errors.New("http would show it to the network; only https may leave this machine")
	}
	return u, nil
}

// Origin is what may be shown of a webhook's address: paths of webhooks are often secrets.
func Origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// webhook posts to one address.
type webhook struct {
	to     *url.URL
	key    []byte
	client *http.Client
	pause  time.Duration // before the second try
	now    func() time.Time
}

var errElsewhere = errors.New("refused a redirect")

func newWebhook(to *url.URL, key []byte) *webhook {
	return &webhook{to: to, key: key, pause: firstPause, now: time.Now, client: &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: tryWithin / 2}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			ResponseHeaderTimeout: tryWithin,
			DisableKeepAlives:     true,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			switch {
			case Origin(req.URL) != Origin(via[0].URL) || req.URL.User != nil:
				return fmt.Errorf("%w to another origin", errElsewhere)
			case req.Method != http.MethodPost:
				return fmt.Errorf("%w that would drop the body", errElsewhere)
			case len(via) > mostHops:
				return fmt.Errorf("%w after %d others", errElsewhere, mostHops)
			}
			return nil
		},
	}}
}

// send posts a body until it is taken, or may not be tried again, or ctx ends.
func (w *webhook) send(ctx context.Context, id string, body []byte) error {
	pause := w.pause
	for n := 1; ; n++ {
		after, again, err := w.try(ctx, id, body)
		if err == nil {
			return nil
		}
		if !again || n == tries {
			return fmt.Errorf("try %d: %w", n, err)
		}
		if after <= 0 {
			after = pause
		}
		pause *= 2
		timer := time.NewTimer(min(after, longestPause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("try %d: %w; there was no time for another", n, err)
		}
	}
}

// try posts once. after is when the receiver wants to be asked again; 0: it does not say.
func (w *webhook) try(ctx context.Context, id string, body []byte) (after time.Duration, again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.to.String(), bytes.NewReader(body))
	if err != nil {
		return 0, false, errors.New("make a request")
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "chatferry", "Idempotency-Key": id, "Webhook-Id": id, "Webhook-Timestamp": at,
	} {
		req.Header.Set(name, value)
	}
	if w.key != nil {
		req.Header.Set("Webhook-Signature", sign(w.key, id, at, body))
	}
	answer, err := w.client.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return 0, true, errors.New("no answer in time")
		}
		var at *url.Error // which quotes the address
		if errors.As(err, &at) {
			err = at.Err
		}
		return 0, !errors.Is(err, errElsewhere), err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, mostAnswer)) // what it says does not matter
	switch s := answer.StatusCode; {
	case s >= 200 && s < 300:
		return 0, false, nil
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests, s >= 500:
		seconds, _ := strconv.Atoi(strings.TrimSpace(answer.Header.Get("Retry-After")))
		return time.Duration(seconds) * time.Second, true, fmt.Errorf("it answered %d", s)
	default:
		return 0, false, fmt.Errorf("it answered %d", s)
	}
}

// sign is the signature of a body that is sent at a time.
func sign(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
