package chatapi

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// quota limits how often may be asked: a bucket that fills at the rate and holds the burst. It is guarded by the
// server's lock.
type quota struct {
	o       *Options
	buckets map[string]*bucket // by endpoint, or one for all
}

type bucket struct {
	held float64
	at   time.Time
}

func newQuota(o *Options) *quota { return &quota{o: o, buckets: map[string]*bucket{}} }

// take takes what the call costs, or says when to come back.
func (q *quota) take(c *call) *failure {
	if q.o.Rate == 0 {
		return nil
	}
	name := ""
	if q.o.PerEndpoint {
		name = c.endpoint
	}
	b := q.buckets[name]
	if b == nil {
		b = &bucket{held: float64(q.o.Burst), at: c.now}
		q.buckets[name] = b
	}
	perSecond := float64(q.o.Rate) / 60
	// A clock that was set back fills nothing.
	passed := max(0, c.now.Sub(b.at).Seconds())
	b.held, b.at = min(float64(q.o.Burst), b.held+passed*perSecond), c.now
	// Sums of fractions may come out a little below the whole that they make.
	if b.held >= 1-1e-9 {
		b.held--
		return nil
	}
	wait := time.Duration(math.Ceil((1-b.held)/perSecond-1e-9)) * time.Second
	f := &failure{status: http.StatusTooManyRequests, code: "too_many_requests", description: "the account's limit of requests is used up"}
	switch q.o.RetryAfter {
	case RetryAfterSeconds:
		f.header = http.Header{"Retry-After": {strconv.Itoa(int(wait / time.Second))}}
	case RetryAfterDate:
		f.header = http.Header{"Retry-After": {c.now.Add(wait + time.Second - 1).UTC().Format(http.TimeFormat)}}
	}
	return f
}
