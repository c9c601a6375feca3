package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
	"chatferry/extract/rehearsal/faults"
)

// legacy is a rehearsal server whose clock is that of the bubble, years later.
func legacy(t *testing.T, o chatapi.Options) *chatapi.Server {
	t.Helper()
	later := time.Until(noon)
	o.Now = func() time.Time { return time.Now().Add(later) }
	s, err := chatapi.New(rehearsal.New(rehearsal.Options{Seed: 5, Chats: 40}), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lanes ask for something small until ctx ends, n side by side. They return how many answers they had.
func lanes(ctx context.Context, t *testing.T, c *Client, n int) int {
	var all sync.WaitGroup
	answers := make([]int, n)
	for i := range n {
		all.Go(func() {
			for ctx.Err() == nil {
				_, err := c.Get(ctx, "account", nil, nil)
				if err == nil {
					answers[i]++
				} else if ctx.Err() == nil {
					t.Errorf("lane %d: %v", i, err)
					return
				}
			}
		})
	}
	all.Wait()
	sum := 0
	for _, n := range answers {
		sum += n
	}
	return sum
}

func TestQuietServerIsUsedToTheFullAndNoFurther(t *testing.T) {
	for _, share := range []float64{1, 0.7} {
		bubble(t, fmt.Sprintf("share=%v", share), func(t *testing.T) {
			// A bucket that holds one request only forgives nothing.
			s := legacy(t, chatapi.Options{Rate: 200, Burst: 1, Token: testToken})
			n := serve(t, func(w http.ResponseWriter, r *http.Request) {
				s.ServeHTTP(w, r)
				time.Sleep(1700 * time.Millisecond) // of latency
			})
			o := options(n)
			o.Share = share
			c, err := Dial(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			const minutes = 10
			ctx, cancel := context.WithTimeout(t.Context(), minutes*time.Minute)
			defer cancel()
			answers := lanes(ctx, t, c, 16)
			stats, permitted := s.Stats(), 200*share
			if stats.Busiest > int64(permitted) || stats.Refused > 0 {
				t.Errorf("%d requests in one minute, %d refused", stats.Busiest, stats.Refused)
			}
			if used := float64(answers) / (minutes * permitted); used < 0.98 {
				t.Errorf("used %.4f of what is permitted", used)
			}
		})
	}
}

// Thirty hours at five requests a minute, with tokens of half an hour, an outage, storms of 429s, and five restarts.
func TestThirtyHours(t *testing.T) {
	bubble(t, "rate=5", func(t *testing.T) {
		s := legacy(t, chatapi.Options{
			Rate: 5, Token: testToken, TokenTTL: 30 * time.Minute, RefreshToken: "canary-refresh", ClientID: "c", ClientSecret: "s",
		})
		spoiled, err := faults.New(s, faults.Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		n := serve(t, spoiled.ServeHTTP)
		path := tokenFile(t, fmt.Sprintf(`{"access_token":%q,"refresh_token":"canary-refresh","client_id":"c","client_secret":"s","expires_in":1800,"expires_at":%q}`,
			testToken, time.Now().Add(30*time.Minute).UTC().Format(time.RFC3339)))

		// What happens meanwhile, by the hour.
		for hour := 3; hour < 30; hour += 5 {
			rules, err := faults.Parse([]string{"429-bare@100%", "429-seconds@60%", "503@100%", "reset-headers@50%", "429-date@100%", "json-cut@30%"}[hour/5])
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(time.Duration(hour)*time.Hour, func() { _ = spoiled.SetRules(rules) })
			time.AfterFunc(time.Duration(hour)*time.Hour+5*time.Minute, func() { _ = spoiled.SetRules(nil) })
		}
		time.AfterFunc(20*time.Hour, func() { n.dialer.CloseIdleConnections(); n.fail(syscall.ECONNREFUSED) })
		time.AfterFunc(20*time.Hour+10*time.Minute, func() { n.fail(nil) })

		answers := 0
		var tries int64
		for range 6 {
			o := options(n)
			o.PerMinute, o.Patience, o.Token = 5, 30*time.Minute, FileToken(path)
			c, err := Dial(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
			answers += lanes(ctx, t, c, 3)
			cancel()
			tries += c.Stats().Requests
			c.Close()
		}
		stats := s.Stats()
		if stats.Busiest > 5 || stats.Refused > 0 {
			t.Errorf("%d requests in one minute, %d refused", stats.Busiest, stats.Refused)
		}
		if stats.Rotated < 48 || stats.Rotated > 90 || stats.WrongToken > 3*stats.Rotated {
			t.Errorf("%d renewals, %d requests with an old token", stats.Rotated, stats.WrongToken)
		}
		ideal := 30 * 60 * 5
		if answers < ideal*85/100 || tries > int64(ideal) {
			t.Errorf("%d answers and %d requests of %d that are permitted", answers, tries, ideal)
		}
		t.Logf("%d answers, %d requests, %d permitted; %d renewals, %d refused tokens", answers, tries, ideal, stats.Rotated, stats.WrongToken)
	})
}

// With a tenth, or half, of all answers spoiled in a way that passes, every request has its answer in the end, and the
// rate is kept.
func TestNoise(t *testing.T) {
	for _, kind := range []faults.Kind{
		faults.Status429Seconds, faults.Status429Date, faults.Status429Bare, faults.Status429Negative, faults.Status429Garbage,
		faults.Status500, faults.Status502, faults.Status503, faults.Status504, faults.ResetHeaders, faults.ResetBody,
		faults.LengthLong, faults.LengthShort, faults.HTTP10Cut, faults.GzipCut, faults.Slow, faults.StallHeaders,
		faults.StallBody, faults.JSONCut, faults.JSONGarbage, faults.ClockAhead, faults.ClockBehind,
	} {
		for _, share := range []string{"10%", "50%"} {
			bubble(t, string(kind)+"@"+share, func(t *testing.T) {
				rules, err := faults.Parse(string(kind) + "@" + share)
				if err != nil {
					t.Fatal(err)
				}
				s := legacy(t, chatapi.Options{Token: testToken})
				spoiled, err := faults.New(s, faults.Options{Seed: 3, Rules: rules})
				if err != nil {
					t.Fatal(err)
				}
				o := options(serve(t, spoiled.ServeHTTP))
				o.Patience = time.Hour
				c, err := Dial(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() {
						for i := range 15 {
							query := url.Values{"start_time": {strconv.Itoa(i)}, "limit": {"2"}, "fields": {"chats(*)"}}
							if _, err := c.Get(t.Context(), "incremental/chats", query, nil); err != nil {
								t.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				if n := s.Stats().Busiest; n > 200 {
					t.Errorf("%d requests in one minute", n)
				}
			})
		}
	}
}
