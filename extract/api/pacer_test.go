package api

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"sync"
	"testing"
	"time"
)

// arrivals is the log of a server that counts requests.
type arrivals struct {
	mu    sync.Mutex
	times []time.Time
}

func (a *arrivals) add(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, at)
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.times)
}

// most is the largest number of requests in any closed window of 60 s.
func (a *arrivals) most() (most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	sort.Slice(a.times, func(i, j int) bool { return a.times[i].Before(a.times[j]) })
	for first, last := 0, 0; last < len(a.times); last++ {
		for a.times[last].Sub(a.times[first]) > time.Minute {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// swarm has callers take slots until ctx ends; each tells the pacer and the log when its request went out, which is
// as late as late says.
func swarm(ctx context.Context, p *pacer, callers int, log *arrivals, late func() time.Duration) {
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for {
				s, err := p.take(ctx)
				if err != nil {
					return
				}
				if Sleep(ctx, late()) != nil {
					p.unused(s)
					return
				}
				p.wrote(s)
				log.add(time.Now())
				// The answer takes its time too.
				if Sleep(ctx, time.Duration(rand.Int64N(int64(2*time.Second)))) != nil {
					return
				}
			}
		})
	}
	all.Wait()
}

func never() time.Duration { return 0 }

func TestPacerUsesWhatIsPermittedAndNoMore(t *testing.T) {
	for _, perMinute := range []float64{0.5, 1, 2.5, 5, 20, 140, 199.6, 200, 1000} {
		bubble(t, fmt.Sprintf("perMinute=%v", perMinute), func(t *testing.T) {
			permitted := max(1, int(perMinute))
			length := 30 * time.Minute
			ctx, cancel := context.WithTimeout(t.Context(), length)
			defer cancel()
			var log arrivals
			swarm(ctx, newPacer(perMinute), 64, &log, never)
			if most := log.most(); most > permitted {
				t.Errorf("%d requests in one minute, %d are permitted", most, permitted)
			}
			// The first slot comes after an interval; that is not part of the load.
			ideal := min(perMinute, float64(permitted)) * (length.Minutes() - 1/perMinute)
			if perMinute < 1 {
				ideal = perMinute * (length.Minutes() - 1/perMinute)
			}
			if used := float64(log.count()) / ideal; used < 0.98 {
				t.Errorf("used %.4f of what is permitted", used)
			}
		})
	}
}

// Requests that go out late bring more of them into one window than the limiter gave out.
func TestPacerLateRequests(t *testing.T) {
	for seed := range uint64(20) {
		bubble(t, fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			late := func() time.Duration {
				mu.Lock()
				defer mu.Unlock()
				switch r.IntN(50) {
				case 0:
					return time.Duration(r.Int64N(int64(15 * time.Second)))
				case 1, 2, 3:
					return time.Duration(r.Int64N(int64(time.Second)))
				}
				return time.Duration(r.Int64N(int64(20 * time.Millisecond)))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
			defer cancel()
			var log arrivals
			swarm(ctx, newPacer(120), 40, &log, late)
			if most := log.most(); most > 120 {
				t.Errorf("%d requests in one minute", most)
			}
			if n := log.count(); n < 15*120*95/100 {
				t.Errorf("only %d requests", n)
			}
		})
	}
}

// A run that is killed and started again at once sends no faster than one that is not.
func TestPacerRestarts(t *testing.T) {
	for seed := range uint64(20) {
		bubble(t, fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			var log arrivals
			for range 400 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.Int64N(int64(4*time.Second))))
				swarm(ctx, newPacer(200), 8, &log, never)
				cancel()
			}
			if most := log.most(); most > 200 || log.count() < 400 {
				t.Errorf("%d requests in one minute, %d in all", most, log.count())
			}
		})
	}
}

func TestPacerIsFair(t *testing.T) {
	bubble(t, "in the order asked", func(t *testing.T) {
		p := newPacer(200)
		var mu sync.Mutex
		var got []int
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				s, err := p.take(t.Context())
				if err != nil {
					t.Error(err)
				}
				p.wrote(s)
				mu.Lock()
				defer mu.Unlock()
				got = append(got, i)
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		if !sort.IntsAreSorted(got) {
			t.Errorf("got their slots in the order %v", got)
		}
	})
}

func TestPacerPause(t *testing.T) {
	bubble(t, "holds for all, waiting ones too", func(t *testing.T) {
		p := newPacer(200)
		var log arrivals
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		begun := time.Now()
		time.AfterFunc(10*time.Second+time.Millisecond, func() { p.pause(90 * time.Second) })
		time.AfterFunc(11*time.Second, func() { p.pause(time.Second) }) // a shorter one changes nothing
		swarm(ctx, p, 30, &log, never)
		log.most()
		var gap, least time.Duration
		least = time.Hour
		for i := 1; i < len(log.times); i++ {
			d := log.times[i].Sub(log.times[i-1])
			gap, least = max(gap, d), min(least, d)
			if at := log.times[i].Sub(begun); at > 10100*time.Millisecond && at < 100*time.Second {
				t.Errorf("a request after %s", at)
			}
		}
		if gap < 90*time.Second || gap > 91*time.Second {
			t.Errorf("the pause was %s", gap)
		}
		if least < 300*time.Millisecond {
			t.Errorf("two requests were %s apart", least)
		}
	})
	bubble(t, "the longest counts", func(t *testing.T) {
		p := newPacer(200)
		begun := time.Now()
		for _, d := range []time.Duration{time.Minute, time.Hour, time.Second} {
			p.pause(d)
		}
		if _, err := p.take(t.Context()); err != nil || time.Since(begun) != time.Hour {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
	bubble(t, "ends with the context", func(t *testing.T) {
		p := newPacer(1)
		p.pause(time.Hour)
		why := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		begun := time.Now()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := p.take(ctx); !errors.Is(err, why) {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		if d := time.Since(begun); d != time.Second {
			t.Errorf("ended after %s", d)
		}
	})
}

func TestPacerAdapts(t *testing.T) {
	bubble(t, "429s in flight count once", func(t *testing.T) {
		p := newPacer(200)
		time.Sleep(time.Second)
		sent := time.Now()
		time.Sleep(time.Second)
		for i := range 10 {
			if p.lower(sent.Add(time.Duration(i)*time.Millisecond)) != (i == 0) {
				t.Errorf("429 number %d", i)
			}
		}
		if got := p.rateInForce(); got != 200*decrease {
			t.Errorf("the rate is %v", got)
		}
	})
	bubble(t, "never below the floor, and back in the end", func(t *testing.T) {
		for _, permitted := range []float64{2, 200} {
			p := newPacer(permitted)
			for range 100 {
				time.Sleep(time.Second)
				p.lower(time.Now())
			}
			if got := p.rateInForce(); got != min(permitted, floorPerMinute) {
				t.Errorf("the rate is %v", got)
			}
			begun := time.Now()
			for p.rateInForce() < permitted {
				s, err := p.take(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				p.wrote(s)
				p.raise()
			}
			if d := time.Since(begun); permitted > floorPerMinute && (d < 2*time.Minute || d > 15*time.Minute) {
				t.Errorf("back after %s", d)
			}
			for range 10 {
				p.raise()
			}
			if p.rateInForce() != permitted {
				t.Errorf("the rate is %v, above what is permitted", p.rateInForce())
			}
		}
	})
}
