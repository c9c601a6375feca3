package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"chatferry"
)

const (
	firstBackoff = time.Second
	mostBackoff  = time.Minute

	// sameAnswers is how often one request may get the very same broken answer. What a network breaks is broken elsewhere
	// each time; what comes equal again comes from the server, and waiting out an outage's patience for it, hours maybe,
	// only delays that somebody is told. With eight tries the back-off has stretched over about a minute, which a restart
	// behind a load balancer takes, and answers of which every second is spoiled pass 255 times of 256.
	sameAnswers = 8

	// brokenAnswers is how many broken answers in a row one request may get that differ. Without it a page that the server
	// never renders rightly would be asked for as long as other requests succeed.
	brokenAnswers = 40

	// tellAfter is how long nothing succeeds before the log says so: a single 502 is no news.
	tellAfter = time.Minute

	// farthest is the longest Retry-After that is told as it is.
	farthest = 10 * 365 * 24 * time.Hour
)

// backoff is how long to wait after the n-th failure in a row, from 0 on: anything up to a bound that doubles. The whole
// range is used, so that many callers that failed together do not come back together.
func backoff(n int) time.Duration {
	bound := mostBackoff
	if n < 6 {
		bound = min(bound, firstBackoff<<n)
	}
	return rand.N(bound) + 1
}

// retryAfter reads the header of that name: seconds, or a date that is meant by the server's own clock. What cannot be
// read, and what is not after now, is as good as absent.
func retryAfter(h http.Header, date time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) || strings.ContainsAny(text, "eExXpPiInN_") {
			return 0, false
		}
		if seconds > farthest.Seconds() {
			return farthest, true
		}
		return time.Duration(seconds * float64(time.Second)), true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if date.IsZero() {
		date = time.Now()
	}
	if d := at.Sub(date); d > 0 {
		return min(d, farthest), true
	}
	return 0, false
}

// failure is why one exchange gave nothing that can be used.
type failure struct {
	err    error // safe to show
	status int   // 0: no answer
	answer *reply
	cause  cause
	sum    [32]byte // of what came, for broken answers
}

// cause says what a failure asks for.
type cause int

const (
	permanent    cause = iota // trying again changes nothing
	unauthorized              // the token is refused
	throttled                 // one request too many
	unreachable               // no answer, or one that says "later"
	broken                    // an answer that is not what was asked for
)

// judge says what an exchange came to; nil when it is an answer of status 200 whose body is whole.
func judge(name string, r *reply, err error, hide ...string) *failure {
	switch {
	case err != nil && r != nil && r.status != http.StatusOK: // the status says enough
	case err != nil && errors.Is(err, errBroken):
		return &failure{err: err, cause: broken, sum: sha256.Sum256([]byte(err.Error()))}
	case err != nil:
		return &failure{err: err, cause: unreachable}
	case r.status == http.StatusOK:
		r.body = bytes.TrimPrefix(r.body, byteOrderMark)
		if err := proveWhole(r.body); err != nil {
			return brokenAnswer(r, err)
		}
		return nil
	}
	code, message := explanation(r.body)
	f := &failure{
		err:    &StatusError{Status: r.status, Path: quote(name), Code: quote(code, hide...), Message: quote(message, hide...)},
		status: r.status, answer: r,
	}
	switch r.status {
	case http.StatusUnauthorized:
		f.cause = unauthorized
	case http.StatusTooManyRequests:
		f.cause = throttled
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly:
		f.cause = unreachable // for a request that only reads, these are the server's passing troubles
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
	default:
		switch {
		case r.status >= 500:
			f.cause = unreachable
		case r.status < 300:
			return brokenAnswer(r, fmt.Errorf("%w: status %d instead of 200", errBroken, r.status))
		}
	}
	return f
}

// byteOrderMark stands before the JSON of some servers, and is no part of it.
var byteOrderMark = []byte("\ufeff")

func brokenAnswer(r *reply, err error) *failure {
	return &failure{err: err, status: r.status, answer: r, cause: broken, sum: sha256.Sum256(bytes.Join([][]byte{[]byte(err.Error()), r.body}, nil))}
}

// repeats counts the broken answers of one request.
type repeats struct {
	last  [32]byte
	equal int
	all   int
}

// tooMany takes note of a broken answer and reports whether it is time to give up.
func (r *repeats) tooMany(sum [32]byte) bool {
	if sum != r.last {
		r.last, r.equal = sum, 0
	}
	r.equal++
	r.all++
	return r.equal >= sameAnswers || r.all >= brokenAnswers
}

// patience is how long nothing may succeed, over all callers.
type patience struct {
	limit time.Duration

	mu      sync.Mutex
	callers int
	failing time.Time // the first failure since the last success; zero: none
	tries   int       // failures since then
	strikes int       // 429s since then that count
	told    bool      // a person was told of this row of failures
}

func (p *patience) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.callers++
}

// leave ends a caller's request. When nobody asks any more, an old failure says nothing about how long the API has not
// answered.
func (p *patience) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.callers--; p.callers == 0 {
		p.forget()
	}
}

func (p *patience) forget() {
	p.failing, p.tries, p.strikes, p.told = time.Time{}, 0, 0, false
}

// succeeded reports whether that ended a row of failures that a person was told of.
func (p *patience) succeeded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := p.told
	p.forget()
	return told
}

// failed takes note of a failure. It returns how much patience is left, and whether it is time to tell a person: once, when
// a row of failures has lasted for a while.
func (p *patience) failed() (left time.Duration, tell bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if p.failing.IsZero() {
		p.failing = time.Now()
	}
	lasted := time.Since(p.failing)
	if lasted >= tellAfter && !p.told {
		p.told, tell = true, true
	}
	return p.limit - lasted, tell
}

// strike counts a 429 and returns how many came before it.
func (p *patience) strike() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.strikes++
	return p.strikes - 1
}

// out is the error of a request whose patience has run out.
func (p *patience) out(name string, last error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &chatferry.Error{
		Kind: chatferry.KindTemporary, Op: "GET", Place: quote(name),
		Err: fmt.Errorf("the API has given nothing for %s, in %d tries: %w",
			time.Since(p.failing).Round(time.Second), p.tries, last),
		Hint: "resume when the API answers again; what is committed stays",
	}
}
