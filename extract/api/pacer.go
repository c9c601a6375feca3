package api

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// window is the time over which an account's requests are counted.
	window = time.Minute

	// slack stretches the interval between two requests. With the exact interval of 60/n seconds, n+1 requests span
	// exactly 60 s, and a server that counts a closed window finds one too many; so does any server when the first of
	// them was slower on its way than the last. With 1 % more, n+1 requests span 60.6 s: 600 ms is left for that,
	// whatever n is, and 99 % of the requests are used, of which at least 98 % must be.
	slack = 1.01

	// transit is how long a written request may take to the server's counter. It is part of the 600 ms.
	transit = 250 * time.Millisecond

	// A 429 lowers the rate to decrease of what it was, but never below floorPerMinute; each answer that comes through
	// raises it by increase of what is permitted, so that it is back within minutes, slowly first.
	decrease       = 0.7
	increase       = 1.0 / 200
	floorPerMinute = 5
)

// pacer says when a request may be sent. It keeps every 60 s within what is permitted, in the order in which it is
// asked.
//
// It starts empty: the first request waits an interval, as though one had just been sent, so that a run that is killed and
// started again in a loop sends no faster than one that is not.
type pacer struct {
	turn chan struct{} // held by the one caller whose slot is next; channels are fair

	mu        sync.Mutex
	limiter   *rate.Limiter
	permitted float64 // requests a minute
	inForce   float64
	paused    time.Time   // nothing is sent before
	lowered   time.Time   // the last decrease
	most      int         // requests in a window
	pending   int         // slots that were taken and whose requests have not gone out yet
	sent      []time.Time // when the requests of the last window went out, in order
}

// newPacer makes a pacer for so many requests a minute. A part of a request is given up: 2.5 a minute could not be told
// from 3 in most windows.
func newPacer(perMinute float64) *pacer {
	if perMinute >= 1 {
		perMinute = math.Floor(perMinute + 1e-9)
	}
	p := &pacer{
		turn: make(chan struct{}, 1), permitted: perMinute, inForce: perMinute,
		limiter: rate.NewLimiter(limit(perMinute), 1), most: max(1, int(perMinute)),
	}
	p.limiter.AllowN(time.Now(), 1)
	return p
}

func limit(perMinute float64) rate.Limit { return rate.Limit(perMinute / window.Seconds() / slack) }

// slot is the permission to send one request. Its holder tells how it was used, once.
type slot struct{ used bool } // under the pacer's mu

// take waits until a request may be sent.
func (p *pacer) take(ctx context.Context) (*slot, error) {
	if err := hold(ctx, p.turn); err != nil {
		return nil, err
	}
	defer func() { <-p.turn }()
	for {
		// What forbids sending at all is waited for first: a slot of the limiter must be used when it comes.
		if err := p.waitOpen(ctx); err != nil {
			return nil, err
		}
		p.mu.Lock()
		delay := p.limiter.Reserve().Delay()
		p.mu.Unlock()
		if err := Sleep(ctx, delay); err != nil {
			return nil, err
		}
		p.mu.Lock()
		if now := time.Now(); !p.opens(now).After(now) {
			p.pending++
			p.mu.Unlock()
			return &slot{}, nil
		}
		p.mu.Unlock()
	}
}

func (p *pacer) waitOpen(ctx context.Context) error {
	for {
		p.mu.Lock()
		now := time.Now()
		wait := p.opens(now).Sub(now)
		p.mu.Unlock()
		if wait <= 0 {
			return nil
		}
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// opens is when the pauses are over and the window has room. The limiter alone would leave room, but for requests that
// were late on the wire: their connection took its time, or this machine did.
func (p *pacer) opens(now time.Time) time.Time {
	past := 0
	for past < len(p.sent) && now.Sub(p.sent[past]) >= window+transit {
		past++
	}
	p.sent = slices.Delete(p.sent, 0, past)
	at := p.paused
	if over := len(p.sent) + p.pending - p.most; over >= 0 && len(p.sent) > 0 {
		// So many must leave the window first. Where the pending ones alone fill it, it is looked at again then.
		at = later(at, p.sent[min(over, len(p.sent)-1)].Add(window+transit))
	} else if over >= 0 {
		at = later(at, now.Add(time.Second))
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// wrote tells that the request of a slot goes out now.
func (p *pacer) wrote(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.used {
		s.used = true
		p.pending--
		p.sent = append(p.sent, time.Now())
	}
}

// unused tells that the request of a slot never went out, if wrote was not called.
func (p *pacer) unused(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.used {
		s.used = true
		p.pending--
	}
}

// pause sends nothing for a while, for no caller: all of them spend the same account's requests.
func (p *pacer) pause(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.paused) {
		p.paused = until
	}
}

// pausing reports whether a pause lasts.
func (p *pacer) pausing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.paused)
}

// lower reduces the rate because a request sent at a time was one too many. Requests that were under way together count
// once; it reports whether this one counts.
func (p *pacer) lower(sent time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !sent.After(p.lowered) {
		return false
	}
	p.lowered = time.Now()
	p.set(max(min(floorPerMinute, p.permitted), p.inForce*decrease))
	return true
}

// raise brings a lowered rate a little nearer to what is permitted.
func (p *pacer) raise() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inForce < p.permitted {
		p.set(min(p.permitted, p.inForce+p.permitted*increase))
	}
}

func (p *pacer) set(perMinute float64) {
	p.inForce = perMinute
	p.limiter.SetLimit(limit(perMinute))
}

// rateInForce is how many requests a minute are sent at most just now.
func (p *pacer) rateInForce() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inForce
}

// Sleep waits for d, or until ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
