package api

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// skewsKept is how many answers the estimate of the server's clock rests on. Their median is taken, so that one odd
// machine among those that answer moves nothing.
const skewsKept = 9

// mostHeld is by how much the server's time may seem to go back before it is believed: less is the rounding of its dates
// to whole seconds, and the time that answers took.
const mostHeld = time.Minute

// serverClock tells the server's time by the dates of its answers and the monotonic clock of this machine. It errs on
// the early side, by up to a second and the time that an answer takes.
type serverClock struct {
	mu    sync.Mutex
	begun time.Time
	skews []time.Duration // server's date minus time since begun, the newest last
	last  time.Time
}

func newServerClock() *serverClock { return &serverClock{begun: time.Now()} }

// saw takes note of an answer that was received now. It returns its date, the zero time if there is none.
func (c *serverClock) saw(h http.Header) time.Time {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.skews) == 0 {
		c.last = time.Time{} // this machine's time, which the server's may well be before
	}
	if len(c.skews) == skewsKept {
		c.skews = slices.Delete(c.skews, 0, 1)
	}
	c.skews = append(c.skews, date.Sub(time.Unix(0, 0))-time.Since(c.begun))
	return date
}

// told reports whether any answer told the time.
func (c *serverClock) told() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.skews) > 0
}

// now is the server's time; this machine's as long as no answer told.
func (c *serverClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UTC().Round(0)
	if len(c.skews) > 0 {
		sorted := slices.Sorted(slices.Values(c.skews))
		now = time.Unix(0, 0).UTC().Add(sorted[len(sorted)/2] + time.Since(c.begun))
	}
	if now.Before(c.last) && c.last.Sub(now) < mostHeld {
		return c.last
	}
	c.last = now
	return now
}
