package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func header(at time.Time) http.Header {
	return http.Header{"Date": {at.UTC().Format(http.TimeFormat)}}
}

func TestServerClock(t *testing.T) {
	for _, skew := range []time.Duration{0, -2 * time.Hour, 2 * time.Hour, 24 * time.Hour, -3 * time.Second} {
		bubble(t, fmt.Sprintf("skew=%s", skew), func(t *testing.T) {
			c := newServerClock()
			if d := time.Until(c.now()); d != 0 {
				t.Errorf("before any answer it is off by %s", d)
			}
			last := time.Time{}
			for i := range 100 {
				server := time.Now().Add(skew)
				time.Sleep(time.Duration(i%7) * 100 * time.Millisecond) // the answer's way
				if date := c.saw(header(server)); date.Unix() != server.Unix() {
					t.Errorf("the date is %s", date)
				}
				time.Sleep(time.Duration(i%5) * 377 * time.Millisecond)
				got := c.now()
				if d := got.Sub(time.Now().Add(skew)); i > 0 && (d > 0 || d < -2*time.Second) {
					t.Errorf("answer %d: off by %s", i, d)
				}
				if got.Before(last) {
					t.Errorf("answer %d: goes back by %s", i, last.Sub(got))
				}
				last = got
			}
		})
	}
	bubble(t, "one odd machine among those that answer", func(t *testing.T) {
		c := newServerClock()
		for i := range 40 {
			at := time.Now()
			if i%4 == 3 {
				at = at.Add(2 * time.Hour)
			}
			c.saw(header(at))
			if d := time.Until(c.now()); d > 0 || d < -3*time.Second {
				t.Errorf("answer %d: off by %s", i, d)
			}
			time.Sleep(1300 * time.Millisecond)
		}
	})
	bubble(t, "a clock that was set back is followed", func(t *testing.T) {
		c := newServerClock()
		for range 20 {
			c.saw(header(time.Now().Add(2 * time.Hour)))
			c.now()
		}
		for range 20 {
			c.saw(header(time.Now()))
			c.now()
		}
		if d := time.Until(c.now()); d > 0 || d < -2*time.Second {
			t.Errorf("off by %s", d)
		}
	})
	bubble(t, "what is no date changes nothing", func(t *testing.T) {
		c := newServerClock()
		for _, text := range []string{"", "today", "0"} {
			if date := c.saw(http.Header{"Date": {text}}); !date.IsZero() {
				t.Errorf("%q is %s", text, date)
			}
		}
		if d := time.Until(c.now()); d != 0 {
			t.Errorf("off by %s", d)
		}
	})
}
